"""Networks in the shapes in which people write them are recognized without any adapter."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.forward import aspect as forward_aspect
from parity_tests.kit.aspects.gradient import aspect as gradient_aspect
from parity_tests.kit.aspects.initialization import aspect as initialization_aspect
from parity_tests.kit.check import examine
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.paths import arrays
from parity_tests.kit.recognition import Proposal, RecognitionError, recognize
from parity_tests.kit.recognition.calls import attributes_read, bindings, returned_names
from parity_tests.kit.recognition.chains import chains
from parity_tests.kit.recognition.names import is_gradient, is_loss, is_state, role, roles, stem
from parity_tests.kit.recognition.trial import _differ, references
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Layers, Subject
from parity_tests.kit.tests.proposals import certainty, found, names_of, pasted
from parity_tests.kit.tests.shapes import (
    DICT_OF_PARAMETERS,
    LISTS_OF_SINGLE_SAMPLES,
    ONLY_FIT,
    POSITIONAL,
    RETURNED,
    SHAPES,
    STORED,
    UPDATING_LAYERS,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_recognized_and_its_source_can_be_pasted(shape: str) -> None:
    names = names_of(SHAPES[shape])
    proposal = recognize(names)
    assert certainty(proposal, "forward") == "sure"
    assert certainty(proposal, "gradients") == "sure"
    source = proposal.to_source()
    assert len(source.splitlines()) <= 15
    declared = pasted(proposal, names)
    inquiry = Inquiry.begin(Subject(declared), Spec(), 3)
    batch = inquiry.batches[0]
    output = inquiry.subject.forward(batch.inputs)
    assert output.shape == (len(batch), inquiry.subject.outputs)


@pytest.mark.parametrize(
    ("shape", "batch", "labels", "layout", "depth"),
    [
        ("layer objects", "rows", "integers", "in_out", 2),
        ("positional", "columns", "integers", "out_in", 2),
        ("dict", "rows", "one_hot", "in_out", 3),
        ("returned", "rows", "integers", "out_in", 2),
        ("stored", "rows", "one_hot", "in_out", 3),
        ("updates itself", "rows", "one_hot", "in_out", 2),
        ("lists of single samples", "column", "one_hot", "out_in", 3),
        ("updating layers", "rows", "one_hot", "in_out", 2),
        ("only fit", "rows", "integers", "in_out", 2),
    ],
)
def test_conventions_are_found(
    shape: str, batch: str, labels: str, layout: str, depth: int
) -> None:
    proposal = recognize(names_of(SHAPES[shape]))
    assert found(proposal, "batch axis") == batch
    assert found(proposal, "labels") == labels
    assert found(proposal, "weight layout") == layout
    assert len(Subject(proposal.network).sizes) == depth + 1


@pytest.mark.parametrize(
    ("shape", "loss"),
    [
        ("layer objects", "cross entropy, mean over the samples"),
        ("positional", "cross entropy, mean over the samples"),
        ("dict", "cross entropy, mean over the samples"),
        ("stored", "binary cross entropy, mean over the samples"),
        ("updates itself", "cross entropy, mean over the samples"),
        ("updating layers", "squared error, 0.2 x the mean over the samples"),
    ],
)
def test_the_loss_is_found_with_its_reduction(shape: str, loss: str) -> None:
    assert found(recognize(names_of(SHAPES[shape])), "loss") == loss


@pytest.mark.parametrize("shape", ["layer objects", "positional", "dict", "stored"])
def test_the_step_is_found_beside_the_gradients(shape: str) -> None:
    proposal = recognize(names_of(SHAPES[shape]))
    assert certainty(proposal, "step") == "sure"
    assert gap_of_step(proposal) < 1e-12


MEAN_OF_SQUARES = "def mse(y_pred, y):\n    return np.mean((y_pred - y) ** 2)\n"
HALF_OF_IT = "def half_mse(y_pred, y):\n    return np.mean((y_pred - y) ** 2) / 2\n"


def test_of_losses_beside_a_network_its_gradient_s_is_taken() -> None:
    proposal = recognize(names_of(DICT_OF_PARAMETERS + MEAN_OF_SQUARES))
    assert found(proposal, "loss").startswith("cross entropy")
    faulty = DICT_OF_PARAMETERS.replace("- y_true) / len(y_true)", "- 2 * y_true)")
    assert recognize(names_of(faulty + MEAN_OF_SQUARES)).network.loss is None


def test_a_loss_that_is_not_that_of_a_list_of_layers_is_left_out() -> None:
    code = UPDATING_LAYERS.replace("np.mean((y_true - y_pred) ** 2)", "-np.mean(y_true * y_pred)")
    assert code != UPDATING_LAYERS
    assert recognize(names_of(code)).network.loss is None


def test_a_loss_is_left_out_if_two_scales_of_it_are_there() -> None:
    other = "def log_loss(y_pred, y_true):\n    return -np.sum(y_true * np.log(y_pred))\n"
    assert recognize(names_of(DICT_OF_PARAMETERS + other)).network.loss is None
    assert recognize(names_of(STORED + MEAN_OF_SQUARES + HALF_OF_IT)).network.loss is not None


def gap_of_step(proposal: Proposal) -> float:
    inquiry = Inquiry.begin(Subject(proposal.network), Spec(), 0)
    batch = inquiry.batches[0]
    gradients = inquiry.subject.gradients(batch)
    inquiry.restore()
    before = inquiry.subject.get()
    inquiry.subject.step(batch, 0.25)
    after = inquiry.subject.get()
    return max(
        float(np.abs(old.weight - new.weight - 0.25 * gradient.weight).max())
        for old, new, gradient in zip(before, after, gradients, strict=True)
    )


FAULTS = {
    "factor": ("stored", "/ len(y)\n        self.grad_w", "* 3\n        self.grad_w"),
    "mask missing": ("positional", "* (Z1 > 0)", ""),
    "derivative of the activation": ("dict", "** 2)\n    return grads", "** 3)\n    return grads"),
    "bias one number": ("positional", "dZ1.sum(axis=1, keepdims=True)", "dZ1.sum()"),
    "no derivative": ("returned", " * a_out * (1 - a_out)", ""),
    "update order": (
        "one sample",
        "        back = self.who.T @ errors * hidden * (1 - hidden)\n"
        "        self.who += self.lr * errors @ hidden.T\n",
        "        self.who += self.lr * errors @ hidden.T\n"
        "        back = self.who.T @ errors * hidden * (1 - hidden)\n",
    ),
    "nothing that is known": ("returned", "delta.T @ x", "np.sin(delta.T @ x) + 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_gradient_is_recognized_as_the_gradient(fault: str) -> None:
    shape, right, wrong = FAULTS[fault]
    assert right in SHAPES[shape]
    sound = recognize(names_of(SHAPES[shape]))
    faulty = recognize(names_of(SHAPES[shape].replace(right, wrong)))
    assert faulty.fields == {**sound.fields, "gradients": faulty.fields.get("gradients")} or (
        faulty.fields == sound.fields
    )
    assert ("gradients" in faulty.fields) == ("gradients" in sound.fields)


def test_a_wrong_forward_is_recognized_with_less_certainty() -> None:
    code = RETURNED.replace(
        "a_h @ self.weight_out.T", "np.sin(a_h * a_h.sum()) @ self.weight_out.T"
    )
    proposal = recognize(names_of(code))
    assert certainty(proposal, "forward") == "likely"
    assert proposal.network.batch == "rows"


def test_a_class_an_object_and_a_function_are_recognized() -> None:
    names = names_of(RETURNED)
    cls = names["NeuralNetwork"]
    assert recognize(cls, names).fields["make"] == "lambda: NeuralNetwork(12, 9, 10)"
    thing = recognize(cls(5, 4, 3), names)
    assert Subject(thing.network).sizes == [5, 4, 3]

    def make() -> Any:
        return cls(6, 5, 4)

    assert Subject(recognize(make, names).network).sizes == [6, 5, 4]


def test_biases_folded_into_matrices_are_found() -> None:
    code = """
