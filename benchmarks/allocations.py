"""``python -m benchmarks.allocations STEPS``: what a training step takes from the system.

Prints a line of JSON with figures of the lesson's network in steady state: page faults that needed
no disk, per step (new memory is mapped by such faults), and the largest number of bytes that are
allocated during a step over what there is between steps.
"""

import gc
import itertools
import json
import resource
import sys
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.work import BATCH_SIZE, SIZES
from numpy_impl import Adam, CrossEntropyLoss, DataLoader, Trainer, Workspace, mlp

WARM_UP = 100


def make_step(batches: int) -> Callable[[], float]:
    """Return a function that takes the next of so many batches and trains on it."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batches * BATCH_SIZE, SIZES[0]), np.uint8)
    labels = rng.integers(0, SIZES[-1], len(pixels))
    loader = DataLoader(pixels, labels, batch_size=BATCH_SIZE, shuffle=True, rng=rng, scale=1 / 255)
    model = mlp(SIZES, rng=rng)
    trainer = Trainer(model, CrossEntropyLoss(), Adam(model.parameters()))
    workspace = Workspace(model, BATCH_SIZE, SIZES[0])
    inputs = np.empty((BATCH_SIZE, SIZES[0]), np.float32)

    def epoch() -> Iterator[float]:
        for x, y in loader.batches(out=inputs):
            yield trainer.step(x, y, workspace)

    return epoch().__next__


def measure(steps: int) -> dict[str, float]:
    """Return what so many steps took."""
    step = make_step(WARM_UP + steps + WARM_UP)
    for _ in range(WARM_UP):
        step()
    gc.collect()
    gc.disable()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in itertools.repeat(None, steps):
        step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    tracemalloc.start()
    largest = 0
    for _ in range(WARM_UP):
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step()
        largest = max(largest, tracemalloc.get_traced_memory()[1] - now)
    tracemalloc.stop()
    return {"minor_faults_per_step": faults / steps, "peak_bytes_in_a_step": largest}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
