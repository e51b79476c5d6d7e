"""What is said of losses, gradients and steps of training passes, which are random."""

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.seeding import seeded
from parity_tests.kit.tests.asked import Array, Classifier, network, relu, softmax
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED


class _Dropout(Classifier):
    """A right network that leaves units out in training."""

    sizes = (12, 9, 10)
    factor = 1.0

    def training(self, x: Array) -> tuple[Array, Array]:
        a = np.maximum(x @ self.w[0] + self.b[0], 0)
        keep = (np.random.rand(*a.shape) > 0.4) / 0.6  # noqa: NPY002
        self.a = [x, a * keep]
        return self.last(self.a[1] @ self.w[1] + self.b[1]), keep * (a > 0)

    def of_training(self, x: Array, y: Array) -> float:
        p, _ = self.training(x)
        return float(-np.mean(np.sum(y * np.log(p + 1e-12), axis=1)))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        p, slope = self.training(x)
        d2 = (p - y) / len(x)
        d1 = self.factor * (d2 @ self.w[1].T) * slope
        return [x.T @ d1, self.a[1].T @ d2, d1.sum(axis=0), d2.sum(axis=0)]


class _WithAFactor(_Dropout):
    factor = 3.0


_SPEC = Spec("relu", "softmax", "cross_entropy", "mean")


def _told(make: type[Classifier], seed: int = 0, **more: Any) -> dict[str, tuple[str, str]]:
    report = examine(network(make, spec=_SPEC, **more), seed)
    return {verdict.aspect: (verdict.status, verdict.message) for verdict in report.verdicts}


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_a_training_pass_is_not_judged_and_its_gradient_is(seed: int) -> None:
    told = _told(_Dropout, seed, loss="of_training")
    assert told["loss"][0] == UNCHECKED
    assert "that of a training pass" in told["loss"][1]
    assert told["gradient"][0] == EQUAL
    assert told["optimizer"][0] == UNCHECKED
    assert "another one each time" in told["optimizer"][1]
    assert "by dropout or noise" in told["side effects"][1]


def test_a_fault_in_the_gradient_of_a_training_pass_shows() -> None:
    assert _told(_WithAFactor, loss="of_training")["gradient"][0] == DIFFERS


class _Rated(_Dropout):
    """The step takes the learning rate of the last matrix to some power."""

    power = 1

    def step(self, x: Array, y: Array, lr: float) -> None:
        rates = [lr, lr**self.power, lr, lr]
        for array, gradient, own in zip(self.w + self.b, self.gradients(x, y), rates, strict=True):
            array -= own * np.reshape(gradient, array.shape)


@pytest.mark.parametrize(("power", "cause"), [(0, "step-without-rate"), (2, "rate-twice")])
def test_a_step_with_masks_tells_how_its_rate_is_taken(power: int, cause: str) -> None:
    make = type("Rated", (_Rated,), {"power": power})
    declared = network(make, spec=_SPEC, loss="of_training", gradients=None)
    found = [(v.cause, v.tensor) for v in examine(declared, only="gradient").failures]
    assert found == [(cause, "W2")]


def test_a_random_gradient_without_a_loss_of_its_own_is_not_judged() -> None:
    assert _told(_Dropout)["gradient"][0] == UNCHECKED
    status, message = _told(_Dropout, loss=None)["gradient"]
    assert status == UNCHECKED
    assert message.startswith("it is random")


