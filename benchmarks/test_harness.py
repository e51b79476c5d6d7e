"""The harness itself: it sees unequal work, failures and hangs, and its statistics are right."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contenders import CONTENDERS, OURS, make
from benchmarks.harness import (
    Child,
    ChildError,
    Measurement,
    check_equal_work,
    measure,
    ratio,
    summarize,
    write_json,
)
from benchmarks.test_epoch import replay
from benchmarks.work import SIZES, Work
from numpy_impl import mlp

SAMPLES = 331


@pytest.fixture(scope="module")
def small_work() -> Work:
    rng = np.random.default_rng(0)
    return Work(
        rng.integers(0, 256, (SAMPLES, SIZES[0]), np.uint8),
        rng.integers(0, SIZES[-1], SAMPLES),
        *mlp(SIZES, rng=rng).state_dict().values(),
        np.stack([rng.permutation(SAMPLES) for _ in range(3)]),
    )


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_work_is_the_same_after_a_journey_through_a_file(small_work: Work, tmp_path: Path) -> None:
    small_work.save(tmp_path / "work.npz")
    back = Work.load(tmp_path / "work.npz")
    for name, array in vars(small_work).items():
        np.testing.assert_array_equal(getattr(back, name), array, strict=True)


def test_all_contenders_do_the_same_work(small_work: Work) -> None:
    losses = {name: make(name, small_work)(small_work.orders[0]) for name in CONTENDERS}
    assert losses.pop("matrix products") is None
    assert losses[OURS] == pytest.approx(2.6, abs=0.5)
    for loss in losses.values():
        assert loss == pytest.approx(losses[OURS], rel=1e-5)


def test_measure_answers_for_every_round(small_work: Work, tmp_path: Path) -> None:
    small_work.save(tmp_path / "work.npz")
    measured = measure([OURS, "matrix products"], tmp_path / "work.npz", rounds=2, threads=1)
    assert list(measured) == [OURS, "matrix products"]
    for measurement in measured.values():
        assert len(measurement.seconds) == len(measurement.cpu_seconds) == 2
        assert min(measurement.seconds) > 0
        assert 20 < measurement.peak_rss_mb < 2000
    assert all(loss is not None for loss in measured[OURS].losses)


def test_contender_loads_none_of_the_others(small_work: Work, tmp_path: Path) -> None:
    small_work.save(tmp_path / "work.npz")
    code = (
        "import runpy, sys, json\n"
        f"sys.argv = ['child', {OURS!r}, {str(tmp_path / 'work.npz')!r}]\n"
        "runpy.run_module('benchmarks.child', run_name='__main__')\n"
        "sys.exit(len({'torch', 'scipy', 'sklearn', 'pytest'} & set(sys.modules)))"
    )
    with Child(command(code), threads=1) as child:
        assert child.ask()["first_step_seconds"] > 0
        assert child.finish() == 0


def test_a_child_has_the_threads_it_was_given() -> None:
    code = "import os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    with Child(command(code), threads=3) as child:
        assert child.ask() == 3


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemError('cause')", r"ended with status 1\n(.|\n)*SystemError: cause"),
        ("import time; time.sleep(60)", r"no answer in 0\.5 s"),
        ("print('hello')", r"answered 'hello\\n', not JSON"),
    ],
)
def test_a_bad_child_is_reported(code: str, message: str) -> None:
    limit = 0.5 if "sleep" in code else 60.0
    with (
        Child(command(code), threads=1, limit=limit) as child,
        pytest.raises(ChildError, match=message),
    ):
        child.ask()


def test_unequal_work_is_noticed() -> None:
    measured = {
        OURS: Measurement(0.1, 0.1, losses=[0.5]),
        "floor": Measurement(0.1, 0.1, losses=[None]),
        "other": Measurement(0.1, 0.1, losses=[0.5002]),
    }
    check_equal_work(measured)
    measured["other"].losses = [0.501]
    with pytest.raises(ValueError, match="other"):
        check_equal_work(measured)


def test_ratio_is_the_geometric_mean_with_students_interval() -> None:
    # Logarithms to base 2 are 1, 2, 3: mean 2, standard error 1/sqrt(3), t(0.975, 2) = 4.3027.
    mean, low, high = ratio([2.0, 4.0, 8.0], [1.0, 1.0, 1.0])
    half = 4.302652729911275 / math.sqrt(3)
    assert (mean, low, high) == pytest.approx((4, 2 ** (2 - half), 2 ** (2 + half)))
    with pytest.raises(ValueError, match="two rounds"):
        ratio([1.0], [1.0])


def test_summary_tells_slower_from_faster() -> None:
    measured = {
        OURS: Measurement(0.1, 0.2, [1.0, 2.0], [1.0, 1.0], [0.5], 100.0),
        "slower": Measurement(0.1, 0.2, [2.0, 4.0], [1.0, 1.0], [0.5], 100.0),
    }
    ours, slower = summarize(measured, 1)
    assert ours["ratio_to_ours"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert slower["ratio_to_ours"]["mean"] == pytest.approx(2.0)
    assert slower["seconds"] == {"median": 3.0, "low": 2.0, "high": 4.0}


def test_durations_are_replayed() -> None:
    readings = list(replay([0.5, 0.25]))
    assert [end - start for start, end in zip(readings[::2], readings[1::2], strict=True)] == [
        0.5,
        0.25,
    ]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.json"
    write_json(path, {"rows": [1]})
    with pytest.raises(TypeError):
        write_json(path, {"rows": {1}})
    assert json.loads(path.read_text()) == {"rows": [1]}
    assert [entry.name for entry in path.parent.iterdir()] == ["summary.json"]
