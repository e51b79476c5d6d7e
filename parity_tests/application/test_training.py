"""Initial weights, the training loop, the metrics."""

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import initializers
from numpy_impl.data import make_moons, make_xor


def _variance(name: str, fan_in: int, fan_out: int) -> float:
    return {
        "kaiming": 2 / fan_in,
        "xavier": 2 / (fan_in + fan_out),
        "lecun": 1 / fan_in,
    }[name]


@pytest.mark.parametrize("name", ["kaiming", "xavier", "lecun"])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_initial_variance_and_shape(name: str, kind: str) -> None:
    fill: Callable[..., None] = getattr(initializers, f"{name}_{kind}_")
    weight = np.empty((401, 199))  # fan_out, fan_in
    fill(weight, rng=np.random.default_rng(0))
    expected = _variance(name, fan_in=199, fan_out=401)
    # The standard error of a variance over 80,000 draws is below 0.5 %.
    assert weight.var() == pytest.approx(expected, rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=5 * np.sqrt(expected / weight.size))
    largest = np.abs(weight).max() / np.sqrt(expected)
    assert largest == pytest.approx(np.sqrt(3), rel=1e-3) if kind == "uniform" else largest > 4


def test_modes_and_gains() -> None:
    weight = np.empty((401, 199))
    initializers.kaiming_normal_(weight, mode="fan_out", rng=np.random.default_rng(0))
    assert weight.var() == pytest.approx(2 / 401, rel=0.02)
    initializers.kaiming_normal_(weight, nonlinearity="tanh", rng=np.random.default_rng(0))
    assert weight.var() == pytest.approx(25 / 9 / 199, rel=0.02)
    initializers.kaiming_normal_(weight, a=1.0, rng=np.random.default_rng(0))
    assert weight.var() == pytest.approx(1 / 199, rel=0.02)


def test_gains_are_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in ("linear", "sigmoid", "tanh", "relu", "selu"):
        assert initializers.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0.0, 0.01, 0.3):
        expected = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert initializers.calculate_gain("leaky_relu", slope) == pytest.approx(expected)


def test_linear_starts_as_in_pytorch() -> None:
    layer = ours.Linear(199, 401, rng=np.random.default_rng(0), dtype=np.float64)
    assert layer.bias is not None
    for parameter in (layer.weight, layer.bias):
        scaled = np.abs(parameter.data) * np.sqrt(199)
        assert 0.99 < scaled.max() <= 1
        assert scaled.mean() == pytest.approx(0.5, rel=0.06)


def test_one_seed_gives_the_same_weights_in_both_precisions() -> None:
    single, double = (
        ours.mlp([13, 11, 5], rng=np.random.default_rng(0), dtype=dtype).arena.values
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize(("make", "noise"), [(make_xor, 0.2), (make_moons, 0.1)])
def test_learns_what_no_line_separates(make: Callable[..., Any], noise: float) -> None:
    rng = np.random.default_rng(0)
    train = ours.DataLoader(*make(1000, noise=noise, rng=rng), batch_size=32, shuffle=True, rng=rng)
    test = ours.DataLoader(*make(1000, noise=noise, rng=rng), batch_size=1000)
    model = ours.mlp([2, 32, 2], rng=rng)
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), ours.Adam(model.parameters(), lr=1e-2))
    history = trainer.fit(train, test, epochs=20)
    assert history.test_accuracy[-1] >= 0.98
    line = ours.mlp([2, 2], rng=rng)
    trainer = ours.Trainer(line, ours.CrossEntropyLoss(), ours.Adam(line.parameters(), lr=1e-2))
    assert trainer.fit(train, test, epochs=20).test_accuracy[-1] < 0.95


def _small_training(callbacks: list[ours.Callback]) -> tuple[ours.Trainer, ours.DataLoader]:
    rng = np.random.default_rng(0)
    x, y = make_xor(100, noise=0.2, rng=rng)
    model = ours.mlp([2, 8, 2], rng=rng)
    trainer = ours.Trainer(
        model, ours.CrossEntropyLoss(), ours.SGD(model.parameters(), lr=0.1), callbacks
    )
    return trainer, ours.DataLoader(x, y, batch_size=32)


