"""Every public function and class under wrong and unusual arguments."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from parity_tests.__main__ import main
from parity_tests.arguments.entries import all_entries
from parity_tests.arguments.entries.common import floats, numbers
from parity_tests.arguments.public import EXCUSED, entry_points, excuse
from parity_tests.arguments.table import findings
from parity_tests.arguments.trying import Entry, arrays_of, tries
from parity_tests.cases.activations import ACTIVATIONS
from parity_tests.faults import Fault, planted

ENTRIES = all_entries()
NAMES = sorted({entry.name for entry in ENTRIES})
EXAMPLES = 4


def test_every_entry_point_is_declared() -> None:
    public = set(entry_points())
    undeclared = sorted(name for name in public - set(NAMES) if excuse(name) is None)
    assert not undeclared, f"declare in arguments/entries what these take: {undeclared}"
    assert not set(NAMES) - public, "what is declared is not there any more"
    assert {excuse(name) for name in public} - {None} == EXCUSED.keys(), "an excuse is stale"
    assert len(public) > 500


def _every(name: str) -> int:
    # The first two are `forward` by another name; a state can be wrong in hundreds of places.
    of_many = {"__call__": 7, "infer": 7, "load_state_dict": 7}
    return of_many.get(name.partition(".")[2], 1)


@pytest.mark.parametrize("name", NAMES)
def test_arguments(name: str) -> None:
    outcomes = [
        outcome
        for entry in ENTRIES
        if entry.name == name
        for outcome in tries(entry, every=_every(name))
    ]
    assert outcomes
    wrong = findings(outcomes)
    assert not wrong, "\n".join(wrong[:20])


def _with_arrays() -> list[str]:
    # Activations of single entries all have one door.
    alike = {case.operation.__name__ for case in ACTIVATIONS if case.operation.elementwise}
    named = {entry.name: entry for entry in ENTRIES if arrays_of(entry)}
    return sorted(
        name
        for name in named
        if not name.endswith(("__call__", "infer")) and name.partition(".")[0] not in alike
    )


@pytest.mark.parametrize("name", [*_with_arrays(), "ReLU.forward", "ReLU.backward"])
def test_arguments_made_by_hypothesis(name: str) -> None:
    pytest.importorskip("hypothesis")
    from parity_tests.arguments.made import made_tries

    entry = next(entry for entry in ENTRIES if entry.name == name and arrays_of(entry))
    wrong = findings(made_tries(entry, EXAMPLES))
    assert not wrong, "\n".join(wrong[:20])


def test_float64_is_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ours.mlp([13, 11, 7, 5], rng=np.random.default_rng(0))
    x = numbers(9, 13).astype(np.float64)
    conversions: list[Any] = []
    seen: list[Any] = []
    cast = ours.arrays.cast

    def counted(name: str, array: Any, dtype: Any) -> Any:
        if array.dtype != dtype:
            conversions.append((name, array.dtype))
        return cast(name, array, dtype)

    monkeypatch.setattr(ours.arrays, "cast", counted)
    for layer in model:
        for method in ("infer_into", "forward_into"):
            original = getattr(layer, method)

            def noted(x: Any, y: Any, original: Callable[..., None] = original) -> None:
                seen.append((x.dtype, y.dtype))
                original(x, y)

            monkeypatch.setattr(layer, method, noted)
    for call in (model.forward, model.predict):
        conversions.clear()
        seen.clear()
        assert call(x).tobytes() == call(x.astype(np.float32)).tobytes()
        assert conversions == [("x", np.float64)]
        assert set(seen) == {(np.dtype("f4"), np.dtype("f4"))}


@pytest.mark.parametrize("only", ["accuracy", "Workspace"])
def test_the_command(only: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "arguments.md"
    assert main(["arguments", "--only", only, "--markdown", str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"| `{only}` |" in printed
    assert "0 findings" in printed
    assert "expected" in file.read_text("utf-8")


def test_the_command_finds(capsys: pytest.CaptureFixture[str]) -> None:
    with planted(FAULTS["a truncation"][0]):
        assert main(["arguments", "--only", "ReLU.forward"]) == 1
    assert "took it" in capsys.readouterr().out
    assert main(["arguments", "--only", "no such"]) == 1


_ARRAYS = "numpy_impl.arrays"
FAULTS: dict[str, tuple[Fault, str, str]] = {
    name: (Fault(name, module, function, old, new, ()), entry, message)
    for name, module, function, old, new, entry, message in (
        (
            "a truncation", _ARRAYS, "as_float_array", 'if array.dtype.kind != "f":',
            'if array.dtype.kind not in "iuf":', "ReLU.forward", "took it",
        ),
        (
            "a complex number made real", _ARRAYS, "as_float_array",
            'if array.dtype.kind != "f":', 'if array.dtype.kind not in "fc":', "Linear.forward",
            "ComplexWarning",
        ),
        (
            "a broadcast", "numpy_impl.losses.loss", "Loss._read",
            'check_shape("target", wanted, predicted.shape)',
            "wanted = np.broadcast_to(wanted, predicted.shape)", "MSELoss.forward", "took it",
        ),
        (
            "an argument written to", "numpy_impl.layers.shape", "Identity.infer_into",
            "np.copyto(y, x)", "np.multiply(x, 2, out=x)", "Identity.forward", "wrote to x",
        ),
        (
            "another order, other bits", _ARRAYS, "as_float_array",
            "and value.flags.c_contiguous", "", "Sequential.backward", "gave",
        ),
        (
            "masked entries taken for numbers", _ARRAYS, "as_array",
            "and np.ma.is_masked(value)", "and False", "accuracy", "took it",
        ),
        (
            "another name", _ARRAYS, "as_float_array", 'raise InputError(name, f"floating',
            'raise InputError("array", f"floating', "Tanh.forward", "names 'array'",
        ),
        (
            "a state half loaded", "numpy_impl.model", "Sequential.load_state_dict",
            "arrays[name] = array", "arrays[name] = array; target.flat[0] = 1",
            "Sequential.load_state_dict", "has changed something",
        ),
        (
            "an overflow", _ARRAYS, "cast", 'over="raise"', 'over="warn"', "Linear.forward",
            "RuntimeWarning",
        ),
    )
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    fault, entry_name, message = FAULTS[name]
    entries = [entry for entry in ENTRIES if entry.name == entry_name]
    with planted(fault):
        wrong = [line for entry in entries for line in findings(tries(entry))]
    assert any(message in line for line in wrong), wrong[:5]


def test_a_function_that_is_never_wrong_is_a_finding() -> None:
    def total(x: Any) -> float:
        return float(np.sum(np.asarray(x, np.float32)))

    entry = Entry("sum", total, {"x": floats(numbers(3))})
    assert any("took it" in line for line in findings(tries(entry)))
