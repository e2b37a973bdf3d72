"""A workspace on the laptop: `clusters.json`, and one directory per cluster."""

from contextlib import suppress
from pathlib import Path

import msgspec

from kadalu_ssh.files import read_text, write_private
from kadalu_ssh.model.errors import Failed, Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.records import Document
from kadalu_ssh.state.document import HINT, decode, digest, encode
from kadalu_ssh.state.index import Index


class Workspace:
    """Where one admin keeps what is known of the clusters. Names are looked up here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"

    def index(self) -> Index:
        """Raises Failed when `clusters.json` is damaged."""
        path = self.state / "clusters.json"
        text = read_text(path)
        try:
            return msgspec.json.decode(text, type=Index) if text else Index()
        except msgspec.MsgspecError as error:
            raise Failed(
                f"{path} is damaged: {error}",
                hint='it holds {"clusters": {NAME: ID}, "current": NAME}; the ids are the '
                f"directory names in {self.state}; kadalu state recover --from NODE writes it anew",
            ) from error

    def save_index(self, index: Index) -> None:
        write_private(self.state / "clusters.json", encode(index))

    def directory(self, cluster_id: str) -> Path:
        return self.state / cluster_id

    def resolve(self, name: str | None) -> tuple[str, str]:
        """A cluster's name, or None for the only or chosen one → (name, id). Raises Refused."""
        index = self.index()
        name = name or self._only(index)
        if name not in index.clusters:
            known = ", ".join(sorted(index.clusters)) or "none yet"
            raise Refused(
                f"there is no cluster {shown(name)} in {self.root}", hint=f"known: {known}"
            )
        return name, index.clusters[name]

    def _only(self, index: Index) -> str:
        if index.current in index.clusters:
            return str(index.current)
        if len(index.clusters) == 1:
            return next(iter(index.clusters))
        if not index.clusters:
            raise Refused(
                f"there is no cluster in {self.root} yet",
                hint="make one: kadalu cluster init NAME; or fetch the state of one that is there: "
                "kadalu state recover --from NODE",
            )
        raise Refused(
            f"which cluster? {self.root} has {', '.join(sorted(index.clusters))}",
            hint="write CLUSTER/NAME, give --cluster NAME, or choose one: kadalu cluster use NAME",
        )

    def load(self, cluster_id: str) -> Document:
        """The laptop's copy of the document. Raises Failed naming the file and the field."""
        path = self.directory(cluster_id) / "state.json"
        try:
            text = read_text(path)
        except Failed as error:
            raise Failed(error.message, hint=HINT) from error
        if text is None:
            raise Failed(f"{path} is missing", hint=HINT)
        return decode(text, str(path))

    def save(self, document: Document) -> None:
        """Write the laptop's copy, and keep it in `history/` by serial.

        Raises Failed, with both as they were, when the disk is full or read-only.
        """
        directory = self.directory(document.cluster_id)
        text = encode(document)
        name = f"{document.epoch}-{document.serial:08d}-{digest(document)[:8]}.json"
        kept = directory / "history" / name
        known = kept.exists()
        try:
            write_private(kept, text)
            write_private(directory / "state.json", text)
        except Failed as error:
            if not known:
                _discard(kept)
            raise Failed(error.message, hint=_SAVE_HINT) from error


# The meta servers may have the document by now: running the command again would be refused.
_SAVE_HINT = (
    "the file is as it was before; free some space or mend its directory; "
    "what the meta servers have is fetched with: kadalu state pull"
)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
