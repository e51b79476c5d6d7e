"""Tables of figures, as Markdown and as plain text, and the figures in their cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from numpy_impl.app.text import percent, table
from numpy_impl.experiments.measures import spread


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption.

    Attributes
    ----------
    caption : str
        What was run and what the columns are, in whole sentences.
    columns : tuple of str
        The heads.
    rows : sequence of tuple of str
        As many cells each.
    words : tuple of int, default (0,)
        The columns that hold words and are flush left; the others hold figures.
    """

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: tuple[int, ...] = (0,)

    def markdown(self) -> str:
        """Return the table in Markdown."""
        rule = tuple("---" if n in self.words else "---:" for n in range(len(self.columns)))
        lines = [self.columns, rule, *self.rows]
        body = "\n".join(f"| {' | '.join(map(_escaped, cells))} |" for cells in lines)
        return f"{self.caption}\n\n{body}\n"

    def text(self) -> str:
        """Return the table for a terminal."""
        return f"{self.caption}\n\n{table([self.columns, *self.rows], left=self.words)}"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s in the plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shares(values: Sequence[float]) -> str:
    """Return shares from 0 to 1 as mean and standard deviation in percent: ``97.84 ± 0.12 %``."""
    mean, deviation = spread(values)
    return percent(mean) if deviation is None else f"{100 * mean:.2f} ± {percent(deviation)}"


def numbers(values: Sequence[float]) -> str:
    """Return numbers as mean and standard deviation, with three decimals."""
    mean, deviation = spread(values)
    return f"{mean:.3f}" if deviation is None else f"{mean:.3f} ± {deviation:.3f}"


def short(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits; a dash for None and what is not finite."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}g}"
