"""What layers do at the edges of their arguments: defaults, doors, modes, names and formulas."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.activations.rectifiers import prelu_backward
from numpy_impl.activations.relu import relu, relu_backward
from numpy_impl.activations.softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
    softmin,
    softmin_backward,
)
from numpy_impl.elementwise import in_blocks, sum_in_blocks
from numpy_impl.layers.dropout import dropout
from numpy_impl.layers.linear import linear
from numpy_impl.layers.normalization import root_mean_square
from parity_tests.checks.layers import CASES
from parity_tests.checks.raising import raised, refused
from parity_tests.inputs import BATCH, FEATURES, HIDDEN, mixed

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

FORMS = [
    pytest.param(case, variant, id=f"{case.operation.__name__}-{variant}")
    for case in CASES
    for variant in case.variants
]


def rng() -> np.random.Generator:
    """A fresh generator."""
    return np.random.default_rng(0)


def drawn(case: Any, variant: str, dtype: np.dtype[Any] = FLOAT64) -> tuple[ours.Layer, Any]:
    """A layer, and an input that it takes."""
    layer = case.make(variant, rng(), dtype)
    return layer, mixed(rng(), case.shapes[0]).astype(dtype)


def overlapping(array: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The same numbers, and an array of this shape that begins where they do."""
    memory = np.zeros(max(array.size, int(np.prod(shape))))
    memory[: array.size] = array.ravel()
    return memory[: array.size].reshape(array.shape), memory[: np.prod(shape)].reshape(shape)