import numpy as np

class Net:
    def __init__(self, layers):
        self.W = [np.random.randn(a + 1, b) for a, b in zip(layers, layers[1:])]
    def forward(self, X):
        for n, W in enumerate(self.W):
            X = np.c_[X, np.ones(len(X))] @ W
            X = np.tanh(X) if n + 1 < len(self.W) else X
        return X
"""
    proposal = recognize(names_of(code))
    assert proposal.network.bias == "last_row"
    assert certainty(proposal, "forward") == "sure"
    assert found(proposal, "gradients") == "not found"


def test_a_gradient_that_is_stored_transposed_is_turned() -> None:
    code = STORED.replace("self.activations[n].T @ delta)", "delta.T @ self.activations[n])")
    code = code.replace("self.grad_w[n]\n", "self.grad_w[n].T\n")
    proposal = recognize(names_of(code))
    assert certainty(proposal, "gradients") == "sure"
    assert gap_of_step(proposal) < 1e-12


def test_a_bias_gradient_that_is_one_number_takes_the_shape_of_the_bias() -> None:
    proposal = recognize(
        names_of(POSITIONAL.replace("dZ1.sum(axis=1, keepdims=True)", "dZ1.sum()"))
    )
    inquiry = Inquiry.begin(Subject(proposal.network), Spec(), 0)
    bias = inquiry.subject.gradients(inquiry.batches[0])[0].bias
    assert bias is not None
    assert bias.shape == (9,)
    assert np.ptp(bias) == 0


def test_rows_that_go_in_and_columns_that_come_out_are_turned() -> None:
    code = (
        ONLY_FIT.replace("predict_proba(X)", "scores(X)")
        .replace(
            "    def predict(self",
            "    def predict_proba(self, X):\n        return self.scores(X).T\n"
            "    def predict(self",
        )
        .replace("def predict_proba(self, X):\n        h", "def scores(self, X):\n        h")
    )
    proposal = recognize(names_of(code))
    assert proposal.network.batch == "rows"
    assert proposal.fields["forward"] == "lambda net, x: net.predict_proba(x).T"


def test_momentum_of_the_shape_of_a_matrix_is_no_parameter() -> None:
    code = STORED.replace("self.velocity", "self.momentum").replace(
        "        self.weights = ",
        "        self.v_w = [np.ones((a, b)) for a, b in zip(sizes, sizes[1:])]"
        "\n        self.weights = ",
    )
    assert recognize(names_of(code)).fields["parameters"] == "'weights biases'"


def test_the_same_name_as_the_declaration_does_no_harm() -> None:
    names = names_of(LISTS_OF_SINGLE_SAMPLES)
    network = pasted(recognize(names), names)
    assert type(network).__module__ == "parity_tests.kit.network"


def test_nothing_to_recognize_is_an_error() -> None:
    with pytest.raises(RecognitionError, match="no forward pass"):
        recognize(names_of("def add(a, b):\n    return a + b\n"))


def test_the_global_generator_is_left_as_it_was() -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.rand(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    recognize(names_of(RETURNED))
    assert np.array_equal(np.random.rand(3), expected)  # noqa: NPY002


def test_names_have_their_roles() -> None:
    assert role("learning_rate") == role("lr0") == role("learning_rate_init") == "lr"
    assert role("y_pred") == "output"
    assert role("y_true") == "labels"
    assert role("dout") == "delta"
    assert role("inputs_list") == "inputs"
    assert stem("dW1") == stem("grad_W1") == stem("W1_grad") == stem("nabla_W1") == "w1"
    assert is_gradient("db2")
    assert not is_gradient("bias")
    assert is_loss("cross_entropy_loss")
    assert not is_loss("mse_prime")


def test_what_is_called_p_is_the_output_beside_the_inputs_only() -> None:
    assert roles(["x", "p", "y"]) == ["inputs", "output", "labels"]
    assert roles(["p", "y"]) == ["inputs", "labels"]


LABELS_OR_SCORES = """
import numpy as np

