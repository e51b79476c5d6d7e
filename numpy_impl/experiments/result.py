"""What an experiment gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy_impl.experiments.tables import Table

Report = Callable[[str], None]
"""Takes a line of text about what was just done."""


@dataclass(frozen=True)
class Result:
    """The answer of an experiment.

    Attributes
    ----------
    tables : tuple of Table
        For people.
    figures : dict
        What the tables and the picture are made from: plain data, None for what is not finite.
    """

    tables: tuple[Table, ...]
    figures: dict[str, Any]

    def markdown(self) -> str:
        """Return all tables in Markdown."""
        return "\n".join(table.markdown() for table in self.tables)

    def text(self) -> str:
        """Return all tables for a terminal."""
        return "\n\n".join(table.text() for table in self.tables)


def silent(_line: str) -> None:
    """Report nothing."""
