"""Gradients that only slopes or steps show are judged by them."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.check import examine
from parity_tests.kit.locate import locate, locate_number
from parity_tests.kit.network import Rule
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject, SubjectError
from parity_tests.kit.tests.asked import (
    SLOPES,
    Array,
    Classifier,
    ask,
    causes,
    network,
    only,
    sigmoid,
    softmax,
    variant,
)
from parity_tests.kit.verdicts import (
    CONVENTION,
    DIFFERS,
    EQUAL,
    OF_NO_OPTIMIZER,
    UNCHECKED,
    Report,
    Verdict,
)
from parity_tests.kit.watching import paths_of


class _Mixed(Classifier):
    """Labels are mixed with shares that grow with the class, in the loss and in the gradient."""

    keep = 0.9

    def mixed(self, y: Array, keep: float) -> Array:
        shares = np.arange(1, y.shape[1] + 1)
        return np.asarray(keep * y + (1 - keep) * shares / shares.sum())

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(self.mixed(y, 0.9) * np.log(self.forward(x)), axis=1)))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        return super().gradients(x, self.mixed(y, self.keep))


class _MixedLess(_Mixed):
    keep = 0.8


def test_a_gradient_of_a_loss_that_is_not_known_is_held_to_its_slopes() -> None:
    for make, status in ((_Mixed, EQUAL), (_MixedLess, DIFFERS)):
        verdicts = ask(network(make), gradient.examine)
        assert {verdict.status for verdict in verdicts} == {status}, verdicts


class _Capped(Classifier):
    """Huber's loss, whose slope ends where it should only stop growing."""

    last = staticmethod(lambda z: z)
    cap = staticmethod(lambda distance: np.full_like(distance, 0.5))

    def loss(self, x: Array, y: Array) -> float:
        distance = np.abs(self.forward(x) - y)
        return float(np.mean(np.where(distance < 1, distance**2 / 2, self.cap(distance))))

    def delta(self, x: Array, y: Array) -> Array:
        return np.asarray(np.clip(self.forward(x) - y, -1, 1) / y.size)


def test_a_mean_over_all_entries_is_no_fault_beside_a_loss_that_is_not_known() -> None:
    right = type("Huber", (_Capped,), {"cap": staticmethod(lambda distance: distance - 0.5)})
    assert not causes(ask(network(right), gradient.examine))
    told = causes(ask(network(_Capped), gradient.examine))
    assert told == ["gradient-of-another-loss"]


def test_a_gradient_that_drops_units_is_not_judged() -> None:
    def dropped(net: Any, x: Array, y: Array) -> list[Array]:
        mask = np.random.rand(*x.shape) > 0.5  # noqa: NPY002
        return list(net.gradients(x * mask, y))

    verdict = only(ask(network(gradients=dropped), gradient.examine))
    assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    assert "another one each time" in verdict.message


_OF_ONE_NUMBER = """
import numpy as np


def run(d):
    begins = np.ones(9)
    half = np.array([0.5])
    number = d.sum()
    gradient = np.full(9, number)
    mask = d > -100
    return begins, gradient, d * mask, half
"""


