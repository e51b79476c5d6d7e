"""Which argument of a function is what, and which array is whose gradient."""

from typing import Any

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.recognition.calls import returned_names
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import DIFFERS, EQUAL

KEYED = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.params = {"W1": np.random.randn(n_in, n_hidden) * 0.3, "b1": np.zeros(n_hidden),
                       "W2": np.random.randn(n_hidden, n_out) * 0.3, "b2": np.zeros(n_out)}
    def forward(self, X):
        self.X = X
        self.h = np.maximum(X @ self.params["W1"] + self.params["b1"], 0)
        s = self.h @ self.params["W2"] + self.params["b2"]
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p
    def loss(self, p, y):
        return -np.mean(np.log(p[np.arange(len(y)), y] + 1e-12))
    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        dh = d @ self.params["W2"].T * (self.h > 0)
        return {"W1": self.X.T @ dh, "b1": dh.sum(axis=0), "W2": self.h.T @ d, "b2": d.sum(axis=0)}
"""

PENALIZED = """
import numpy as np

def initialize_parameters(n_x=12, n_h=9, n_y=10):
    return {"W1": np.random.randn(n_h, n_x) * 0.3, "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h) * 0.3, "b2": np.zeros((n_y, 1))}

def forward_propagation(X, parameters):
    Z1 = parameters["W1"] @ X + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = parameters["W2"] @ A1 + parameters["b2"]
    e = np.exp(Z2 - Z2.max(axis=0, keepdims=True))
    A2 = e / e.sum(axis=0, keepdims=True)
    return A2, (Z1, A1, Z2, A2)

def compute_cost(A2, Y, parameters, lambd=0.7):
    squares = np.sum(parameters["W1"] ** 2) + np.sum(parameters["W2"] ** 2)
    return (-np.sum(Y * np.log(A2 + 1e-12)) + lambd / 2 * squares) / Y.shape[1]

def backward_propagation(X, Y, cache, parameters, lambd=0.7):
    Z1, A1, Z2, A2 = cache
    m = X.shape[1]
    dZ2 = (A2 - Y) / m
    dZ1 = parameters["W2"].T @ dZ2 * (1 - A1**2)
    return {"dW1": dZ1 @ X.T + lambd / m * parameters["W1"], "db1": dZ1.sum(1, keepdims=True),
            "dW2": dZ2 @ A1.T + lambd / m * parameters["W2"], "db2": dZ2.sum(1, keepdims=True)}
"""


def judged(code: str, *aspects: str) -> dict[str, tuple[str, str | None]]:
    report = examine(recognize(names_of(code)).network, only=aspects)
    return {own.aspect: (own.status, own.cause) for own in report.verdicts}


def test_one_number_is_the_gradient_of_the_bias_that_it_is_called_like() -> None:
    assert judged(KEYED, "gradient") == {"gradient": (EQUAL, None)}
    wrong = KEYED.replace("dh.sum(axis=0)", "dh.sum()")
    assert judged(wrong, "gradient") == {"gradient": (DIFFERS, "bias-collapsed")}


@pytest.mark.parametrize("output", ["p", "a", "h"])
def test_a_letter_of_inputs_may_be_an_output_of_a_loss(output: str) -> None:
    code = KEYED.replace("self, p, y", f"self, {output}, y").replace("(p[", f"({output}[")
    assert judged(code, "loss") == {"loss": (EQUAL, None)}
    # The same letter is the input of a loss that runs the forward pass itself.
    inside = code.replace(
        "        return -np", f"        {output} = self.forward({output})\n        return -np"
    )
    assert judged(inside, "loss") == {"loss": (EQUAL, None)}
    assert judged(inside.replace("np.mean", "np.sum"), "loss", "gradient")["gradient"][0] == DIFFERS


def test_a_loss_that_is_given_the_parameters_is_the_networks_own() -> None:
    right = judged(PENALIZED, "loss", "gradient")
    assert right == {"loss": (EQUAL, None), "gradient": (EQUAL, None)}
    wrong = PENALIZED.replace('lambd / m * parameters["W2"]', 'lambd * parameters["W2"]')
    assert judged(wrong, "loss", "gradient")["gradient"] == (DIFFERS, "weight-decay")


BOTH = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10, reg=0.02):
        self.reg = reg
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)
    def predict(self, X):
        return np.maximum(X @ self.W1 + self.b1, 0) @ self.W2 + self.b2
    def loss(self, X, y):
        h = np.maximum(X @ self.W1 + self.b1, 0)
        s = h @ self.W2 + self.b2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        squares = np.sum(self.W1**2) + np.sum(self.W2**2)
        loss = -np.mean(np.log(p[np.arange(len(y)), y] + 1e-12)) + self.reg / 2 * squares
        p[np.arange(len(y)), y] -= 1
        p /= len(y)
        dh = p @ self.W2.T * (h > 0)
        grads = {"W1": X.T @ dh + self.reg * self.W1, "b1": dh.sum(axis=0),
                 "W2": h.T @ p + self.reg * self.W2, "b2": p.sum(axis=0)}
        return loss, grads
"""


def test_a_loss_may_return_gradients_beside() -> None:
    assert judged(BOTH, "loss", "gradient") == {"loss": (EQUAL, None), "gradient": (EQUAL, None)}
    wrong = BOTH.replace("p /= len(y)", "pass")
    assert judged(wrong, "loss", "gradient") == {
        "loss": (EQUAL, None),
        "gradient": (DIFFERS, "factor-batch"),
    }


CALLED_P = """
import numpy as np

def init(layers):
    p = {}
    for n in range(1, len(layers)):
        p["W" + str(n)] = np.random.randn(layers[n], layers[n - 1]) * 0.3
        p["b" + str(n)] = np.zeros((layers[n], 1))
    return p

def forward(X, p):
    cache = {"A0": X}
    for n in range(1, len(p) // 2 + 1):
        cache["A" + str(n)] = np.tanh(p["W" + str(n)] @ cache["A" + str(n - 1)] + p["b" + str(n)])
    return cache["A" + str(len(p) // 2)], cache

def backward(p, cache, Y):
    depth, grads = len(p) // 2, {}
    d = (cache["A" + str(depth)] - Y) * (1 - cache["A" + str(depth)] ** 2) / Y.shape[1]
    for n in range(depth, 0, -1):
        grads["dW" + str(n)] = d @ cache["A" + str(n - 1)].T
        grads["db" + str(n)] = d.sum(axis=1, keepdims=True)
        d = p["W" + str(n)].T @ d * (1 - cache["A" + str(n - 1)] ** 2)
    return grads
"""


def test_parameters_may_have_a_letter_of_inputs() -> None:
    proposal = recognize(names_of(CALLED_P))
    assert proposal.fields["forward"] == "lambda net, x: forward(x, net)[0]"
    assert judged(CALLED_P, "gradient") == {"gradient": (EQUAL, None)}


OF_PAIRS = """
import numpy as np

class Network:
    def __init__(self, sizes):
        self.weights = [np.random.randn(m, n) * 0.3 for n, m in zip(sizes, sizes[1:])]
        self.biases = [np.random.randn(m, 1) * 0.3 for m in sizes[1:]]
    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases):
            a = np.tanh(w @ a + b)
        return a
    def backprop(self, x, y):
        a = [x]
        for w, b in zip(self.weights, self.biases):
            a.append(np.tanh(w @ a[-1] + b))
        d, of_weights, of_biases = a[-1] - y, [], []
        for n in reversed(range(len(self.weights))):
            d = d * (1 - a[n + 1] ** 2)
            of_weights.insert(0, d @ a[n].T)
            of_biases.insert(0, d)
            d = self.weights[n].T @ d
        return of_weights, of_biases
    def update_mini_batch(self, mini_batch, eta):
        sums = [np.zeros(p.shape) for p in self.weights + self.biases]
        for x, y in mini_batch:
            of_weights, of_biases = self.backprop(x, y)
            sums = [s + g for s, g in zip(sums, of_weights + of_biases)]
        for p, s in zip(self.weights + self.biases, sums):
            p -= eta / len(mini_batch) * s
"""


def test_a_step_may_take_a_list_of_pairs() -> None:
    proposal = recognize(names_of(OF_PAIRS))
    pairs = "[(x[:, [n]], y[:, [n]]) for n in range(x.shape[1])]"
    assert proposal.fields["step"].endswith(f"net.update_mini_batch({pairs}, lr)")
    assert judged(OF_PAIRS, "gradient", "optimizer") == {
        "gradient": (EQUAL, None),
        "optimizer": (EQUAL, None),
    }
    # What goes wrong with several samples is not seen with one.
    last_alone = OF_PAIRS.replace("[s + g for s, g in", "[0 * s + g for s, g in")
    assert judged(last_alone, "gradient")["gradient"][0] == DIFFERS
    underived = OF_PAIRS.replace("d = d * (1 - a[n + 1] ** 2)", "d = d * (1 - a[n + 1])")
    assert judged(underived, "gradient")["gradient"][0] == DIFFERS


LOSS_OF_ONE = """
    def cost(self, x, y):
        return 0.5 * np.sum((self.feedforward(x) - y) ** 2)
"""


def test_a_loss_beside_steps_on_pairs_is_that_of_one() -> None:
    def of(code: str) -> tuple[str, str | None]:
        report = examine(recognize(names_of(code + LOSS_OF_ONE)).network, only="gradient")
        first = report.verdicts[0]
        return first.status, first.cause

    assert of(OF_PAIRS) == (EQUAL, None)
    summed = OF_PAIRS.replace("eta / len(mini_batch)", "eta")
    assert of(summed) == (EQUAL, None)
    assert of(OF_PAIRS.replace("eta / len", "2 * eta / len")) == (DIFFERS, "factor-two")
    underived = OF_PAIRS.replace("d = d * (1 - a[n + 1] ** 2)", "d = d * (1 - a[n + 1])")
    assert of(underived)[0] == DIFFERS


def test_of_single_samples_no_bias_is_unsummed_beside_a_fault() -> None:
    single = OF_PAIRS.partition("    def update_mini_batch")[0]
    assert recognize(names_of(single)).fields["batch"] == "'column'"
    squared = single.replace(
        "d, of_weights, of_biases = a[-1] - y", "d, of_weights, of_biases = (a[-1] - y) ** 2"
    )
    assert recognize(names_of(squared)).fields["batch"] == "'column'"
    report = examine(recognize(names_of(squared)).network, only="gradient")
    assert [verdict.cause for verdict in report.failures] == ["loss-as-gradient"]


def test_a_tuple_within_a_tuple_is_one_value_that_is_returned() -> None:
    def forward(x: Any) -> Any:
        first = x + 1
        last = first + 1
        return last, (first, last)

    def backward(x: Any) -> Any:
        first = x + 1
        return (x, first), first

    assert returned_names(forward) == ["last", ""]
    assert returned_names(backward) == ["", "first"]


# The backward pass is given what came out, by a name that inputs may have, or nothing known.
_GIVEN_BACK = (
    "backward(self, y):\n        d = self.p.copy()",
    "backward(self, {0}, y):\n        d = {0}.copy()",
)
_NO_SLOPE = (" * (self.h > 0)", "")
_NO_LOSS = ("def loss(self, p, y)", "def quality(self, p, y)")


def _given_back(name: str, *changes: tuple[str, str]) -> str:
    old, new = _GIVEN_BACK
    code = KEYED.replace("loss(self, p, y)", f"loss(self, {name}, y)")
    code = code.replace("np.log(p[", f"np.log({name}[")
    for before, after in [(old, new.format(name)), *changes]:
        assert before.replace("self, p, y", f"self, {name}, y") in code
        code = code.replace(before.replace("self, p, y", f"self, {name}, y"), after)
    return code


@pytest.mark.parametrize("name", ["p", "a", "s", "logp"])
def test_a_backward_pass_is_given_the_output_by_any_name(name: str) -> None:
    assert judged(_given_back(name), "gradient") == {"gradient": (EQUAL, None)}
    wrong = judged(_given_back(name, _NO_SLOPE), "gradient")
    assert wrong == {"gradient": (DIFFERS, "activation-derivative-missing")}


def test_what_only_may_be_the_output_counts_if_all_is_right() -> None:
    assert judged(_given_back("s", _NO_LOSS), "gradient") == {"gradient": (EQUAL, None)}
    code = _given_back("s", _NO_LOSS, _NO_SLOPE)
    proposal = recognize(names_of(code))
    assert "gradients" not in proposal.fields
    [told] = [own.why for own in proposal.conventions if own.name == "gradients"]
    assert "what to give for s is not known" in told


def test_a_list_of_pairs_is_asked_with_several_where_one_sample_is_taken() -> None:
    # The sum of its softmax is over all that it is given, and right for one sample alone.
    softmax = OF_PAIRS.replace(
        "        return a\n", "        e = np.exp(a - a.max())\n        return e / e.sum()\n"
    )
    code = softmax.replace("d, of_weights, of_biases = a[-1] - y,", "d, of_weights, of_biases = 0,")
    code = code.replace(
        "        for n in reversed",
        "        e = np.exp(a[-1] - a[-1].max())\n        d = e / e.sum() - y\n"
        "        for n in reversed",
    )
    proposal = recognize(names_of(code))
    assert proposal.fields["batch"] == "'column'"
    assert "for n in range(x.shape[1])" in proposal.fields["step"]
    assert not examine(proposal.network, only=("gradient", "optimizer", "data")).failures
    last = code.replace(
        "sums = [s + g for s, g in zip(sums, of_weights + of_biases)]",
        "sums = of_weights + of_biases",
    )
    report = examine(recognize(names_of(last)).network, only="data")
    assert [verdict.cause for verdict in report.failures] == ["samples-left-out"]


# The step is called as none is, and known by what it is given.
_GIVEN_GRADIENTS = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) / 3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) / 3, np.zeros(n_out)
        self.norms = []
    def forward(self, X):
        self.X, self.a = X, np.tanh(X @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2
    def loss(self, out, y):
        return 0.5 * np.sum((out - y) ** 2) / len(y)
    def backward(self, out, y):
        d2 = (out - y) / len(y)
        d1 = d2 @ self.W2.T * (1 - self.a**2)
        return [self.X.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]
"""
_APPLY = """
    def apply(self, grads, lr):
        for p, g in zip((self.W1, self.b1, self.W2, self.b2), grads):
            p -= lr * g
"""
_CLIP = """
    def clip(self, grads):
        return [np.clip(g, -1, 1) for g in grads]
"""
_LOG = """
    def log(self, grads):
        self.norms.append([np.linalg.norm(g) for g in grads])
"""


def test_a_method_that_is_given_gradients_and_moves_parameters_is_the_step() -> None:
    for code in (_APPLY, _CLIP + _LOG + _APPLY):
        proposal = recognize(names_of(_GIVEN_GRADIENTS + code)["Net"])
        assert "net.apply(g, lr)" in proposal.fields["step"]
        report = examine(proposal.network, only=("gradient", "optimizer"))
        assert {verdict.status for verdict in report.verdicts} == {EQUAL}
    turned = _APPLY.replace("p -= lr * g", "p += lr * g * (p.ndim == 1) - lr * g * (p.ndim > 1)")
    proposal = recognize(names_of(_GIVEN_GRADIENTS + turned)["Net"])
    [verdict] = examine(proposal.network, only="optimizer").failures
    assert (verdict.cause, verdict.tensor) == ("sign", "b2")


@pytest.mark.parametrize("code", [_CLIP, _LOG, _CLIP + _LOG])
def test_a_method_that_is_given_gradients_and_moves_nothing_is_no_step(code: str) -> None:
    assert "step" not in recognize(names_of(_GIVEN_GRADIENTS + code)["Net"]).fields


def test_what_trains_is_the_step_before_what_takes_gradients() -> None:
    trains = """
    def train_on_batch(self, X, y, lr):
        self.apply([2 * g for g in self.backward(self.forward(X), y)], lr)
"""
    proposal = recognize(names_of(_GIVEN_GRADIENTS + _APPLY + trains)["Net"])
    assert "net.train_on_batch(x, y, lr)" in proposal.fields["step"]
    [verdict] = examine(proposal.network, only="optimizer").failures
    assert (verdict.cause, verdict.factor) == ("step-scaled", pytest.approx(2))
