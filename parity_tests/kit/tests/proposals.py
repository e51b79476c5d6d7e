"""What is proposed for a source."""

from collections.abc import Mapping
from typing import Any

from parity_tests.kit.recognition import Proposal


def names_of(code: str) -> dict[str, Any]:
    """Return the names that a source binds."""
    names: dict[str, Any] = {"__name__": "theirs"}
    exec(code, names)
    return names


def found(proposal: Proposal, name: str) -> str:
    """Return the value of a convention."""
    return next(c.value for c in proposal.conventions if c.name == name)


def certainty(proposal: Proposal, name: str) -> str:
    """Return how sure a convention is."""
    return next(c.certainty for c in proposal.conventions if c.name == name)


def pasted(proposal: Proposal, names: Mapping[str, Any]) -> Any:
    """Return the declaration that its source makes, behind the definitions."""
    there = dict(names)
    exec(proposal.to_source(), there)
    return there["network"]