def test_a_line_of_one_number_is_that_of_the_number_itself(tmp_path: Path) -> None:
    path = tmp_path / "of_one_number.py"
    path.write_text(_OF_ONE_NUMBER)
    module: dict[str, Any] = {}
    exec(compile(_OF_ONE_NUMBER, str(path), "exec"), module)
    d, e = np.random.default_rng(0).standard_normal((2, 7, 4))

    def line_of(*shape: int) -> str:
        runs = [(lambda x=x: module["run"](x), np.full(shape, -2 * x.sum())) for x in (d, e)]
        line = locate_number(runs)
        assert line is not None
        assert locate_number(runs, alone=True) == (line if shape == (1,) else None)
        return line.code

    assert line_of(9) == line_of(1) == "number = d.sum()"
    mask = locate(lambda: module["run"](d), np.ones(d.shape))
    assert mask is not None
    assert mask.code == "mask = d > -100"
    # What is there before the gradient above is, the backward pass has not made.
    assert locate(lambda: module["run"](d), np.ones(d.shape), behind=np.arange(9.0)) is None
    behind = locate(lambda: module["run"](d), np.ones(d.shape), behind=d)
    assert behind == mask
    # What is the same with both batches may be anything.
    assert locate_number([(lambda: module["run"](d), np.array([0.5]))] * 2) is None
    assert locate(lambda: module["run"](d), np.array([d.sum()])) is None


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (slice(None, -1), "numbers 1 to 6 of 7 samples and of numbers 1 to 4 of 5"),
        (slice(0, 1), "number 1 of 7 samples and of number 1 of 5"),
        (slice(None, None, 2), "numbers 1, 3, 5, 7 of 7 samples"),
    ],
)
@pytest.mark.parametrize("how", ["gradients", "step"])
def test_samples_that_are_left_out_are_told(kept: slice, told: str, how: str) -> None:
    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        return Classifier.gradients(net, x[kept], y[kept])

    def step(net: Classifier, x: Array, y: Array, lr: float) -> None:
        Classifier.step(net, x[kept], y[kept], lr)

    only_one = {"gradients": gradients, "step": None} if how == "gradients" else {}
    declared = network(**{"gradients": None, "step": step, **only_one})
    verdict = only(ask(declared, gradient.examine))
    assert (verdict.tensor, verdict.cause) == ("dL/dz3", "samples-left-out")
    assert told in verdict.message


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ({"W3": slice(None, -1)}, ["numbers 1 to 6 of 7 samples", "That goes for W3, and not"]),
        (
            {name: slice(1, None) for name in ("W1", "W2", "W3")},
            ["numbers 2 to 7 of 7", "That goes for W3, W2, W1, and not for the others"],
        ),
    ],
)
def test_samples_that_some_tensors_leave_out_are_told(
    kept: dict[str, slice], told: list[str]
) -> None:
    names = ("W1", "W2", "W3", "b1", "b2", "b3")

    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = Classifier.gradients(net, x, y)
        for place, name in enumerate(names):
            if name in kept:
                part = kept[name]
                # The mean is over the whole batch all the same.
                share = len(x[part]) / len(x)
                found[place] = share * Classifier.gradients(net, x[part], y[part])[place]
        return found

    verdict = only(ask(network(gradients=gradients, step=None), gradient.examine))
    assert (verdict.tensor, verdict.cause) == ("W3", "samples-left-out")
    assert [own for own in told if own not in verdict.message] == [], verdict.message


def test_samples_that_a_bias_of_few_entries_leaves_out_as_its_matrix_does_are_told() -> None:
    class Net(Classifier):
        def gradients(self, x: Array, y: Array) -> list[Array]:
            found = super().gradients(x, y)
            found[1] = found[1] - self.a[1][:1].T @ self._first(x, y)
            found[4] = found[4] - self._first(x, y)
            return found

        def _first(self, x: Array, y: Array) -> Array:
            d = self.delta(x, y)[:1]
            return (d @ self.w[2].T) * (self.a[2][:1] > 0)

    verdict = only(ask(network(Net, step=None), gradient.examine))
    assert (verdict.tensor, verdict.cause) == ("W2", "samples-left-out")
    assert "That goes for W2, b2, and not for the others." in verdict.message


def test_samples_that_are_left_out_where_they_are_right_are_told_by_that() -> None:
    class Net(Classifier):
        sizes = (6, 5, 3)

        def delta(self, x: Array, y: Array) -> Array:
            is_missed = self.forward(x).argmax(axis=1) != y.argmax(axis=1)
            return super().delta(x, y) * is_missed[:, np.newaxis]

    verdict = only(ask(network(Net, step=None), gradient.examine, 9))
    assert "2 to 7 of 7" in verdict.message
    assert "They are those whose class has not the largest output" in verdict.message


