"""Graph → text."""

from collections.abc import Mapping, Sequence

from kadalu_ssh.templates import render
from kadalu_ssh.volgen.graph import Xlator, check_words
from kadalu_ssh.volgen.options import apply_raw


def text_of(graph: Sequence[Xlator], options: Mapping[str, str]) -> str:
    """The volfile, with the raw ones of the volume's options; raises Refused when a name or value
    cannot stand in one.
    """
    apply_raw(graph, options)
    for xlator in graph:
        check_words(xlator)
    return render("volfile.vol.j2", graph=graph)
