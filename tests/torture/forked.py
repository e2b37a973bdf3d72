"""A laptop whose commands are forks of this process, which has imported everything already.

Most of a run's time would go into Python's imports, for commands that only set the stage.
"""

import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import kadalu_ssh.operations
from kadalu_ssh.cli.main import main
from tests.cluster.bed import Run, Workspace

_HEAVY = ("asyncssh", "jinja2", "kadalu_ssh.fleet.ssh", "kadalu_ssh.cli.render")


class Forked(Workspace):
    """A workspace; what is run with an environment of its own gets a process of its own."""

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> Run:
        if env:
            return super().run(*argv, env=env)
        _import_all()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            sys.stdout.flush()
            child = os.fork()
            if not child:
                self._become(argv, out.fileno(), err.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            return Run(code, *(_read(file.fileno()) for file in (out, err)))

    def _become(self, argv: tuple[str, ...], out: int, err: int) -> None:
        """The rest of this process's life is that command."""
        code = 1
        try:
            null = os.open(os.devnull, os.O_RDONLY)
            for source, place in ((null, 0), (out, 1), (err, 2)):
                os.dup2(source, place)
            # Under pytest these are not what is behind 1 and 2.
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            os.environ.update(self.environment())
            os.environ.pop("SSH_AUTH_SOCK", None)
            os.chdir(self.path)
            code = main(argv)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def copy(self, to: Path) -> "Forked":
        return Forked(super().copy(to).path, self.bed)


def _import_all() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
    for module in pkgutil.iter_modules(kadalu_ssh.operations.__path__):
        importlib.import_module(f"kadalu_ssh.operations.{module.name}")


def _read(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle)) as file:
        return file.read()
