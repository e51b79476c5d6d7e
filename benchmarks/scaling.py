"""How time and memory grow with the work: one knob turned at a time around the lesson's network."""

import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import FLOOR, OURS
from benchmarks.harness import measure
from benchmarks.work import Recipe

CONTENDERS = [OURS, "PyTorch eager", "PyTorch fused", FLOOR]
# What is allowed to PyTorch's best before a point is marked.
ALLOWED = 1.1

# Multiplications and additions in an epoch: some tenths of a second on a core.
_OPERATIONS = 2e10


@dataclass(frozen=True)
class Point:
    """A network and its training; by default the lesson's."""

    batch: int = 64
    hidden: int = 128
    depth: int = 1
    samples: int = 60_000

    def recipe(self, epochs: int) -> Recipe:
        """Return the work: epochs of so many steps that they take a measurable time."""
        sizes = (784, *[self.hidden] * self.depth, 10)
        recipe = Recipe(sizes, self.batch, self.samples, 1, epochs)
        steps = int(_OPERATIONS / recipe.operations)
        return replace(recipe, steps=min(max(steps, 4), 1000))


KNOBS = {
    "batch": (1, 4, 16, 64, 256, 1024, 4096),
    "hidden": (32, 128, 512, 1024, 4096),
    "depth": (1, 2, 4, 8),
    "samples": (1_000, 10_000, 100_000, 1_000_000),
}


def points() -> Iterator[tuple[str, Point]]:
    """Yield every knob with every point on its curve."""
    for knob, values in KNOBS.items():
        for value in values:
            yield knob, replace(Point(), **{knob: value})


def measure_point(
    knob: str, point: Point, folder: Path, *, rounds: int, threads: int
) -> list[dict[str, Any]]:
    """Return a row per contender: seconds of a step, ratios to the others, memory.

    A ratio is the median over the rounds of the ratios within a round.
    """
    recipe = point.recipe(rounds + 1)
    path = folder / "recipe.json"
    recipe.save(path)
    measured = measure(CONTENDERS, path, rounds=rounds, threads=threads)
    torch = zip(
        *(result.seconds for name, result in measured.items() if name.startswith("PyTorch")),
        strict=True,
    )
    references = {
        "ratio_to_torch": [min(seconds) for seconds in torch],
        "ratio_to_floor": measured[FLOOR].seconds,
    }
    rows = []
    for name, result in measured.items():
        ratios = {
            key: statistics.median(a / b for a, b in zip(result.seconds, other, strict=True))
            for key, other in references.items()
        }
        per_step = [seconds / recipe.steps for seconds in result.seconds]
        rows.append(
            {
                "knob": knob,
                "value": getattr(point, knob),
                "operations_per_step": recipe.operations,
                "contender": name,
                "threads": threads,
                "seconds_per_step": {
                    "median": statistics.median(per_step),
                    "low": min(per_step),
                    "high": max(per_step),
                },
                **ratios,
                "peak_rss_mb": result.peak_rss_mb,
            }
        )
    return rows


def growth(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for neighbouring points of our curves, how much more time grows than the work.

    ``excess`` is the growth of a step's time over that of its operations; 1 is in proportion.
    """
    ours = [row for row in rows if row["contender"] == OURS]
    return [
        {
            "knob": before["knob"],
            "start": before["value"],
            "stop": after["value"],
            "excess": (after["seconds_per_step"]["median"] / before["seconds_per_step"]["median"])
            / (after["operations_per_step"] / before["operations_per_step"]),
        }
        for before, after in itertools.pairwise(ours)
        if before["knob"] == after["knob"]
    ]


def too_slow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return our rows that take more than what is allowed to PyTorch's best."""
    return [row for row in rows if row["contender"] == OURS and row["ratio_to_torch"] > ALLOWED]
