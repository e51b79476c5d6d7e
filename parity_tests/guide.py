"""Tables for the guide from NumPy to PyTorch, made from the registry and by running its checks."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from numpy_impl import DataLoader
from parity_tests.cases.catalogue import Declared, catalogue
from parity_tests.checks import Check, all_checks
from parity_tests.checks.signatures import left_out, public_kinds
from parity_tests.lockstep import Step, TorchTraining, lockstep, make_trainer, strokes
from parity_tests.measures import Comparison
from parity_tests.report.collector import Outcome
from parity_tests.report.rows import make_rows
from torch_ref import pytorch_class


def operations_table() -> str:
    """Return a Markdown table of all operations: where they are here, and what they are there."""
    lines = ["| | NumPy | PyTorch | formula | forms checked |", "|---|---|---|---|---|"]
    for declared, variants in _joined():
        operation = declared.case.operation
        forms = ", ".join(sorted(variants))
        lines.append(
            f"| {declared.kind} | `{operation.__name__}` | `{_pytorch(operation)}` "
            f"| `{operation.__module__}` | {forms} |"
        )
    return "\n".join(lines)


def counts() -> tuple[int, int]:
    """Return the number of operations, networks included, and of the forms that are checked."""
    forms = {(entry.operation, form) for entry in catalogue() for form in entry.variants}
    return len({operation for operation, _ in forms}), len(forms)


def left_out_table() -> str:
    """Return a Markdown table of the arguments of PyTorch that ours do not take, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind in public_kinds():
        for argument, reason in left_out(kind).items():
            found.setdefault((argument, reason), []).append(kind.__name__)
    lines = ["| argument | of | reason |", "|---|---|---|"]
    for (argument, reason), names in found.items():
        of = ", ".join(f"`{name}`" for name in names) if len(names) < 6 else f"{len(names)} classes"
        lines.append(f"| `{argument}` | {of} | {reason} |")
    return "\n".join(lines)


def parity_table(operations: Sequence[str]) -> str:
    """Run all checks of some operations, and return a Markdown table of what they compared.

    The figures are those of the report, over all forms of an operation: the worst and, in
    parentheses, the median error, in units of eps times the condition.

    Parameters
    ----------
    operations : sequence of str
        Names in the registry.

    Raises
    ------
    AssertionError
        If a check fails: then there is nothing to put into a guide.
    ValueError
        If there is no check of an operation.
    """
    tables = {operation: _compared(operation) for operation in operations}
    if not any(compared for _, compared in tables.values()):
        lines = [f"| `{operation}` | {checks} |" for operation, (checks, _) in tables.items()]
        return "\n".join(["| | checks passed |", "|---|---|", *lines])
    lines = [
        "| | | NumPy, float32 | PyTorch, float32 | NumPy, float64 | tensors | checks passed |",
        "|---|---|---|---|---|---|---|",
    ]
    for operation, (checks, compared) in tables.items():
        names = [f"`{operation}`", f"{checks}"]
        for quantity, by_precision in compared.items() or {"–": {}}.items():
            single, double = by_precision.get("float32", []), by_precision.get("float64", [])
            cells = [
                _spread([c.ours for c in single]),
                _spread([c.theirs for c in single if c.theirs is not None]),
                _spread([c.ours for c in double]),
                f"{len(single) + len(double) or '–'}",
            ]
            lines.append(f"| {names[0]} | {quantity} | {' | '.join(cells)} | {names[1]} |")
            names = ["", ""]
    return "\n".join(lines)


def lockstep_table(steps: int = 300) -> str:
    """Train in NumPy and in PyTorch side by side; return the distances as a Markdown table.

    The network is 784-128-10, on made-up pictures, with Adam and batches of 64. Distances are from
    the same training in PyTorch and float64, relative to the length of what is compared.

    Parameters
    ----------
    steps : int, default 300
        How many to take.
    """
    lines = [
        "| step | loss | gradient: NumPy | PyTorch | parameters: NumPy | PyTorch "
        "| parameters, float64: NumPy |",
        "|---|---|---|---|---|---|---|",
    ]
    single, double = _lockstep(steps, np.float32), _lockstep(steps, np.float64)
    for step, exact in zip(single, double, strict=True):
        if step.number in (1, 10, 100, steps):
            distances = (
                step.ours.grads,
                step.theirs.grads,
                step.ours.values,
                step.theirs.values,
                exact.ours.values,
            )
            cells = " | ".join(f"{distance:.1e}" for distance in distances)
            lines.append(f"| {step.number} | {step.loss:.4f} | {cells} |")
    return "\n".join(lines)


def _lockstep(steps: int, dtype: Any) -> Iterator[Step]:
    rng = np.random.default_rng(0)
    loader = DataLoader(*strokes(64 * steps, rng), scale=1 / 255, dtype=dtype)
    trainer = make_trainer([784, 128, 10], seed=0, dtype=dtype)
    return islice(lockstep(trainer, TorchTraining(trainer), loader), steps)


def _compared(operation: str) -> tuple[int, dict[str, dict[str, list[Comparison]]]]:
    """Run all checks of an operation; return how many, and what they compared, by quantity."""
    outcomes = [_outcome(check) for check in _checks_by_operation().get(operation, ())]
    if not outcomes:
        raise ValueError(f"no check of {operation!r}")
    compared: dict[str, dict[str, list[Comparison]]] = {}
    for row in make_rows(outcomes, _declared()):
        for (quantity, precision), comparisons in sorted(row.comparisons.items()):
            compared.setdefault(quantity, {}).setdefault(precision, []).extend(comparisons)
    return len(outcomes), compared


@cache
def _declared() -> tuple[Declared, ...]:
    return tuple(catalogue())


@cache
def _checks_by_operation() -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in all_checks():
        found.setdefault(check.id.split("/")[1], []).append(check)
    return found


def _outcome(check: Check) -> Outcome:
    comparisons = check.compare()
    check.judge(comparisons)
    return Outcome(check.id, True, comparisons)


def _spread(errors: Sequence[float]) -> str:
    return f"{max(errors):.2g} ({np.median(errors):.2g})" if errors else "–"


def _joined() -> Iterator[tuple[Declared, list[str]]]:
    """Yield every operation once, with the forms of all its declarations."""
    found: dict[tuple[str, str], tuple[Declared, list[str]]] = {}
    for declared in catalogue():
        if declared.kind != "network":
            key = declared.kind, declared.operation
            found.setdefault(key, (declared, []))[1].extend(declared.variants)
    yield from found.values()


def _pytorch(operation: Any) -> str:
    """Return the name of the counterpart as it is imported."""
    if not isinstance(operation, type):
        return f"torch.nn.init.{operation.__name__}"
    twin = pytorch_class(operation)
    home = twin.__module__
    for public in ("torch.nn", "torch.optim.lr_scheduler", "torch.optim"):
        if home.startswith(public):
            return f"{public}.{twin.__name__}"
    return f"{home}.{twin.__name__}"
