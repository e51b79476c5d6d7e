"""What was tried in vain is told, and so is what was not tried."""

import pytest

from parity_tests.kit.recognition import recognize
from parity_tests.kit.recognition.names import FORWARD, rank
from parity_tests.kit.recognition.proposal import Proposal
from parity_tests.kit.recognition.trial import with_forward
from parity_tests.kit.rendering.wording import CLASSES_LEFT_OUT, OWN_DELTA
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import NOT_ASKED

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


NET = """
class Model:
    def __init__(self, first, second):
        self.layers = [first, second]
    def forward(self, inputs):
        raise NotImplementedError
    def backward(self, gradient):
        raise NotImplementedError
"""
LAYERS = """
import numpy as np

class Dense:
    def __init__(self, n, m):
        self.w, self.b = np.random.randn(n, m) * 0.1, np.zeros(m)
    def forward(self, x):
        self.x = x
        return x @ self.w + self.b
    def backward(self, d):
        self.dw, self.db = self.x.T @ d, d.sum(axis=0)
        return d @ self.w.T

class Tanh:
    def forward(self, x):
        self.a = np.tanh(x)
        return self.a
    def backward(self, d):
        return d * (1 - self.a**2)
"""
PARTS = """
class Dropout:
    def forward(self, x):
        return x * (np.random.rand(*x.shape) < 0.5) * 2
    def backward(self, d):
        return d

class HingeLoss:
    def forward(self, p, y):
        return np.maximum(0, 1 - p * y).sum()

class Momentum:
    def update(self, layer):
        layer.w -= layer.dw
"""


def test_what_a_file_has_beside_the_layers_that_are_put_together_is_told() -> None:
    proposal = recognize(names_of(LAYERS + PARTS + NET))
    [asked] = told(proposal, NOT_ASKED)
    assert asked.startswith("Model, HingeLoss, Momentum: the network that was checked is put ")
    [others] = told(proposal, CLASSES_LEFT_OUT)
    assert others.startswith("Dropout: ")
    # Layers alone are all that there is; the gradient that they begin with is ours all the same.
    updating = LAYERS.replace("(self, d)", "(self, d, lr)")
    updating = updating.replace(
        "        return d @", "        self.w -= lr * self.dw\n        return d @"
    )
    assert "step" in recognize(names_of(updating)).fields
    assert told(recognize(names_of(updating)), OWN_DELTA)[0].startswith("p - y: ")
    proposal = recognize(names_of(LAYERS))
    assert told(proposal, NOT_ASKED) == told(proposal, CLASSES_LEFT_OUT) == []


MODEL = """
class Model:
    def __init__(self, layers):
        self.layers = layers
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, grad):
        for layer in self.layers[::-1]:
            grad = layer.backward(grad)
"""


def test_a_loss_in_whose_place_another_gradient_stands_is_told() -> None:
    source = LAYERS + PARTS + MODEL
    names = names_of(source)
    [asked] = told(recognize(names), NOT_ASKED)
    assert asked.startswith("HingeLoss: the gradient that was checked begins with p - y")
    [others] = told(recognize(names), CLASSES_LEFT_OUT)
    assert others.startswith("Momentum, Dropout: ")
    # Who asks about a class asks about nothing else.
    assert told(recognize(names["Model"], names), NOT_ASKED) == []


def test_methods_that_were_not_understood_are_told() -> None:
    model = MODEL.replace("(self, layers)", "(self)").replace(
        "= layers", "= [Dense(12, 9), Tanh()]"
    )
    more = """
    def fit(self, loader, x, y, lr):
        for batch in loader.batches():
            self.backward(batch)
    def train(self):
        self.training = True
    def loss(self, y):
        return "none"
"""
    names = names_of(LAYERS + model.replace("Tanh()]", "Tanh(), Dense(9, 10)]") + more)
    proposal = recognize(names["Model"], names)
    [step] = told(proposal, "step")
    assert step == ("not found: fit came to no step that is known, and nothing is said of it")
    [loss] = told(proposal, "loss")
    assert loss.startswith("not found: loss came to no number that depends on the samples")
    calm = recognize(names_of(LAYERS + model.replace("Tanh()]", "Tanh(), Dense(9, 10)]")))
    assert told(calm, "step") == told(calm, "loss") == []
