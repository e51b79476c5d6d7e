"""Arguments that must be refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """Arguments for which an operation must raise an error that names one of them.

    Attributes
    ----------
    name : str
        The argument that the error names.
    arguments : mapping
        What is given to the constructor beside what it needs.
    inputs : tuple, optional
        What the operation is then called with; by default what its cases are called with.
    torch_takes : str
        Why PyTorch does not refuse; empty where it does, which is held side by side.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Any, ...] | None = None
    torch_takes: str = ""
