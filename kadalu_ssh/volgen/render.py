"""Graph → text."""

from collections.abc import Sequence

from kadalu_ssh.templates import render
from kadalu_ssh.volgen.graph import Xlator, check_words


def text_of(graph: Sequence[Xlator]) -> str:
    """The volfile; raises Refused when a name or value cannot stand in one."""
    for xlator in graph:
        check_words(xlator)
    return render("volfile.vol.j2", graph=graph)
