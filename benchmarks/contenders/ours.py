"""The library, as its own training loop uses it."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import BATCH_SIZE, LR, SCALE, SIZES, Work
from numpy_impl import Adam, CrossEntropyLoss, DataLoader, Trainer, Workspace, mlp


class GivenOrder(np.random.Generator):
    """A generator whose permutations are those that all contenders were given."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))
        self.order = np.empty(0, np.int64)

    def permutation(self, x: Any, axis: int = 0) -> Any:  # noqa: ARG002
        """Return the given order, whatever is asked for."""
        return self.order


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    model = mlp(SIZES, rng=np.random.default_rng(0))
    model.load_state_dict(work.state_dict())
    trainer = Trainer(model, CrossEntropyLoss(), Adam(model.parameters(), lr=LR))
    workspace = Workspace(model, BATCH_SIZE, SIZES[0])
    inputs = np.empty((BATCH_SIZE, SIZES[0]), np.float32)
    generator = GivenOrder()
    loader = DataLoader(
        work.pixels,
        work.labels,
        batch_size=BATCH_SIZE,
        shuffle=True,
        rng=generator,
        scale=SCALE,
    )

    def epoch(order: NDArray[Any]) -> float:
        # The loader asks for an order of all samples; of a shorter one only that part is trained.
        generator.order = np.resize(order, loader.samples)
        steps = -(-len(order) // BATCH_SIZE)
        total = 0.0
        for batch, targets in itertools.islice(loader.batches(out=inputs), steps):
            total += trainer.step(batch, targets, workspace) * len(batch)
        return total / len(order)

    return epoch
