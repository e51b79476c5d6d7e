"""``python -m benchmarks.pictures SUMMARY``: draw what was measured, as SVG files beside it."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.contenders import FLOOR, OURS

Row = dict[str, Any]

_UNITS = {"batch": "samples", "hidden": "units", "depth": "hidden layers", "samples": "samples"}


def draw_epoch(rows: list[Row], path: Path) -> None:
    """Draw bars: the time of an epoch for every contender, from the lowest to the highest."""
    counts = sorted({row["threads"] for row in rows})
    names = list(dict.fromkeys(row["contender"] for row in rows))[::-1]
    figure = Figure(figsize=(8, 0.5 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots(1, len(counts), sharey=True, sharex=True, squeeze=False)[0]
    for axis, count in zip(axes, counts, strict=True):
        for row in (row for row in rows if row["threads"] == count):
            seconds, place = row["seconds"], names.index(row["contender"])
            color = (
                "C1" if row["contender"] == OURS else "C7" if row["contender"] == FLOOR else "C0"
            )
            axis.barh(place, seconds["median"], color=color)
            axis.plot([seconds["low"], seconds["high"]], [place, place], color="black", lw=1)
        axis.set_title(f"{count} thread{'s' if count > 1 else ''}")
        axis.set_xlabel("epoch, seconds")
        axis.set_yticks(range(len(names)), names)
    _save(figure, path)


def draw_scaling(rows: list[Row], path: Path) -> None:
    """Draw curves for every knob: time of a step, ours over that of others, and peak memory."""
    knobs = list(dict.fromkeys(row["knob"] for row in rows))
    names = list(dict.fromkeys(row["contender"] for row in rows))
    figure = Figure(figsize=(3.2 * len(knobs), 9), layout="constrained")
    axes = figure.subplots(3, len(knobs), sharex="col", sharey="row", squeeze=False)
    for column, knob in enumerate(knobs):
        for name in names:
            mine = [row for row in rows if (row["knob"], row["contender"]) == (knob, name)]
            values = [row["value"] for row in mine]
            steps = [row["seconds_per_step"]["median"] * 1e3 for row in mine]
            axes[0, column].loglog(values, steps, "o-", ms=3, label=name)
            axes[2, column].loglog(values, [row["peak_rss_mb"] for row in mine], "o-", ms=3)
        ours = [row for row in rows if (row["knob"], row["contender"]) == (knob, OURS)]
        for color, key, label in (
            ("C4", "ratio_to_torch", "over PyTorch's best"),
            ("C7", "ratio_to_floor", "over the products"),
        ):
            values = [row["value"] for row in ours]
            axes[1, column].loglog(
                values, [row[key] for row in ours], "o-", ms=3, color=color, label=label
            )
        axes[1, column].axhline(1, color="black", lw=0.5)
        axes[0, column].set_title(knob)
        axes[2, column].set_xlabel(_UNITS[knob])
    axes[0, 0].set_ylabel("step, milliseconds")
    axes[1, 0].set_ylabel("our time over others'")
    axes[2, 0].set_ylabel("peak memory, MB")
    axes[0, 0].legend()
    axes[1, 0].legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    # Neither random names nor the date, so that equal figures make equal files.
    with mpl.rc_context({"svg.hashsalt": "benchmarks"}):
        figure.savefig(path, metadata={"Date": None})


def draw(summary: Path) -> list[Path]:
    """Draw all there is in a summary; return the pictures."""
    content = json.loads(summary.read_text())
    epochs = [row for row in content["rows"] if row["kind"] == "epoch"]
    parts = {"epoch": (draw_epoch, epochs), "scaling": (draw_scaling, content.get("scaling", []))}
    paths = []
    for name, (function, rows) in parts.items():
        if rows:
            paths.append(summary.with_name(f"{name}.svg"))
            function(rows, paths[-1])
    return paths


if __name__ == "__main__":
    for picture in draw(Path(sys.argv[1])):
        print(picture)
