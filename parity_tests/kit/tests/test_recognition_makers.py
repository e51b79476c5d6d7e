"""What makes a network, and what its functions are given beside samples, is worked out."""

from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.forward import aspect as forward_aspect
from parity_tests.kit.aspects.gradient import aspect as gradient_aspect
from parity_tests.kit.aspects.initialization import aspect as initialization_aspect
from parity_tests.kit.check import examine
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.loading.loader import Loader, propose
from parity_tests.kit.loading.stand_in import StandIn
from parity_tests.kit.recognition import RecognitionError, recognize
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.proposals import certainty, found, names_of, pasted
from parity_tests.kit.verdicts import EQUAL, NOT_ASKED

LISTED = """
import numpy as np

class Net:
    def __init__(self, {arguments}):
        {sizes}
        self.weights = [np.random.randn(i, o) * 0.3 for i, o in zip(sizes, sizes[1:])]
        self.biases = [np.zeros((o, 1)) for o in sizes[1:]]

    def forward(self, x):
        self.a = [x]
        for w, b in zip(self.weights, self.biases):
            self.a.append(np.tanh(self.a[-1] @ w + b.T))
        return self.a[-1]

    def gradients(self, x, y):
        d = (self.forward(x) - y) / len(x)
        dw, db = [], []
        for n in reversed(range(len(self.weights))):
            d = d * (1 - self.a[n + 1] ** 2)
            dw.insert(0, self.a[n].T @ d)
            db.insert(0, d.sum(axis=0)[:, np.newaxis])
            d = d @ self.weights[n].T
        return dw, db
"""


def listed(arguments: str, sizes: str) -> dict[str, Any]:
    return names_of(LISTED.format(arguments=arguments, sizes=sizes))


@pytest.mark.parametrize(
    ("arguments", "sizes", "made"),
    [
        (
            "n_in, hidden_size, n_out",
            "sizes = [n_in] + list(hidden_size) + [n_out]",
            "Net(12, [9, 8], 10)",
        ),
        ("features, neurons, classes", "sizes = [features, *neurons, classes]", "12, [9, 8], 10"),
        ("inputs, layers, outputs", "sizes = [inputs, layers + 0, outputs]", "Net(12, 9, 10)"),
        ("units", "sizes = list(units)", "Net([12, 9, 8, 10])"),
    ],
)
def test_one_width_and_several_are_both_tried(arguments: str, sizes: str, made: str) -> None:
    proposal = recognize(listed(arguments, sizes))
    assert made in proposal.fields["make"]
    assert certainty(proposal, "gradients") == "sure"


def test_a_width_that_is_annotated_as_a_number_is_one() -> None:
    names = listed("n_in: int, hidden: int, n_out: int", "sizes = [n_in, hidden, n_out]")
    assert recognize(names).fields["make"] == "lambda: Net(12, 9, 10)"


def test_matrices_are_taken_in_the_order_of_their_list() -> None:
    # Turned round they follow one another as well.
    names = listed("sizes=(2, 10, 5, 2)", "self.sizes = sizes")
    proposal = recognize(names["Net"](), names)
    assert proposal.fields["parameters"] == "'weights biases'"
    assert "2-10-5-2" in str(proposal)
    assert certainty(proposal, "forward") == "sure"


def test_an_object_is_called_by_its_own_name() -> None:
    names = listed("sizes", "self.sizes = sizes")
    names["mine"] = names["Net"]((12, 9, 10))
    proposal = recognize(names["mine"], names)
    assert proposal.fields["make"] == "lambda: copy.deepcopy(mine)"
    assert pasted(proposal, names).make() is not names["mine"]


FICKLE = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out, l1, decay):
        self.W = np.random.randn(n_in, n_out) * (1 + 0.0 * l1 * decay)
        self.b = np.zeros(n_out)
    def forward(self, x):
        return x @ self.W + self.b
    def backward(self, grad):
        return grad @ self.W.T

