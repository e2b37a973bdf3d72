"""Documents of older schemas → the schema that this kadalu writes.

The text as it was stays in `history/`, as every document does. A step is a pure function on plain
JSON; what it makes of a document must depend on the document alone, since every laptop makes it by
itself and compares digests.
"""

from collections.abc import Callable, Mapping
from typing import Any

Step = Callable[[dict[str, Any]], dict[str, Any]]


def _with_rebalances(raw: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 has resting nodes, regrouped volumes and rebalances: absent means none."""
    return raw


STEPS: Mapping[int, Step] = {1: _with_rebalances}
"""Schema → the step that makes it the next one."""


def migrated(raw: dict[str, Any], schema: int, steps: Mapping[int, Step] = STEPS) -> dict[str, Any]:
    """The document in `schema`. Raises KeyError for one that is too old to have a way there."""
    while raw["schema"] < schema:
        raw = {**steps[raw["schema"]](raw), "schema": raw["schema"] + 1}
    return raw
