"""Figures as JSON, which has no number for NaN and infinity."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def plain(value: Any) -> Any:
    """Return data fit for JSON: lists, dicts, and None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_bytes(value: object, *, indent: int | None = 2) -> bytes:
    """Return the content of a JSON file; data must be plain.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode()
