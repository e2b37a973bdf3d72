"""The text of files that go to nodes. Values are checked before they get here; see DESIGN."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> "Environment":
    """One strict environment: a missing value is an error, nothing is escaped or guessed."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("kadalu_ssh", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - volfiles and unit files are not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def render(name: str, **values: Any) -> str:
    """Render the template `name`; raises jinja2.UndefinedError when a value is missing."""
    return environment().get_template(name).render(values)
