"""The harness itself: it sees unequal work, failures and hangs, and its statistics are right."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import scaling
from benchmarks.catalogue import SIDES, measurable
from benchmarks.catalogue import lines as table_of_operations
from benchmarks.cold_start import PROGRAMS, write_files
from benchmarks.contenders import FLOOR, OURS, PREDICTION, TRAINING, installed, make, make_predict
from benchmarks.harness import (
    Child,
    ChildError,
    Measurement,
    check_equal_work,
    measure,
    measure_cold_start,
    ratio,
    summarize,
    write_json,
)
from benchmarks.pictures import draw
from benchmarks.scaling import Point, growth, measure_point, too_slow
from benchmarks.test_epoch import replay
from benchmarks.work import SIZES, Recipe, Work, log_probabilities
from numpy_impl import mlp

SAMPLES = 331


@pytest.fixture(scope="module")
def small_work() -> Work:
    rng = np.random.default_rng(0)
    return Work(
        rng.integers(0, 256, (SAMPLES, SIZES[0]), np.uint8),
        rng.integers(0, SIZES[-1], SAMPLES),
        np.stack([rng.permutation(SAMPLES) for _ in range(3)]),
        tuple(parameter.data for parameter in mlp(SIZES, rng=rng).parameters()[::2]),
    )


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_work_is_the_same_after_a_journey_through_a_file(small_work: Work, tmp_path: Path) -> None:
    small_work.save(tmp_path / "work.npz")
    back = Work.load(tmp_path / "work.npz")
    for name, value in vars(small_work).items():
        if name == "weights":
            for ours, theirs in zip(value, back.weights, strict=True):
                np.testing.assert_array_equal(ours, theirs, strict=True)
        else:
            np.testing.assert_array_equal(getattr(back, name), value)


def test_a_recipe_makes_the_same_work_everywhere(tmp_path: Path) -> None:
    recipe = Recipe((29, 11, 7, 5), batch_size=3, samples=13, steps=2, epochs=4)
    recipe.save(tmp_path / "work.json")
    first, second = recipe.make(), Work.load(tmp_path / "work.json")
    assert first.sizes == second.sizes == (29, 11, 7, 5)
    assert first.pixels.shape == (13, 29)
    assert second.orders.shape == (4, 6)
    for name in ("pixels", "labels", "orders"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), strict=True)
    np.testing.assert_array_equal(first.weights[2], second.weights[2])


# Compiling takes longer than all other tests here; `make bench-full` runs it.
@pytest.mark.parametrize("name", [n for n in installed(TRAINING) if n != "PyTorch compiled"])
def test_contenders_do_the_same_work(small_work: Work, name: str) -> None:
    epoch, expected = make(name, small_work), make("plain NumPy", small_work)
    for order in small_work.orders:
        loss = epoch(order)
        if name != FLOOR:
            assert loss == pytest.approx(expected(order), rel=1e-3)


@pytest.mark.parametrize("name", installed(PREDICTION))
def test_contenders_predict_the_same(small_work: Work, name: str) -> None:
    x = small_work.inputs(7)
    expected = log_probabilities(make_predict("plain NumPy", small_work)(x))
    outputs = log_probabilities(make_predict(name, small_work)(x))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4)


def test_logits_and_probabilities_are_told_apart() -> None:
    logits = np.array([[0.2, 0.3, 0.5], [0.1, 0.3, 0.6]]) - 1
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(log_probabilities(logits), np.log(p))
    np.testing.assert_allclose(log_probabilities(p), np.log(p))


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n in installed(PREDICTION)])
def test_programs_start_cold_and_predict(small_work: Work, tmp_path: Path, name: str) -> None:
    path = write_files(small_work, tmp_path, [name])[name]
    digit = np.full((1, 784), 0.5, np.float32)
    expected = int(make_predict("plain NumPy", small_work)(digit).argmax())
    assert PROGRAMS[name](str(path)) == expected


def test_cold_starts_are_timed() -> None:
    code = "import time; time.sleep({}); print(1)"
    commands = {OURS: command(code.format(0)), "slower": command(code.format(0.5))}
    measured = measure_cold_start(commands, rounds=2, threads=1)
    assert min(measured["slower"].seconds) > 0.5 > max(measured[OURS].seconds)


def test_a_point_of_a_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Few steps: it is not asked here how long they take.
    monkeypatch.setattr(scaling, "_OPERATIONS", 2e8)
    rows = measure_point("hidden", Point(hidden=32, samples=100), tmp_path, rounds=2, threads=1)
    assert [row["value"] for row in rows] == [32] * len(rows)
    torch = [row["ratio_to_torch"] for row in rows if row["contender"].startswith("PyTorch")]
    assert min(torch) >= 1
    floor = next(row for row in rows if row["contender"] == FLOOR)
    assert floor["ratio_to_floor"] == 1
    assert 0 < floor["seconds_per_step"]["median"] < 0.1


def test_growth_is_that_of_time_over_that_of_work() -> None:
    def row(knob: str, value: int, seconds: float, operations: int) -> dict[str, Any]:
        timed = {"seconds_per_step": {"median": seconds}, "operations_per_step": operations}
        return {"contender": OURS, "knob": knob, "value": value, **timed}

    rows = [row("batch", 1, 1.0, 10), row("batch", 4, 8.0, 40), row("depth", 1, 1.0, 10)]
    other = {**row("batch", 9, 99.0, 90), "contender": "other"}
    assert growth([*rows, other]) == [{"knob": "batch", "start": 1, "stop": 4, "excess": 2.0}]


def test_slow_points_are_found() -> None:
    rows = [
        {"contender": OURS, "ratio_to_torch": 1.09},
        {"contender": OURS, "ratio_to_torch": 1.11},
        {"contender": "other", "ratio_to_torch": 3.0},
    ]
    assert too_slow(rows) == rows[1:2]


def test_pictures_are_drawn_and_are_the_same_twice(tmp_path: Path) -> None:
    seconds = {"median": 2.0, "low": 1.0, "high": 3.0}
    row = {"kind": "epoch", "contender": OURS, "threads": 1, "seconds": seconds}
    point = {"knob": "depth", "contender": OURS, "seconds_per_step": seconds, "peak_rss_mb": 1.0}
    point |= {"ratio_to_torch": 0.5, "ratio_to_floor": 2.0}
    scaling = [{**point, "value": 1}, {**point, "value": 2}]
    write_json(tmp_path / "summary.json", {"rows": [row], "scaling": scaling})
    first = {path.name: path.read_bytes() for path in draw(tmp_path / "summary.json")}
    second = {path.name: path.read_bytes() for path in draw(tmp_path / "summary.json")}
    assert set(first) == {"epoch.svg", "scaling.svg"}
    assert first == second
    assert b"epoch, seconds" in first["epoch.svg"]


def test_measure_answers_for_every_round(small_work: Work, tmp_path: Path) -> None:
    small_work.save(tmp_path / "work.npz")
    measured = measure([OURS, FLOOR], tmp_path / "work.npz", rounds=2, threads=1)
    assert list(measured) == [OURS, FLOOR]
    for measurement in measured.values():
        assert len(measurement.seconds) == len(measurement.cpu_seconds) == 2
        assert min(measurement.seconds) > 0
        assert 20 < measurement.peak_rss_mb < 2000
    assert all(loss is not None for loss in measured[OURS].losses)


def test_contender_loads_none_of_the_others(small_work: Work, tmp_path: Path) -> None:
    small_work.save(tmp_path / "work.npz")
    code = (
        "import runpy, sys, json\n"
        f"sys.argv = ['child', 'train', {OURS!r}, {str(tmp_path / 'work.npz')!r}]\n"
        "runpy.run_module('benchmarks.child', run_name='__main__')\n"
        "sys.exit(len({'torch', 'scipy', 'sklearn', 'pytest'} & set(sys.modules)))"
    )
    with Child(command(code), threads=1) as child:
        assert child.ask()["first_step_seconds"] > 0
        assert child.finish() == 0


def test_a_child_has_the_threads_it_was_given() -> None:
    code = "from benchmarks.cores import threads; print(threads())"
    with Child(command(code), threads=3) as child:
        assert child.ask() == 3


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system cannot keep to cores")
def test_a_child_keeps_to_one_core_for_one_thread() -> None:
    code = (
        "import os; from benchmarks.cores import keep_to_cores; keep_to_cores();"
        "print(len(os.sched_getaffinity(0)))"
    )
    with Child(command(code), threads=1) as child:
        assert child.ask() == 1


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


@pytest.mark.parametrize("side", SIDES)
def test_single_operations(side: str) -> None:
    kinds = {declared.kind for declared in measurable()}
    assert kinds == {"layer", "activation", "loss", "optimizer"}
    questions = [
        ["activation", "GELU", [5, 3]],
        ["layer", "BatchNorm1d", [5, 3]],
        ["loss", "CrossEntropyLoss", [5, 3]],
        ["optimizer", "RMSprop", 1568],
    ]
    with Child([sys.executable, "-m", "benchmarks.catalogue_child", side], threads=1) as child:
        assert child.ask() == {"ready": True}
        for question in questions:
            assert 0 < child.ask(json.dumps(question))["seconds"] < 1
        assert child.ask(json.dumps(["layer", "Residual", [5, 3]])) == {"left_out": True}


def test_a_table_of_operations() -> None:
    row = {"kind": "layer", "operation": "ELU", "size": [64, 128], "ratio_to_torch": 0.5}
    head, line = table_of_operations([row | {"numpy_seconds": 1e-6, "torch_seconds": 2e-6}])
    assert line.split() == ["layer", "ELU", "64x128", "1.0", "2.0", "0.50"]
    assert head.index("NumPy us") > head.index("size")