class TwoLayers:
    def __init__(self, n_in, n_hidden, n_out):
        self.params = {
            "W1": np.random.randn(n_in, n_hidden) * 0.3, "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out) * 0.3, "b2": np.zeros(n_out),
        }
        self.m = {k: np.zeros_like(v) for k, v in self.params.items()}

    def loss(self, X, y=None, reg=0.0):
        p = self.params
        h = np.maximum(0, X @ p["W1"] + p["b1"])
        s = h @ p["W2"] + p["b2"]
        if y is None:
            return s
        e = np.exp(s - s.max(axis=1, keepdims=True))
        d = e / e.sum(axis=1, keepdims=True)
        value = -np.log(d[np.arange(len(y)), y]).mean()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        g = {"W2": h.T @ d, "b2": d.sum(0)}
        d = d @ p["W2"].T * (h > 0)
        return value, {**g, "W1": X.T @ d, "b1": d.sum(0)}
"""

LOSS_BEFORE = """
import numpy as np

class Network:
    def __init__(self, n_in, n_hidden, n_out):
        self.layers = [{"W": np.random.randn(n_in, n_hidden) * 0.3, "b": np.zeros(n_hidden)},
                       {"W": np.random.randn(n_hidden, n_out) * 0.3, "b": np.zeros(n_out)}]
    def __call__(self, x):
        self.inputs = []
        for n, layer in enumerate(self.layers):
            self.inputs.append(x)
            x = x @ layer["W"] + layer["b"]
            x = np.tanh(x) if n == 0 else x
        return x
    def loss(self, x, y):
        self.d = (self(x) - y) / len(x)
        return 0.5 * len(x) * (self.d ** 2).sum()
    def backward(self):
        first, h = self.inputs
        d = self.d @ self.layers[1]["W"].T * (1 - h ** 2)
        return first.T @ d, d.sum(0), h.T @ self.d, self.d.sum(0)
"""

TRAINING_BY_DEFAULT = """
import numpy as np

class Dropout:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)
    def forward(self, X, training=True):
        self.X, self.h = X, np.tanh(X @ self.W1 + self.b1)
        if training:
            self.h = self.h * (np.random.rand(*self.h.shape) > 0.5) * 2
        return self.h @ self.W2 + self.b2
"""

SWITCHED = (
    TRAINING_BY_DEFAULT.replace("X, training=True", "X").replace(
        "        if training:",
        "        if getattr(self, 'training', True):",
    )
    + """
    def eval(self):
        self.training = False
