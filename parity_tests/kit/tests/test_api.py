"""What people call."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit import (
    LayerUnderTest,
    LossUnderTest,
    ParityError,
    Rule,
    Spec,
    check_gradients,
    check_layer,
    check_loss,
    check_network,
    check_optimizer,
    parametrize_parity,
    parity_checks,
)
from parity_tests.kit.catalogue.correct import CORRECT
from parity_tests.kit.check import EXAMINATIONS

LESSON = next(correct for correct in CORRECT if correct.name == "lesson")
RIGHT = LESSON.network
WRONG = LESSON.planted("d2 = d2 / n", "d2 = 2 * d2 / n")


class Network:
    """A class of the usual form, without a declaration."""

    def __init__(self, sizes: tuple[int, int, int] = (6, 5, 4)) -> None:
        n_in, hidden, n_out = sizes
        self.w1 = np.random.randn(n_in, hidden) * np.sqrt(2 / n_in)  # noqa: NPY002
        self.b1 = np.zeros(hidden)
        self.w2 = np.random.randn(hidden, n_out) * np.sqrt(2 / hidden)  # noqa: NPY002
        self.b2 = np.zeros(n_out)

    def forward(self, x: Any) -> Any:
        """Return probabilities."""
        self.x, self.z = x, x @ self.w1 + self.b1
        self.a = np.maximum(self.z, 0)
        e = self.a @ self.w2 + self.b2
        e = np.exp(e - e.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, y: Any) -> Any:
        """Return gradients for one-hot labels."""
        d = (self.p - y) / len(y)
        h = (d @ self.w2.T) * (self.z > 0)
        return self.x.T @ h, h.sum(axis=0), self.a.T @ d, d.sum(axis=0)


def test_a_right_network_passes() -> None:
    report = check_network(RIGHT)
    assert report.exit_code == 0
    assert report.run == report.planned > 4


def test_a_class_and_an_object_are_recognized() -> None:
    assert check_network(Network).spec["form"] == "relu -> softmax"
    assert check_network(Network((7, 6, 5))).spec["sizes"] == [7, 6, 5]


def test_a_wrong_one_raises_with_its_report() -> None:
    with pytest.raises(ParityError, match=r"yours|Yours") as caught:
        check_network(WRONG)
    assert [verdict.cause for verdict in caught.value.report.failures] == ["factor-two"]
    assert check_network(WRONG, on_fail="report").exit_code == 1
    with pytest.raises(InputError, match="on_fail"):
        check_network(WRONG, on_fail="ignore")


def test_a_spec_is_what_is_meant() -> None:
    assert check_network(RIGHT, Spec(hidden="relu", output="softmax")).exit_code == 0
    for spec in (Spec(hidden="tanh", output="softmax"), Spec(hidden="tanh")):
        [verdict] = check_network(RIGHT, spec, "report").failures
        assert verdict.cause == "another-activation"
    [verdict] = check_network(RIGHT, Spec(output="sigmoid"), "report").failures
    assert verdict.cause == "another-output"
    with pytest.raises(InputError, match="hidden: expected 1 activations"):
        check_network(RIGHT, Spec(hidden=("relu", "relu")))
    [verdict] = check_network(RIGHT, Spec(initialization="xavier"), "report").failures
    assert verdict.aspect == "initialization"


def test_names_are_one_string() -> None:
    with pytest.raises(InputError, match=r"^parameters: .* names with spaces between, got \['W1'"):
        replace(RIGHT, parameters=["W1", "b1", "W2", "b2"])  # type: ignore[arg-type]


def test_one_aspect_alone() -> None:
    report = check_network(WRONG, on_fail="report", only="stability")
    assert {verdict.aspect for verdict in report.verdicts} == {"stability"}


def test_several_aspects_alone() -> None:
    report = check_network(WRONG, on_fail="report", only=("stability", "gradient"))
    assert {verdict.aspect for verdict in report.verdicts} == {"gradient", "stability"}
    for wrong in ("speed", ("gradient", "speed")):
        with pytest.raises(InputError, match=r"^only: expected one of .*speed"):
            check_network(WRONG, only=wrong)


@parametrize_parity([RIGHT, Network])
def test_every_aspect_is_a_test(check: Any) -> None:
    check()


def test_a_check_of_an_aspect_fails_alone() -> None:
    outcomes = {}
    for check in parity_checks([WRONG]):
        try:
            check()
        except ParityError as error:
            outcomes[check.aspect] = len(error.report.failures)
    assert outcomes == {"gradient": 1}
    assert [check.aspect for check in parity_checks([RIGHT])] == list(EXAMINATIONS)


def test_parts_are_checked() -> None:
    class Doubling:
        def forward(self, x: Any) -> Any:
            self.x = x
            return np.maximum(x, 0)

        def backward(self, grad: Any) -> Any:
            return 2 * grad * (self.x > 0)

    assert check_layer(LayerUnderTest(Doubling, "ReLU"), on_fail="report").exit_code == 1
    squares = LossUnderTest(
        lambda x, y: float(((x - y) ** 2).mean()),
        lambda x, y: 2 * (x - y) / x.size,
        like="MSELoss",
        labels="targets",
    )
    assert check_loss(squares).exit_code == 0
    plain = Rule(
        lambda _, lr: lr,
        lambda lr, params, grads: [p - lr * g for p, g in zip(params, grads, strict=True)],
        kind="sgd",
    )
    assert check_optimizer(plain).exit_code == 0
    with pytest.raises(ParityError):
        check_optimizer(Rule(plain.make, plain.step, kind="adam"))
    with pytest.raises(InputError, match="check_optimizer"):
        check_network(plain)


def test_gradients_of_any_function() -> None:
    point = np.linspace(-1.0, 1.5, 7)
    assert check_gradients(lambda w: float((w**3).sum()), lambda w: 3 * w**2, point).exit_code == 0
    pair = [np.ones((2, 3)), point]
    report = check_gradients(
        lambda ab: float((ab[0] ** 2).sum() + ab[1].sum()),
        lambda ab: [ab[0], np.ones(7)],
        pair,
        on_fail="report",
    )
    assert report.exit_code == 1


def test_a_report_shows_itself() -> None:
    report = check_network(WRONG, on_fail="report")
    assert "differs" in str(report)
    assert "differs" in report.to_markdown()
    assert report.to_html().startswith("<!")
    assert report._repr_html_()
    assert report.to_json()["verdicts"]


def test_the_line_is_found(tmp_path: Path) -> None:
    from parity_tests.kit.child import examine_apart

    text = "    def backward(self, y):\n" + "        d = self.p - y\n"
    source = (
        "import numpy as np\n\n\nclass Net:\n"
        "    def __init__(self):\n"
        "        self.w = np.random.randn(6, 5)\n"
        "        self.b = np.zeros(5)\n\n"
        "    def forward(self, x):\n"
        "        e = x @ self.w + self.b\n"
        "        e = np.exp(e - e.max(axis=1, keepdims=True))\n"
        "        self.x, self.p = x, e / e.sum(axis=1, keepdims=True)\n"
        "        return self.p\n\n"
        f"{text}"
        "        d = d * self.p * (1 - self.p)\n"
        "        return self.x.T @ d / len(y), d.sum(axis=0) / len(y)\n"
    )
    path = tmp_path / "mine.py"
    path.write_text(source)
    [verdict] = examine_apart(f"{path}:Net", only="gradient").failures
    assert verdict.cause == "softmax-jacobian-diagonal"
    assert verdict.line is not None
    assert verdict.line.code == "d = d * self.p * (1 - self.p)"


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"hidden": "rellu"}, "hidden"),
        ({"hidden": ("relu", 3)}, "hidden"),
        ({"output": "soft"}, "output"),
        ({"loss": "crossentropy"}, "loss"),
        ({"scale": "mean_all"}, "scale"),
        ({"optimizer": "adan"}, "optimizer"),
        ({"options": ["lr"]}, "options"),
        ({"initialization": "hee"}, "initialization"),
        ({"weight_decay": "0.1"}, "weight_decay"),
    ],
)
def test_what_is_declared_must_be_known(given: dict[str, Any], argument: str) -> None:
    with pytest.raises(InputError, match=f"^{argument}: expected"):
        Spec(**given)
