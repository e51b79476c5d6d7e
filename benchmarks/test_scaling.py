"""The scaling curves; only with --full."""

import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scaling import Point, measure_point, points


@pytest.mark.parametrize(
    ("knob", "point"),
    [pytest.param(knob, point, id=f"{knob}-{getattr(point, knob)}") for knob, point in points()],
)
def test_scaling(
    request: pytest.FixtureRequest, knob: str, point: Point, tmp_path: Path, summary: dict[str, Any]
) -> None:
    rounds = request.config.option.rounds
    rows = measure_point(knob, point, tmp_path, rounds=rounds, threads=os.cpu_count() or 1)
    summary.setdefault("scaling", []).extend(rows)