"""
)

FIRST_COLUMN = """
import numpy as np

class Thetas:
    def __init__(self, n_in, n_hidden, n_out):
        self.Theta1 = np.random.rand(n_hidden, n_in + 1) - 0.5
        self.Theta2 = np.random.rand(n_out, n_hidden + 1) - 0.5
    def forward(self, X):
        a = np.c_[np.ones(len(X)), X]
        a = np.c_[np.ones(len(X)), 1 / (1 + np.exp(-a @ self.Theta1.T))]
        return 1 / (1 + np.exp(-a @ self.Theta2.T))
"""


ADAM = """
    def update(self, g, lr=1e-3, eps=1e-8):
        self.t = getattr(self, "t", 0) + 1
        self.v = getattr(self, "v", {k: np.zeros_like(p) for k, p in self.params.items()})
        for k in self.params:
            self.m[k] = 0.9 * self.m[k] + 0.1 * g[k]
            self.v[k] = 0.999 * self.v[k] + 0.001 * g[k] ** 2
            v = np.sqrt(self.v[k] / (1 - 0.999**self.t)) + eps
            self.params[k] -= lr * self.m[k] / (1 - 0.9**self.t) / v
    def forward(self, X):
        return self.loss(X)
    def backward(self, X, y):
        return self.loss(X, y)[1]
"""


def test_an_optimizer_beside_the_gradients_is_their_step() -> None:
    proposal = recognize(names_of(LABELS_OR_SCORES + ADAM))
    assert "net.update(g, lr)" in proposal.fields["step"]
    assert certainty(proposal, "gradients") == "sure"


@pytest.mark.parametrize("source", [LABELS_OR_SCORES, LOSS_BEFORE])
def test_gradients_that_come_of_the_loss_are_found(source: str) -> None:
    proposal = recognize(names_of(source))
    assert certainty(proposal, "gradients") == "sure"
    assert certainty(proposal, "loss") == "sure"


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (TRAINING_BY_DEFAULT, "net.forward(x, False)"),
        (SWITCHED, "(net.eval(), net.forward(x))[-1]"),
    ],
)
def test_a_pass_that_drops_units_is_told_that_it_is_no_training(source: str, call: str) -> None:
    proposal = recognize(names_of(source))
    assert proposal.fields["forward"] == f"lambda net, x: {call}"
    assert certainty(proposal, "forward") == "sure"


def test_a_bias_in_the_first_column_is_told_from_one_in_the_last() -> None:
    proposal = recognize(names_of(FIRST_COLUMN))
    assert proposal.fields["bias"] == "'first_column'"
    assert certainty(proposal, "forward") == "sure"


def test_moments_of_an_optimizer_in_a_dict_are_no_parameters() -> None:
    names = names_of(LABELS_OR_SCORES)
    chain = chains(arrays(names["TwoLayers"](4, 3, 2)))[0]
    assert {one.path[0].name for one in chain.found} == {"params"}


def test_a_rectified_output_may_be_zero_for_some_samples() -> None:
    assert _differ(np.array([[0.0], [1.0], [0.0], [2.0]]))
    assert not _differ(np.array([[1.0], [1.0], [2.0]]))
    assert not _differ(np.array([[0.0], [0.0], [2.0]]))


def test_returned_names_are_read_from_code() -> None:
    def forward(x: Any) -> Any:
        first = x + 1
        second = first * 2
        return first, second

    assert returned_names(forward) == ["first", "second"]
    assert returned_names(len) is None


def test_attributes_are_read_beside_constants_that_are_tuples() -> None:
    def report(self: Any, log: dict[str, Any]) -> Any:
        print(**log)  # whose positional arguments are the constant ()
        return self.lr, log, self.rate

    assert attributes_read(report) == ["lr", "rate"]


def test_bindings_use_names_then_roles() -> None:
    def backward(z_1: Any, x: Any, y: Any, lr: float = 0.1) -> None: ...

    given = list(bindings(backward, {"z_1": "out[0]"}, {"inputs": ["x"], "labels": ["y"]}))
    assert given == ["out[0], x, y"]
    rated = list(
        bindings(
            backward,
            {"z_1": "out[0]"},
            {"inputs": ["x"], "labels": ["y"], "lr": ["lr"]},
            frozenset({"lr"}),
        )
    )
    assert rated == ["out[0], x, y, lr"]
    assert not list(bindings(backward, {}, {"inputs": ["x"]}))


def test_chains_leave_out_what_is_no_parameter() -> None:
    names = names_of(STORED)
    chain = chains(arrays(names["MLP"]([4, 3, 2])))[0]
    assert [one.text for one in chain.weights] == [".weights[0]", ".weights[1]"]
    assert [one.text for one in chain.biases] == [".biases[0]", ".biases[1]"]
    assert chain.source() == "'weights biases'"


def test_references_are_the_gradients_of_differences() -> None:
    proposal = recognize(names_of(RETURNED))
    inquiry = Inquiry.begin(Subject(proposal.network), Spec(), 0)
    from parity_tests.kit.aspects.forward import aspect as forward

    forward.examine(inquiry)
    assert inquiry.form is not None
    batch, step = inquiry.batches[0], 1e-6

    def squares(layers: Layers) -> float:
        assert inquiry.form is not None
        return float(((run(inquiry.form, layers, batch.inputs).output - batch.targets) ** 2).sum())

    weight = inquiry.layers[0].weight
    weight[2, 3] += step
    above = squares(inquiry.layers)
    weight[2, 3] -= 2 * step
    below = squares(inquiry.layers)
    weight[2, 3] += step
    slope = (above - below) / (4 * step)
    assert any(
        name == "squared_error" and abs(g[0].weight[2, 3] - slope) < 1e-7
        for name, g in references(inquiry)
    )


ACTIVATED = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
        self.b = np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, grad):
        self.dW, self.db = self.x.T @ grad, grad.sum(axis=0)
        return grad @ self.W.T

class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)
    def backward(self, grad):
        return grad.reshape(self.shape)

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask
    def backward(self, grad):
        return grad * self.mask

class Tanh:
    def forward(self, x):
        self.a = np.tanh(x)
        return self.a
    def backward(self, grad):
        return grad * (1 - self.a ** 2)
"""
CONTAINER = """
import numpy as np

class Network:
    def __init__(self):
        self.layers = []
    def add(self, layer):
        self.layers.append(layer)
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p
    def backward(self, y):
        grad = (self.p - y) / len(y)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
"""
GIVEN_AT_ONCE = CONTAINER.replace(
    "(self):\n        self.layers = []", "(self, layers):\n        self.layers = layers"
)


