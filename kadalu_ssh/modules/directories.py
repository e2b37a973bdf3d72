"""The directories of a storage unit, in an order that can be taken up again."""

import os
import stat

OURS = (".glusterfs", "lost+found")
_ANONYMOUS = ".glusterfs-anonymous-inode-"
_LINK_MODE = 0o1000


def walk(root, after=None):
    """Yield the paths of all directories below `root`, relative to it; "" is `root` itself.

    Parents come before their children, and names in order, so that `after`, the last one of an
    earlier walk, tells what is over. What is made in a directory while the caller has it is seen.
    """
    done = _parts(after) if after is not None else None
    stack = [""]
    while stack:
        path = stack.pop()
        if done is None or _parts(path) > done:
            yield path
        for name in reversed(_children(os.path.join(root, path))):
            child = os.path.join(path, name)
            if done is None or not _is_over(_parts(child), done):
                stack.append(child)


def _parts(path):
    return path.split("/") if path else []


def _is_over(parts, done):
    """Whether an earlier walk that ended at `done` has had all below `parts`."""
    return parts < done and done[: len(parts)] != parts


def _children(folder):
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if _is_users_dir(e))
    except OSError:
        return []  # it is gone


def _is_users_dir(entry):
    if entry.name in OURS or entry.name.startswith(_ANONYMOUS):
        return False
    return entry.is_dir(follow_symlinks=False)


def files(root, folder):
    """[(name, lstat)] of what is no directory and holds data: files, symbolic links, devices.

    Not the files of mode 1000 by which DHT says that a file is in another group.
    """
    found = []
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                seen = _stat(entry)
                if seen is not None and not (stat.S_ISDIR(seen.st_mode) or is_link(seen)):
                    found.append((entry.name, seen))
    except OSError:
        return []  # it is gone
    return sorted(found)


def holds(root, path):
    """Whether there is a file of that name, with its data: as `files` has it."""
    try:
        return not is_link(os.lstat(os.path.join(root, path)))
    except OSError:
        return False


def is_link(seen):
    """Whether it only points to a file in another group."""
    mode = seen.st_mode
    return stat.S_ISREG(mode) and stat.S_IMODE(mode) == _LINK_MODE and seen.st_size == 0


def _stat(entry):
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None  # it is gone
