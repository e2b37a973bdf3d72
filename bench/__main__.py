"""`python -m bench [--only startup,volgen,create,status,peers,set,rebalance] [--pairs N]`."""

import argparse
import platform
import sys
from collections.abc import Callable, Iterator

from bench.measure import Row, show

PARTS = ("startup", "volgen", "create", "status", "peers", "set", "rebalance")


def main() -> int:
    """Print one table; exit 1 when a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--pairs", type=int, default=10)
    args = parser.parse_args()
    chosen = args.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    rows = []
    for row in _measure(chosen, args.pairs):
        print(f"  {row.what}: {row.value} {row.against}", file=sys.stderr, flush=True)
        rows.append(row)
    print(f"\nMedians of {args.pairs} interleaved runs. {machine()}\n\n{show(rows)}")
    return 1 if any(row.good is False for row in rows) else 0


def _measure(chosen: list[str], pairs: int) -> Iterator[Row]:
    from bench import startup, volfiles

    plain: dict[str, Callable[[int], Iterator[Row]]] = {
        "startup": startup.rows, "volgen": volfiles.rows,
    }  # fmt: skip
    for part, rows in plain.items():
        if part in chosen:
            print(f"… {part}", file=sys.stderr, flush=True)
            yield from rows(pairs)
    if on_nodes := [part for part in chosen if part not in plain]:
        from bench import on_cluster

        yield from on_cluster.rows(on_nodes, pairs)


def machine() -> str:
    """This machine in one line, with how busy it was."""
    import os

    cores, load = os.cpu_count(), os.getloadavg()[0]
    python = platform.python_version()
    return f"{cores} cores, Python {python}, Linux {platform.release()}, load average {load:.1f}."


if __name__ == "__main__":
    sys.exit(main())