@pytest.mark.parametrize("container", [CONTAINER, GIVEN_AT_ONCE])
@pytest.mark.parametrize("as_class", [False, True])
def test_a_container_is_tried_with_all_activations_beside_it(
    container: str, as_class: bool
) -> None:
    names = names_of(ACTIVATED + container)
    proposal = recognize(names["Network"] if as_class else names, names)
    assert found(proposal, "hidden activation") == "relu, tanh"
    assert certainty(proposal, "gradients") == "sure"
    assert "Flatten" not in proposal.fields["make"]
    assert not proposal.is_bare
    assert judged(pasted(proposal, names)) == {EQUAL}


def judged(network: Any) -> set[str]:
    """What is said of the gradient."""
    inquiry = Inquiry.begin(Subject(network), Spec(), 0)
    forward_aspect.examine(inquiry)
    return {verdict.status for verdict in gradient_aspect.examine(inquiry)}


def test_a_wrong_activation_of_several_is_seen_in_the_network_that_is_proposed() -> None:
    code = ACTIVATED.replace("grad * (1 - self.a ** 2)", "grad * (1 - self.a)")
    proposal = recognize(names_of(code + CONTAINER))
    assert found(proposal, "hidden activation") == "relu, tanh"
    assert DIFFERS in judged(proposal.network)


def test_a_list_of_layers_has_every_activation() -> None:
    proposal = recognize(names_of(ACTIVATED))
    assert proposal.fields["make"].endswith(
        "[Dense(12, 9), ReLU(), Dense(9, 8), Tanh(), Dense(8, 10)]"
    )
    assert found(proposal, "hidden activation") == "relu, tanh"


def test_a_single_layer_is_called_a_part() -> None:
    def parts(code: str, name: str) -> list[str]:
        names = names_of(code)
        conventions = recognize(names[name], names).conventions
        return [c.value for c in conventions if c.name == "part"]

    dense = ACTIVATED[: ACTIVATED.index("class Flatten")]
    told = "of a network: only the layer Dense was recognized and checked"
    assert parts(dense, "Dense") == [told]
    assert not parts(dense.replace("Dense", "SoftmaxModel"), "SoftmaxModel")
    fitted = dense.replace("def forward", "def fit(self, x, y):\n        pass\n    def forward")
    assert not parts(fitted, "Dense")


MADE_BY_SIZES = """
import numpy as np

def params_init(input_size, hidden_size, output_size):
    return (np.random.randn(input_size, hidden_size) * np.sqrt(2 / input_size),
            np.zeros((1, hidden_size)),
            np.random.randn(hidden_size, output_size) * np.sqrt(2 / hidden_size),
            np.zeros((1, output_size)))

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def forward_prop(W1, b1, W2, b2, X):
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2 + b2
    return Z1, A1, Z2, softmax(Z2)

def backward_prop(Z1, A1, A2, W2, X, Y):
    dZ2 = (A2 - Y) / len(X)
    dZ1 = dZ2 @ W2.T * (Z1 > 0)
    return X.T @ dZ1, dZ1.sum(0, keepdims=True), A1.T @ dZ2, dZ2.sum(0, keepdims=True)
"""