class Fickle:
    calls = 0
    def forward(self, x):
        Fickle.calls += 1
        return x.sum() if Fickle.calls % 3 == 0 else np.tanh(x)
    def backward(self, grad):
        return grad

class Tanh:
    def forward(self, x):
        return np.tanh(x)
    def backward(self, grad):
        return grad
"""


def test_a_layer_that_answers_in_two_shapes_is_no_activation() -> None:
    for calls in range(3):
        names = names_of(FICKLE)
        names["Fickle"].calls = calls
        assert "Tanh()" in recognize(names).fields["make"]


def test_an_activation_may_hand_back_a_list_besides() -> None:
    names = names_of(f"{FICKLE.rpartition('return')[0]}return grad, []")
    assert "Tanh()" in recognize(names).fields["make"]


LAYER = """
import numpy as np

class Dense:
    def __init__(self{arguments}):
        self.weights = np.random.randn({outs}, {ins}) * 0.1
        self.biases = np.zeros({outs})
    def forward(self, x):
        return x @ self.weights.T + self.biases
"""


@pytest.mark.parametrize(
    ("arguments", "ins", "outs", "made"),
    [
        (", input_units, output_units", "input_units", "output_units", "Dense(12, 10)"),
        ("", "9", "9", "Dense()"),
    ],
)
def test_no_square_matrix_of_our_choice_is_transposed(
    arguments: str, ins: str, outs: str, made: str
) -> None:
    names = names_of(LAYER.format(arguments=arguments, ins=ins, outs=outs))
    proposal = recognize(names["Dense"], names)
    assert made in proposal.fields["make"]
    assert proposal.fields["weights"] == "'out_in'"


def test_a_layer_s_penalty_is_a_number() -> None:
    assert "Dense(12, 9, 0.0, 0.0)" in recognize(names_of(FICKLE)).fields["make"]


ENUMERATED = """
import numpy as np
from enum import Enum
from typing import List

class Functions(Enum):
    STEP = 1
    SIGMOID = 2

class Kind(Enum):
    HINGE = 1
    CROSS_ENTROPY = 2

class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b, self.lr = np.random.randn(n_in, n_out), np.zeros(n_out), 0.1

class Net:
    def __init__(self, inputs: int, hidden: List[int], outputs: int, acts: List[Functions],
                 which: Kind):
        if which is not Kind.CROSS_ENTROPY:
            raise ValueError(which)
        sizes = [inputs, *hidden, outputs]
        for n in range(len(sizes) - 1):
            if acts[n] is not Functions.SIGMOID:
                raise ValueError(acts[n])
        self.parts = [Dense(i, o) for i, o in zip(sizes, sizes[1:])]

    def forward(self, x):
        self.a = [x]
        for part in self.parts:
            self.a.append(1 / (1 + np.exp(-(self.a[-1] @ part.W + part.b))))
        return self.a[-1]

    def fit(self, x, y, iterations):
        for _ in range(iterations):
            d = (self.forward(x) - y) / len(x)
            for n in reversed(range(len(self.parts))):
                part = self.parts[n]
                below = (d @ part.W.T) * self.a[n] * (1 - self.a[n])
                part.W -= part.lr * self.a[n].T @ d
                part.b -= part.lr * d.sum(axis=0)
                d = below
"""


def test_members_of_enumerations_and_the_rates_of_layers_are_given() -> None:
    names = names_of(ENUMERATED)
    proposal = recognize(names["Net"], names)
    assert "[Functions.SIGMOID] * 3, Kind.CROSS_ENTROPY" in proposal.fields["make"]
    assert "setattr(layer, 'lr', lr) for layer in net.parts" in proposal.fields["step"]
    assert certainty(proposal, "step") == "sure"
    [optimizer] = [c for c in proposal.conventions if c.name == "optimizer"]
    assert optimizer.why.startswith("of the step over the learning rate, 6 of 6 tensors are")


GLOBALS = """
import numpy as np

