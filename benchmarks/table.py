"""The measurements as lines of text."""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]


def _ratio(row: Row) -> str:
    ratio = row["ratio_to_ours"]
    return f"{ratio['mean']:6.2f} ({ratio['low']:.2f}-{ratio['high']:.2f})"


def _spread(seconds: dict[str, float], unit: float, digits: int) -> str:
    median, low, high = (seconds[key] * unit for key in ("median", "low", "high"))
    return f"{median:9.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def epoch_lines(rows: list[Row]) -> Iterator[str]:
    """Yield the table of the epochs."""
    chosen = [row for row in rows if row["kind"] == "epoch"]
    if chosen:
        yield (
            "threads  contender           import s  first step s  "
            f"{'epoch s (low-high)':>22}  {'over ours (95 %)':>20}  peak MB"
        )
    for row in chosen:
        yield (
            f"{row['threads']:7}  {row['contender']:18}  {row['import_seconds']:8.2f}  "
            f"{row['first_step_seconds']:12.3f}  {_spread(row['seconds'], 1, 3):>22}  "
            f"{_ratio(row):>20}  {row['peak_rss_mb']:7.0f}"
        )


def prediction_lines(rows: list[Row]) -> Iterator[str]:
    """Yield the table of the predictions."""
    chosen = [row for row in rows if row["kind"] != "epoch"]
    if chosen:
        yield (
            "threads  what           contender           "
            f"{'microseconds (low-high)':>32}  {'over ours (95 %)':>20}"
        )
    for row in chosen:
        yield (
            f"{row['threads']:7}  {row['kind']:13}  {row['contender']:18}  "
            f"{_spread(row['seconds'], 1e6, 1):>32}  {_ratio(row):>20}"
        )


def scaling_lines(rows: list[Row]) -> Iterator[str]:
    """Yield the table of the scaling curves."""
    yield (
        "knob       value  contender       step ms  over PyTorch's best  over the products  peak MB"
    )
    for row in rows:
        yield (
            f"{row['knob']:8} {row['value']:7}  {row['contender']:15} "
            f"{row['seconds_per_step']['median'] * 1e3:7.3f}  {row['ratio_to_torch']:19.2f}  "
            f"{row['ratio_to_floor']:17.2f}  {row['peak_rss_mb']:7.0f}"
        )