@pytest.mark.parametrize("maker", ["params_init", "spawn", "my_init_fn"])
def test_parameters_are_made_by_their_own_function(maker: str) -> None:
    names = names_of(MADE_BY_SIZES.replace("params_init", maker))
    proposal = recognize(names)
    assert proposal.fields["make"] == f"lambda: {maker}(12, 9, 10)"
    assert certainty(proposal, "gradients") == "sure"
    inquiry = Inquiry.begin(Subject(proposal.network), Spec(), 0)
    [verdict] = initialization_aspect.examine(inquiry)
    assert verdict.status == EQUAL
    assert "He's" in verdict.message


def test_placeholders_are_marked_and_stay_so_when_pasted() -> None:
    code = MADE_BY_SIZES[MADE_BY_SIZES.index("def softmax") :]
    names = names_of("import numpy as np\n" + code)
    proposal = recognize(names)
    assert proposal.fields["make"].startswith("uninitialized(lambda: ")
    for network in (proposal.network, pasted(proposal, names)):
        inquiry = Inquiry.begin(Subject(network), Spec(), 0)
        [verdict] = initialization_aspect.examine(inquiry)
        assert verdict.status == UNCHECKED


def test_a_function_that_needs_arguments_stands_for_its_module() -> None:
    names = names_of(MADE_BY_SIZES)
    for name in ("params_init", "forward_prop"):
        proposal = recognize(names[name], names)
        assert proposal.fields["make"] == "lambda: params_init(12, 9, 10)"


def test_an_object_of_the_module_is_recognized() -> None:
    # Its constructor takes what nobody guesses.
    code = RETURNED.replace("(self, num_features", "(self, *, token, num_features")
    code = code.replace("self.num_classes =", "assert token == 5; self.num_classes =")
    code += "\nnet = NeuralNetwork(token=5, num_features=6, num_hidden=5, num_classes=4)\n"
    names = names_of(code)
    proposal = recognize(names)
    assert proposal.fields["make"] == "lambda: copy.deepcopy(net)"
    assert Subject(pasted(proposal, names)).sizes == [6, 5, 4]


def test_the_learning_rate_is_given_by_its_name() -> None:
    code = """
import numpy as np

def sig(z):
    return 1 / (1 + np.exp(-z))

class Net:
    def __init__(self, input_size, hidden_size, output_size):
        self.W1 = np.random.randn(input_size, hidden_size)
        self.W2 = np.random.randn(hidden_size, output_size)
    def forward(self, X):
        self.X, self.a = X, sig(X @ self.W1)
        self.out = sig(self.a @ self.W2)
        return self.out
    def backward(self, y, learning_rate=0.1):
        d2 = (self.out - y) / len(y)
        d1 = d2 @ self.W2.T * self.a * (1 - self.a)
        self.W2 -= learning_rate * (self.a.T @ d2)
        self.W1 -= learning_rate * (self.X.T @ d1)
"""
    step = recognize(names_of(code)).fields["step"]
    assert "net.backward(y, lr)" in step
    assert "setattr" not in step
    # What is read and never set is set from outside.
    unset = code.replace(", learning_rate=0.1", "").replace("learning_rate *", "self.lr *")
    step = recognize(names_of(unset)).fields["step"]
    assert "setattr(net, 'lr', lr)" in step
    # What has a rate of its own is left as it is.
    fixed = code.replace(", learning_rate=0.1", "").replace("learning_rate *", "0.1 *")
    assert "lr" not in recognize(names_of(fixed)).fields["step"].partition(":")[2]


def test_gradients_and_a_step_are_both_given() -> None:
    training = """
    def train_on(self, X, y, lr=0.5):
        a_h, a_out = self.forward(X)
        w_out, b_out, w_h, b_h = self.backward(X, a_h, a_out, y)
        self.weight_out -= lr * w_out
        self.bias_out -= lr * b_out
        self.weight_h -= lr * w_h
        self.bias_h -= lr * b_h
"""
    fields = recognize(names_of(RETURNED + training)).fields
    assert "net.backward(" in fields["gradients"]
    assert fields["step"] == "lambda net, x, y, lr: net.train_on(x, y, lr)"


@pytest.mark.parametrize("new", ["neurons_per_layer", "hidden_size_list", "hidden_sizes"])
def test_names_of_widths(new: str) -> None:
    code = f"""
import numpy as np

class Net:
    def __init__(self, input_size, output_size, {new}):
        sizes = [input_size, *{new}, output_size]
        self.W = [np.random.randn(a, b) for a, b in zip(sizes, sizes[1:])]
    def forward(self, X):
        for n, W in enumerate(self.W):
            X = X @ W
            X = np.tanh(X) if n + 1 < len(self.W) else X
        return X
"""
    assert recognize(names_of(code)).fields["make"] == "lambda: Net(12, 10, [9, 8])"