W1, b1 = np.random.randn(12, 9) * 0.3, np.zeros((1, 9))
W2, b2 = np.random.randn(9, 10) * 0.3, np.zeros((1, 10))
X = np.random.randn(30, 12)

def hidden(x):
    return np.maximum(0, x @ W1 + b1)

def forward(x):
    z = hidden(x) @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def train(x, y, lr):
    global W1, b1, W2, b2
    h = hidden(x)
    d = (forward(x) - y) / len(x)
    below = (d @ W2.T) * (h > 0)
    W2, b2 = W2 - lr * h.T @ d, b2 - lr * d.sum(axis=0, keepdims=True)
    W1, b1 = W1 - lr * x.T @ below, b1 - lr * below.sum(axis=0, keepdims=True)
"""


def test_parameters_may_be_names_of_the_module() -> None:
    names = names_of(GLOBALS)
    proposal = recognize(names)
    assert proposal.fields["make"] == "uninitialized(lambda: global_arrays(forward))"
    assert proposal.fields["parameters"] == "'W1 b1 W2 b2'"
    assert certainty(proposal, "step") == "sure"
    declared = pasted(proposal, names)
    inquiry = Inquiry.begin(Subject(declared), Spec(), 0)
    [verdict] = initialization_aspect.examine(inquiry)
    assert "placeholders" in verdict.message


PASSED_ON = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def tanh(z):
    return np.tanh(z)

def slope(activation, a):
    return a * (1 - a) if activation is sigmoid else 1 - a**2

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def forward(self, x, activation):
        self.x, self.h = x, activation(x @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def backward(self, y, activation):
        d = (self.h @ self.W2 + self.b2 - y) / len(y)
        e = (d @ self.W2.T) * slope(activation, self.h)
        return self.x.T @ e, e.sum(axis=0), self.h.T @ d, d.sum(axis=0)
"""


def test_an_activation_is_given_to_both_passes() -> None:
    proposal = recognize(names_of(PASSED_ON))
    assert proposal.fields["forward"] == "lambda net, x: net.forward(x, sigmoid)"
    assert "net.backward(y, sigmoid)" in proposal.fields["gradients"]
    assert found(proposal, "hidden activation") == "sigmoid"
    assert certainty(proposal, "gradients") == "sure"


ONE_LAYER = """
import numpy as np

def relu(z):
    return np.maximum(0, z)

def layer_forward(x, weights, bias, activation):
    return activation(x @ weights + bias)
"""


def test_a_function_that_is_called_for_every_layer_is_a_part() -> None:
    told = "of a network: only layer_forward was recognized and checked"
    assert found(recognize(names_of(ONE_LAYER)), "part") == told
    whole = ONE_LAYER.replace("bias, activation", "bias").replace("activation(", "relu(")
    assert "part" not in [c.name for c in recognize(names_of(whole)).conventions]


HELPERS = """
import numpy as np

def initialize(layer_dims):
    return {name + str(n): np.random.randn(layer_dims[n], layer_dims[n - 1]) if name == "W"
            else np.zeros((layer_dims[n], 1)) for n in range(1, len(layer_dims)) for name in "Wb"}

def linear_forward(A, W, b):
    return W @ A + b, (A, W, b)

def linear_backward(dZ, cache):
    A, W, b = cache
    m = A.shape[1]
    return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m

def model_forward(X, params):
    Z1, first = linear_forward(X, params["W1"], params["b1"])
    A1 = np.tanh(Z1)
    Z2, second = linear_forward(A1, params["W2"], params["b2"])
    A2 = 1 / (1 + np.exp(-Z2))
    assert A2.shape == (1, X.shape[1])
    return A2, (first, A1, second)

def model_backward(AL, Y, caches):
    first, A1, second = caches
    dA1, dW2, db2 = linear_backward(AL - Y, second)
    _, dW1, db1 = linear_backward(dA1 * A1, first)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

def unused(x):
    return x
"""
UNKNOWN = HELPERS.replace("X, params)", "X, q)").replace("params[", "q[")
LOOPING = (
    UNKNOWN[: UNKNOWN.index("def model_forward")]
    + """
def one_layer(A, W, b):
    return np.tanh(linear_forward(A, W, b)[0])

def model_forward(X, q):
    for n in range(len(q) // 2):
        X = one_layer(X, q["W" + str(n + 1)], q["b" + str(n + 1)])
    return X, q.undefined
"""
)


