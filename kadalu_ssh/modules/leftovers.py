"""Files that are left in storage units whose group is to go."""

import os

import directories

_SHOWN = 10


def run(params, ctx):
    """{"units": [path]} → {"units": {path: {"files": how many, "some": [their paths]}}}.

    What only points to a file in another group is not counted.
    """
    return {"units": {path: _look(path, ctx) for path in params["units"]}}


def _look(unit, ctx):
    count, some = 0, []
    for folder in directories.walk(unit):
        ctx.check_cancelled()
        for name, _ in directories.files(unit, folder):
            count += 1
            if len(some) < _SHOWN:
                some.append(os.path.join(folder, name))
    return {"files": count, "some": some}
