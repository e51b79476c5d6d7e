"""Figures and tables in plain text."""

import math
from collections.abc import Container, Sequence


def table(rows: Sequence[Sequence[object]], *, left: Container[int] = (0,)) -> str:
    """Return rows as lines with columns of equal width, those in `left` flush left."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if position in left else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    )


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 as a percentage, and a dash for None and NaN."""
    return "-" if share is None or math.isnan(share) else f"{100 * share:.2f} %"