def test_a_network_that_asserts_one_output_is_given_one() -> None:
    namespace = names_of(HELPERS)
    for target in (namespace, namespace["model_forward"], namespace["linear_backward"]):
        proposal = recognize(target, namespace)
        assert proposal.fields["make"] == "lambda: initialize([12, 9, 1])"
        assert proposal.fields["parameters"] == "'W1 b1 W2 b2'"
        assert "model_backward(" in proposal.fields["gradients"]


def test_a_maker_that_is_named_makes_the_network() -> None:
    other = """
def init_two_layers(n_x, n_h, n_y):
    return {"W1": np.random.randn(n_h, n_x), "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h), "b2": np.zeros((n_y, 1))}
"""
    namespace = names_of(HELPERS + other)
    made = {
        name: recognize(namespace[name], namespace).fields["make"]
        for name in ("init_two_layers", "initialize")
    }
    assert made["init_two_layers"] == "lambda: init_two_layers(12, 9, 1)"
    assert made["initialize"] == "lambda: initialize([12, 9, 1])"


@pytest.mark.parametrize("code", [UNKNOWN, LOOPING])
@pytest.mark.parametrize("name", ["", "model_forward", "linear_forward"])
def test_a_helper_stands_for_no_network_of_several_layers(code: str, name: str) -> None:
    namespace = names_of(code)
    told = r"only (linear_forward|one_layer) was recognized, which model_forward calls"
    with pytest.raises(RecognitionError, match=told):
        recognize(namespace[name] if name else namespace, namespace)


def test_a_function_that_is_named_is_what_is_recognized() -> None:
    namespace = names_of(HELPERS)
    with pytest.raises(RecognitionError, match=r"unused\(\) is no part of what was recognized"):
        recognize(namespace["unused"], namespace)


NO_BIASES = """
import numpy as np

class Dense:
    def __init__(self, n, m):
        self.weights, self.biases = np.random.random((n, m)), np.zeros((1, m))
    def forward(self, x):
        self.inputs = x
        self.output = x @ self.weights + self.biases
    def backward(self, d):
        self.dweights = self.inputs.T @ d
        self.dinputs = d @ self.weights.T

class Sigmoid:
    def forward(self, x):
        self.output = 1 / (1 + np.exp(-x))
    def backward(self, d):
        self.dinputs = d * self.output * (1 - self.output)
"""


def test_outputs_and_what_is_handed_down_are_no_gradients_of_biases() -> None:
    proposal = recognize(names_of(NO_BIASES))
    assert "gradients" not in proposal.fields
    [told] = [c.why for c in proposal.conventions if c.name == "gradients"]
    assert told == "no gradient of b1, b2 was found"
    summed = "self.dbiases = d.sum(axis=0, keepdims=True)\n        self.dinputs = d @"
    right = recognize(names_of(NO_BIASES.replace("self.dinputs = d @", summed)))
    assert right.fields["gradients"] == "'0.dweights 0.dbiases 2.dweights 2.dbiases'"


