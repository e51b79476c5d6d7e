"""Whole trainings in lockstep with PyTorch."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.checks.check import FLOAT32, FLOAT64, Check
from parity_tests.lockstep import (
    Step,
    TorchTraining,
    lockstep,
    make_trainer,
    rounding_level,
    strokes,
)

SIZES = (197, 61, 10)
OPTIMIZERS = {"sgd": 0.1, "adam": 1e-3, "adamw": 1e-3}

# If NumPy's distance from the truth were like PyTorch's, it would be the larger one in 17 or more
# of 20 trainings once in 776 times.
TRAININGS, TOO_MANY = 20, 17


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every optimizer, in both precisions."""
    for optimizer in OPTIMIZERS:
        run64 = partial(check_float64_stays_at_rounding_level, optimizer, seed)
        yield Check(f"lockstep/{optimizer}/float64", run64)
        run32 = partial(check_float32_is_no_farther_than_pytorch, optimizer, seed)
        yield Check(f"lockstep/{optimizer}/float32", run32)


def check_float64_stays_at_rounding_level(optimizer: str, seed: int) -> None:
    """Loss, gradient and parameters stay together, step by step."""
    for step in _train(optimizer, seed, FLOAT64, epochs=4):
        limit = rounding_level(step.number)
        distances = {"loss": step.ours.loss, "gradient": step.ours.grads}
        distances["parameters"] = step.ours.values
        for name, distance in distances.items():
            assert distance <= limit, f"step {step.number}: {name} {distance:.3g} > {limit:.3g}"


def check_float32_is_no_farther_than_pytorch(optimizer: str, seed: int) -> None:
    """NumPy's distance from the float64 training is no larger than PyTorch's own.

    Judged by how often it is larger, over several trainings, each by its median step: single steps
    of either side jump when a rounding error carries a unit over the kink of ReLU.
    """
    larger = {"loss": 0, "grads": 0, "values": 0}
    for training in range(TRAININGS):
        steps = list(_train(optimizer, 1000 * seed + training, FLOAT32, epochs=2))
        for name in larger:
            excess = [getattr(step.ours, name) - getattr(step.theirs, name) for step in steps]
            larger[name] += bool(np.median(excess) > 0)
    assert max(larger.values()) < TOO_MANY, f"farther than PyTorch, of {TRAININGS}: {larger}"


def _train(optimizer: str, seed: int, dtype: np.dtype[Any], *, epochs: int) -> Iterator[Step]:
    rng = np.random.default_rng(seed)
    pixels, labels = strokes(1500, rng, features=SIZES[0])
    trainer = make_trainer(
        list(SIZES), seed=seed, dtype=dtype, optimizer=optimizer, lr=OPTIMIZERS[optimizer]
    )
    loader = ours.DataLoader(
        pixels, labels, batch_size=64, shuffle=True, rng=rng, scale=1 / 255, dtype=dtype
    )
    batches = (batch for _ in range(epochs) for batch in loader)
    return lockstep(trainer, TorchTraining(trainer), batches)
