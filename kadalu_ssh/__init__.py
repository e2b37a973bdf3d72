"""kadalu: GlusterFS storage on a fleet of servers, over SSH."""

__version__ = "0.1.0"