def test_parameters_made_in_a_file_beside_are_found(tmp_path: Path) -> None:
    beside = """
import numpy as np
def initialize_parameters(n_in, n_hidden, n_out):
    return {"W1": np.random.randn(n_in, n_hidden), "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out), "b2": np.zeros(n_out)}
"""
    file = """
import numpy as np
def forward(x, parameters):
    return np.tanh(x @ parameters["W1"] + parameters["b1"]) @ parameters["W2"] + parameters["b2"]
def backward(x, y, parameters):
    h = np.tanh(x @ parameters["W1"] + parameters["b1"])
    d = (h @ parameters["W2"] + parameters["b2"] - y) / len(x)
    e = (d @ parameters["W2"].T) * (1 - h**2)
    return {"W1": x.T @ e, "b1": e.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}
"""
    (tmp_path / "start.py").write_text(beside, encoding="utf-8")
    (tmp_path / "passes.py").write_text(file, encoding="utf-8")
    with Loader() as loader:
        proposal = propose(loader.load(str(tmp_path / "passes.py")))
        assert proposal.imports == ("from start import initialize_parameters",)
        assert certainty(proposal, "gradients") == "sure"
        inquiry = Inquiry.begin(Subject(proposal.network), Spec("tanh", "identity"), 0)
        forward_aspect.examine(inquiry)
        assert {v.status for v in gradient_aspect.examine(inquiry)} == {EQUAL}


def test_a_stand_in_is_asked_for_its_classes() -> None:
    missing = StandIn("torch.Tensor", print)
    assert not issubclass(int, missing)  # type: ignore[arg-type]
    either = np.ndarray | missing
    assert isinstance(np.zeros(2), either)
    assert issubclass(np.ndarray, either)
    assert not isinstance("text", either | int)

    @singledispatch
    def size(_value: object) -> int:
        return 0

    assert size(missing) == 0


PAIRS = """
import numpy as np

class Net:
    def __init__(self, structure):
        self.structure, self.w = structure, [None]
        for n, (width, kind) in enumerate(structure):
            if kind != "in":
                self.w.append(np.random.randn(structure[n - 1][0], width) * 0.1)
    def act(self, x, kind):
        return np.tanh(x) if kind == "tanh" else x
    def forward(self, x):
        for w, (_, kind) in zip(self.w[1:], self.structure[1:]):
            x = self.act(x @ w, kind)
        return x
"""
TRIPLES = """
import numpy as np

class Net:
    def __init__(self, layers):
        self.w = [np.random.randn(n, m) * 0.1 for n, m, _ in layers]
        self.kinds = [kind for *_, kind in layers]
    def forward(self, x):
        for w, kind in zip(self.w, self.kinds):
            x = 1 / (1 + np.exp(-x @ w)) if kind == "sigmoid" else np.maximum(0, x @ w)
        return x
"""


@pytest.mark.parametrize(
    ("source", "made", "hidden"),
    [
        (PAIRS, "[(12, 'in'), (9, 'tanh'), (8, 'tanh'), (10, 'tanh')]", "tanh"),
        (TRIPLES, "[(12, 9, 'sigmoid'), (9, 8, 'sigmoid'), (8, 10, 'sigmoid')]", "sigmoid"),
    ],
)
def test_layers_may_be_listed_with_their_activations(source: str, made: str, hidden: str) -> None:
    proposal = recognize(names_of(source))
    assert proposal.fields["make"] == f"lambda: Net({made})"
    [value] = [c.value for c in proposal.conventions if c.name == "hidden activation"]
    assert value == f"{hidden}, {hidden}"


FED = """
import numpy as np

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.w1, self.b1 = np.random.randn(n_in, n_hidden) * 0.1, np.zeros(n_hidden)
        self.w2, self.b2 = np.random.randn(n_hidden, n_out) * 0.1, np.zeros(n_out)
    def forward(self):
        self.h = np.tanh(self.inputs @ self.w1 + self.b1)
        self.out = self.h @ self.w2 + self.b2
        return self.out
    def backward(self):
        d = (self.out - self.targets) / len(self.inputs)
        self.dw2, self.db2 = self.h.T @ d, d.sum(axis=0)
        d = d @ self.w2.T * (1 - self.h**2)
        self.dw1, self.db1 = self.inputs.T @ d, d.sum(axis=0)
"""


