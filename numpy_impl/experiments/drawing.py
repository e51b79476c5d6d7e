"""What the pictures of experiments have in common."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that people with any form of colour blindness can tell apart.

Okabe and Ito (2008), Color universal design, https://jfly.uni-koeln.de/color/
"""

MARKERS = ("o", "s", "^", "D", "v", "P")
"""A second mark of the same distinction, for print in grey."""


def finish(axes: "Axes", *, legend: bool = True) -> None:
    """Give axes a light grid and, if they are to have one, a legend."""
    axes.grid(alpha=0.3)
    if legend:
        axes.legend(fontsize=9)