class Recorder(ours.Callback):
    """Notes what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.losses: list[float] = []

    def on_fit_begin(self, epochs: int, steps: int) -> None:
        """Note it."""
        self.calls.append(("begin", epochs, steps))

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:
        """Note it."""
        self.calls.append(("step", epoch, step))
        self.losses.append(loss)

    def on_epoch_end(self, history: ours.History) -> None:
        """Note it."""
        self.calls.append(("epoch", history.epoch[-1]))

    def on_fit_end(self, history: ours.History) -> None:
        """Note it."""
        self.calls.append(("end", len(history.epoch)))


def test_callbacks_and_history() -> None:
    recorder = Recorder()
    trainer, loader = _small_training([recorder])
    history = trainer.fit(loader, loader, epochs=2)
    steps = [[("step", epoch, step) for step in (1, 2, 3, 4)] for epoch in (1, 2)]
    assert recorder.calls == [
        ("begin", 2, 4),
        *steps[0],
        ("epoch", 1),
        *steps[1],
        ("epoch", 2),
        ("end", 2),
    ]
    lists = history.to_dict()
    assert list(lists) == ["epoch", "train_loss", "train_accuracy", "test_accuracy", "seconds"]
    assert {len(values) for values in lists.values()} == {2}
    # The mean over samples: the last batch has 4 of them, the others 32.
    expected = np.average(recorder.losses[:4], weights=[32, 32, 32, 4])
    assert history.train_loss[0] == pytest.approx(expected)
    assert history.test_accuracy[1] == ours.evaluate(trainer.model, loader)


class Interrupt(ours.Callback):
    """Sends the process an interrupt after a step, as Ctrl-C does."""

    def __init__(self, epoch: int, times: int = 1) -> None:
        self.epoch = epoch
        self.times = times

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Interrupt."""
        if (epoch, step) == (self.epoch, 2):
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_ends_the_training_in_good_order() -> None:
    recorder = Recorder()
    trainer, loader = _small_training([Interrupt(epoch=3), recorder])
    before = signal.getsignal(signal.SIGINT)
    history = trainer.fit(loader, loader, epochs=9)
    assert trainer.interrupted
    assert history.epoch == [1, 2]
    assert recorder.calls[-2:] == [("step", 3, 2), ("end", 2)]
    assert signal.getsignal(signal.SIGINT) is before
    trainer.callbacks = ()
    assert trainer.fit(loader, loader, epochs=1).epoch == [1]
    assert not trainer.interrupted


class InterruptAtTheEnd(ours.Callback):
    """Sends the process an interrupt after an epoch."""

    def on_epoch_end(self, history: ours.History) -> None:  # noqa: ARG002
        """Interrupt."""
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_between_epochs_starts_no_other() -> None:
    recorder = Recorder()
    trainer, loader = _small_training([recorder, InterruptAtTheEnd()])
    history = trainer.fit(loader, loader, epochs=9)
    assert trainer.interrupted
    assert history.epoch == [1]
    assert recorder.calls[-2:] == [("epoch", 1), ("end", 1)]


def test_divergence_in_the_very_last_step_is_noticed() -> None:
    trainer, loader = _small_training([])
    trainer.optimizer.param_groups[0]["lr"] = 1e38
    one = ours.DataLoader(1e3 * np.ones((2, 2)), [0, 0], batch_size=2)
    with pytest.raises(ours.DivergenceError, match="output: expected a finite number, got"):
        trainer.fit(one, loader, epochs=1)


def test_a_second_interrupt_ends_it_at_once() -> None:
    recorder = Recorder()
    trainer, loader = _small_training([Interrupt(epoch=1, times=2), recorder])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, loader, epochs=9)
    assert recorder.calls[-1] == ("end", 0)


def test_metrics() -> None:
    logits = np.array([[0.1, 3.0, -1.0], [5.0, 2.0, 1.0], [0.0, 0.0, -1.0], [-9.0, -8.0, -7.0]])
    assert ours.accuracy(logits, [1, 0, 1, 2]) == 0.75
    assert ours.accuracy([1, 0, 0, 2], np.eye(3)[[1, 0, 1, 2]]) == 0.75
    matrix = ours.confusion_matrix(logits, [1, 0, 1, 2], 3)
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    with pytest.raises(ours.InputError, match="targets: expected labels from 0 to 2, got 3 at 1"):
        ours.confusion_matrix([1, 0], [0, 3], 3)


def test_numbers_instead_of_classes() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]])
    model = ours.Sequential(
        ours.Linear(3, 17, rng=rng), ours.GELU(), ours.LayerNorm(17), ours.Linear(17, 1, rng=rng)
    )
    loader = ours.DataLoader(x, y, batch_size=20, shuffle=True, rng=rng)
    optimizer = ours.NAdam(model.parameters(), lr=3e-2)
    history = ours.Trainer(model, ours.MSELoss(), optimizer).fit(loader, loader, 40)
    assert history.train_loss[-1] < 0.02 * history.train_loss[0]
    assert np.isnan(history.test_accuracy).all()
    error = model.predict(x) - y
    assert (error**2).mean() < 0.05
