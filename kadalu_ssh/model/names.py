"""Names and paths, checked at the edge: what passes here is safe everywhere behind it."""

import posixpath
import re

from kadalu_ssh.model.errors import Refused

KEYWORDS = frozenset({"replica", "mirror", "arbiter", "disperse", "data", "redundancy"})

_VOLFILE_WORDS = frozenset({"volume", "type", "option", "subvolumes", "end-volume"})

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9]{1,15})?", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9_.+@=/-]*", re.ASCII)
_PATH_LIMIT = 255


def shown(text: str) -> str:
    """`text` as it may be printed in a message: quoted, escaped, cut at 80 characters."""
    cut = text if len(text) <= 80 else text[:77] + "..."
    return ascii(cut)


def check_name(kind: str, text: str) -> str:
    """Return `text` when it may name a cluster or volume; raise Refused otherwise."""
    if not _NAME.fullmatch(text):
        raise Refused(
            f"{shown(text)} cannot name a {kind}",
            hint="a name starts with a letter and has at most 63 letters, digits, '_', '.' or '-'",
        )
    if text in _VOLFILE_WORDS:
        raise Refused(f"{shown(text)} cannot name a {kind}: it is a word of GlusterFS's volfiles")
    if text in KEYWORDS:
        raise Refused(f"{shown(text)} cannot name a {kind}: it is a word of the volume grammar")
    return text


def check_host(text: str) -> str:
    """Return `text` when it can be a host name or an address; raise Refused otherwise."""
    if not (_HOST.fullmatch(text) or (":" in text and _IPV6.fullmatch(text))):
        raise Refused(
            f"{shown(text)} cannot name a host",
            hint="host names have letters, digits, '.', '-' and '_'",
        )
    return text


def check_path(text: str, what: str = "path") -> str:
    """Return the absolute path `text` in its one normal form; raise Refused when it has none.

    The characters are those that a volfile, a systemd unit and a mount option all take as they
    are: GlusterFS has no quoting for the others.
    """
    if not text.startswith("/"):
        raise Refused(f"{what} {shown(text)} is not absolute", hint="it must start with '/'")
    if len(text) > _PATH_LIMIT:
        raise Refused(f"{what} {shown(text)} is longer than {_PATH_LIMIT} characters")
    if not _PATH.fullmatch(text):
        raise Refused(
            f"{what} {shown(text)} has characters that GlusterFS volfiles cannot hold",
            hint="use letters, digits and _ . + @ = -",
        )
    parts = text.split("/")
    if ".." in parts:
        raise Refused(f"{what} {shown(text)} contains '..'", hint="write the path it means")
    if any(part.startswith("-") for part in parts):
        raise Refused(f"{what} {shown(text)} has a part that starts with '-'")
    # POSIX gives exactly two leading slashes a meaning of their own, and normpath keeps them.
    return "/" + posixpath.normpath(text).lstrip("/")


def split_volume(text: str) -> tuple[str | None, str]:
    """`CLUSTER/NAME` or `NAME` → (cluster or None, name), both checked."""
    cluster, slash, name = text.rpartition("/")
    if slash and not cluster:
        raise Refused(f"{shown(text)} is not CLUSTER/VOLUME")
    return (check_name("cluster", cluster) if slash else None), check_name("volume", name)


def split_node(text: str) -> tuple[str | None, str]:
    """`[CLUSTER/]HOST` → (cluster or None, host), both checked."""
    cluster, slash, host = text.rpartition("/")
    return (check_name("cluster", cluster) if slash else None), check_host(host)


def split_target(text: str) -> tuple[str | None, str]:
    """`[HOST:]DIR` → (host or None for this machine, normalised directory)."""
    if text.startswith("["):
        host, bracket, path = text[1:].partition("]:")
        if not bracket:
            raise Refused(f"{shown(text)} is not [HOST:]DIR")
        return check_host(host), check_path(path, "mount point")
    host, colon, path = text.partition(":")
    if not colon:
        return None, check_path(text, "mount point")
    return check_host(host), check_path(path, "mount point")
