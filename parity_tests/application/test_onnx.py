"""Models as ONNX graphs, run by ONNX Runtime: every layer in every form, in both precisions."""

import math
import os
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl import atomic
from numpy_impl.interop import export_onnx, operators
from numpy_impl.interop import onnx as interop
from numpy_impl.interop.operators import WRITERS
from parity_tests.cases.layer_case import LayerCase
from parity_tests.cases.models import MODELS, ModelCase
from parity_tests.checks.layers import CASES
from parity_tests.conditions import conditions, elementwise_conditions
from parity_tests.faults import Fault, planted
from parity_tests.inputs import BATCH, mixed, normal, shape_name
from parity_tests.measures import Comparison, require, scaled_error
from torch_ref import to_torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

Array = NDArray[Any]

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
FORMS = [(case, variant) for case in CASES for variant in case.variants]
# Where exponentials leave what float32 or float64 holds, and where they nearly do.
POINTS = (0.0, -0.0, 1e-30, -1e-30, 1e-7, -1e-7, 1.0, -1.0, 20.0, -20.0, 87.0, -87.0)
POINTS += (89.0, -89.0, 104.0, -104.0, 708.0, -708.0, 746.0, -746.0, 1e4, -1e4)


def _session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _exported(path: Path, model: ours.Sequential, **options: Any) -> Any:
    export_onnx(path, model, **options)
    return _session(path.read_bytes())


def _run(session: Any, x: Array) -> Array:
    result: Array = session.run(["output"], {"input": x})[0]
    return result


def _batches(case: LayerCase, layer: ours.Layer) -> list[tuple[int, ...]]:
    """The shapes of a case whose first axis is that of a batch and whose samples have entries."""
    least = max(len(getattr(layer, "normalized_shape", ())), 1)
    return [shape for shape in case.shapes if len(shape) > least and all(shape[1:])]


