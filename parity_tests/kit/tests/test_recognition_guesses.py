"""What is guessed of a network is never blamed on it, and is told."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import Proposal, recognize
from parity_tests.kit.tests.proposals import names_of, pasted
from parity_tests.kit.tests.test_recognition_left_out import FUNCTIONS, told
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED

# One output, and labels without a second axis: of several classes they are numbers all the same.
ONE_OUTPUT = """
import numpy as np

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_hidden, n_in) * 0.1, np.zeros((n_hidden, 1))
        self.W2, self.b2 = np.random.randn(n_out, n_hidden) * 0.1, np.zeros((n_out, 1))
    def forward(self, X):
        self.a = np.tanh(self.W1 @ X.T + self.b1)
        self.p = 1 / (1 + np.exp(-(self.W2 @ self.a + self.b2)))
    def backward(self, X, Y):
        d = self.p - Y
        self.dW2, self.db2 = d @ self.a.T / len(X), d.mean(axis=1, keepdims=True)
        d = self.W2.T @ d * (1 - self.a**2)
        self.dW1, self.db1 = d @ X / len(X), d.mean(axis=1, keepdims=True)
    def train(self, X, Y, lr):
        self.forward(X)
        self.backward(X, Y)
        for name in ("W1", "b1", "W2", "b2"):
            getattr(self, name)[...] -= lr * getattr(self, "d" + name)
"""


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("", "", EQUAL),
        ("self.W2.T @ d * (1 - self.a**2)", "self.W2.T @ d", DIFFERS),
    ],
)
def test_labels_that_are_computed_with_are_those_of_one_output(
    old: str, new: str, status: str
) -> None:
    proposal = recognize(names_of(ONE_OUTPUT.replace(old, new)))
    assert proposal.fields["make"] == "lambda: Net(12, 9, 1)"
    report = examine(proposal.network, only="gradient")
    assert {verdict.status for verdict in report.of("gradient")} == {status}
    causes = {verdict.cause for verdict in report.failures}
    assert causes <= {"activation-derivative-missing"}, causes


def test_labels_of_classes_stay_those_of_classes() -> None:
    several = ONE_OUTPUT.replace("self.p - Y", "self.p - np.eye(10)[Y].T")
    wrong = several.replace("self.W2.T @ d * (1 - self.a**2)", "np.sin(self.W2.T @ d)")
    for source in (several, wrong):
        proposal = recognize(names_of(source))
        assert proposal.fields["labels"] == "'integers'"
        assert proposal.fields["make"] == "lambda: Net(12, 9, 10)"


# An activation that is given the place, and says its derivative there; and layers that ask it.
ASKED = """
import numpy as np

class Tanh:
    def forward(self, z):
        return np.tanh(z)
    def backward(self, z):
        return 1 - np.tanh(z)**2

class Layer:
    def __init__(self, n, m):
        self.w, self.b, self.act = np.random.randn(n, m) * 0.1, np.zeros(m), Identity()
    def forward(self, x):
        self.x, self.z = x, x @ self.w + self.b
        return self.act.forward(self.z)
    def backward(self, d):
        d = d * self.act.backward(self.z)
        self.dw, self.db = self.x.T @ d, d.sum(axis=0)
        return d @ self.w.T

class Identity:
    def forward(self, z):
        return z
    def backward(self, z):
        return np.ones_like(z)
"""


def test_how_layers_are_put_together_is_not_blamed_on_them() -> None:
    proposal = recognize(names_of(ASKED))
    assert proposal.fields["make"] == "lambda: [Layer(12, 9), Layer(9, 10)]"
    report = examine(proposal.network, only="gradient")
    assert not report.failures
    # What is handed back otherwise may be meant for something else than a list.
    strange = ASKED.replace("return d @ self.w.T", "return np.sin(d @ self.w.T)")
    proposal = recognize(names_of(strange))
    assert "gradients" not in proposal.fields
    [why] = told(proposal, "gradients")
    assert why.startswith("not found: the layers, put together here, give none")


RANGES = """
import numpy as np

class Net:
    def __init__(self, n_in, n_out, n_hidden=3, weights_between=(-1, 1), decay_steps=(30, 60, 90),
                 hidden_gain=2.0, output_bias=1, units=(4, 5)):
        low, high = weights_between
        self.w1 = np.random.uniform(low, high, (n_in, n_hidden)) * hidden_gain
        self.b1, self.b2 = np.zeros(n_hidden), np.zeros(n_out) + output_bias
        self.w2 = np.random.uniform(low, high, (n_hidden, n_out))
        self.milestones = decay_steps, units
    def forward(self, x):
        return np.tanh(x @ self.w1 + self.b1) @ self.w2 + self.b2
