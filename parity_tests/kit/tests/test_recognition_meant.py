"""Which loss is meant, where several may be or none is; and whether several samples are."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import Proposal, recognize
from parity_tests.kit.rendering.wording import NOT_FOUND
from parity_tests.kit.tests.proposals import found, names_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

NETWORK = """
import numpy as np

class Net:
    def __init__(self, n=12, h=9, o=10{argument}):
        self.w1, self.b1 = np.random.randn(n, h) / np.sqrt(n), np.zeros(h)
        self.w2, self.b2 = np.random.randn(h, o) / np.sqrt(h), np.zeros(o)
        {kept}
    def forward(self, x):
        self.x, self.a = x, np.tanh(x @ self.w1 + self.b1)
        self.z = self.a @ self.w2 + self.b2
        return {output}
    def backward(self, dy):
        self.dw2, self.db2 = self.a.T @ dy, dy.sum(axis=0)
        d = dy @ self.w2.T * (1 - self.a**2)
        self.dw1, self.db1 = self.x.T @ d, d.sum(axis=0)
"""
# What goes back into it are the probabilities, and not the logits that come.
OF_PROBABILITIES = """
class CrossEntropyLoss:
    def forward(self, z, y):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return -np.mean(np.log(p[range(len(y)), y] + 1e-12)), p
    def backward(self, p, y):
        d = p.copy()
        d[range(len(y)), y] -= 1
        return d / len(y)
"""
TWO_COSTS = """
class QuadraticCost:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.sum((a - y) ** 2)

class CrossEntropyCost:
    @staticmethod
    def fn(a, y):
        return -np.sum(y * np.log(a + 1e-12)) / len(y)
"""
STEP = """
    def step(self, x, y, lr):
        d = self.forward(x)
        self.backward((d - y) / len(x))
        self.w1 -= lr * self.dw1; self.b1 -= lr * self.db1
        self.w2 -= lr * self.dw2; self.b2 -= lr * self.db2
"""
SOFTMAX = (
    "np.exp(self.z - self.z.max(axis=1, keepdims=True))"
    " / np.exp(self.z - self.z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)"
)


def of(code: str) -> Proposal:
    return recognize(names_of(code))


def test_what_goes_back_into_a_loss_may_be_what_came_of_it() -> None:
    code = NETWORK.format(argument="", kept="pass", output="self.z") + OF_PROBABILITIES
    proposal = of(code)
    [verdict] = examine(proposal.network, only="gradient").verdicts
    assert verdict.status == EQUAL
    assert "gradient of the cross entropy" in verdict.message


@pytest.mark.parametrize("kept", ["self.cost = cost", "self.cost = cost()"])
def test_a_network_that_keeps_a_loss_is_held_to_that_one(kept: str) -> None:
    network = NETWORK.format(argument=", cost=CrossEntropyCost", kept=kept, output=SOFTMAX)
    # Nothing is known of an argument of this name, so that the step alone shows the gradient.
    network = network.replace("dy", "d")
    proposal = of("import numpy as np\n" + TWO_COSTS + network + STEP)
    assert "CrossEntropyCost" in proposal.fields["loss"]
    report = examine(proposal.network, only=("loss", "gradient"))
    assert not report.failures


FUNCTIONS = """
import numpy as np

def init():
    rng = np.random.default_rng()
    return [rng.normal(size=(12, 9)) / 3, np.zeros(9), rng.normal(size=(9, 10)) / 3, np.zeros(10)]

def forward(params, x):
    w1, b1, w2, b2 = params
    return np.tanh(x @ w1 + b1) @ w2 + b2

def huber(pred, y, delta=0.5):
    r = np.abs(pred - y)
    return np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta)).sum(axis=1).mean()

def backward(params, x, y, delta=0.5):
    w1, b1, w2, b2 = params
    a = np.tanh(x @ w1 + b1)
    d2 = np.clip(a @ w2 + b2 - y, -delta, delta) / len(x)
    d1 = d2 @ w2.T * (1 - a**2)
    return [x.T @ d1, d1.sum(axis=0), a.T @ d2, d2.sum(axis=0)]
"""


def test_the_only_loss_of_a_file_of_functions_is_that_of_its_network() -> None:
    proposal = of(FUNCTIONS)
    assert "huber(" in proposal.fields["loss"]
    report = examine(proposal.network, only=("loss", "gradient"))
    assert [(v.aspect, v.status) for v in report.verdicts] == [
        ("loss", CONVENTION),
        ("gradient", EQUAL),
    ]


def test_a_share_of_wrong_classes_is_no_loss() -> None:
    text = FUNCTIONS.replace("def huber(", "def other(")
    rate = """
def error_rate(pred, y):
    return np.mean(np.argmax(pred, axis=1) != np.argmax(y, axis=1))
"""
    proposal = of(text + rate)
    assert "loss" not in proposal.fields


UNREDUCED = """
def cross_entropy_loss(t, y, derivative=False):
    return y - t if derivative else t * np.log(y)
"""


def test_a_loss_of_which_nothing_is_said_is_told_though_its_derivative_is_used() -> None:
    network = NETWORK.format(argument="", kept="pass", output=SOFTMAX)
    step = STEP.replace("(d - y)", "cross_entropy_loss(y, d, derivative=True)")
    proposal = of(network + step + UNREDUCED)
    assert "loss" not in proposal.fields
    assert found(proposal, "loss") == NOT_FOUND


COLUMNS = """
import numpy as np

