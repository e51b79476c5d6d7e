"""Bad input gets an error that names the argument, what came and what was expected."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.initializers import kaiming_normal_


def rng() -> np.random.Generator:
    """A fresh generator."""
    return np.random.default_rng(0)


def model() -> ours.Sequential:
    """A small network, 13-11-5."""
    return ours.mlp([13, 11, 5], rng=rng())


def linear(inputs: int = 13, outputs: int = 11, **options: Any) -> ours.Linear:
    """A layer, 13-11."""
    return ours.Linear(inputs, outputs, rng=rng(), **options)


X = np.zeros((7, 13), np.float32)
Z = np.zeros((7, 5), np.float32)
Y = np.zeros(7, np.int64)


def loader(x: Any = X, y: Any = Y, **options: Any) -> ours.DataLoader:
    """A loader over seven samples."""
    return ours.DataLoader(x, y, **options)


def nan_at_3() -> np.ndarray:
    """Inputs with NaN in row 3."""
    x = X.copy()
    x[3, 2] = np.nan
    return x


def backward_with(grad: Any) -> Callable[[], Any]:
    """A backward pass with this gradient after a forward pass."""

    def run() -> None:
        m = model()
        m.forward(X)
        m.backward(grad)

    return run


def used_twice() -> None:
    """A layer in two models."""
    layer = linear()
    ours.Sequential(layer)
    ours.Sequential(layer)


ReLU_ONCE = ours.ReLU()

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    # layers and models
    "features": (lambda: model()(X[:, :-1]), "x: expected shape (..., 13), got shape (7, 12)"),
    "scalar": (lambda: linear()(1.0), "x: expected shape (..., 13), got shape ()"),
    "integer images": (
        lambda: model()(X.astype(np.uint8)),
        "x: expected floating-point numbers (scale integer pixels to floats first), "
        "got uint8 array of shape (7, 13)",
    ),
    "booleans": (lambda: model()(X > 0), "x: expected floating-point numbers, got bool array"),
    "complex": (lambda: model()(X * 1j), "x: expected floating-point numbers, got complex64"),
    "strings": (lambda: model()(["a"]), "x: expected floating-point numbers, got <U1 array"),
    "objects": (lambda: model()([None]), "x: expected floating-point numbers, got object array"),
    "ragged": (lambda: model()([[1.0], [1.0, 2.0]]), "x: expected an array of floating-point"),
    "out shape": (lambda: model()(X, out=np.empty((7, 4), np.float32)), "out: expected a writable"),
    "out dtype": (lambda: model()(X, out=np.empty((7, 5))), "out: expected a writable"),
    "out overlap": (
        lambda: ours.ReLU()(X, out=X),
        "out: expected memory of its own, got an array that overlaps an argument",
    ),
    "grad shape": (backward_with(Z[:-1]), "grad_output: expected shape (7, 5), got shape (6, 5)"),
    "grad type": (backward_with(Y), "grad_output: expected floating-point numbers"),
    "no layers": (lambda: ours.Sequential(), "layers: expected at least one layer, got none"),
    "no layer": (lambda: ours.Sequential(X), "layers[0]: expected a Layer, got float32 array"),  # type: ignore[arg-type]
    "misfit": (
        lambda: ours.Sequential(linear(13, 11), ours.ReLU(), linear(12, 5)),
        "layers[2]: expected 11 input features, got 12",
    ),
    "layer twice": (
        lambda: ours.Sequential(ReLU_ONCE, ReLU_ONCE),
        "layers[1]: expected a layer of",
    ),
    "two models": (used_twice, "layers[0]: expected a layer that is in no other model"),
    "dtypes": (
        lambda: ours.Sequential(linear(13, 11), linear(11, 5, dtype=np.float64)),
        "layers: expected one dtype, got float32 and float64",
    ),
    "dtype": (lambda: linear(dtype=np.float16), "dtype: expected float32 or float64, got float16"),
    "no dtype": (lambda: linear(dtype="x"), "dtype: expected float32 or float64, got 'x'"),
    "width zero": (lambda: linear(0), "in_features: expected an integer of at least 1, got int 0"),
    "width float": (lambda: linear(13, 2.0), "out_features: expected an integer"),  # type: ignore[arg-type]
    "sizes": (lambda: ours.mlp([13], rng=rng()), "sizes: expected at least an input and an output"),
    "predict 1-D": (lambda: model().predict(X[0]), "x: expected shape (samples, features)"),
    "predict width": (lambda: model().predict(X[:, 1:]), "x: expected shape (..., 13), got"),
    "predict batch": (lambda: model().predict(X, batch_size=0), "batch_size: expected an integer"),
    "workspace rows": (
        lambda: model().forward(X, workspace=ours.Workspace(model(), 6, 13)),
        "x: expected at most 6 rows, got 7 rows",
    ),
    "parameter shape": (
        lambda: setattr(linear().weight, "data", np.zeros((13, 11))),
        "weight: expected shape (11, 13), got shape (13, 11)",
    ),
    "state keys": (
        lambda: model().load_state_dict({"0.weight": np.zeros((11, 12)), "x": 1.0}),
        "missing key 0.bias; missing key 2.weight; missing key 2.bias; unexpected key x; "
        "0.weight of shape (11, 12) for (11, 13)",
    ),
    # losses
    "reduction": (lambda: ours.CrossEntropyLoss(reduction="avg"), "reduction: expected one of"),
    "logits 0-D": (lambda: ours.CrossEntropyLoss()(Z[0, 0], 0), "logits: expected shape (batch, c"),
    "label too large": (
        lambda: ours.CrossEntropyLoss()(Z, [0, 1, 5, 0, 0, 0, 0]),
        "targets: expected labels from 0 to 4, got 5 at 2",
    ),
    "label negative": (
        lambda: ours.CrossEntropyLoss()(Z, [0, 1, 4, -1, 0, 0, 0]),
        "targets: expected labels from 0 to 4, got -1 at 3",
    ),
    "too few labels": (
        lambda: ours.CrossEntropyLoss()(Z, Y[:-1]),
        "targets: expected integer labels of shape (7,) or rows of shape (7, 5), got int64",
    ),
    "float labels": (lambda: ours.CrossEntropyLoss()(Z, Y * 1.0), "targets: expected integer lab"),
    "not one-hot": (
        lambda: ours.CrossEntropyLoss()(Z, np.ones((7, 5), int)),
        "targets: expected one 1 and else zeros in every one-hot row",
    ),
    # optimizers
    "no parameters": (lambda: ours.SGD([]), "params: expected at least one parameter"),
    "no iterable": (lambda: ours.SGD(linear().weight), "params: expected an iterable"),  # type: ignore[arg-type]
    "arrays": (lambda: ours.SGD([X]), "params: expected parameters, got float32 array"),  # type: ignore[list-item]
    "parameter twice": (
        lambda: (lambda p: ours.SGD([*p, p[0]]))(model().parameters()),
        "params: expected every parameter once, got 0.weight 2 times",
    ),
    "two arenas": (
        lambda: ours.SGD([*linear().parameters(), *linear().parameters()]),
        "params: expected parameters of one model, got parameters of several",
    ),
    "lr negative": (lambda: ours.SGD(model().parameters(), lr=-1), "lr: expected a finite number"),
    "lr nan": (lambda: ours.Adam(model().parameters(), lr=np.nan), "lr: expected a finite number"),
    "lr infinite": (lambda: ours.Adam(model().parameters(), lr=np.inf), "lr: expected a finite nu"),
    "beta": (
        lambda: ours.Adam(model().parameters(), betas=(0.9, 1.0)),
        "betas[1]: expected a number at least 0, below 1, got 1.0",
    ),
    "betas": (lambda: ours.Adam(model().parameters(), betas=0.9), "betas: expected two numbers"),  # type: ignore[arg-type]
    "nesterov": (
        lambda: ours.SGD(model().parameters(), nesterov=True),
        "nesterov: expected momentum above 0 and dampening 0 beside it, got momentum=0.0",
    ),
    "group key": (
        lambda: ours.SGD([{"params": model().parameters(), "beta": 1}]),
        "params: expected group keys among",
    ),
    "optimizer state": (
        lambda: ours.SGD(model().parameters()).load_state_dict({"state": {}, "param_groups": []}),
        "param_groups: expected the groups",
    ),
    # data
    "no samples": (lambda: loader(X[:0], Y[:0]), "inputs: expected at least one sample, got none"),
    "lengths": (lambda: loader(y=Y[:-1]), "targets: expected 7 of them, one per input, got 6"),
    "nan": (lambda: loader(nan_at_3()), "inputs: expected finite numbers, got nan at row 3"),
    "infinity": (lambda: loader(X + np.inf), "inputs: expected finite numbers, got inf at row 0"),
    "bytes": (lambda: loader(X.astype(np.uint8)), "scale: expected a number for uint8 inputs"),
    "int images": (lambda: loader(X.astype(int)), "inputs: expected floating-point numbers, or ui"),
    "1-D inputs": (lambda: loader(X[0]), "inputs: expected shape (samples, features)"),
    "batch size": (lambda: loader(batch_size=0), "batch_size: expected an integer of at least 1"),
    "no batch": (lambda: loader(batch_size=8, drop_last=True), "batch_size: expected at most 7"),
    "no rng": (lambda: loader(shuffle=True), "rng: expected a numpy.random.Generator"),
    # training, metrics, initialization
    "epochs": (
        lambda: ours.Trainer(model(), ours.CrossEntropyLoss(), ours.SGD(model().parameters())).fit(
            loader(), loader(), 0
        ),
        "epochs: expected an integer of at least 1, got int 0",
    ),
    "train features": (
        lambda: ours.Trainer(model(), ours.CrossEntropyLoss(), ours.SGD(model().parameters())).fit(
            loader(X[:, 1:]), loader(), 1
        ),
        "train: expected 13 features, got 12",
    ),
    "accuracy lengths": (lambda: ours.accuracy(Y, Y[1:]), "predictions: expected 6 of them, got 7"),
    "accuracy empty": (lambda: ours.accuracy(Y[:0], Y[:0]), "targets: expected at least one sampl"),
    "confusion": (
        lambda: ours.confusion_matrix(Y + 5, Y, 5),
        "predictions: expected labels from 0",
    ),
    "fan": (
        lambda: kaiming_normal_(np.zeros(3), rng=rng()),
        "tensor: expected shape (out_features, in_features), got float64 array of shape (3,)",
    ),
    "fan mode": (
        lambda: kaiming_normal_(X, mode="fan", rng=rng()),
        "mode: expected 'fan_in' or 'fan_out', got 'fan'",
    ),
    "nonlinearity": (
        lambda: kaiming_normal_(X, nonlinearity="sine", rng=rng()),
        "nonlinearity: expected one of",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ours.InputError) as caught:
        call()
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert str(pickle.loads(pickle.dumps(caught.value))) == text


def test_backward_before_forward() -> None:
    for layer in (linear(), ours.ReLU(), model()):
        with pytest.raises(RuntimeError, match="no forward in training mode"):
            layer.backward(X)
    with pytest.raises(RuntimeError, match="no forward before"):
        ours.CrossEntropyLoss().backward()


def test_an_optimizer_made_too_early() -> None:
    layer = linear()
    optimizer = ours.SGD(layer.parameters())
    ours.Sequential(layer)
    with pytest.raises(RuntimeError, match="make the optimizer after the model"):
        optimizer.step()


def test_a_refused_state_changes_nothing() -> None:
    m = model()
    before = m.arena.values.copy()
    state = {name: value + 1 for name, value in m.state_dict().items()}
    del state["2.bias"]
    with pytest.raises(ours.InputError):
        m.load_state_dict(state)
    np.testing.assert_array_equal(m.arena.values, before)


def test_divergence_is_named_and_leaves_the_parameters() -> None:
    m = model()
    x = rng().standard_normal((700, 13)).astype(np.float32)
    y = rng().integers(0, 5, 700)
    trainer = ours.Trainer(m, ours.CrossEntropyLoss(), ours.SGD(m.parameters(), lr=1e30))
    with pytest.raises(ours.DivergenceError, match=r"got (nan|inf) in epoch 1, step \d+"):
        trainer.fit(loader(x, y), loader(x, y), 1)
