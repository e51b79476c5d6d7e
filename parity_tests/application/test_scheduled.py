"""Schedules in the training loop."""

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.data import make_moons
from parity_tests.inputs import BATCH


class Rates(ours.Callback):
    """Notes the learning rate after every batch and after every epoch."""

    def __init__(self, optimizer: ours.Optimizer) -> None:
        self.optimizer = optimizer
        self.after_batches: list[float] = []
        self.after_epochs: list[float] = []

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Note it."""
        self.after_batches.append(self.optimizer.param_groups[0]["lr"])

    def on_epoch_end(self, history: ours.History) -> None:  # noqa: ARG002
        """Note it."""
        self.after_epochs.append(self.optimizer.param_groups[0]["lr"])


def _train(
    make: type[ours.LRScheduler], every: str, *, workers: int = 1, **options: float
) -> tuple[Rates, np.ndarray]:
    rng = np.random.default_rng(0)
    loader = ours.DataLoader(*make_moons(3 * BATCH, noise=0.1, rng=rng), batch_size=BATCH)
    model = ours.mlp([2, 16, 2], rng=rng)
    optimizer = ours.SGD(model.parameters(), lr=0.8)
    rates = Rates(optimizer)
    callbacks = [ours.Scheduled(make(optimizer, **options), every=every), rates]
    trainer = ours.Trainer(
        model, ours.CrossEntropyLoss(), optimizer, callbacks=callbacks, workers=workers
    )
    trainer.fit(loader, loader, epochs=3)
    return rates, model.arena.values


def test_after_every_epoch() -> None:
    rates, _ = _train(ours.ExponentialLR, "epoch", gamma=0.5)
    assert rates.after_epochs == [0.4, 0.2, 0.1]
    assert rates.after_batches == [0.8] * 3 + [0.4] * 3 + [0.2] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_after_every_batch(workers: int) -> None:
    rates, values = _train(ours.ExponentialLR, "batch", gamma=0.5, workers=workers)
    assert rates.after_batches == [0.8 * 0.5**step for step in range(1, 10)]
    assert rates.after_epochs == rates.after_batches[2::3]
    _, constant = _train(ours.ExponentialLR, "batch", gamma=1.0, workers=workers)
    assert not np.allclose(values, constant), "the training did not follow the schedule"


def test_by_the_training_loss() -> None:
    # No loss is ever better by so much, so every epoch is a bad one.
    rates, _ = _train(ours.ReduceLROnPlateau, "epoch", factor=0.5, patience=0, threshold=0.99)
    assert rates.after_epochs == [0.8, 0.4, 0.2]


def test_bad_arguments() -> None:
    optimizer = ours.SGD(ours.mlp([2, 2], rng=np.random.default_rng(0)).parameters())
    with pytest.raises(ours.InputError, match=r"every: expected one of \['epoch', 'batch'\]"):
        ours.Scheduled(ours.ExponentialLR(optimizer, gamma=0.5), every="step")
    with pytest.raises(ours.InputError, match=r"every: expected one of \['epoch'\], got 'batch'"):
        ours.Scheduled(ours.ReduceLROnPlateau(optimizer), every="batch")