@pytest.mark.parametrize(("kept", "is_slice"), [((0, 1, 2), True), ((0, 1, 3), False)])
def test_samples_that_are_no_slice_are_told_apart_by_a_condition(
    kept: tuple[int, ...], is_slice: bool
) -> None:
    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        return Classifier.gradients(net, x[list(kept)], y[list(kept)])

    verdict = only(ask(network(gradients=gradients, step=None), gradient.examine))
    assert verdict.cause == "samples-left-out"
    assert ("slices and loops" in verdict.message, "condition" in verdict.message) == (
        is_slice,
        not is_slice,
    )


@pytest.mark.parametrize(
    ("sizes", "weigh", "told"),
    [
        ((6, 5, 3), lambda _, y: 1 + y[:, :1], "those of class 0 count 2 times, and those of all"),
        ((12, 9, 10), lambda _, y: 1 + y[:, 3:4] / 2, "those of class 3 count 1.5 times, and"),
        # What is of single samples, or of their places, is of no class.
        ((6, 5, 3), lambda p, y: (1 - (p * y).sum(axis=1, keepdims=True)) ** 2, ""),
        ((12, 9, 10), lambda _, y: 1.0 + (np.arange(len(y)) == 0)[:, np.newaxis], ""),
        ((12, 9, 10), lambda p, y: 1.0 + (p.argmax(axis=1) == y.argmax(axis=1))[:, np.newaxis], ""),
    ],
)
def test_samples_that_count_by_their_class_are_told(
    sizes: tuple[int, ...], weigh: Any, told: str
) -> None:
    class Net(variant(sizes=sizes)):  # type: ignore[misc]
        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray(super().delta(x, y) * weigh(self.forward(x), y))

    verdict = only(ask(network(Net, step=None), gradient.examine))
    assert verdict.cause == ("classes-weighted" if told else None)
    assert told in verdict.message


def test_samples_that_are_drawn_are_not_called_left_out() -> None:
    def step(net: Classifier, x: Array, y: Array, lr: float) -> None:
        drawn = np.random.permutation(len(x))[:2]  # noqa: NPY002
        Classifier.step(net, x[drawn], y[drawn], lr)

    verdict = only(ask(network(gradients=None, step=step), gradient.examine))
    assert verdict.cause != "samples-left-out"


class _OneOutput(Classifier):
    """Two classes by one output; other numbers are there before its bias gradient."""

    sizes = (12, 9, 1)
    last: Any = staticmethod(sigmoid)
    summed: Any = staticmethod(lambda d: d.sum(axis=0, keepdims=True))

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        half = np.array([[0.5]])
        found = super().gradients(x, y)
        wrong = self.summed(super().delta(x, y))
        return [*found[:3], wrong + 0 * half]


@pytest.mark.parametrize(
    ("summed", "cause"),
    [
        (lambda d: d[:1], "bias-of-one-sample"),
        (lambda d: d.sum(axis=0, keepdims=True) + np.abs(d).max(), None),
        (lambda d: np.sign(d.sum(axis=0, keepdims=True)), None),
    ],
)
def test_a_number_is_looked_for_with_two_batches(summed: Any, cause: str | None) -> None:
    make = type("Faulty", (_OneOutput,), {"summed": staticmethod(summed)})
    verdict = only([v for v in ask(network(make), gradient.examine) if v.status == DIFFERS])
    assert (verdict.tensor, verdict.cause) == ("b2", cause)
    if verdict.line is not None:
        assert verdict.line.code in (
            '(lambda d: d[:1], "bias-of-one-sample"),',
            "wrong = self.summed(super().delta(x, y))",
        )


