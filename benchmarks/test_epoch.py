"""How long an epoch takes, and how much memory, beside everyone else's."""

from collections.abc import Iterator, Sequence

import pytest

from benchmarks.harness import Measurement


def replay(durations: Sequence[float]) -> Iterator[float]:
    """Yield the readings of a clock between which the durations pass: start, end, start, ..."""
    now = 0.0
    for duration in durations:
        yield now
        now += duration
        yield now


def test_epoch(
    request: pytest.FixtureRequest,
    measured: dict[str, Measurement],
    threads: int,
    contender: str,
) -> None:
    measurement = measured[contender]
    clock = replay(measurement.seconds)
    request.node.add_marker(
        pytest.mark.benchmark(group=f"epoch, {threads} threads", timer=clock.__next__)
    )
    benchmark = request.getfixturevalue("benchmark")
    benchmark.extra_info["peak_rss_mb"] = measurement.peak_rss_mb
    benchmark.pedantic(lambda: None, rounds=len(measurement.seconds))
