"""Gradients that add up are set to zero by what a file has for it, as its training loop does."""

from pathlib import Path

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.loading.loader import Loader, propose
from parity_tests.kit.recognition import Proposal, recognize
from parity_tests.kit.rendering.wording import CLASSES_LEFT_OUT
from parity_tests.kit.tests.proposals import found, names_of
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED

NETWORK = """
import numpy as np

class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)

class Net:
    def __init__(self, n=12, h=9, o=10):
        self.W1, self.b1 = Parameter(np.random.randn(n, h) / 3), Parameter(np.zeros(h))
        self.W2, self.b2 = Parameter(np.random.randn(h, o) / 3), Parameter(np.zeros(o))
    def parameters(self):
        return [self.W1, self.b1, self.W2, self.b2]
    def forward(self, x):
        self.x, self.a = x, np.tanh(x @ self.W1.data + self.b1.data)
        return self.a @ self.W2.data + self.b2.data
    def loss(self, x, y):
        return float(np.sum((self.forward(x) - y) ** 2) / 2 / len(x))
    def backward(self, x, y):
        d = (self.forward(x) - y) / len(x)
        self.W2.grad += self.a.T @ d
        self.b2.grad += d.sum(axis=0)
        d = d @ self.W2.data.T * (1 - self.a**2)
        self.W1.grad += x.T @ d
        self.b1.grad += d.sum(axis=0)
"""
SGD = """
class SGD:
    def __init__(self, params, lr=0.1):
        self.params, self.lr = params, lr
    def zero_grad(self):
        for p in self.params:
            p.grad = np.zeros_like(p.data)
    def step(self):
        for p in self.params:
            p.data -= self.lr * p.grad
"""
ADAM = """
class Adam:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = params, lr, betas, eps, 0
        self.m = [np.zeros_like(p.data) for p in params]
        self.v = [np.zeros_like(p.data) for p in params]
    def zero_grad(self):
        for p in self.params:
            p.grad[...] = 0
    def step(self):
        self.t += 1
        one, two = self.betas
        for k, p in enumerate(self.params):
            self.m[k] = one * self.m[k] + (1 - one) * p.grad
            self.v[k] = two * self.v[k] + (1 - two) * p.grad**2
            m, v = self.m[k] / (1 - one**self.t), self.v[k] / (1 - two**self.t)
            p.data -= self.lr * m / (np.sqrt(v) + self.eps)
"""
FUNCTION = """
def zero_gradients(net):
    for p in net.parameters():
        p.grad[...] = 0
"""
LOOP = """
def train(net, x, y, epochs):
    optimizer = SGD(net.parameters(), 0.1)
    for _ in range(epochs):
        optimizer.zero_grad()
        net.backward(x, y)
        optimizer.step()
"""
FORGETTING = LOOP.replace("        optimizer.zero_grad()\n", "")


def of(code: str) -> Proposal:
    return recognize(names_of(NETWORK + code))


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (SGD, "sgd"),
        (SGD + LOOP, "sgd"),
        (ADAM, "adam"),
        (FUNCTION, None),
    ],
)
def test_what_sets_gradients_to_zero_is_called(code: str, step: str | None) -> None:
    proposal = of(code)
    reset = "zero_gradients(net)" if step is None else ".zero_grad()"
    assert reset in proposal.fields["backward"]
    report = examine(proposal.network)
    assert report.failures == []
    for aspect in ("gradient", "side effects", *(("optimizer",) if step else ())):
        assert {v.status for v in report.of(aspect)} == {EQUAL}
    if step is not None:
        [verdict] = report.of("optimizer")
        assert f"those of {step}" in verdict.message


def test_an_optimizer_of_which_no_more_is_asked_is_told() -> None:
    # What its step is to be given is not known.
    proposal = of(SGD.replace("def step(self)", "def step(self, closure)"))
    assert "zero_grad()" in proposal.fields["backward"]
    assert "step" not in proposal.fields
    assert found(proposal, CLASSES_LEFT_OUT) == "SGD"


@pytest.mark.parametrize("code", ["", SGD + FORGETTING])
def test_gradients_that_nothing_sets_to_zero_are_a_fault(code: str) -> None:
    proposal = of(code)
    assert "zero_grad" not in proposal.fields["backward"]
    [verdict] = examine(proposal.network, only="side effects").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, "gradient-accumulated")


@pytest.mark.parametrize("is_called", [True, False])
def test_a_training_loop_outside_of_functions_counts(tmp_path: Path, is_called: bool) -> None:
    loop = """
net = Net()
optimizer = SGD(net.parameters(), 0.1)
for _ in range(2):
    optimizer.zero_grad()
    net.backward(np.ones((3, 12)), np.ones((3, 10)))
    optimizer.step()
"""
    text = loop if is_called else loop.replace("    optimizer.zero_grad()\n", "")
    file = tmp_path / "net.py"
    file.write_text(NETWORK + SGD + text, encoding="utf-8")
    with Loader() as loader:
        proposal = propose(loader.load(f"{file}:Net"))
    assert ("zero_grad" in proposal.fields["backward"]) == is_called