class _OfItsOwn(_Dropout):
    """Masks are drawn from a generator that begins in the same way in every new network."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = self.seeded()

    def seeded(self) -> Any:
        return np.random.default_rng(0)

    def drawn(self, shape: tuple[int, ...]) -> Array:
        return np.asarray(self.rng.random(shape))

    def training(self, x: Array) -> tuple[Array, Array]:
        a = np.maximum(x @ self.w[0] + self.b[0], 0)
        keep = (self.drawn(a.shape) > 0.4) / 0.6
        self.a = [x, a * keep]
        return self.last(self.a[1] @ self.w[1] + self.b[1]), keep * (a > 0)


class _OfAState(_OfItsOwn):
    def seeded(self) -> Any:
        return np.random.RandomState(0)

    def drawn(self, shape: tuple[int, ...]) -> Array:
        return np.asarray(self.rng.rand(*shape))


class _OfPython(_OfItsOwn):
    def seeded(self) -> Any:
        return random.Random(0)

    def drawn(self, shape: tuple[int, ...]) -> Array:
        return np.reshape([self.rng.random() for _ in range(int(np.prod(shape)))], shape)


class _OfALayer(_OfItsOwn):
    def seeded(self) -> Any:
        return [SimpleNamespace(draw=np.random.default_rng(0).random)]

    def drawn(self, shape: tuple[int, ...]) -> Array:
        return np.asarray(self.rng[0].draw(shape))


class _OfAll(_OfItsOwn):
    """The generator that all share is seeded by every new network."""

    def seeded(self) -> Any:
        np.random.seed(0)  # noqa: NPY002

    def drawn(self, shape: tuple[int, ...]) -> Array:
        return np.random.rand(*shape)  # noqa: NPY002


_SEEDED = [_OfItsOwn, _OfAState, _OfPython, _OfALayer, _OfAll]


@pytest.mark.parametrize("make", _SEEDED)
def test_masks_of_a_seeded_generator_of_its_own_are_random(make: type[Classifier]) -> None:
    told = _told(make)
    assert told["loss"][0] == EQUAL
    assert told["gradient"][0] == UNCHECKED
    assert "declare the loss of the training pass" in told["gradient"][1]
    assert told["optimizer"][0] == UNCHECKED
    assert "by dropout or noise" in told["side effects"][1]


@pytest.mark.parametrize("make", _SEEDED)
def test_masks_of_a_seeded_generator_are_the_same_for_slopes(make: type[Classifier]) -> None:
    told = _told(make, loss="of_training")
    assert "that of a training pass" in told["loss"][1]
    assert told["gradient"][0] == EQUAL
    assert "with the same random numbers in every call" in told["gradient"][1]


@pytest.mark.parametrize("make", _SEEDED)
def test_a_fault_beside_masks_of_a_seeded_generator_shows(make: type[Classifier]) -> None:
    faulty = type("Faulty", (make,), {"factor": 3.0})
    assert _told(faulty, loss="of_training")["gradient"][0] == DIFFERS


class _DrawsNothing(_OfItsOwn):
    """It has a generator, and its gradients are wrong and no others from call to call."""

    def drawn(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, 0.5)


def test_a_generator_that_is_not_drawn_from_excuses_no_gradient() -> None:
    assert _told(_DrawsNothing)["gradient"][0] == DIFFERS


def test_another_loss_than_the_one_declared_is_not_taken_for_a_random_one() -> None:
    told = _told(Classifier, loss=lambda net, x, y: float(np.cos(net.forward(x) - y).sum()))
    assert told["loss"][0] == DIFFERS


class Seldom(Classifier):
    """Dropout that leaves out one unit in twenty, for all samples, so that most masks are one."""

    sizes, keep = (12, 9, 10), 0.95

    def gradients(self, x: Array, y: Array) -> list[Array]:
        """Return those of a training pass."""
        mask = (np.random.rand(1, self.sizes[1]) < self.keep) / self.keep  # noqa: NPY002
        a = relu(x @ self.w[0] + self.b[0]) * mask
        d2 = (softmax(a @ self.w[1] + self.b[1]) - y) / len(x)
        d1 = (d2 @ self.w[1].T) * mask * (a > 0)
        sums = [d.sum(axis=0, keepdims=True) for d in (d1, d2)]
        return [x.T @ d1, a.T @ d2, *sums]


@pytest.mark.parametrize("seed", range(6))
def test_masks_that_agree_by_chance_are_random_all_the_same(seed: int) -> None:
    declared = network(Seldom, spec=Spec("relu", "softmax", "cross_entropy", "mean"), step=None)
    with seeded(seed):
        report = examine(declared)
    assert [v for v in report.failures if v.aspect != "stability"] == []
    [verdict] = report.of("side effects")
    assert "dropout or noise" in verdict.message


class _Shuffled(Classifier):
    """A step takes the samples in random order."""

    def order(self, number: int) -> Array:
        return np.random.permutation(number)  # noqa: NPY002

    def step(self, x: Array, y: Array, lr: float) -> None:
        order = self.order(len(x))
        super().step(x[order], y[order], lr)


class _ShuffledApart(_Shuffled):
    """The labels stay where they are."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        super(_Shuffled, self).step(x[self.order(len(x))], y, lr)


def test_a_step_that_shuffles_samples_and_labels_apart_is_named() -> None:
    report = examine(network(_ShuffledApart, spec=_SPEC))
    [verdict] = report.failures
    assert (verdict.aspect, verdict.cause) == ("optimizer", "shuffled-apart")
    assert examine(network(_Shuffled, spec=_SPEC)).failures == []
