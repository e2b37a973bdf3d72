"""`make bench`: what commands cost, against a floor and against peers, in one run."""