@pytest.mark.parametrize("start", ["", "        self.inputs = self.targets = None\n"])
def test_samples_and_labels_may_be_set_as_attributes(start: str) -> None:
    proposal = recognize(names_of(FED.replace("    def forward", start + "    def forward")))
    assert "setattr(net, 'inputs', x)" in proposal.fields["forward"]
    assert "setattr(net, 'targets', y)" in proposal.fields["backward"]
    assert certainty(proposal, "gradients") == "sure"


TUPLES = """
import numpy as np

def init(sizes):
    layers = []
    for n, (i, o) in enumerate(zip(sizes, sizes[1:]), start=2):
        act = "sigmoid" if n == len(sizes) else "tanh"
        layers.append((np.random.randn(i, o) * 0.3, np.zeros(o), act))
    return layers

def forward(layers, x):
    kept = [x]
    for W, b, act in layers:
        z = kept[-1] @ W + b
        kept.append(np.tanh(z) if act == "tanh" else 1 / (1 + np.exp(-z)))
    return kept[-1], kept

def backward(layers, kept, y):
    gradients, d = [], (kept[-1] - y) / len(y)
    for n in reversed(range(len(layers))):
        gradients.insert(0, (kept[n].T @ d, d.sum(axis=0)))
        if n:
            d = d @ layers[n][0].T * (1 - kept[n] ** 2)
    return gradients

def update(layers, gradients, lr):
    pairs = zip(layers, gradients)
    return [(W - lr * dW, b - lr * db, act) for (W, b, act), (dW, db) in pairs]
"""


def test_a_list_of_layers_is_given_by_the_name_that_it_has_where_it_is_made() -> None:
    proposal = recognize(names_of(TUPLES))
    assert proposal.fields["forward"] == "lambda net, x: forward(net, x)[0]"
    assert proposal.fields["parameters"] == "'0.0 0.1 1.0 1.1 2.0 2.1'"
    report = examine(proposal.network)
    assert report.failures == []
    for aspect in ("forward", "gradient", "optimizer"):
        assert {v.status for v in report.of(aspect)} == {EQUAL}


def test_a_list_that_is_called_as_samples_are_is_not_given() -> None:
    code = TUPLES.replace("layers", "inputs")
    with pytest.raises(RecognitionError):
        recognize(names_of(code))


@pytest.mark.parametrize(
    ("test", "made"),
    [
        ('self.opt == "SGD"', "Net([12, 9, 8, 10], 'SGD')"),
        ('"SGD" == self.opt', "Net([12, 9, 8, 10], 'SGD')"),
        ('self.opt.lower() == "sgd"', "Net([12, 9, 8, 10], 'sgd')"),
        ('self.opt in ("sgd", "plain")', "Net([12, 9, 8, 10], 'sgd')"),
        ('self.opt != "Adam"', "Net([12, 9, 8, 10], 'Adam')"),
        ("self.opt == self.lr or True", "Net([12, 9, 8, 10], 9)"),
    ],
)
def test_a_text_is_one_that_the_code_compares_with(test: str, made: str) -> None:
    update = f"""
    lr = 0.1
    def update(self, grads, lr):
        if {test}:
            for p, g in zip(self.weights + self.biases, grads[0] + grads[1]):
                p -= lr * g
"""
    names = names_of(LISTED.format(arguments="sizes, opt", sizes="self.opt = opt") + update)
    assert recognize(names).fields["make"] == f"lambda: {made}"


@pytest.mark.parametrize(
    ("taken", "asked"),
    [("self.a[-1] @ w", []), ("self.a[min(len(self.a) - 1, 1)] @ w", ["Net([12, 9, 8, 10])"])],
)
def test_a_deeper_network_that_raises_is_told(taken: str, asked: list[str]) -> None:
    source = LISTED.format(arguments="sizes", sizes="").replace("self.a[-1] @ w", taken)
    proposal = recognize(names_of(source))
    told = [own.value for own in proposal.conventions if own.name == NOT_ASKED]
    assert told == asked
    assert len(proposal.network.make().weights) == (2 if asked else 3)
