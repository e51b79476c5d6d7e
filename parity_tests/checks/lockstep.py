"""Whole trainings in lockstep with PyTorch."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.checks.check import FLOAT32, FLOAT64, Check
from parity_tests.checks.statistics import rarely_farther_over
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

# Independent trainings whose distances are counted.
_TRAININGS = 40


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

    def excess(training: int) -> dict[str, float]:
        steps = list(_train(optimizer, _TRAININGS * seed + training, FLOAT32, epochs=1))
        return {
            name: float(np.median([_farther(step, name) for step in steps]))
            for name in ("loss", "grads", "values")
        }

    rarely_farther_over(_TRAININGS, excess)


def _farther(step: Step, name: str) -> float:
    difference: float = getattr(step.ours, name) - getattr(step.theirs, name)
    return difference


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