def _condition(model: ours.Sequential, x: Array) -> Array:
    """Magnitudes that the errors are measured by; see `parity_tests.conditions`."""
    twin = to_torch(model, torch.float64).eval()
    for layer, module in zip(model, twin, strict=True):
        if isinstance(layer, ours.RMSNorm) and layer.eps is None:
            module.eps = float(np.finfo(x.dtype).eps)  # type: ignore[assignment]
    values = torch.tensor(x, dtype=torch.float64)
    if all(layer.elementwise for layer in model):
        unit, _ = elementwise_conditions(twin, values, torch.ones_like(values))
    else:
        named = {name: parameter.detach() for name, parameter in twin.named_parameters()}

        def function(x: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
            state = dict(zip(named, given, strict=True))
            result: torch.Tensor = torch.func.functional_call(twin, state, (x,))
            return result

        unit = conditions(function, values, *named.values()).numpy()
    # A runtime may take numbers below the smallest normal one for zero, and multiply them with x.
    lost = np.finfo(x.dtype).smallest_normal / np.finfo(x.dtype).eps
    unit += lost * (1.0 + float(np.abs(x).max(initial=0.0)))
    return unit


def _comparison(draw: str, found: Array, expected: Array, unit: Array, terms: int) -> Comparison:
    """Both compute the same sums: each may be off by a unit per term, and rounds its result."""
    assert found.dtype == expected.dtype
    error = scaled_error(found, expected, unit, expected.dtype)
    return Comparison(draw, error, None, 2.0 * terms + 2.0)


def _check_layer(case: LayerCase, variant: str, dtype: np.dtype[Any], tmp_path: Path) -> None:
    """The outputs of a layer and of its graph agree, on every shape and draw."""
    rng = np.random.default_rng(0)
    layer = case.make(variant, rng, dtype)
    for array in layer.buffers().values():
        if array.ndim:
            array[:] = rng.uniform(0.01, 2.0, array.shape)
    model = ours.Sequential(deepcopy(layer))
    # A layer that takes any type is given one by another, whose slope of 1 changes no entry.
    typed = ours.Sequential(ours.PReLU(init=1.0, dtype=dtype), deepcopy(layer))
    kinks = case.kinks(layer) if callable(case.kinks) else case.kinks
    points = np.array([*POINTS, *kinks]).astype(dtype)
    comparisons = []
    for shape in _batches(case, layer):
        session = _exported(tmp_path / "model.onnx", typed, input_shape=shape[1:])
        rows = max(shape[0], -(-len(points) // math.prod(shape[1:])))
        for draw, values in (
            ("normal", normal(rng, shape)),
            ("mixed", mixed(rng, shape)),
            ("points", np.resize(points, (rows, *shape[1:]))),
        ):
            x = values.astype(dtype)
            unit = _condition(model, x)
            if case.floor is not None:
                unit = unit + case.floor(x.astype(np.float64))
            name = f"{shape_name(x.shape)}-{draw}"
            comparisons.append(
                _comparison(name, _run(session, x), layer.infer(x), unit, case.terms)
            )
    require(comparisons)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("case", "variant"), FORMS, ids=lambda p: getattr(p, "operation", p))
def test_every_layer(case: LayerCase, variant: str, dtype: np.dtype[Any], tmp_path: Path) -> None:
    _check_layer(case, variant, dtype, tmp_path)


FAULTS = (
    ("Linear/default", "_linear", "transB=1", "transB=0"),
    ("Linear/default", "_linear", "perm=[1, 0]", "perm=[0, 1]"),
    ("Linear/default", "_linear", "y + bias[0] if bias", "y if bias"),
    ("Flatten/outer", "_flatten", "[*kept[0], size, *kept[1]]", "[0, -1]"),
    ("BatchNorm1d/default", "_batch_norm", "variance + layer.eps", "variance + 0.0"),
    ("BatchNorm1d/default", "_batch_norm", "(variance + layer.eps).sqrt()", "variance.sqrt()"),
    ("BatchNorm1d/eps", "_batch_norm", "layer.eps", "1e-5"),
    ("BatchNorm1d/default", "_batch_norm", "layer.running_mean is None", "True"),
    ("BatchNorm1d/untracked", "_batch_norm", "[0] if len(shape) == 2 else [0, 2]", "[0]"),
    ("BatchNorm1d/no-bias", "_affine", "normal * constant", "normal + constant"),
    ("LayerNorm/default", "_affine", "normal if bias is None else", "normal if bias else"),
    ("LayerNorm/two-axes", "_layer_norm", "range(-len(layer.normalized_shape), 0)", "[-1]"),
    ("LayerNorm/eps", "_layer_norm", "variance + layer.eps", "variance + 1e-5"),
    ("RMSNorm/default", "_rms_norm", "float(np.finfo(layer.dtype).eps)", "1e-5"),
    ("Residual/linear", "_residual", "x + inner", "inner"),
    ("Residual/inside", "_residual", "x.graph.prefix", "''"),
    ("PReLU/channels", "_prelu", "reshape([-1, ", "reshape([1, 1, -1, "),
    ("PReLU/default", "_prelu", "x > 0.0", "x < 0.0"),
    ("ELU/alpha", "_elu", "alpha * _expm1", "_expm1"),
    ("ELU/default", "_expm1", "(t + t) / (1.0 - t)", "x.exp() - 1.0"),
    ("CELU/negative-alpha", "_celu", "layer.alpha > 0", "True"),
    ("Softplus/beta", "_softplus", ") / layer.beta", ") * 1.0"),
    ("Softplus/threshold", "_softplus", "z > layer.threshold", "z > 20.0"),
    ("Softplus/default", "_log1p", "where(u.equals(1.0), t, u.log() * (t / (u - 1.0)))", "u.log()"),
    ("LogSigmoid/default", "_log1p_falling", "-abs(x)", "x"),
    ("GELU/default", "_gelu", 'layer.approximate == "tanh"', "True"),
    ("GELU/tanh", "_gelu", 'layer.approximate == "tanh"', "False"),
    ("GELU/default", "_normal", "1.0 - tail", "1.0 + tail"),
    ("Mish/default", "_mish", "(w + 2.0)", "(w + 1.0)"),
    (
        "Sigmoid/default",
        "_sigmoid",
        "where(x < 0.0, t, 1.0) / (1.0 + t)",
        'x.graph.add("Sigmoid", x)',
    ),
)
"""Operation and variant, a function that writes operators, and what is changed in it."""

REFUSED = (onnx.shape_inference.InferenceError, onnxruntime.capi.onnxruntime_pybind11_state.Fail)
"""What the package and the runtime raise for a graph in which shapes do not fit."""


@pytest.mark.parametrize(("form", "function", "old", "new"), FAULTS)
def test_faults_are_noticed(
    form: str, function: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, _, variant = form.partition("/")
    original = getattr(operators, function)
    with planted(Fault(form, operators.__name__, function, old, new, ())):
        for kind, writer in WRITERS.items():
            if writer is original:
                monkeypatch.setitem(WRITERS, kind, getattr(operators, function))  # type: ignore[arg-type]
        caught = 0
        for case in CASES:
            if case.operation.__name__ == operation and variant in case.variants:
                for dtype in DTYPES:
                    try:
                        _check_layer(case, variant, dtype, tmp_path)
                    except (AssertionError, *REFUSED):
                        caught += 1
        assert caught


def test_there_is_no_layer_left_out() -> None:
    public = [getattr(ours, name) for name in ours.__all__]
    kinds = {k for k in public if isinstance(k, type) and issubclass(k, ours.Layer)}
    assert kinds - {ours.Layer} == WRITERS.keys()


@pytest.mark.parametrize("opset", [interop.OLDEST_OPSET, 21, 24])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name)
def test_networks(case: ModelCase, dtype: np.dtype[Any], opset: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = case.make(rng, dtype)
    session = _exported(tmp_path / "model.onnx", model, opset=opset)
    comparisons = []
    # One graph for batches of any size.
    for rows in (1, 2, BATCH):
        x = normal(rng, (rows, case.shapes[0][-1])).astype(dtype)
        found, unit = _run(session, x), _condition(model, x)
        comparisons.append(_comparison(f"{rows}", found, model.predict(x), unit, case.terms))
    require(comparisons)


def test_the_state_is_in_the_graph_by_name(tmp_path: Path) -> None:
    model = ours.Sequential(
        ours.Residual(ours.Residual(ours.Linear(5, 5, rng=np.random.default_rng(0)))),
        ours.BatchNorm1d(5),
    )
    export_onnx(tmp_path / "model.onnx", model, metadata={"scale": 1 / 255, "names": ["a"]})
    graph = onnx.load(tmp_path / "model.onnx")
    found = {each.name: onnx.numpy_helper.to_array(each) for each in graph.graph.initializer}
    state = model.state_dict()
    # Evaluation has no use for it.
    state.pop("1.num_batches_tracked")
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value)
    assert (graph.producer_name, graph.opset_import[0].version) == ("numpy-mlp", 18)
    properties = {each.key: each.value for each in graph.metadata_props}
    assert properties == {"scale": repr(1 / 255), "names": '["a"]'}
    assert os.listdir(tmp_path) == ["model.onnx"]  # noqa: PTH208 - hidden files count too


def test_ends_of_the_graph(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for layers, options, sizes in (
        ([ours.Linear(5, 3, rng=rng)], {}, ([None, 5], [None, 3])),
        ([ours.ReLU()], {}, ([None, None], [None, None])),
        ([ours.ReLU()], {"input_shape": [5]}, ([None, 5], [None, 5])),
        ([ours.Flatten()], {"input_shape": (2, 3)}, ([None, 2, 3], [None, 6])),
        ([ours.Flatten(0, 1)], {"input_shape": (2, 3)}, ([None, 2, 3], [None, 3])),
        ([ours.Identity()], {"input_shape": (7,)}, ([None, 7], [None, 7])),
    ):
        session = _exported(tmp_path / "model.onnx", ours.Sequential(*layers), **options)
        (given,), (result,) = session.get_inputs(), session.get_outputs()
        assert (given.name, result.name) == ("input", "output")
        shapes = [[n if isinstance(n, int) else None for n in end.shape] for end in (given, result)]
        assert tuple(shapes) == sizes
    model = ours.Sequential(ours.Dropout(0.5, rng=None), ours.Softmax(dim=-1))
    session = _exported(tmp_path / "model.onnx", model)
    for shape in ((2, 3), (5, 7)):
        x = normal(rng, shape).astype(np.float32)
        np.testing.assert_allclose(_run(session, x).sum(axis=1), 1, rtol=1e-6)


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    rng = np.random.default_rng(0)

    class Bump(ours.ReLU):
        pass

    def refused(message: str, *layers: ours.Layer, **options: Any) -> None:
        model = ours.Sequential(*layers) if layers else ours.mlp([3, 2], rng=rng)
        with pytest.raises(ours.InputError, match=message):
            export_onnx(path, model, **options)

    refused(r"layers\[1\]: expected a layer that ONNX has .*, got Bump", ours.ReLU(), Bump())
    refused(r"layers\[0\.1\]: expected .* got Bump", ours.Residual(ours.ReLU(), Bump()))
    refused(r"layers\[0\]: expected x of shape \(\.\.\., 3\), got shape", input_shape=[4])
    refused(r"layers\[0\]: expected x of an axis 2", ours.Softmax(dim=2))
    for shape in (0, "3", [], [2.5], [0], [True], {3}):
        refused("input_shape: expected ", input_shape=shape)
    for opset in (17, 10**6, 18.0, None):
        refused("opset: expected an integer", opset=opset)
    refused("metadata: expected JSON-serializable values", metadata={"x": np.float32(1)})
    refused("metadata: expected JSON-serializable values", metadata={"x": float("nan")})
    monkeypatch.setattr(interop, "LARGEST", 31)
    refused("model: expected at most 31 bytes of parameters, got 32 bytes")
    with pytest.raises(ours.InputError, match="path: expected a path with the name of a file"):
        export_onnx("", ours.Sequential(ours.ReLU()))
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    export_onnx(path, ours.Sequential(ours.ReLU()))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export_onnx(path, ours.Sequential(ours.Tanh()))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.onnx"]  # noqa: PTH208 - hidden files count too


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnx"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ours.MissingExtraError, match=r"pip install 'numpy-mlp\[interop\]'"):
        export_onnx(tmp_path / "model.onnx", ours.Sequential(ours.ReLU()))