OF_THE_NETWORK = """
class Linear:
    def __init__(self, n, m):
        self.W, self.b = np.random.randn(n, m) / 3, np.zeros(m)
        self.zero_grad()
    def zero_grad(self):
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, d):
        self.dW += self.x.T @ d
        self.db += d.sum(axis=0)
        return d @ self.W.T

class Net:
    def __init__(self, n=12, h=9, o=10):
        self.layers = [Linear(n, h), Linear(h, o)]
    def zero_grad(self):
        for layer in self.layers:
            layer.zero_grad()
    def forward(self, x):
        self.a = np.tanh(self.layers[0].forward(x))
        return self.layers[1].forward(self.a)
    def backward(self, x, y):
        d = self.layers[1].backward((self.forward(x) - y) / len(x))
        return self.layers[0].backward(d * (1 - self.a**2))
    def update_parameters(self, lr):
        for layer in self.layers:
            layer.W -= lr * layer.dW
            layer.b -= lr * layer.db
"""
OWN_LOOP = """
def train(net, x, y, epochs):
    for _ in range(epochs):
        net.zero_grad()
        net.backward(x, y)
        net.update_parameters(0.1)
"""


@pytest.mark.parametrize("loop", ["", OWN_LOOP])
def test_a_network_sets_its_own_gradients_to_zero(loop: str) -> None:
    proposal = recognize(names_of("import numpy as np\n" + OF_THE_NETWORK + loop))
    assert "net.zero_grad()" in proposal.fields["step"]
    report = examine(proposal.network)
    assert report.failures == []
    assert {v.status for v in report.of("optimizer")} == {EQUAL}


def test_a_reset_that_no_training_loop_calls_is_forgotten() -> None:
    # A constructor and a reset that hands on to others are no training loops.
    loop = OWN_LOOP.replace("        net.zero_grad()\n", "")
    proposal = recognize(names_of("import numpy as np\n" + OF_THE_NETWORK + loop))
    report = examine(proposal.network)
    assert "gradient-accumulated" in {verdict.cause for verdict in report.failures}


SHRINKING = OF_THE_NETWORK.replace(
    "        return d @ self.W.T\n", "        self.W *= 0.999\n        return d @ self.W.T\n"
)


def test_a_backward_pass_that_shrinks_parameters_is_no_step() -> None:
    proposal = recognize(names_of("import numpy as np\n" + SHRINKING))
    assert "net.zero_grad()" in proposal.fields["backward"]
    assert "net.update_parameters(lr)" in proposal.fields["step"]
    report = examine(proposal.network, only=("gradient", "optimizer", "side effects"))
    [verdict] = report.of("side effects")
    assert (verdict.status, verdict.cause) == (DIFFERS, "parameters-changed")
    assert "each call takes 0.001 x W1, 0.001 x W2 away" in verdict.message
    [verdict] = report.of("optimizer")
    assert verdict.status == UNCHECKED
    assert "takes 0.001 x W1, 0.001 x W2 away" in verdict.message


BIASES_LEFT_OUT = OF_THE_NETWORK.replace(
    "self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)",
    "self.dW = np.zeros_like(self.W)\n        self.db = getattr(self, 'db', np.zeros_like(self.b))",
)
BIASES_SET = """
def clear_gradients(net):
    for layer in net.layers:
        layer.dW, layer.db = np.zeros_like(layer.W), np.zeros_like(layer.b)
"""


@pytest.mark.parametrize("loop", ["", OWN_LOOP])
def test_what_a_reset_leaves_out_adds_up_alone(loop: str) -> None:
    proposal = recognize(names_of("import numpy as np\n" + BIASES_LEFT_OUT + loop))
    assert "net.zero_grad()" in proposal.fields["step"]
    report = examine(proposal.network)
    assert {v.status for v in report.of("gradient")} == {EQUAL}
    of_steps, beside = report.failures
    assert (of_steps.aspect, of_steps.cause) == ("optimizer", "step-of-accumulated")
    assert "b1, b2 by sgd with gradient = accumulated" in of_steps.message
    assert "all others are stepped by sgd" in of_steps.message
    assert (beside.aspect, beside.cause) == ("side effects", "gradient-accumulated")
    assert "leaves out b1 and b2" in beside.message


def test_what_sets_all_gradients_to_zero_comes_before_what_leaves_some_out() -> None:
    proposal = recognize(names_of("import numpy as np\n" + BIASES_LEFT_OUT + BIASES_SET))
    assert "clear_gradients(net)" in proposal.fields["step"]
    assert examine(proposal.network).failures == []
