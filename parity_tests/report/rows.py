"""From the outcomes of checks to a row per operation and form."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from parity_tests.cases.catalogue import Declared
from parity_tests.measures import Comparison
from parity_tests.report.collector import Outcome

# Families of checks whose figures belong to an operation's row.
_COMPARING = (
    "layer",
    "loss",
    "optimizer",
    "model",
    "accuracy",
    "special",
    "evaluation",
    "handover",
)

_PRECISIONS = ("float32", "float64")


@dataclass
class Row:
    """An operation in one form.

    Attributes
    ----------
    kind, operation, variant : str
    arguments : str
        What the form is made with.
    checks, failed : int
        Checks that were run on it, and those of them that failed.
    comparisons : dict
        For every quantity (forward, gradient, step) and precision, what was compared.
    """

    kind: str
    operation: str
    variant: str
    arguments: str
    checks: int = 0
    failed: int = 0
    comparisons: dict[tuple[str, str], list[Comparison]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        row: dict[str, Any] = {
            "kind": self.kind,
            "operation": self.operation,
            "variant": self.variant,
            "arguments": self.arguments,
            "checks": self.checks,
            "failed": self.failed,
        }
        for (quantity, precision), comparisons in sorted(self.comparisons.items()):
            row.setdefault(quantity, {})[precision] = _figures(comparisons)
        return row


def make_rows(outcomes: Iterable[Outcome], declared: Iterable[Declared]) -> list[Row]:
    """Return a row for every declared form that was checked, in the order of the declarations."""
    rows = {
        (entry.operation, variant): Row(
            entry.kind, entry.operation, variant, ", ".join(map(_argument, arguments.items()))
        )
        for entry in declared
        for variant, arguments in entry.variants.items()
    }
    for outcome in outcomes:
        family, operation, *rest = [*outcome.check_id.split("/"), ""]
        row = rows.get((operation, rest[0])) or rows.get((operation, "default"))
        if row is None:
            continue
        row.checks += 1
        row.failed += not outcome.passed
        if family in _COMPARING:
            for comparison in outcome.comparisons:
                place = _quantity(row.kind, comparison), _precision(outcome.check_id, comparison)
                row.comparisons.setdefault(place, []).append(comparison)
    return [row for row in rows.values() if row.checks]


def _argument(item: tuple[str, Any]) -> str:
    name, value = item
    if isinstance(value, np.ndarray):
        return f"{name}=array of shape {value.shape}"
    return name if callable(value) else f"{name}={value!r}"


def totals(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the sums over all rows."""
    judged = [c for row in rows for c in _judged(row)]
    operations: dict[str, list[Comparison]] = {}
    for row in rows:
        operations.setdefault(row.operation, []).extend(_judged(row))
    worst = {name: _worst(cs) for name, cs in operations.items() if cs}
    return {
        "operations": len(operations),
        "variants": len(rows),
        "checks": sum(row.checks for row in rows),
        "failed": sum(row.failed for row in rows),
        "comparisons": sum(len(cs) for row in rows for cs in row.comparisons.values()),
        "float32_comparisons": len(judged),
        "float32_at_most_pytorch": sum(c.ours <= _theirs(c) for c in judged),
        "operations_compared": len(worst),
        "operations_with_worst_error_at_most_pytorch": sum(a <= b for a, b in worst.values()),
        "operations_with_worst_error_at_most_twice_pytorch": sum(
            a <= 2 * b for a, b in worst.values()
        ),
        "operations_with_median_error_at_most_pytorch": sum(
            _median_ratio(cs) <= 1 for cs in operations.values() if cs
        ),
    }


def _judged(row: Row) -> list[Comparison]:
    """Return the float32 comparisons of a row, which are judged by PyTorch's own error."""
    return [c for cs in row.comparisons.values() for c in cs if c.theirs is not None]


def _theirs(comparison: Comparison) -> float:
    assert comparison.theirs is not None
    return comparison.theirs


def _worst(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    return max(c.ours for c in comparisons), max(map(_theirs, comparisons))


def _median_ratio(comparisons: Sequence[Comparison]) -> float:
    """Return the median of our error over PyTorch's; 1 where both are zero."""
    return median(
        1.0 if c.ours == _theirs(c) else c.ours / _theirs(c) if _theirs(c) else math.inf
        for c in comparisons
    )


def _quantity(kind: str, comparison: Comparison) -> str:
    if kind in ("optimizer", "schedule", "initialization"):
        return "step"
    return "gradient" if "grad" in comparison.tensor else "forward"


def _precision(check_id: str, comparison: Comparison) -> str:
    if comparison.theirs is not None:
        return "float32"
    return next((p for p in _PRECISIONS if p in check_id), "float64")


def _figures(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "comparisons": len(comparisons),
        "numpy": _spread([c.ours for c in comparisons]),
    }
    judged = [c for c in comparisons if c.theirs is not None]
    if judged:
        figures["pytorch"] = _spread([_theirs(c) for c in judged])
        figures["at_most_pytorch"] = sum(c.ours <= _theirs(c) for c in judged)
        figures["median_ratio"] = _finite(_median_ratio(judged))
    else:
        figures["limit"] = max(c.limit for c in comparisons)
    return figures


# Borders of the bins of a histogram, in units of error: 0, then halves and doubles of 1.
_BORDERS = [0.0, *(2.0**k for k in range(-5, 6))]


def _spread(errors: Sequence[float]) -> dict[str, Any]:
    bins = [0] * (len(_BORDERS) + 1)
    for error in errors:
        bins[sum(error > border for border in _BORDERS)] += 1
    return {
        "worst": _finite(max(errors)),
        "median": _finite(median(errors)),
        "histogram": bins,
    }


def _finite(value: float) -> float | str:
    """Return a number as JSON can hold it; what is not finite by the name that JavaScript reads."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity"
