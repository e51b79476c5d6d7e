"""``python -m benchmarks.gate_child PAIRS PLANT NAME...``: measure each benchmark in this process.

Prints one line of JSON: for every name the logarithm of how many times as long the library takes
as the frozen code, in processor time.
"""

import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.frozen import FrozenNetwork
from numpy_impl import Adam, CrossEntropyLoss, Sequential, Trainer, Workspace, mlp
from numpy_impl.arrays import CACHE_LINE, new_array

SIZES = (784, 128, 10)
SAMPLES = 20_000

Run = Callable[[], Any]


@dataclass(frozen=True)
class Benchmark:
    """What is measured.

    Attributes
    ----------
    train : bool
        A training step, else a prediction.
    batch : int
        Rows.
    calls : int
        Calls between two readings of the clock, some hundredths of a second.
    """

    train: bool
    batch: int
    calls: int


BENCHMARKS = {
    "train step, batch 1": Benchmark(train=True, batch=1, calls=200),
    "train step, batch 64": Benchmark(train=True, batch=64, calls=80),
    "train step, batch 1024": Benchmark(train=True, batch=1024, calls=8),
    "predict, batch 1": Benchmark(train=False, batch=1, calls=4000),
    "predict, batch 10000": Benchmark(train=False, batch=10_000, calls=2),
}


class Data:
    """Bytes of which most are zero, as in pictures of digits, and labels."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        lit = rng.random((SAMPLES, SIZES[0])) < 0.2
        self.pixels = (lit * rng.integers(0, 256, lit.shape)).astype(np.uint8)
        self.labels = rng.integers(0, SIZES[-1], SAMPLES)
        self.rows = rng.integers(0, SAMPLES, (100, 1024))


def _at_cache_line(make: Callable[[], FrozenNetwork]) -> FrozenNetwork:
    """Return a network whose parameters begin at a cache line, as those of the library do.

    NumPy aligns to 16 bytes. Where an array then begins depends on the length of the paths of this
    process, among other things, and makes a prediction take up to a sixth longer.
    """
    passed_over = []
    network = make()
    # Elsewhere than on the heap, where arrays lie one after the other, no try would succeed.
    while network._values.ctypes.data % CACHE_LINE and len(passed_over) < 8:
        # Both stay where they are, so that the next network lies 16 bytes farther on.
        passed_over.append((network, np.empty(2**20 + 16, np.uint8)))
        network = make()
    return network


def _frozen(benchmark: Benchmark, model: Sequential, data: Data) -> Run:
    weights = model.state_dict()
    first, second = (np.ascontiguousarray(weights[name].T) for name in ("0.weight", "2.weight"))
    network = _at_cache_line(lambda: FrozenNetwork(first, second, benchmark.batch))
    if benchmark.train:
        turn = iter(range(10**9))
        return lambda: network.step(
            data.pixels, data.labels, data.rows[next(turn) % 100, : benchmark.batch]
        )
    x = data.pixels[: benchmark.batch] / np.float32(255)
    return lambda: network.predict(x)


def _current(benchmark: Benchmark, model: Sequential, data: Data) -> Run:
    if not benchmark.train:
        x = data.pixels[: benchmark.batch] / np.float32(255)
        return lambda: model.predict(x)
    trainer = Trainer(model, CrossEntropyLoss(), Adam(model.parameters()))
    workspace = Workspace(model, benchmark.batch, SIZES[0])
    raw = np.empty((benchmark.batch, SIZES[0]), np.uint8)
    x = new_array(raw.shape, np.float32)
    turn = iter(range(10**9))

    def step() -> float:
        # The rows are fetched here as the library's loader does it.
        rows = data.rows[next(turn) % 100, : benchmark.batch]
        np.take(data.pixels, rows, axis=0, out=raw, mode="clip")
        np.copyto(x, raw)
        np.multiply(x, np.float32(1 / 255), out=x)
        return trainer.step(x, data.labels[rows], workspace)

    return step


def _cpu_seconds(run: Run, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        run()
    return time.process_time() - start


def _spin(run: Run, seconds: float) -> Run:
    """Return a run that takes so much processor time more."""

    def slower() -> Any:
        result = run()
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return result

    return slower


def _twice(run: Run) -> Run:
    def slower() -> Any:
        run()
        return run()

    return slower


def _allocate(run: Run, model: Sequential) -> Run:
    """Return a run that makes new arrays as large as the parameters, as temporaries would be."""

    def slower() -> Any:
        result = run()
        for _ in range(4):
            np.sqrt(model.arena.values.astype(np.float64) ** 2)
        return result

    return slower


def plant(name: str, run: Run, model: Sequential, seconds: float) -> Run:
    """Return the run with a slow-down planted; `seconds` is what it takes without."""
    if name == "none":
        return run
    if name.startswith("spin"):
        return _spin(run, seconds * float(name.removeprefix("spin")) / 100)
    return {"twice": _twice(run), "allocate": _allocate(run, model)}[name]


def log_ratio(benchmark: Benchmark, data: Data, pairs: int, planted: str) -> float:
    """Return the median, over pairs in turned order, of the logarithm of current over frozen.

    Raises
    ------
    ValueError
        If the two do not compute the same.
    """
    model = mlp(SIZES, rng=np.random.default_rng(0))
    frozen, current = _frozen(benchmark, model, data), _current(benchmark, model, data)
    for _ in range(3):
        expected, got = frozen(), current()
        if not np.allclose(got, expected, rtol=1e-3, atol=1e-4):
            raise ValueError(f"{benchmark}: the library computes {got}, the frozen code {expected}")
    seconds = _cpu_seconds(current, benchmark.calls) / benchmark.calls
    current = plant(planted, current, model, seconds)
    logs = []
    for number in range(pairs):
        runs = (frozen, current) if number % 2 else (current, frozen)
        times = {run: _cpu_seconds(run, benchmark.calls) for run in runs}
        logs.append(math.log(times[current] / times[frozen]))
    return statistics.median(logs)


def main() -> None:
    """Measure what the command line names."""
    pairs, planted, *names = sys.argv[1:]
    data = Data()
    gc.collect()
    gc.disable()
    logs = {name: log_ratio(BENCHMARKS[name], data, int(pairs), planted) for name in names}
    print(json.dumps(logs))


if __name__ == "__main__":
    main()