def test_data_in_the_constructor() -> None:
    code = """
import numpy as np

def sig(z):
    return 1 / (1 + np.exp(-z))

class NeuralNetwork:
    def __init__(self, x, y):
        self.input, self.y = x, y
        self.weights1 = np.random.rand(self.input.shape[1], 4)
        self.weights2 = np.random.rand(4, y.shape[1])
    def feedforward(self):
        self.layer1 = sig(self.input @ self.weights1)
        self.output = sig(self.layer1 @ self.weights2)
        return self.output
    def backprop(self):
        d2 = (self.y - self.output) * self.output * (1 - self.output)
        d1 = d2 @ self.weights2.T * self.layer1 * (1 - self.layer1)
        self.weights1 += self.input.T @ d1
        self.weights2 += self.layer1.T @ d2
"""
    proposal = recognize(names_of(code))
    assert "setattr(net, 'input', x)" in proposal.fields["forward"]
    assert "setattr(net, 'y', y)" in proposal.fields["step"]
    assert certainty(proposal, "gradients") == "sure"


def test_parameters_in_dicts_by_layer() -> None:
    code = """
import numpy as np

class Net:
    def __init__(self):
        self.weights = {'hidden': np.random.randn(12, 9), 'output': np.random.randn(9, 10)}
        self.biases = {'hidden': np.zeros((1, 9)), 'output': np.zeros((1, 10))}
    def forward_pass(self, x):
        self.a_hidden = np.maximum(0, x @ self.weights['hidden'] + self.biases['hidden'])
        return np.tanh(self.a_hidden @ self.weights['output'] + self.biases['output'])
"""
    declared = recognize(names_of(code)).fields["parameters"]
    assert declared == "'weights.hidden biases.hidden weights.output biases.output'"


def test_samples_that_a_class_is_made_with_are_no_parameters() -> None:
    code = """
import numpy as np

class Net:
    def __init__(self, X, Y):
        self.X, self.Y, self.layers = X, Y, []
    def forward(self, x):
        return self.layers[0](x)
"""
    with pytest.raises(RecognitionError) as raised:
        recognize(names_of(code))
    told = str(raised.value)
    assert "is made, and has no matrices before it is used" in told
    assert "parameters=...," in told


def test_what_is_not_recognized_is_told_with_a_beginning() -> None:
    code = """
import numpy as np

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.W2 = np.ones((n_in, n_hidden)), np.ones((n_hidden, n_out))
    def forward(self, x):
        raise ValueError("not yet")
    def train(self, x, y):
        pass
"""
    with pytest.raises(RecognitionError) as raised:
        recognize(names_of(code))
    lines = str(raised.value).splitlines()
    assert len(lines) <= 8
    assert "Net(12, 9, 10) is made, with W1 (12, 9), W2 (9, 10)." in lines
    assert (
        "forward pass: forward; of 7 samples in rows forward raises ValueError: not yet." in lines
    )
    assert "gradient: no function with such a name; step: train" in lines
    assert lines[-1] == (
        "network = Network(make=lambda: Net(12, 9, 10), parameters='W1 W2', forward='forward', ...)"
    )
    with pytest.raises(RecognitionError, match=r"Net could not be made: Net\(.*TypeError"):
        recognize(names_of(code.replace("n_in, n_hidden, n_out):", "a, *, b):")))


def test_names_that_are_returned_are_known_beside_others() -> None:
    def forward(x: Any) -> Any:
        first = np.tanh(x)
        pairs = [one + 1 for one in range(3)]
        return first, np.exp(first), pairs, {"a": first}

    assert returned_names(forward) == ["first", "", "pairs", ""]


def test_what_is_called_y_may_be_the_gradient_of_the_loss() -> None:
    passes = "grad = (self.p - y) / len(y)\n        for layer in reversed(self.layers):\n"
    container = GIVEN_AT_ONCE.replace(passes, "for layer in reversed(self.layers):\n")
    container = container.replace("grad = layer.backward(grad)", "y = layer.backward(y)")
    names = names_of(ACTIVATED + container)
    proposal = recognize(names)
    assert found(proposal, "gradient of the loss") == "p - y"
    assert judged(proposal.network) <= {EQUAL, CONVENTION}
    # Labels that are taken for the gradient are a fault where that gives no gradient either.
    wrong = container.replace("y = layer.backward(y)", "y = 1 + layer.backward(y)")
    names = names_of(ACTIVATED + wrong)
    assert "net.backward(y)" in recognize(names).fields["backward"]


