"""A workspace on the laptop: `clusters.json`, and one directory per cluster."""

from pathlib import Path

import msgspec

from kadalu_ssh.files import read_text, write_private
from kadalu_ssh.model.errors import Failed, Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.model.records import Document
from kadalu_ssh.state.document import decode, digest, encode


class Index(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`clusters.json`: names → ids, and the name that `cluster use` chose."""

    clusters: dict[str, str] = {}
    current: str | None = None


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
                f"directory names in {self.state}",
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
                f"there is no cluster in {self.root} yet", hint="make one: kadalu cluster init NAME"
            )
        raise Refused(
            f"which cluster? {self.root} has {', '.join(sorted(index.clusters))}",
            hint="write CLUSTER/NAME, give --cluster NAME, or choose one: kadalu cluster use NAME",
        )

    def load(self, cluster_id: str) -> Document:
        """The laptop's copy of the document. Raises Failed."""
        path = self.directory(cluster_id) / "state.json"
        text = read_text(path)
        if text is None:
            raise Failed(
                f"{path} is missing", hint="fetch it from the meta servers: kadalu state pull"
            )
        return decode(text, str(path))

    def save(self, document: Document) -> None:
        """Write the laptop's copy, and keep it in `history/` by serial."""
        directory = self.directory(document.cluster_id)
        text = encode(document)
        name = f"{document.epoch}-{document.serial:08d}-{digest(document)[:8]}.json"
        write_private(directory / "history" / name, text)
        write_private(directory / "state.json", text)