"""


def test_what_has_a_default_and_is_no_width_is_left_as_it_is() -> None:
    proposal = recognize(names_of(RANGES))
    assert proposal.fields["make"] == "lambda: Net(12, 10, n_hidden=9)"
    of_list = RANGES.replace("n_in, n_out, n_hidden=3,", "sizes=(784, 30, 10),").replace(
        "low, high =", "(n_in, n_hidden, n_out), (low, high) = sizes,"
    )
    made = recognize(names_of(of_list)).fields["make"]
    assert made == "lambda: Net(sizes=[12, 9, 10])"


PENALTY = FUNCTIONS.replace("w2, b2):\n    a, p = forward", "w2, b2, lambd):\n    a, p = forward")
PENALTY = PENALTY.replace("return x.T @ h,", "return x.T @ h + lambd * w1,")


def test_what_is_taken_as_zero_is_told() -> None:
    [zero] = told(recognize(names_of(PENALTY)), "taken as zero")
    assert zero == "lambd: no value is known, and what it adds or changes is not judged"
    assert told(recognize(names_of(FUNCTIONS)), "taken as zero") == []
    counted = PENALTY.replace("/ len(x)", "/ m")
    assert told(recognize(names_of(counted)), "taken as zero") == [zero]
    of_maker = RANGES.replace("n_in, n_out,", "n_in, n_out, momentum,")
    proposal = recognize(names_of(of_maker))
    assert proposal.fields["make"] == "lambda: Net(12, 10, 0.0, n_hidden=9)"
    [zero] = told(proposal, "taken as zero")
    assert zero.startswith("momentum: ")


def test_what_returns_the_gradients_is_no_step() -> None:
    proposal = recognize(names_of(FUNCTIONS))
    assert "gradients" in proposal.fields
    assert "step" not in proposal.fields


COUNTED = FUNCTIONS.replace("/ len(x)", "/ m")


def test_a_number_of_samples_that_nothing_binds_is_given() -> None:
    names = names_of(COUNTED)
    proposal = recognize(names)
    assert "with_globals(backward, m=len(x))(" in proposal.fields["gradients"]
    [guess] = told(proposal, "number of samples")
    assert guess.startswith("m: ")
    assert "m" not in names
    report = examine(pasted(proposal, names), only="gradient")
    assert [verdict.status for verdict in report.verdicts] == [EQUAL]
    # A training that begins with parameters of its own is no step of those that are given.
    training = """
def gradient_descent(x, y, lr):
    w = init_params()
    return [a - lr * g for a, g in zip(w, backward(x, y, *w))]
"""
    assert "step" not in recognize(names_of(COUNTED + training)).fields
    # What is bound is left as it is.
    bound: Proposal = recognize(names_of(f"{COUNTED}\nm = 60000\n"))
    assert "with_globals" not in bound.fields["gradients"]


def test_of_what_was_raised_the_farthest_is_told() -> None:
    text = FUNCTIONS.replace("d = (p - y)", "d = p - np.eye(10)[y]\n    d = d * undefined")
    [why] = told(recognize(names_of(text)), "gradients")
    assert "backward raises NameError: name 'undefined' is not defined" in why


# Adam inside of the backward pass, and arrays that are no gradients and of the shapes of some.
OF_SIGNS = """
import numpy as np

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.w = [np.random.randn(n_in, n_hidden) * 0.3, np.random.randn(n_hidden, n_out) * 0.3]
        self.b = [np.zeros(n_hidden), np.zeros(n_out)]
        self.scales = [np.ones(n_hidden)]
        self.m = [{"w": np.zeros_like(w), "b": np.zeros_like(b)} for w, b in zip(self.w, self.b)]
        self.v = [{"w": np.zeros_like(w), "b": np.zeros_like(b)} for w, b in zip(self.w, self.b)]
        self.lr, self.t = 0.01, 0
    def forward(self, x):
        self.a = np.tanh(x @ self.w[0] + self.b[0]) * self.scales[0]
        return self.a @ self.w[1] + self.b[1]
    def clip_gradients(self, gradients):
        return [g * min(1, 5 / (np.linalg.norm(g) + 1e-6)) for g in gradients]
    def backward(self, x, y, output):
        self.t += 1
        d2 = (output - y) / len(x)
        d1 = d2 @ self.w[1].T * (1 - self.a**2)
        for i, (a, d) in enumerate(((x, d1), (self.a, d2))):
            for k, p, g in (("w", self.w, a.T @ d), ("b", self.b, d.sum(axis=0))):
                self.m[i][k] = 0.9 * self.m[i][k] + 0.1 * g
                self.v[i][k] = 0.999 * self.v[i][k] + 0.001 * g**2
                m, v = self.m[i][k] / (1 - 0.9**self.t), self.v[i][k] / (1 - 0.999**self.t)
                p[i] -= self.lr * m / (np.sqrt(v) + 1e-8)
