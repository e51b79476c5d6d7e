"""``python -m benchmarks.catalogue``: what every operation of the catalogue takes beside PyTorch.

Two child processes, one per library, take turns; each is asked for the time of a forward and a
backward pass (of an optimizer: of a step), over as many calls as take a measurable time. float32,
one thread. A ratio is the median over the rounds of the ratios within a round.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, Child, write_json
from parity_tests.cases.catalogue import Declared, catalogue

SIDES = ("numpy", "torch")
# A batch of the lesson's hidden layer, and one that leaves the cache of a core.
SHAPES = ((64, 128), (1024, 1024))
# Parameters that an optimizer updates: two layers, 784-128-10.
PARAMETERS = 101_770

Row = dict[str, Any]


def measurable() -> Iterator[Declared]:
    """Yield the layers, losses and optimizers, each once, to be measured in its first form."""
    seen: set[str] = set()
    for declared in catalogue():
        timed = declared.kind in ("layer", "activation", "loss", "optimizer")
        if timed and declared.operation not in seen:
            seen.add(declared.operation)
            yield declared


def measure_all(rounds: int) -> Iterator[Row]:
    """Yield a row per operation and size of the work."""
    with _child("numpy") as ours, _child("torch") as theirs:
        for child in (ours, theirs):
            child.ask()
        for declared in measurable():
            sizes: Sequence[Any] = [PARAMETERS] if declared.kind == "optimizer" else SHAPES
            for size in sizes:
                question = json.dumps([declared.kind, declared.operation, size])
                answers = [[c.ask(question) for c in (ours, theirs)] for _ in range(rounds)]
                if any("left_out" in answer for pair in answers for answer in pair):
                    continue
                seconds = [[answer["seconds"] for answer in pair] for pair in answers]
                yield {
                    "kind": declared.kind,
                    "operation": declared.operation,
                    "size": size,
                    "numpy_seconds": statistics.median(pair[0] for pair in seconds),
                    "torch_seconds": statistics.median(pair[1] for pair in seconds),
                    "ratio_to_torch": statistics.median(a / b for a, b in seconds),
                }


def _child(side: str) -> Child:
    return Child([sys.executable, "-m", "benchmarks.catalogue_child", side], threads=1)


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the rows as a table."""
    yield "kind        operation            size          NumPy us  PyTorch us  NumPy / PyTorch"
    for row in rows:
        size = row["size"] if isinstance(row["size"], int) else "x".join(map(str, row["size"]))
        yield (
            f"{row['kind']:10}  {row['operation']:19}  {size!s:11}  "
            f"{row['numpy_seconds'] * 1e6:8.1f}  {row['torch_seconds'] * 1e6:10.1f}  "
            f"{row['ratio_to_torch']:15.2f}"
        )


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench" / "catalogue.json")
    options = parser.parse_args()
    rows = list(measure_all(options.rounds))
    for line in lines(rows):
        print(line)
    write_json(options.output, rows)


if __name__ == "__main__":
    main()