def test_a_nearest_multiple_is_one_of_what_was_expected() -> None:
    def noisy(net: Any, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [
            g + 1e-3 * np.abs(g).max() * np.sin(np.arange(g.size)).reshape(g.shape) for g in found
        ]

    messages = [v.message for v in ask(network(gradients=noisy), gradient.examine)]
    assert "expected is 1 x" in messages[0] or "expected is 0.99" in messages[0]


def _fixed(factor: float) -> Callable[..., None]:
    """Return a step that takes no learning rate."""

    def step(net: Any, x: Array, y: Array, _lr: float) -> None:
        for parameter, one in zip(net.w + net.b, net.gradients(x, y), strict=True):
            parameter -= factor * one

    return step


def test_a_learning_rate_that_nobody_can_set_is_no_factor_of_the_gradient() -> None:
    verdict = only(ask(network(gradients=None, step=_fixed(0.05)), gradient.examine))
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert causes(ask(network(gradients=None, step=_fixed(-0.05)), gradient.examine)) == ["sign"]
    given = network(gradients=None, step=_fixed(0.05), lr=0.1)
    assert causes(ask(given, gradient.examine)) == ["factor-two"]


def test_a_learning_rate_is_seen_though_the_last_layer_is_never_updated() -> None:
    def step(net: Classifier, x: Array, y: Array, lr: float) -> None:
        found = net.gradients(x, y)
        for n in (0, 1):
            net.w[n] -= 2 * lr * found[n]
            net.b[n] -= 2 * lr * found[3 + n]

    told = ask(network(gradients=None, step=step), gradient.examine)
    assert causes(told) == ["not-updated", "factor-two"]


def test_the_nearest_multiple_with_one_batch_is_of_what_is_expected_there() -> None:
    def noisy(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        if len(x) == 7:
            return found
        return [g * (1 + 1e-3 * np.sin(np.arange(g.size)).reshape(g.shape)) for g in found]

    told = [v.message for v in ask(network(gradients=noisy), gradient.examine)]
    assert "with one batch of the two" in told[0]
    assert re.search(r"multiple of what was expected is (1|1\.000|0\.999\d) x", told[0]), told[0]


@pytest.mark.parametrize("seed", range(2))
def test_values_that_explode_hide_no_fault(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where one entry is larger than all others by far, every derivative is a multiple of it.
    def without_brackets(z: Array) -> Array:
        return 1 / 1 + np.exp(-z)

    monkeypatch.setitem(SLOPES, without_brackets, SLOPES[sigmoid])
    made = variant(activation=without_brackets, sizes=(12, 9, 8, 10))
    verdict = only(ask(network(made, step=None), gradient.examine, seed))
    assert (verdict.tensor, verdict.cause) == ("W2", "function-without-brackets")


def test_a_multiple_with_one_batch_is_not_said_to_be_another_one_with_each() -> None:
    class Single(Classifier):
        sizes = (3, 4, 1)
        last = staticmethod(sigmoid)

        def delta(self, x: Array, y: Array) -> Array:
            d = np.asarray(super().delta(x, y))
            return d * np.where(x[:, :1] > 0, 3.0, 1.0)

    told = [v.message for v in ask(network(Single, step=None, loss=None), gradient.examine)]
    of_bias = [message for message in told if message.startswith("b2: a multiple")]
    assert of_bias
    assert not [m for m in of_bias if "for each batch" in m and "with one of" not in m]


def test_a_convention_beside_a_loss_that_is_not_known_says_so() -> None:
    def loss(net: Classifier, x: Array, y: Array) -> float:
        return float(np.arctan(net.loss(x, y)))

    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        d = len(x) * net.delta(x, y)
        below = d @ net.w[1].T
        return [x.T @ below, net.a[1].T @ d, below.sum(axis=0), d.sum(axis=0)]

    make = type("Net", (Classifier,), {"sizes": (12, 9, 10)})
    told = ask(network(make, loss=loss, gradients=gradients, step=None), gradient.examine)
    [convention] = [v.message for v in told if v.cause == "factor-batch"]
    assert "The loss reported is none that is known" in convention


def test_biases_that_go_up_are_not_said_to_be_averaged() -> None:
    def turned(net: Any, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [*found[:3], *(-one for one in found[3:])]

    assert causes(ask(network(gradients=turned), gradient.examine)) == ["sign"]


def test_parameters_of_a_normalization_are_pointed_to_its_own_check() -> None:
    def parameters(net: Classifier) -> list[Array]:
        return [*net.w, *net.b, np.ones(9), np.zeros(9)]

    with pytest.raises(SubjectError, match="examined by itself with check_layer"):
        Subject(network(parameters=parameters))
    with pytest.raises(SubjectError, match=r"layers$"):
        Subject(network(parameters=lambda net: net.w[:1] + net.w[2:]))


def test_parameters_without_entries_or_with_biases_of_inputs_are_refused() -> None:
    folded = [np.zeros((11, 9)), np.zeros((8, 10))]
    with pytest.raises(SubjectError, match="do not form a chain"):
        Subject(network(parameters=lambda _: folded, bias="last_row"))
    with pytest.raises(SubjectError, match=r"\(0, 1\) has no entries"):
        Subject(network(parameters=lambda net: [*net.w, *net.b[:2], np.zeros((0, 1))]))


_DECLARED = Spec("relu", "softmax", "cross_entropy", "mean")


def test_a_right_gradient_is_not_blamed_for_a_loss_that_is_not() -> None:
    declared = network(_Mixed, spec=_DECLARED, gradients=_plain)
    report = examine(declared)
    assert [v.aspect for v in report.failures if v.aspect != "stability"] == ["loss"]


def _plain(net: _Mixed, x: Array, y: Array) -> list[Array]:
    return Classifier.gradients(net, x, y)


class _Logits(Classifier):
    """Softmax is in the loss, and left out of the backward pass."""

    last = staticmethod(lambda z: z)

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(softmax(self.forward(x))), axis=1)))


def test_softmax_that_is_left_out_behind_logits_is_told() -> None:
    spec = Spec("relu", "identity", "cross_entropy", "mean")
    verdict = only(ask(network(_Logits, spec=spec), gradient.examine))
    assert verdict.cause == "gradient-of-another-loss"
    assert "softmax is left out of the backward pass" in verdict.message


class _RectifiedOutput(Classifier):
    """The derivative of relu, behind an output that has none."""

    sizes = (5, 4, 1)
    last = staticmethod(lambda z: z)

    def loss(self, x: Array, y: Array) -> float:
        return float(np.mean((self.forward(x) - y) ** 2))

    def delta(self, x: Array, y: Array) -> Array:
        z = self.forward(x)
        return np.asarray(2 * (z - y) / len(x) * (z > 0))


@pytest.mark.parametrize("seed", range(6))
def test_both_batches_are_of_one_loss(seed: int) -> None:
    # Where one sample of three has a gradient, it is a multiple of that of every other loss.
    declared = network(_RectifiedOutput, step=None, labels="targets")
    verdict = only(ask(declared, gradient.examine, seed))
    # Of one output, such a derivative is a mask that leaves samples out.
    assert verdict.cause in ("derivative-of-another-function", "samples-left-out")


def test_what_is_held_to_no_loss_is_held_to_the_nearest() -> None:
    def delta(net: Any, x: Array, y: Array) -> Array:
        p = net.forward(x)
        return np.asarray((p - y) * np.sqrt(p.max(axis=1, keepdims=True)) * p * (1 - p) / len(x))

    made = variant(sizes=(12, 9, 3), last=sigmoid, delta=delta)
    verdict = only(ask(network(made, loss=None, step=None), gradient.examine))
    assert (verdict.tensor, verdict.cause) == ("W2", None)
    assert "the nearest multiple of that of the log cosh is" in verdict.message
    assert "every other loss that is known leaves no less" in verdict.message


class _ClippedError(Classifier):
    """The derivative by the probability has limits that it is beyond below 2/3."""

    sizes = (12, 9, 1)
    activation = staticmethod(sigmoid)
    last = staticmethod(sigmoid)

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        slope = np.clip((1 - y) / (1 - p) - y / p, -1.5, 1.5)
        return np.asarray(slope * p * (1 - p) / len(x))


def test_what_is_clipped_everywhere_is_no_gradient_of_an_absolute_error() -> None:
    spec = Spec("sigmoid", "sigmoid", "binary_cross_entropy", "mean")
    declared = network(_ClippedError, spec=spec, step=None, labels="integer_column")
    verdict = only(ask(declared, gradient.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert "with some parameters it is that of the absolute error" in verdict.message


_TWO_LINES = """
def run(x, d):
    product = x.T @ d
    mean = product / 7
    return mean


def twice(x, d):
    return run(2 * x + 1, d)
"""


def test_a_line_that_is_not_the_only_one_is_told_if_the_cause_is_known(tmp_path: Path) -> None:
    path = tmp_path / "two_lines.py"
    path.write_text(_TWO_LINES)
    module: dict[str, Any] = {}
    exec(compile(_TWO_LINES, str(path), "exec"), module)
    rng = np.random.default_rng(0)
    x, d = rng.standard_normal((7, 5)), rng.standard_normal((7, 4))
    line = locate(lambda: module["run"](x, d), x.T @ d)
    assert line is not None
    assert line.code == "product = x.T @ d"
    assert locate(lambda: module["run"](x, d), x.T @ d, alone=True) is None
    # What is there when a function begins, its first line has not made.
    assert locate(lambda: module["run"](x, d), x) is None
    line = locate(lambda: module["twice"](x, d), 2 * x + 1, alone=True)
    assert line is not None
    assert line.code == "return run(2 * x + 1, d)"
    # What is there from the start is computed nowhere.
    assert locate(lambda: module["twice"](x, d), 2 * x + 1, given=[2 * x + 1]) is None


def test_a_library_is_known_by_its_link_too(tmp_path: Path) -> None:
    folder, link = tmp_path / "environment", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder, target_is_directory=True)
    assert paths_of(link) == {str(link), str(folder.resolve())}


def test_no_line_of_numpy_is_told(tmp_path: Path) -> None:
    path = tmp_path / "clipped.py"
    text = "def run(x):\n    wide = 9 * x\n    return wide.clip(-1.0, 1.0).tolist()\n"
    path.write_text(text, encoding="utf-8")
    module: dict[str, Any] = {"np": np}
    exec(compile(text, str(path), "exec"), module)
    x = np.array([0.01, 0.5, -0.02, 0.7])
    # NumPy's own clip() has it in a variable, and the file has it in none.
    assert locate(lambda: module["run"](x), np.clip(9 * x, -1, 1)) is None
    assert locate(lambda: module["run"](x), 9 * x) is not None


@pytest.mark.parametrize(("name", "is_told"), [("Network", False), ("Other", True)])
def test_a_line_of_the_declaration_is_not_told(name: str, is_told: bool, tmp_path: Any) -> None:
    path = tmp_path / "declared.py"
    text = f"{name} = dict\nmade = {name}(\n    twice=lambda x: 2 * x,\n)\n"
    path.write_text(text, encoding="utf-8")
    module: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), module)
    wanted = np.arange(1.0, 5.0)
    assert (locate(lambda: module["made"]["twice"](wanted), wanted) is not None) == is_told


