"""The library, as its own training loop uses it."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cores import threads
from benchmarks.work import LR, SCALE, Work
from numpy_impl import Adam, CrossEntropyLoss, DataLoader, Sequential, Trainer, mlp
from numpy_impl.data.loader import Draw


class GivenOrder(DataLoader):
    """A loader whose epoch is the order that all contenders were given."""

    order: NDArray[Any]

    @property
    def samples(self) -> int:
        """Number of samples in the epoch."""
        return len(self.order) if hasattr(self, "order") else super().samples

    def draw(self) -> Draw:
        """Return the given order."""
        return Draw(self.order, 0)


def network(work: Work) -> Sequential:
    """Return the network with the first parameters."""
    model = mlp(work.sizes, rng=np.random.default_rng(0))
    model.load_state_dict(work.state_dict())
    return model


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    model = network(work)
    optimizer = Adam(model.parameters(), lr=LR)
    trainer = Trainer(model, CrossEntropyLoss(), optimizer, workers=threads())
    loader = GivenOrder(
        work.pixels,
        work.labels,
        batch_size=work.batch_size,
        shuffle=True,
        rng=np.random.default_rng(0),
        scale=SCALE,
    )
    session = ExitStack()
    train_epoch: Callable[[], float] | None = None

    def epoch(order: NDArray[Any]) -> float:
        nonlocal train_epoch
        # The memory that workers share is as long as the order.
        if train_epoch is None or len(order) != loader.samples:
            session.close()
            loader.order = order
            train_epoch = session.enter_context(trainer.session(loader))
        loader.order = order
        return train_epoch()

    return epoch


def make_predict(work: Work) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the inference; see `benchmarks.contenders`."""
    return network(work).predict
