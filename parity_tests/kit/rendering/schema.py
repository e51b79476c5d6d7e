"""A report as JSON, and back."""

import json
import math
from typing import Any

import numpy as np

from numpy_impl import InputError
from parity_tests.kit.verdicts import Edge, Line, Report, Verdict


def to_json_text(report: Report, indent: int | None = 1) -> str:
    """Return a report as JSON; numbers that are not finite, which JSON has not, are null."""
    return json.dumps(plain(report.to_json()), indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a value with nothing in it but what JSON has."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(member) for member in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def from_json(data: dict[str, Any]) -> Report:
    """Return the report that `Report.to_json` was made of.

    Raises
    ------
    InputError
        If something is missing or unknown.
    """
    try:
        return Report(
            data["target"],
            data["spec"],
            [_verdict(entry) for entry in data["verdicts"]],
            [Edge(**entry) for entry in data.get("edges", [])],
            data["planned"],
            data["run"],
        )
    except (KeyError, TypeError) as error:
        raise InputError("data", "a report as JSON", f"{type(error).__name__}: {error}") from error


def _verdict(entry: dict[str, Any]) -> Verdict:
    line = entry.get("line")
    return Verdict(**{**entry, "line": Line(**line) if line else None})
