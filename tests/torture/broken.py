"""Variants of kadalu that are broken on purpose: the tests have to notice each of them.

A variant is one replaced piece of text in a copy of the tree, and the tests that must fail there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".cache", "__pycache__", ".*_cache", "*.pyc")


class Variant(NamedTuple):
    """What is broken, where, and who has to notice."""

    file: str
    text: str
    instead: str
    tests: str


VARIANTS = {
    "no cluster lock": Variant(
        "kadalu_ssh/operations/quorum.py",
        'if isinstance(answer, dict) and answer["locked"]:',
        "if isinstance(answer, dict):",
        "tests/cluster/test_spine.py::test_a_second_controller_is_told_who_holds_the_lock",
    ),
    "no fencing": Variant(
        "kadalu_ssh/modules/fence.py",
        'if seen and (fence["epoch"], fence["serial"]) < (seen["epoch"], seen["serial"]):',
        "if seen is False:",
        "tests/cluster/test_modules_converge.py::test_older_work_is_fenced_off",
    ),
    "the laptop saves before the majority": Variant(
        "kadalu_ssh/operations/transaction.py",
        "        await self._save(document, None)\n",
        "        self.session.workspace.save(document)\n        await self._save(document, None)\n",
        "tests/cluster/test_torture.py::test_a_laptop_is_never_ahead_of_the_meta_servers",
    ),
    "converge makes a directory that is missing": Variant(
        "kadalu_ssh/modules/items_unit.py",
        "    reason = marks.mismatch(item, job.cluster_id)\n",
        "    import os\n"
        "    from common import uuid_bytes\n"
        "    os.makedirs(item['path'], exist_ok=True)\n"
        "    volume_id = uuid_bytes(item['volume_id'])\n"
        "    os.setxattr(item['path'], 'trusted.glusterfs.volume-id', volume_id)\n"
        "    reason = None\n",
        "tests/cluster/test_offline.py::test_an_unmounted_disk_is_blocked_and_never_an_empty_unit",
    ),
}


def is_caught(variant: Variant, tree: Path, project: str) -> tuple[bool, str]:
    """Whether the tests fail on a copy of the tree in `tree`; and what they printed."""
    shutil.copytree(ROOT, tree, ignore=_LEFT_OUT)
    (tree / ".cache").symlink_to(ROOT / ".cache")
    path = tree / variant.file
    before = path.read_text()
    if before.count(variant.text) != 1:
        raise AssertionError(f"{variant.file} has no longer what is to be broken: {variant.text}")
    path.write_text(before.replace(variant.text, variant.instead))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", variant.tests],
        cwd=tree, capture_output=True, text=True, check=False,
        env={**_environment(), "PYTHONPATH": str(tree), "KADALU_TEST_PROJECT": project},
    )  # fmt: skip
    return " failed" in done.stdout, done.stdout


def all_caught(root: Path, project: str) -> int:
    """Returns how many variants nobody noticed."""
    missed = 0
    for number, (name, variant) in enumerate(VARIANTS.items()):
        caught, said = is_caught(variant, root / f"broken{number}", project)
        missed += not caught
        print(f"{'caught' if caught else 'NOT CAUGHT'}: {name} ({variant.tests})", flush=True)
        if not caught:
            print(said[-2000:], flush=True)
    return missed


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