def test_samples_and_labels_may_come_as_a_pair() -> None:
    training = """
    def update_batch(self, batch, lr):
        X, y = batch
        a_h, a_out = self.forward(X)
        w_out, b_out, w_h, b_h = self.backward(X, a_h, a_out, y)
        self.weight_out -= lr * w_out
        self.bias_out -= lr * b_out
        self.weight_h -= lr * w_h
        self.bias_h -= lr * b_h
"""
    fields = recognize(names_of(RETURNED + training)).fields
    assert fields["step"] == "lambda net, x, y, lr: net.update_batch((x, y), lr)"


def test_gradients_that_add_up_begin_at_zero_for_every_sample() -> None:
    code = """
import numpy as np

class Net:
    def __init__(self):
        self.W = {1: np.random.randn(9, 12), 2: np.random.randn(10, 9)}
        self.grads = {1: np.zeros((9, 12)), 2: np.zeros((10, 9))}
    def forward(self, x):
        assert x.shape == (12, 1)
        self.x, self.a = x, np.tanh(self.W[1] @ x)
        return np.tanh(self.W[2] @ self.a)
    def backward(self, out, y):
        delta = (out - y) * (1 - out ** 2)
        self.grads[2] += delta @ self.a.T
        self.grads[1] += (self.W[2].T @ delta * (1 - self.a ** 2)) @ self.x.T
        self.rate = self.lr
"""
    proposal = recognize(names_of(code))
    assert certainty(proposal, "gradients") == "sure"
    assert judged(proposal.network) == {EQUAL}
    assert "setattr(net, 'lr', 0.0)" in proposal.fields["gradients"]


NAMES_IN_WORDS = """
import numpy as np

class NeuralNetwork:
    def __init__(self, input_size, hidden_size, output_size):
        self.hidden_weights = np.random.randn(input_size, hidden_size) * 0.1
        self.output_weights = np.random.randn(hidden_size, output_size) * 0.1
        self.hidden_bias = np.zeros((1, hidden_size))
        self.output_bias = np.zeros((1, output_size))

    def forward(self, inputs):
        self.hidden_output = np.maximum(0, inputs @ self.hidden_weights + self.hidden_bias)
        return 1 / (1 + np.exp(-(self.hidden_output @ self.output_weights + self.output_bias)))

    def train(self, training_inputs, training_output, training_iterations, learning_rate=0.1):
        for _ in range(training_iterations):
            final = self.forward(training_inputs)
            delta = (training_output - final) * final * (1 - final)
            hidden = delta @ self.output_weights.T * (self.hidden_output > 0)
            self.output_weights += learning_rate * self.hidden_output.T @ delta
            self.hidden_weights += learning_rate * training_inputs.T @ hidden
            self.output_bias += learning_rate * delta.sum(axis=0, keepdims=True)
            self.hidden_bias += learning_rate * hidden.sum(axis=0, keepdims=True)
"""


def test_weights_of_the_output_are_parameters_and_its_values_are_none() -> None:
    found = recognize(names_of(NAMES_IN_WORDS))
    assert found.fields["parameters"] == repr(
        "hidden_weights hidden_bias output_weights output_bias"
    )
    report = examine(found.network)
    assert report.failures == []
    assert report.unanswered == []
    for name in ("output", "output_d", "h", "velocity_weights", "m_w1", "last_weights"):
        assert is_state(name)


def test_what_a_training_step_raises_is_told() -> None:
    refusing = NAMES_IN_WORDS.replace("training_output - final", "training_output - self.final")
    found = recognize(names_of(refusing))
    [told] = [convention.why for convention in found.conventions if convention.name == "gradients"]
    assert "train(" in told
    assert "raises AttributeError" in told


OWN_LOSS_OF_SEVERAL = """
import numpy as np

class QuadraticCost:
    def fn(self, a, y):
        return np.mean(np.sum((a - y) ** 2 / 2, axis=1))

class Net:
    def __init__(self, inputs, hidden, outputs):
        self.W1, self.b1 = np.random.randn(inputs, hidden) * 0.3, np.zeros(hidden)
        self.W2, self.b2 = np.random.randn(hidden, outputs) * 0.3, np.zeros(outputs)

    def predict(self, X):
        return np.tanh(X @ self.W1 + self.b1) @ self.W2 + self.b2

    def backprop(self, X, Y):
        h = np.tanh(X @ self.W1 + self.b1)
        d2 = (h @ self.W2 + self.b2 - Y) / len(X)
        d1 = d2 @ self.W2.T * (1 - h ** 2)
        return X.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)

    def loss(self, X, Y):
        return np.mean(np.abs(self.predict(X) - Y), axis=0)
"""


def test_no_loss_beside_a_network_is_taken_for_its_own_that_is_several_numbers() -> None:
    names = names_of(OWN_LOSS_OF_SEVERAL)
    assert found(recognize(names["Net"], names), "loss") == "not found"
    plain = names_of(OWN_LOSS_OF_SEVERAL.partition("    def loss")[0])
    assert "squared error" in found(recognize(plain["Net"], plain), "loss")