"""


def test_what_does_not_change_is_no_gradient_and_first_steps_of_signs_tell_labels() -> None:
    proposal = recognize(names_of(OF_SIGNS))
    assert "gradients" not in proposal.fields
    assert "labels" not in proposal.fields  # one-hot, as usual
    report = examine(proposal.network, only=("gradient", "optimizer"))
    assert [verdict.status for verdict in report.verdicts] == [EQUAL, EQUAL]


# The gradient of a bias is a row for each sample: that of a batch, or one sample is all it takes.
OF_ROWS = """
import numpy as np

class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(12, 9) / 3, np.zeros((1, 9))
        self.W2, self.b2 = np.random.randn(9, 10) / 3, np.zeros((1, 10))
    def forward(self, X):
        self.a = np.tanh(X @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2
    def backward(self, X, Y):
        d = self.forward(X) - Y
        self.dW2, self.db2 = self.a.T @ d, d
        d = d @ self.W2.T * (1 - self.a**2)
        self.dW1, self.db1 = X.T @ d, d
"""
TRAINED = (
    OF_ROWS.replace("def backward(self, X, Y):", "def train(self, X, Y, lr):")
    + """\
        for name in ("W1", "b1", "W2", "b2"):
            getattr(self, name)[...] -= lr * getattr(self, "d" + name)
"""
)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (OF_ROWS, "a bias has a gradient for every sample of it"),
        (TRAINED, "train(x, y, lr) raises ValueError"),
        (OF_ROWS.replace(", d\n", ", d.sum(axis=0)\n"), ""),
        (OF_ROWS.replace("X @ self.W1", "X.reshape(1, 12) @ self.W1"), ""),
    ],
)
def test_what_comes_of_batches_is_told_of_what_is_asked_one_sample_at_a_time(
    source: str, why: str
) -> None:
    proposal = recognize(names_of(source))
    [batch] = [c for c in proposal.conventions if c.name == "batch axis"]
    assert batch.value == ("rows" if "sum" in source else "row")
    of_batches = [c.why for c in proposal.conventions if c.name == "gradients of a batch"]
    assert len(of_batches) == bool(why)
    assert all(why in told_why for told_why in of_batches)
    assert examine(proposal.network, only="gradient").failures == []


@pytest.mark.parametrize(("sign", "certainty"), [("-", "sure"), ("", "likely")])
def test_a_loss_without_its_sign_is_none_that_is_known(sign: str, certainty: str) -> None:
    source = f"""{ONE_OUTPUT}
    def loss(self, X, Y):
        self.forward(X)
        return {sign}np.mean(Y * np.log(self.p) + (1 - Y) * np.log(1 - self.p))
"""
    [found] = [c for c in recognize(names_of(source)).conventions if c.name == "loss"]
    assert found.certainty == certainty


# One matrix that is used twice: what it gives is as wide as its inputs, and the code is narrower.
TIED = """
import numpy as np

class Tied:
    def __init__(self, n=12, h=5):
        self.W, self.b, self.c = np.random.randn(n, h) * 0.3, np.zeros(h), np.zeros(n)
    def forward(self, X):
        self.H = np.tanh(X @ self.W + self.b)
        return self.H @ self.W.T + self.c
    def loss(self, X, y=None):
        return ((self.forward(X) - X)**2).mean()
    def backward(self, X, y=None):
        d = 2 * (self.forward(X) - X) / X.size
        dz = d @ self.W * (1 - self.H**2)
        return {"W": X.T @ dz + d.T @ self.H, "b": dz.sum(axis=0), "c": d.sum(axis=0)}
"""
# What a loss leaves is the output, where no function returns another one.
LEFT_BY_LOSS = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)
    def loss(self, X, y=None):
        self.h = np.tanh(X @ self.W1 + self.b1)
        self.p = self.h @ self.W2 + self.b2
        return 0.0 if y is None else ((self.p - y)**2).mean()
    def backward(self, X, y):
        self.loss(X, y)
        d = 2 * (self.p - y) / y.size
        dz = d @ self.W2.T * (1 - self.h**2)
        return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": self.h.T @ d, "b2": d.sum(axis=0)}
"""


def test_a_gradient_is_not_held_to_an_output_that_is_a_guess() -> None:
    report = examine(recognize(names_of(TIED)["Tied"]).network, only="gradient")
    assert {verdict.status for verdict in report.of("gradient")} == {UNCHECKED}


@pytest.mark.parametrize(
    ("old", "new", "causes"),
    [("", "", []), ("* (1 - self.h**2)", "", ["activation-derivative-missing"])],
)
def test_an_output_that_a_loss_leaves_is_taken_where_the_gradient_fits(
    old: str, new: str, causes: list[str]
) -> None:
    source = LEFT_BY_LOSS.replace(old, new) if old else LEFT_BY_LOSS
    report = examine(recognize(names_of(source)["Net"]).network, only="gradient")
    assert UNCHECKED not in {verdict.status for verdict in report.of("gradient")}
    assert [verdict.cause for verdict in report.failures] == causes
