"""How long a command that waits lets nothing happen before it gives up."""

import time

SECONDS = 60.0
"""As long as that a node may restart, or a laptop's connections come back."""


class Patience:
    """Whether something stands in the way without a break, for too long."""

    def __init__(self) -> None:
        self._since: float | None = None

    def is_over(self, stuck: bool) -> bool:
        """Ask again and again, with how it is now."""
        now = time.monotonic()
        self._since = (self._since or now) if stuck else None
        return self._since is not None and now - self._since >= SECONDS