def test_a_fault_with_one_batch_is_not_said_to_be_of_its_size() -> None:
    def without(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return found if len(x) == 7 else [*found[:-1], 0.0 * found[-1]]

    [*_, verdict] = ask(network(gradients=without, step=None), gradient.examine)
    assert (verdict.tensor, verdict.cause) == ("b3", "not-updated")
    assert verdict.message.startswith("with one batch of the two, which has ")


def test_sums_over_everything_may_be_numbers_in_a_list() -> None:
    def collapsed(net: Any, x: Array, y: Array) -> tuple[list[Array], list[float]]:
        found = net.gradients(x, y)
        return found[:3], [float(one.sum()) for one in found[3:]]

    verdict = only(ask(network(gradients=collapsed), gradient.examine))
    assert verdict.cause == "bias-collapsed"

    def too_few(net: Any, x: Array, y: Array) -> list[Array]:
        return list(net.gradients(x, y))[:2]

    verdict = only(ask(network(gradients=too_few), gradient.examine))
    assert verdict.message.endswith("got 2 of shapes (12, 9), (9, 8)")


def test_code_that_raises_is_no_answer() -> None:
    def refuse(_net: Any, *_given: Any) -> list[Array]:
        raise TypeError("of another kind")

    for aspect, declared in (
        ("gradient", network(gradients=refuse, step=None)),
        ("gradient", network(gradients=None, step=refuse)),
        ("optimizer", network(step=refuse)),
        ("optimizer", network(optimizer=Rule(lambda *_: None, refuse))),
        ("loss", network(loss=refuse)),
    ):
        report = examine(declared, only=aspect)
        [verdict] = report.of(aspect)
        assert (verdict.status, verdict.cause) == (UNCHECKED, "call-raises")
        assert "TypeError: of another kind" in verdict.message
        whole = examine(declared)
        whole.verdicts = [v for v in whole.verdicts if v.aspect != "stability"]
        assert aspect in whole.unanswered
        assert whole.exit_code == 2


def test_what_is_right_or_only_not_known_is_an_answer() -> None:
    verdicts = [Verdict(aspect, EQUAL, "so") for aspect in ("forward", "gradient")]
    unknown = Verdict("optimizer", UNCHECKED, "its steps are random")
    assert Report("x", {}, [*verdicts, unknown]).exit_code == 0
    beside = replace(unknown, status=EQUAL)
    for changes in ({"cause": "call-raises"}, {"message": f"{OF_NO_OPTIMIZER}. Step 3 is -lr g3"}):
        open_ = replace(unknown, **changes)
        assert Report("x", {}, [*verdicts, open_]).exit_code == 2
        assert Report("x", {}, [*verdicts, open_, beside]).exit_code == 0
    # A convention beside steps of no known optimizer does not answer for them.
    meant = replace(unknown, status=CONVENTION)
    assert Report("x", {}, [*verdicts, open_, meant]).exit_code == 2


class _OfSquares(Classifier):
    """The mean of all squares behind softmax, whose derivative is left out."""

    def loss(self, x: Array, y: Array) -> float:
        return float(((self.forward(x) - y) ** 2).mean())

    def delta(self, x: Array, y: Array) -> Array:
        return 2 * (self.forward(x) - y) / y.size


class _OfEntropy(_OfSquares):
    """The gradient of the mean cross-entropy beside it."""

    def delta(self, x: Array, y: Array) -> Array:
        return (self.forward(x) - y) / len(x)


@pytest.mark.parametrize(
    ("make", "cause"),
    [(_OfSquares, "output-derivative-missing"), (_OfEntropy, "gradient-of-another-loss")],
)
def test_of_two_losses_the_one_is_meant_that_leaves_no_factor(
    make: type[Classifier], cause: str
) -> None:
    verdict = only([v for v in ask(network(make), gradient.examine) if v.status == DIFFERS])
    assert (verdict.cause, verdict.factor) == (cause, None)
    assert "The same numbers come if" in verdict.message


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def test_a_derivative_of_log_softmax_that_is_left_out_is_no_product() -> None:
    made = variant(
        last=_log_softmax,
        loss=lambda net, x, y: float(-np.sum(y * net.forward(x)) / len(x)),
        delta=lambda net, x, y: (net.forward(x), -y / len(x))[1],
    )
    verdict = only(ask(network(made, step=None), gradient.examine))
    assert (verdict.cause, verdict.tensor) == ("output-derivative-missing", "W3")
    assert "the activation itself" not in verdict.message


def test_a_factor_is_not_said_to_have_no_loss_where_another_one_is_reported() -> None:
    class Distance(Classifier):
        """1 - p of the class, and p - y with the diagonal of softmax's Jacobian."""

        def loss(self, x: Array, y: Array) -> float:
            return float(np.sum(1 - (y * self.forward(x)).sum(axis=1)))

        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            return np.asarray((p - y) * p * (1 - p))

    found = ask(network(Distance, step=None), gradient.examine)
    [factor] = [v for v in found if v.cause == "factor-batch"]
    assert "No loss says" not in factor.message
    assert "the loss reported is the absolute error" in factor.message


class _Bounded(Classifier):
    """A regression by rectifiers that end at 6, or by Huber's loss with a threshold of 8."""

    sizes = (6, 5, 3)
    last = staticmethod(lambda z: z)
    top, threshold, is_right = np.inf, np.inf, True

    def activation(self, z: Array) -> Array:
        return np.clip(z, 0, self.top)

    def loss(self, x: Array, y: Array) -> float:
        off = np.abs(self.forward(x) - y)
        near = np.minimum(off, self.threshold)
        return float((near * (off - near / 2)).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        off = self.forward(x) - y
        return (np.clip(off, -self.threshold, self.threshold) if self.is_right else off) / len(x)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        a = self.a[1]
        below = (d @ self.w[1].T) * (a > 0) * ((a < self.top) | (not self.is_right))
        return [x.T @ below, a.T @ d, *(own.sum(axis=0, keepdims=True) for own in (below, d))]


@pytest.mark.parametrize(
    ("changed", "aspect", "cause"),
    [({"top": 6.0}, "forward", None), ({"threshold": 8.0}, "loss", "gradient-of-another-loss")],
)
@pytest.mark.parametrize("is_right", [True, False])
def test_an_end_that_usual_values_do_not_reach_is_asked(
    changed: dict[str, float], aspect: str, cause: str | None, is_right: bool
) -> None:
    make = type("Net", (_Bounded,), {**changed, "is_right": is_right})
    report = examine(network(make, step=None), 0, ["forward", "loss", "gradient"])
    assert [verdict.cause for verdict in report.failures] == ([] if is_right else [cause])
    assert any("it has an end that usual values" in v.message for v in report.of(aspect))


def test_an_end_takes_back_no_difference() -> None:
    make = type("Net", (_Bounded,), {"threshold": 8.0})
    meant = Spec(loss="squared_error", scale="half sum")
    report = examine(network(make, step=None, spec=meant), 0, ["loss", "gradient"])
    assert [verdict.cause for verdict in report.of("loss")] == ["factor-batch"]


class _OnePlain(_Bounded):
    """The linear part of Huber's loss is without its factor in the gradient."""

    sizes = (12, 9, 1)

    def delta(self, x: Array, y: Array) -> Array:
        off = self.forward(x) - y
        line = np.sign(off) * (self.threshold if self.is_right else 1.0)
        return np.where(np.abs(off) < self.threshold, off, line) / len(x)


@pytest.mark.parametrize("threshold", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("is_right", [True, False])
def test_a_threshold_that_some_errors_reach_is_asked(threshold: float, is_right: bool) -> None:
    make = type("Net", (_OnePlain,), {"threshold": threshold, "is_right": is_right})
    for seed in range(2):
        declared = network(make, step=None, labels="targets")
        report = examine(declared, seed, ["loss", "gradient"])
        assert bool(report.failures) != is_right
        assert {verdict.aspect for verdict in report.failures} <= {"gradient"}


@pytest.mark.parametrize("limit", [3.0, 8.0])
def test_an_error_that_is_clipped_beyond_usual_values_is_no_right_one(limit: float) -> None:
    class Net(_Bounded):
        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray(np.clip(self.forward(x) - y, -limit, limit) / len(x))

    report = examine(network(Net, step=None), 0, ["loss", "gradient"])
    assert {verdict.aspect for verdict in report.failures} == {"gradient"}


@pytest.mark.parametrize("factor", [1.0, 3.0])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_steps_on_parts_of_a_batch_are_judged_by_parts(size: int, factor: float) -> None:
    def step(net: Classifier, x: Array, y: Array, lr: float) -> None:
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            net.step(x[part], y[part], factor * lr)

    aspects = ("gradient", "optimizer")
    report = examine(network(gradients=None, step=step), 0, aspects, arbiter=pytorch())
    told = [verdict.message for verdict in report.of("gradient") if verdict.status == CONVENTION]
    assert told == [
        f"a step on a batch updates after every {size} samples of it: the gradient is judged by so "
        "many"
    ]
    assert {verdict.cause for verdict in report.failures} == {
        cause for cause in ("factor-constant",) if factor != 1
    }
