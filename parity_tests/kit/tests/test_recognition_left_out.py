"""What was tried in vain is told, and so is what was not tried."""

import pytest

from parity_tests.kit.recognition import recognize
from parity_tests.kit.recognition.names import FORWARD, rank
from parity_tests.kit.recognition.proposal import Proposal
from parity_tests.kit.recognition.trial import with_forward
from parity_tests.kit.tests.test_recognition import names_of

FUNCTIONS = """
import numpy as np

def init_params():
    return [np.random.randn(12, 9) * 0.3, np.zeros(9), np.random.randn(9, 10) * 0.3, np.zeros(10)]

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def forward(x, w1, b1, w2, b2):
    a = np.maximum(0, x @ w1 + b1)
    return a, softmax(a @ w2 + b2)

def backward(x, y, w1, b1, w2, b2):
    a, p = forward(x, w1, b1, w2, b2)
    d = (p - y) / len(x)
    h = d @ w2.T * (a > 0)
    return x.T @ h, h.sum(axis=0), a.T @ d, d.sum(axis=0)

def adam_step(w, g, m, v):
    return w - 0.1 * m / np.sqrt(v)

def one_hot_of(labels):
    return np.eye(10)[labels]
"""


def told(proposal: Proposal, name: str) -> list[str]:
    return [f"{c.value}: {c.why}" for c in proposal.conventions if c.name == name]


def test_functions_that_nothing_calls_are_listed() -> None:
    names = {**names_of(FUNCTIONS)}
    [left] = told(recognize(names), "functions left out")
    assert left.startswith("adam_step, one_hot_of: ")
    unused = FUNCTIONS.partition("def adam_step")[0]
    assert told(recognize(names_of(unused)), "functions left out") == []


_RETURNED = "return x.T @ h, h.sum(axis=0), a.T @ d, d.sum(axis=0)"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "(x, y, w1,",
            "(x, y, odd, odder, oddest, w1,",
            "give for odd, odder, oddest is not known",
        ),
        ("(p - y)", "(p - y.reshape(3))", "backward raises ValueError: cannot reshape"),
        (_RETURNED, "return d", "backward returns arrays of shapes (7, 10), of which no gradients"),
        (_RETURNED, "return None", "backward returns no arrays"),
    ],
)
def test_what_came_of_a_backward_pass_is_told(old: str, new: str, message: str) -> None:
    proposal = recognize(names_of(FUNCTIONS.replace(old, new)))
    [why] = told(proposal, "gradients")
    assert why.startswith("not found: no function was seen to give any; ")
    assert message in why


PRIVATE = """
import numpy as np

class Network:
    def __init__(self, sizes):
        self.w = [np.random.randn(n, m) * 0.3 for n, m in zip(sizes, sizes[1:])]
        self.b = [np.zeros(m) for m in sizes[1:]]

    def __forward_feed(self, x):
        for w, b in zip(self.w, self.b):
            x = np.tanh(x @ w + b)
        return x
"""


def test_private_methods_are_found_by_their_own_names() -> None:
    proposal = recognize(names_of(PRIVATE))
    assert "_Network__forward_feed" in proposal.fields["forward"]
    assert rank("_Some_Net__forward", FORWARD) == rank("forward", FORWARD) == 0
    assert rank("__forward", FORWARD) == 0
    assert rank("_Net__other", FORWARD) is None


KEPT = """
import numpy as np

class Net:
    def __init__(self):
        self.w, self.layer = np.random.randn(3, 4), np.zeros((1, 4))

    def forward(self, x):
        self.layer = np.tanh(x @ self.w + self.layer)
        return self.layer
"""


def test_what_a_pass_gives_another_shape_is_no_parameter() -> None:
    fields = {"make": "lambda: Net()", "parameters": "'w layer'", "forward": "'forward'"}
    assert with_forward(fields, names_of(KEPT)) is None
    right = KEPT.replace("self.layer = np.tanh", "self.out = np.tanh")
    right = right.replace("return self.layer", "return self.out")
    assert with_forward(fields, names_of(right)) is not None


def test_functions_of_a_file_called_after_numpy_are_its_own() -> None:
    names: dict[str, object] = {"__name__": "numpy_mlp"}
    exec(FUNCTIONS, names)
    assert recognize(names).fields == recognize(names_of(FUNCTIONS)).fields
