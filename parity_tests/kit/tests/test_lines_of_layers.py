"""Lines that are shown of networks whose layers are objects, or whose labels are integers."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.verdicts import Verdict

_SOURCE = """
import numpy as np

class Linear:
    def __init__(self, fan_in, fan_out):
        self.w = np.random.default_rng().standard_normal((fan_in, fan_out)) / 3
        self.b = np.zeros(fan_out)
    def forward(self, x):
        self.x = x
        return x @ self.w + self.b
    def backward(self, grad):
        self.dw, self.db = self.x.T @ grad, grad.sum(axis=0)
        return grad @ THROUGH.T

class Tanh:
    def forward(self, z):
        self.a = np.tanh(z)
        return self.a
    def backward(self, grad):
        return grad * SLOPE

class Copy:
    def forward(self, a):
        return a.copy()
    def backward(self, grad):
        return grad.copy()

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def make():
    return [Linear(12, 9), Tanh(), Copy(), Linear(9, 10)]

def parameters(net):
    return [own for layer in net[::3] for own in (layer.w, layer.b)]

def forward(net, x):
    for layer in net:
        x = layer.forward(x)
    return softmax(x)

def gradients(net, x, y):
    p = forward(net, x)
    y = np.eye(10)[y]
    grad = ERROR / len(x)
    for layer in reversed(net):
        grad = layer.backward(grad)
    return [own for layer in net[::3] for own in (layer.dw, layer.db)]
"""
_RIGHT = {"THROUGH": "self.w", "SLOPE": "(1 - self.a**2)", "ERROR": "(p - y)"}


def _told(folder: Path, **changed: str) -> list[Verdict]:
    """Return what is wrong with a network some parts of which are others."""
    source = _SOURCE
    for name, text in {**_RIGHT, **changed}.items():
        source = source.replace(name, text)
    file = folder / "layers.py"
    file.write_text(source, encoding="utf-8")
    names: dict[str, Any] = runpy.run_path(str(file))
    parts = {name: names[name] for name in ("make", "parameters", "forward", "gradients")}
    return examine(Network(**parts, labels="integers"), only="gradient").failures


def test_a_right_network_has_no_such_line(tmp_path: Path) -> None:
    assert not _told(tmp_path)


@pytest.mark.parametrize(
    ("changed", "cause", "code"),
    [
        # Handed on by the layer that is meant to do more, and not by the one that knows nothing.
        ({"SLOPE": "1.0"}, "activation-derivative-missing", "return grad * 1.0"),
        (
            {"SLOPE": "(1 - self.a * self.a[:, ::-1])"},
            None,
            "return grad * (1 - self.a * self.a[:, ::-1])",
        ),
        # What comes to the layer behind is wrong already.
        ({"THROUGH": "np.sign(self.w)"}, None, None),
        # Labels that are made one-hot are no error yet.
        ({"ERROR": "(-y)"}, "output-left-out", "grad = (-y) / len(x)"),
    ],
)
def test_the_line_is_that_of_the_fault(
    changed: dict[str, str], cause: str | None, code: str | None, tmp_path: Path
) -> None:
    [verdict] = _told(tmp_path, **changed)
    assert verdict.cause == cause
    assert (verdict.line and verdict.line.code) == code
