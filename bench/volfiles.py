"""`bench.volgen` as rows of the table."""

from collections.abc import Iterator
from statistics import median

from bench import volgen
from bench.measure import Row


def rows(pairs: int) -> Iterator[Row]:
    """One row per size; the largest is held to the limit, and to growing linearly."""
    nodes = volgen.nodes()
    volumes = {size: volgen.volume(size) for size in volgen.SIZES}
    volgen.measure(volumes[volgen.SIZES[0]], nodes)
    runs: dict[int, list[float]] = {size: [] for size in volgen.SIZES}
    for _ in range(pairs):
        for size in volgen.SIZES:
            runs[size].append(sum(volgen.measure(volumes[size], nodes).values()))
    each = {size: median(took) / size for size, took in runs.items()}
    for size in volgen.SIZES:
        growth = each[size] / each[volgen.SIZES[0]]
        last = size == volgen.SIZES[-1]
        yield Row(
            f"all volfiles of {size} units",
            f"{each[size] * size:.2f} s",
            f"{each[size] * 1e6:.0f} µs per unit ({growth:.2f} × that of {volgen.SIZES[0]})",
            f"{volgen.LIMIT:g} s; {volgen.GROWTH:g} × per unit" if last else "",
            (growth <= volgen.GROWTH and each[size] * size <= volgen.LIMIT) if last else None,
        )