def shapes_of(layer: ours.Layer) -> dict[str, tuple[int, ...]]:
    """Names and shapes of parameters and buffers, in order."""
    shapes = {parameter.name: parameter.shape for parameter in layer.parameters()}
    return shapes | {name: array.shape for name, array in layer.buffers().items()}


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_a_layer_is_its_arguments(case: Any, variant: str) -> None:
    layer, _ = drawn(case, variant)
    shapes = shapes_of(layer)
    if isinstance(layer, ours.Residual):
        assert repr(layer) == f"Residual({', '.join(map(repr, layer))})"
        return
    config = layer.config()
    given = {k: v for k, v in case.variants[variant].items() if k in config}
    assert {k: list(np.ravel(v)) for k, v in given.items()} == {
        k: list(np.ravel(config[k])) for k in given
    }
    assert type(layer).state_shapes(**config) == shapes
    assert list(type(layer).state_shapes(**config)) == list(shapes)
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
    assert repr(layer) == f"{case.operation.__name__}({arguments})"


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_nothing_is_allocated_beside_the_parameters(case: Any, variant: str) -> None:
    layer, _ = drawn(case, variant)
    sizes = {parameter.arena: 0 for parameter in layer.parameters()}
    for parameter in layer.parameters():
        sizes[parameter.arena] += parameter.size
    assert all(len(arena) == size for arena, size in sizes.items())


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_out_in_both_modes(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    assert layer.training is True
    for switch in (layer.train, layer.eval):
        switch()
        expected = layer.forward(x)
        for call in (layer.forward, layer):
            out = np.full(expected.shape, np.nan)
            assert call(x, out=out) is out
        assert layer.training is (switch == layer.train)
        before = x.copy()
        twice, there = overlapping(x, expected.shape)
        refused("out", layer.forward, twice, out=there)
        refused("out", layer.forward, x, out=np.empty((*expected.shape, 1)))
        refused("out", layer.forward, x, out=np.empty(expected.shape, FLOAT32))
        assert np.array_equal(x, before)
    out = np.full(expected.shape, np.nan)
    assert layer.infer(x, out=out) is out
    assert np.array_equal(out, expected)


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_the_door_of_backward(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    fresh, _ = drawn(case, variant)
    with pytest.raises(RuntimeError, match=rf"^{case.operation.__name__}\.backward: there was no"):
        fresh.backward(x)
    y = layer.forward(x)
    refused("grad_output", layer.backward, np.ones((*y.shape, 1)))
    refused("grad_output", layer.backward, np.ones(y.shape, int))
    grad_output = np.ones(y.shape)
    refused("out", layer.backward, grad_output, out=np.empty((*x.shape, 1)))
    twice, there = overlapping(grad_output, x.shape)
    refused("out", layer.backward, twice, out=there)
    kept = grad_output.astype(FLOAT32)
    expected = layer.backward(grad_output)
    result = layer.backward(kept)
    assert result is not None
    assert result.dtype == FLOAT64
    assert np.array_equal(result, expected)


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_copies_forget_the_batch(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    y = layer.forward(x)
    for duplicate in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        with pytest.raises(RuntimeError):
            duplicate.backward(np.ones(y.shape))


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_the_input_is_converted_or_refused(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant, FLOAT32)
    for call in (layer.forward, layer.infer):
        refused("x", call, x.astype(int))
        refused("x", call, x > 0)
    typed = bool(layer.parameters()) or hasattr(layer, "dtype")
    expected = layer.forward(x)
    assert expected.dtype == FLOAT32
    wide = layer.forward(x.astype(FLOAT64))
    assert wide.dtype == (FLOAT32 if typed else FLOAT64)
    if typed:
        assert np.array_equal(wide, expected)
    else:
        # What the layer remembers is in the precision of the last input.
        other, _ = drawn(case, variant, FLOAT32)
        grad = mixed(rng(), wide.shape)
        other.forward(x.astype(FLOAT64))
        assert np.array_equal(other.forward(x.astype(FLOAT64)), wide)
        assert np.array_equal(other.backward(grad), layer.backward(grad))


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_widths(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    if x.ndim != 2 or isinstance(layer, ours.Flatten):
        return
    width = layer.out_features(x.shape[1])
    assert width == layer.forward(x).shape[1]
    assert layer.in_features in (None, x.shape[1])
    wider = np.ones((len(x), x.shape[1] + 1))
    try:
        layer.infer(wider)
    except ours.InputError:
        assert layer.in_features == x.shape[1]
        with pytest.raises(ours.InputError):
            layer.out_features(x.shape[1] + 1)
    layer.eval()
    together = layer.forward(x)
    try:
        alone = [layer.forward(row) for row in x]
    except ours.InputError:
        by_rows = False
    else:
        by_rows = np.allclose(alone, together, rtol=1e-12, atol=1e-12)
    assert type(layer.rowwise) is bool
    assert (layer.rowwise or layer.elementwise) == by_rows


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_the_inner_backward_overwrites_by_default(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    y = layer.forward(x)
    grad_output, grad_input = mixed(rng(), y.shape), np.empty(x.shape)
    for _ in range(2):
        layer.backward_into(grad_output, grad_input)
        grads = [parameter.grad.copy() for parameter in layer.parameters()]
    layer.backward(grad_output)
    for parameter, grad in zip(layer.parameters(), grads, strict=True):
        assert np.array_equal(parameter.grad, grad)


ELEMENTWISE = [
    pytest.param(case, variant, id=f"{case.operation.__name__}-{variant}")
    for case in CASES
    if case.operation.elementwise and "function" in vars(case.operation)
    for variant in case.variants
]
FINITE = np.array([0.0, -0.0, 1.5, -2.5, 88.0, -88.0, 1e4, -1e4, 1e-30, -1e-30])


@pytest.mark.parametrize(("case", "variant"), ELEMENTWISE)
def test_functions_of_an_entry(case: Any, variant: str) -> None:
    layer, _ = drawn(case, variant)
    for dtype in (FLOAT64, FLOAT32):
        x = FINITE.astype(dtype)
        for call in (layer.function, lambda x: layer.derivative(x, x)):
            with np.errstate(over="ignore"):
                finite = np.isfinite(call(x))
            given = x[finite]
            result = call(given)  # where the result is finite, there is no warning
            assert isinstance(result, np.ndarray)
            assert result.dtype == dtype
            assert not np.shares_memory(result, given)
            assert np.array_equal(given, x[finite])


@pytest.mark.parametrize(("case", "variant"), ELEMENTWISE)
def test_what_is_computed_in_float64_is_rounded_once(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant, FLOAT32)
    grad_output = mixed(rng(), x.shape).astype(FLOAT32)
    found = {}
    for dtype in (FLOAT32, FLOAT64):
        y = layer.forward(x.astype(dtype))
        grad_input = layer.backward(grad_output.astype(dtype))
        assert grad_input is not None
        assert y.dtype == grad_input.dtype == dtype
        with np.errstate(over="ignore"):
            found[dtype] = y.astype(FLOAT32), grad_input.astype(FLOAT32)
    if layer.wide:
        np.testing.assert_array_equal(found[FLOAT32], found[FLOAT64])


@pytest.mark.parametrize(("case", "variant"), ELEMENTWISE)
def test_the_gradient_is_not_written_to_the_input(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    kept, there = overlapping(x, x.shape)
    layer.forward(kept)
    refused("out", layer.backward, np.ones(x.shape), out=there)
    assert np.array_equal(kept, x)


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_gradients_of_parameters_alone(case: Any, variant: str) -> None:
    layer, x = drawn(case, variant)
    grad_output = mixed(rng(), layer.forward(x).shape)
    layer.backward(grad_output)
    once = [parameter.grad.copy() for parameter in layer.parameters()]
    for times in (2, 3):
        assert layer.backward(grad_output, need_input_grad=False, accumulate=True) is None
        for parameter, grad in zip(layer.parameters(), once, strict=True):
            np.testing.assert_allclose(parameter.grad, times * grad, rtol=1e-12, atol=1e-12)


class Counting(ours.ReLU):
    """A layer that counts the gradients of inputs that it is asked for."""

    asked = 0

    def backward_into(self, grad_output: Any, grad_input: Any, *, accumulate: bool = False) -> None:
        """Write the gradient as `ReLU` does."""
        self.asked += grad_input is not None
        super().backward_into(grad_output, grad_input, accumulate=accumulate)


def test_a_residual_block_computes_what_is_asked_for() -> None:
    layer = Counting()
    block = ours.Residual(layer)
    assert block.in_features is None
    x = rng().standard_normal((2, 3))
    assert np.array_equal(block.forward(x), x + np.maximum(x, 0))
    block.backward(x, need_input_grad=False)
    assert layer.asked == 0
    block.backward(x)
    assert layer.asked == 1


def test_a_residual_block_of_one_parameter() -> None:
    linear = ours.Linear(3, 3, bias=False, rng=rng(), dtype=FLOAT64)
    block = ours.Residual(linear)
    x = rng().standard_normal((2, 3))
    np.testing.assert_allclose(block.forward(x), x + x @ linear.weight.data.T, rtol=1e-14)
    assert block.forward(x.astype(FLOAT32)).dtype == FLOAT64


def test_a_residual_block_is_random_if_a_layer_is() -> None:
    assert ours.Residual(ours.ReLU(), ours.Dropout(rng=rng())).random is True
    assert ours.Residual(ours.ReLU(), ours.Tanh()).random is False


def test_a_residual_block_gives_what_it_takes() -> None:
    for construct in (
        lambda: ours.Residual(ours.Linear(3, 4, rng=rng())),
        lambda: ours.Residual(ours.ReLU(), ours.Linear(3, 4, rng=rng())),
    ):
        error = raised(ours.InputError, construct)
        assert (error.argument, error.expected, error.got) == ("layers", "3 output features", "4")
    error = raised(ours.InputError, ours.Residual(ours.Flatten(0)).forward, np.ones((2, 3)))
    assert error.argument == "layers"
    assert (error.expected, error.got) == ("an output of shape (2, 3)", "shape (6,)")


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_what_normalization_starts_from(dtype: np.dtype[Any]) -> None:
    first = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1, "num_batches_tracked": 0}
    for layer in (
        ours.BatchNorm1d(3, dtype=dtype),
        ours.BatchNorm1d(3, affine=False, dtype=dtype),
        ours.BatchNorm1d(3, track_running_stats=False, dtype=dtype),
        ours.LayerNorm(3, dtype=dtype),
        ours.RMSNorm(3, dtype=dtype),
    ):
        values = {p.name: p.data for p in layer.parameters()} | layer.buffers()
        for name, value in values.items():
            assert (value == first[name]).all()
            assert value.dtype == (np.int64 if name == "num_batches_tracked" else dtype)
        if isinstance(layer, ours.BatchNorm1d):
            for name in first.keys() - values.keys():
                assert getattr(layer, name) is None


POINTS = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, 1e-30, -1e-30, np.nan])


def bits(array: Any) -> Any:
    """The numbers, and the signs of zeros."""
    return np.asarray(array), np.signbit(np.asarray(array)) | np.isnan(array)


def test_relu_is_its_formula() -> None:
    grad_output = np.arange(1.0, 1 + len(POINTS))
    layer = ours.ReLU()
    np.testing.assert_equal(bits(relu(POINTS)), bits(layer.forward(POINTS)))
    np.testing.assert_equal(relu_backward(grad_output, POINTS), layer.backward(grad_output))


def test_prelu_at_the_ends() -> None:
    layer = ours.PReLU(dtype=FLOAT64)
    layer.weight.data = [1e10]
    x = np.array([1e308, -1e308, np.inf, -np.inf, -0.0])
    assert np.array_equal(layer.forward(x), [1e308, -np.inf, np.inf, -np.inf, 0.0])
    grad = layer.backward(np.array([1.0, 1e308, np.inf, 0.0, 1.0]))
    assert np.array_equal(grad, [1.0, np.inf, np.inf, 0.0, 1e10])
    layer.forward(np.array([-np.inf, 1.0]))
    layer.backward(np.array([0.0, 1.0]))
    assert np.isnan(layer.weight.grad).all()
    layer.weight.data = [0.0]
    assert np.isnan(layer.forward(np.array([-np.inf]))).all()
    assert layer.forward(np.float64(3.0)).shape == ()
    assert (ours.PReLU(3).weight.data == 0.25).all()
    # In float32 the products overflow, one up and one down.
    x = np.array([-1e30, -1e30], FLOAT32)
    grads = prelu_backward(np.array([1e30, -1e30], FLOAT32), x, np.ones(1, FLOAT32))
    assert np.array_equal(grads[1], [0.0])


@pytest.mark.parametrize("shape", [(9001, 3), (3, 9001), (5, 41, 67, 3), (2, 9001, 2), (9001,)])
def test_softmax_of_many(shape: tuple[int, ...]) -> None:
    x, grad_output = rng().standard_normal((2, *shape))
    for axis in range(-len(shape), len(shape)):
        pairs = {
            ours.Softmax: (softmax, softmax_backward),
            ours.LogSoftmax: (log_softmax, log_softmax_backward),
            ours.Softmin: (softmin, softmin_backward),
        }
        for kind, (formula, backward) in pairs.items():
            layer = kind(axis)
            np.testing.assert_allclose(layer.forward(x), formula(x, axis), rtol=1e-12)
            expected = backward(grad_output, x, axis)
            np.testing.assert_allclose(layer.backward(grad_output), expected, 1e-9, 1e-14)


@pytest.mark.parametrize("shape", [(9001, 3), (3, 9001), (5, 41, 67, 3), (2, 9001, 2), (9001,)])
def test_softmax_takes_every_entry_once(shape: tuple[int, ...]) -> None:
    x = rng().standard_normal(shape)
    for axis in range(len(shape)):
        layer: Any = ours.Softmax(axis)
        sizes: list[int] = []

        def function(part: Any, layer: Any = layer, sizes: list[int] = sizes) -> Any:
            sizes.append(part.size)
            return type(layer).function(layer, part)

        layer.function = function
        layer.infer(x)
        assert sum(sizes) == x.size
        assert max(sizes) <= max(8192, shape[axis]), "more than a block at a time"


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 1.0])
def test_dropout_is_its_formula(p: float) -> None:
    layer = ours.Dropout(p, rng=rng())
    x = rng().standard_normal((BATCH, FEATURES))
    kept = (rng().random(x.shape, np.float32) >= p).astype(float)
    np.testing.assert_allclose(layer.forward(x), dropout(x, kept, p), rtol=1e-15)
    np.testing.assert_allclose(layer.backward(x), dropout(x, kept, p), rtol=1e-15)
    assert np.array_equal(dropout(x, kept), dropout(x, kept, 0.5))


def test_dropout_changes_precision_between_batches() -> None:
    x = np.full((BATCH, FEATURES), 0.1)
    once, twice = ours.Dropout(0.3, rng=rng()), ours.Dropout(0.3, rng=rng())
    for layer in (once, twice):
        layer.forward(x.astype(FLOAT32) if layer is twice else x)
    assert np.array_equal(once.forward(x), twice.forward(x))


def test_dropout_and_its_generator() -> None:
    refused("rng", ours.Dropout, rng=0)
    silent = ours.Dropout(rng=None)
    refused("rng", silent.forward, np.ones(3))
    assert np.array_equal(silent.infer(np.ones(3)), np.ones(3))
    infinite = np.array([np.inf, -np.inf] * 8)
    layer = ours.Dropout(rng=rng())
    layer.forward(infinite)
    assert np.isnan(layer.backward(infinite)).any(), "an infinity times zero"


def test_layers_hand_out_their_generators() -> None:
    own = rng()
    layer = ours.Dropout(rng=own)
    assert layer.generators() == [own]
    assert ours.Residual(ours.ReLU(), layer).generators() == [own]
    assert ours.Dropout(rng=None).generators() == ours.ReLU().generators() == []


def test_linear_without_bias_is_its_formula() -> None:
    layer = ours.Linear(FEATURES, HIDDEN, bias=False, rng=rng(), dtype=FLOAT64)
    x = mixed(rng(), (BATCH, FEATURES))
    np.testing.assert_allclose(layer.forward(x), linear(x, layer.weight.data), rtol=1e-12)


def test_flatten_names_what_is_missing() -> None:
    for dims, text in (((2, -1), "start_dim"), ((0, 2), "end_dim"), ((-3, -1), "start_dim")):
        with pytest.raises(ours.InputError, match=f"an axis -?\\d, which is the {text}, got shape"):
            ours.Flatten(*dims).forward(np.ones((2, 3)))
    assert ours.Flatten(0).forward(np.float64(3.0)).shape == (1,)
    refused("x", ours.Flatten(1).forward, np.ones(3))


def test_flatten_in_a_network_keeps_samples_apart() -> None:
    for dims in ((1, -1), (1, 1), (-1, -1), (0, 0), (-2, -2)):
        assert ours.Flatten(*dims).out_features(FEATURES) == FEATURES
    for dims in ((0, 1), (0, -1), (-2, 1), (-2, -1)):
        refused("start_dim", ours.Flatten(*dims).out_features, FEATURES)
    refused("x", ours.Flatten(2).out_features, FEATURES)


def test_functions_in_blocks() -> None:
    size = 2 * 8192 + 5
    x = rng().standard_normal((size, 2)).astype(FLOAT32)
    column, other = x[:, 0], x[::-1, 1]
    seen: list[np.dtype[Any]] = []

    def function(a: Any, b: Any) -> Any:
        assert len(a) == len(b) <= 8192
        seen.append(a.dtype)
        return a * b + a

    for wide in (False, True):
        dtype = FLOAT64 if wide else FLOAT32
        expected = (column.astype(dtype) * other.astype(dtype) + column.astype(dtype)).astype(
            FLOAT32
        )
        out = np.full(size, np.nan, FLOAT32)
        in_blocks(function, out, column, other, wide=wide)
        assert np.array_equal(out, expected)
        assert seen == [dtype] * 3
        seen.clear()
    total = (column.astype(float) * other + column).sum()
    assert abs(sum_in_blocks(function, column, other) - total) < 1e-9
    assert seen == [FLOAT64] * 3


def test_functions_in_blocks_do_not_warn() -> None:
    x = np.array([0.0, np.inf, -np.inf, 1e308])
    out = np.empty(x.shape)
    with np.errstate(all="warn", under="ignore"):
        in_blocks(lambda x: (x - x) / x * np.exp(x), out, x, wide=True)
        sum_in_blocks(lambda x: (x - x) / x * np.exp(x) + 10 * x, x)
    in_blocks(lambda x: x, np.empty(0), np.empty(0), wide=True)
    assert sum_in_blocks(lambda x: x, np.empty((0, 3))) == 0.0


def test_the_moments_of_rms_normalization() -> None:
    x = mixed(rng(), (BATCH, FEATURES))
    found = root_mean_square(x, 1, 0.25)
    assert np.array_equal(found.mean, np.zeros((BATCH, 1)))
    np.testing.assert_allclose(found.spread[:, 0], (x**2).sum(axis=1) / FEATURES, rtol=1e-13)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: ours.BatchNorm1d(FEATURES, affine=False, dtype=np.float64),
        lambda: ours.LayerNorm(FEATURES, elementwise_affine=False, dtype=np.float64),
        lambda: ours.Residual(ours.BatchNorm1d(FEATURES, affine=False, dtype=np.float64)),
    ],
)
def test_a_layer_without_parameters_has_a_dtype_too(layer: Callable[[], ours.Layer]) -> None:
    model = ours.Sequential(layer())
    x = np.random.default_rng(0).standard_normal((3, FEATURES))
    assert model.dtype == np.float64
    np.testing.assert_array_equal(model.predict(x), layer().infer(x))
    with pytest.raises(ours.InputError, match="one dtype, got float32 and float64"):
        ours.Sequential(ours.Linear(FEATURES, FEATURES, rng=None), layer())


def test_a_slope_beyond_the_dtype_is_refused() -> None:
    error = raised(ours.InputError, ours.PReLU, init=-1e39)
    assert (error.argument, error.expected) == ("init", "numbers that float32 can hold")
    assert ours.PReLU(init=-1e39, dtype=np.float64).weight.data == -1e39


def test_a_row_is_told_by_its_width_where_it_has_no_such_axis() -> None:
    for width in (5, 0):
        error = raised(ours.InputError, ours.Softmax(dim=2).out_features, width)
        assert (error.argument, error.got) == ("x", f"shape (0, {width})")
