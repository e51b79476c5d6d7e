"""Figures of matplotlib, drawn without a display or global state, and what they are made into."""

import io
from typing import TYPE_CHECKING

from numpy_impl.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches, which draws with Agg.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import figure as matplotlib_figure
        from matplotlib.backends import backend_agg
    except ImportError:
        raise MissingExtraError("matplotlib", "cli", "drawing pictures") from None
    figure = matplotlib_figure.Figure(figsize=(width, height), layout="constrained")
    backend_agg.FigureCanvasAgg(figure)
    return figure


def png(figure: "Figure", *, dpi: int = _DPI) -> bytes:
    """Return a figure in PNG format, with so many points per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
