"""``check`` on the command line."""

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from numpy_impl import InputError
from parity_tests.kit.command import add_commands
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Report, Verdict

NETWORK = """
import numpy as np
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec

class Net:
    def __init__(self):
        self.W, self.b = np.random.randn(5, 3), np.zeros(3)

    def forward(self, x):
        return x @ self.W + self.b

def declare(output):
    spec = Spec(output=output)
    return Network(make=Net, parameters="W b", forward="forward", spec=spec)

right, wrong = declare("identity"), declare("softmax")
"""


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    parsed = parser.parse_args(["check", *arguments])
    code: int = parsed.run(parsed)
    return code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my net.py"
    path.write_text(NETWORK)
    return path


def test_exit_codes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forward = ["--only", "forward"]
    assert run([f"{file}:right", *forward]) == 0
    assert run([f"{file}:wrong", *forward]) == 1
    assert run([f"{file}:nothing", *forward]) == 2
    out = capsys.readouterr().out
    assert out.count("✓ forward: equal") == out.count("✗ forward: differs") == 1
    assert out.count("? forward: could not check") == 1


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 2),
        ([UNCHECKED], 2),
        ([UNCHECKED, EQUAL], 0),
        ([CONVENTION], 0),
        ([EQUAL, DIFFERS, UNCHECKED], 1),
    ],
)
def test_exit_code_of_verdicts(found: list[str], code: int) -> None:
    verdicts = [Verdict("forward", status, "so") for status in found]
    assert Report("x", {}, verdicts, planned=1, run=1).exit_code == code


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ({"forward": [UNCHECKED], "initialization": [EQUAL]}, 2),
        ({"forward": [EQUAL], "gradient": [UNCHECKED], "stability": [EQUAL]}, 2),
        ({"forward": [UNCHECKED], "gradient": [EQUAL]}, 2),
        ({"forward": [EQUAL], "gradient": [EQUAL, UNCHECKED]}, 0),
        ({"forward": [EQUAL], "gradient": [CONVENTION], "loss": [UNCHECKED]}, 0),
        ({"forward": [UNCHECKED], "initialization": [DIFFERS]}, 1),
        ({"loss": [EQUAL]}, 0),
    ],
)
def test_without_forward_pass_or_gradient_nothing_is_checked(
    found: dict[str, list[str]], code: int
) -> None:
    verdicts = [Verdict(aspect, s, "so") for aspect, several in found.items() for s in several]
    assert Report("x", {}, verdicts, planned=3, run=2).exit_code == code


def test_a_network_without_gradients_is_not_checked(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([f"{file}:right"]) == 2
    assert "The gradient could not be checked. Nothing differs" in capsys.readouterr().out


def test_a_failure_has_the_command_that_shows_it_again(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run([f"{file}:wrong", "--seed", "3", "--timeout", "50", "--memory", "1000", "--json", "-"])
    report = json.loads(capsys.readouterr().out)
    failing = [v for v in report["verdicts"] if v["status"] == DIFFERS]
    others = [v for v in report["verdicts"] if v["status"] != DIFFERS]
    assert failing
    assert {verdict["reproduce"] for verdict in others} <= {""}
    command = shlex.split(failing[0]["reproduce"])
    assert command[:4] == ["python", "-m", "parity_tests", "check"]
    assert command[5:7] == ["--only", "forward"]
    assert command[7:] == ["--seed", "3", "--timeout", "50", "--memory", "1000"]
    # It is run, and shows it again.
    assert run([*command[4:], "--json", "-"]) == 1
    again = json.loads(capsys.readouterr().out)
    assert [v["message"] for v in again["verdicts"]] == [v["message"] for v in failing]


def test_reports_are_written(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = {form: file.with_suffix(f".{form}") for form in ("json", "html", "markdown")}
    options = [part for form, path in out.items() for part in (f"--{form}", str(path))]
    assert run([f"{file}:wrong", *options, "--only", "forward"]) == 1
    assert "✗ forward: differs" in capsys.readouterr().out
    assert json.loads(out["json"].read_text())["target"] == f"{file}:wrong"
    assert out["html"].read_text().startswith("<!doctype html>")
    assert out["markdown"].read_text().startswith("# `")


RULE = """
from parity_tests.kit import Rule

class Descent:
    def __init__(self, lr, share):
        self.lr, self.share = lr, share
    def step(self, params, grads):
        for p, g in zip(params, grads):
            p -= self.lr * (self.share if p.ndim == 1 else 1.0) * g

def declare(share):
    return Rule(make=lambda p, lr: Descent(lr, share), step=lambda o, p, g: o.step(p, g))

def made():
    return declare(1.0)

wrong = declare(0.5)
"""


def test_an_optimizer_by_itself_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rule.py"
    file.write_text(RULE)
    assert run([f"{file}:made"]) == 0
    assert "sgd" in capsys.readouterr().out
    assert run([f"{file}:wrong", "--json", "-"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [verdict["aspect"] for verdict in report["verdicts"]] == ["optimizer"]
    assert (report["planned"], report["run"]) == (1, 1)


PARTS = """
import numpy as np
from parity_tests.kit import LayerUnderTest, LossUnderTest

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask
    def backward(self, d):
        return d * self.mask

class InPlace(ReLU):
    def backward(self, d):
        d *= self.mask
        return d

def mean(p, y):
    return np.mean((p - y) ** 2)

def slope(p, y):
    return (p - y) / p.size

layer = LayerUnderTest(ReLU, "ReLU")
in_place = LayerUnderTest(InPlace, "ReLU")
loss = LossUnderTest(mean, slope, "MSELoss")
"""


@pytest.mark.parametrize(
    ("name", "code", "aspect"),
    [("layer", 0, ""), ("in_place", 1, "side effects"), ("loss", 1, "gradient")],
)
def test_a_layer_and_a_loss_by_themselves_are_checked(
    name: str, code: int, aspect: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "parts.py"
    file.write_text(PARTS)
    assert run([f"{file}:{name}", "--json", "-"]) == code
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    assert [own["aspect"] for own in verdicts if own["status"] == "differs"] == [aspect] * code


def test_bad_options(file: Path) -> None:
    with pytest.raises(InputError, match="only"):
        run([f"{file}:right", "--only", "speed"])
    with pytest.raises(InputError, match="markdown"):
        run([f"{file}:right", "--json", "-", "--markdown", "-"])