class Net:
    def __init__(self, sizes=(12, 9, 10)):
        pairs = list(zip(sizes, sizes[1:]))
        self.weights = [np.random.randn(m, n) / np.sqrt(n) for n, m in pairs]
        self.biases = [np.random.randn(m, 1) / 3 for _, m in pairs]
    def forward(self, x):
        self.values = [x]
        for number, (w, b) in enumerate(zip(self.weights, self.biases)):
            z = w @ self.values[-1] + b
            e = np.exp(z - z.max())
            self.values.append(e / np.sum(e) if number else np.tanh(z))
        return self.values[-1]
    def gradients(self, x, y):
        d2 = self.forward(x) - y
        d1 = self.weights[1].T @ d2 * (1 - self.values[1] ** 2)
        return [d1 @ x.T, d2 @ self.values[1].T], [d1, d2]
    def update_mini_batch(self, batch, lr):
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        for x, y in batch:
            dw, db = self.gradients(x, y)
            nabla_w = [one + own for one, own in zip(nabla_w, dw)]
            nabla_b = [one + own for one, own in zip(nabla_b, db)]
        for k in range(2):
            self.weights[k] = self.weights[k] - lr / len(batch) * nabla_w[k]
            self.biases[k] = self.biases[k] - lr / len(batch) * nabla_b[k]
"""


@pytest.mark.parametrize(
    ("code", "causes"),
    [
        (COLUMNS, set()),
        (COLUMNS.replace("d2 = self.forward(x) - y", "d2 = self.forward(x) - 2 * y"), {"gradient"}),
    ],
)
def test_samples_that_come_one_by_one_are_not_mixed_by_their_softmax(
    code: str, causes: set[str]
) -> None:
    proposal = of(code)
    assert proposal.fields["batch"] == "'column'"
    report = examine(proposal.network, only=("forward", "gradient"))
    assert {v.aspect for v in report.verdicts if v.status == DIFFERS} == causes


def test_a_loss_may_take_rows_where_the_network_takes_columns() -> None:
    loss = """
    def loss(self, samples, labels):
        pairs = zip(samples, labels)
        outputs = [(self.forward(x.reshape(12, 1)), y.reshape(10, 1)) for x, y in pairs]
        return -np.mean([np.sum(y * np.log(p + 1e-12)) for p, y in outputs])
"""
    proposal = of(COLUMNS + loss)
    assert "loss(x.T, y.T)" in proposal.fields["loss"]
    [verdict] = examine(proposal.network, only="loss").verdicts
    assert verdict.status == EQUAL


ONE_COLUMN = """
import numpy as np

class Net:
    def __init__(self, inodes=12, hnodes=9, onodes=10, lr=0.1):
        self.wih = np.random.randn(hnodes, inodes) / np.sqrt(inodes)
        self.who = np.random.randn(onodes, hnodes) / np.sqrt(hnodes)
        self.lr = lr
    def query(self, inputs_list):
        inputs = np.array(inputs_list, ndmin=2).T
        self.hidden = 1 / (1 + np.exp(-(self.wih @ inputs)))
        z = self.who @ self.hidden
        e = np.exp(z - z.max())
        return e / np.sum(e)
    def train(self, inputs_list, targets_list):
        inputs, targets = np.array(inputs_list, ndmin=2).T, np.array(targets_list, ndmin=2).T
        error = targets - self.query(inputs_list)
        back = self.who.T @ error * self.hidden * (1 - self.hidden)
        self.who += self.lr * error @ self.hidden.T
        self.wih += self.lr * back @ inputs.T
"""


def test_what_makes_a_column_of_one_sample_is_given_one() -> None:
    proposal = of(ONE_COLUMN)
    report = examine(proposal.network, only=("forward", "gradient"))
    assert {verdict.status for verdict in report.verdicts} == {EQUAL}
    # A network of batches is held to them: with one sample it would not show.
    batches = ONE_COLUMN.replace("np.array(inputs_list, ndmin=2).T", "inputs_list.T")
    batches = batches.replace("np.array(targets_list, ndmin=2).T", "targets_list.T")
    report = examine(of(batches).network, only="forward")
    assert [verdict.status for verdict in report.verdicts] == [DIFFERS]


ROWS_TO_COLUMNS = """
import numpy as np

class Net:
    def __init__(self, sizes):
        self.w = [np.random.randn(m, n) * np.sqrt(2 / n) for n, m in zip(sizes, sizes[1:])]
        self.b = [np.zeros((m, 1)) for m in sizes[1:]]
    def forward(self, X):
        self.a = [X.T]
        for w, b in zip(self.w, self.b):
            self.a.append(1 / (1 + np.exp(-(w @ self.a[-1] + b))))
        return self.a[-1]
    def backward(self, X, y):
        d, dw, db = (self.a[-1] - y.T) / len(X), [], []
        for n in reversed(range(len(self.w))):
            dw.insert(0, d @ self.a[n].T)
            db.insert(0, d.sum(axis=1, keepdims=True))
            d = self.w[n].T @ d * self.a[n] * (1 - self.a[n])
        return dw, db
    def loss(self, p, y):
        p, m = np.clip(p, 1e-15, 1 - 1e-15), y.shape[AXIS]
        return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / m
"""


@pytest.mark.parametrize(("axis", "arguments"), [("1", "out, y.T"), ("0", "out.T, y")])
def test_labels_lie_as_outputs_do_where_the_loss_is_a_mean(axis: str, arguments: str) -> None:
    proposal = of(ROWS_TO_COLUMNS.replace("AXIS", axis))
    assert f"net.loss({arguments})" in proposal.fields["loss"]
    verdicts = examine(proposal.network, only=("loss", "gradient")).verdicts
    assert [verdict.status for verdict in verdicts] == [EQUAL, EQUAL]
