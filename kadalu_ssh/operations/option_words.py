"""What the user wrote after `volume set` → options; everything that is wrong at once. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from kadalu_ssh.model.errors import NodeError, Refused
from kadalu_ssh.model.names import shown
from kadalu_ssh.volgen.options import is_raw
from kadalu_ssh.volgen.profiles import PROFILES
from kadalu_ssh.volgen.values import kinds, no_such, why_not

_ELSEWHERE = {
    "nfs.": "kadalu serves no NFS: export a mount with NFS-Ganesha",
    "performance.nfs.": "kadalu serves no NFS: export a mount with NFS-Ganesha",
    "ganesha.": "kadalu serves no NFS: export a mount with NFS-Ganesha",
    "cluster.server-quorum-": "it is glusterd's own quorum; what clients need is "
    "cluster.quorum-type",
    "cluster.brick-multiplex": "every storage unit has a process of its own",
    "cluster.max-bricks-per-process": "every storage unit has a process of its own",
    "cluster.op-version": "it is glusterd's; kadalu asks every node for its release",
    "cluster.max-op-version": "it is glusterd's; kadalu asks every node for its release",
    "cluster.enable-shared-storage": "make a volume, and mount it: kadalu volume create, mount",
    "cluster.daemon-log-level": "set diagnostics.client-log-level",
    "cluster.localtime-logging": "logs are in UTC",
    "cluster.brick-graceful-cleanup": "every storage unit has a process of its own",
    "config.transport": "only tcp is there",
    "config.memory-accounting": "it is compiled into GlusterFS, or not",
    "config.gfproxyd": "there is no gfproxy here: mount the volume on the client",
    "debug.": "xlators for debugging GlusterFS itself are not put under data; what a mount or a "
    "unit does: diagnostics.client-log-level, diagnostics.brick-log-level",
    "delay-gen.": "xlators for debugging GlusterFS itself are not put under data",
    "features.bitrot": "there is no scrubber here",
    "features.scrub": "there is no scrubber here",
    "features.expiry-time": "there is no scrubber here",
    "features.signer-threads": "there is no scrubber here",
    "features.uss": "user-serviceable snapshots are glusterd's",
    "features.snapshot-directory": "user-serviceable snapshots are glusterd's",
    "features.show-snapshot-directory": "user-serviceable snapshots are glusterd's",
    "features.timeout": "it belongs to gfproxy, which is not here",
    "features.failover-hosts": "it belongs to gfproxy, which is not here",
    "features.cloudsync": "files are not kept in other clouds",
    "features.s3plugin-": "files are not kept in other clouds",
    "glusterd.": "there is no glusterd",
    "user.": "hooks of glusterd's are not run",
}


def known_keys() -> list[str]:
    """Every option that can be set."""
    return list(kinds())


def full_key(text: str) -> str:
    """A key, or the end of one that is the only one with that end: `ping-timeout`.

    Raises Refused for a short name of several.
    """
    if text in kinds() or "." in text:
        return text
    found = [key for key in kinds() if key.rpartition(".")[2] == text]
    if len(found) > 1:
        raise Refused(f"{text} is short for several options", hint=f"say which: {', '.join(found)}")
    return found[0] if found else text


def options_of(words: Sequence[str], force: bool) -> dict[str, str]:
    """`KEY VALUE …`, `KEY=VALUE …` or `group PROFILE` → options. Raises Refused."""
    if words[0] == "group":
        return _profile(words[1:])
    pairs = [(full_key(key), value) for key, value in _pairs(words)]
    wrong = [NodeError(key, why) for key, value in pairs if (why := _why_not(key, value, force))]
    if wrong:
        raise Refused("these options cannot be set; nothing was changed", nodes=wrong)
    return dict(pairs)


def _profile(words: Sequence[str]) -> dict[str, str]:
    if len(words) != 1 or words[0] not in PROFILES:
        name = shown(" ".join(words)) if words else "none given"
        raise Refused(f"no such group of options: {name}", hint=f"known: {', '.join(PROFILES)}")
    return dict(PROFILES[words[0]])


def _pairs(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    if all("=" in word for word in words):
        return [(w.partition("=")[0], w.partition("=")[2]) for w in words]
    if len(words) % 2:
        raise Refused(
            f"{shown(words[-1])} has no value", hint="kadalu volume set VOLUME KEY VALUE …"
        )
    return zip(words[::2], words[1::2], strict=True)


def _why_not(key: str, value: str, force: bool) -> str | None:
    if is_raw(key):
        return None if force else "an xlator's own option is set with --force: it is not checked"
    return elsewhere(key) or why_not(key, value)


def elsewhere(key: str) -> str | None:
    """Why a key that glusterd knows means nothing here, and what does; None for others."""
    if key in kinds():
        return None
    return next((why for start, why in _ELSEWHERE.items() if key.startswith(start)), None)


def without(options: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """The options with `keys` taken out; Raises Refused for one that nobody knows."""
    gone = [full_key(key) for key in keys]
    unknown = [key for key in gone if key not in options and key not in kinds()]
    if unknown:
        wrong = [NodeError(key, elsewhere(key) or no_such(key)) for key in unknown]
        raise Refused("there is nothing to reset; nothing was changed", nodes=wrong)
    return {key: value for key, value in options.items() if key not in gone}
