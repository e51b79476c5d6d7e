"""The regression gate: equal speed passes, a slow-down fails, noise is called noise."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import gate
from benchmarks.frozen import FrozenNetwork
from benchmarks.gate import GateError, Interval, judge, overall, verdict
from benchmarks.gate_child import BENCHMARKS, Data, log_ratio
from numpy_impl import Adam, CrossEntropyLoss, Trainer, Workspace, mlp
from numpy_impl.optimizers import Optimizer

STEP = "train step, batch 64"


class Readings:
    """Gives the intervals it was made with, one after the other, and notes what it was asked."""

    def __init__(self, *readings: Interval) -> None:
        self._readings = list(readings)
        self.asked: list[Sequence[str]] = []

    def __call__(self, names: Sequence[str]) -> Mapping[str, Interval]:
        """Return the next interval for each name."""
        self.asked.append(list(names))
        return dict.fromkeys(names, self._readings.pop(0))


FAST, SLOW = Interval(1.0, 0.99, 1.01), Interval(1.15, 1.13, 1.17)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (FAST, "pass"),
        (SLOW, "fail"),
        (Interval(1.06, 1.051, 1.07), "fail"),
        (Interval(1.05, 1.03, 1.07), "pass"),
        (Interval(1.05, 1.0, 1.1), "inconclusive"),
        (Interval(0.9, 0.8, 1.0), "pass"),
        (Interval(1.5, 1.06, 2.0), "fail"),
    ],
)
def test_verdict(measured: Interval, expected: str) -> None:
    assert verdict(measured, 1.0) == expected
    doubled = Interval(*(2 * value for value in measured))
    assert verdict(doubled, 2.0) == expected


def test_a_slow_down_is_measured_twice_before_it_fails() -> None:
    slow, unlucky, still_slow = Readings(SLOW), Readings(FAST), Readings(SLOW)
    assert overall(judge(slow, unlucky, ["a"], {"a": 1.0})) == "pass"
    assert overall(judge(Readings(SLOW), still_slow, ["a"], {"a": 1.0})) == "fail"
    assert slow.asked == unlucky.asked == still_slow.asked == [["a"]]


def test_only_suspects_are_measured_again() -> None:
    first, second = Readings(SLOW), Readings(SLOW)
    results = judge(first, second, ["a", "b"], {"a": 1.0, "b": 2.0})
    assert first.asked == [["a", "b"]]
    assert second.asked == [["a"]]
    assert [result.verdict for result in results] == ["fail", "pass"]


def test_a_benchmark_without_a_baseline_fails_and_so_does_the_reverse() -> None:
    new = judge(Readings(FAST), Readings(), ["a", "new"], {"a": 1.0})
    gone = judge(Readings(FAST), Readings(), ["a"], {"a": 1.0, "gone": 1.0})
    for results, name in ((new, "new"), (gone, "gone")):
        assert {r.name: r.verdict for r in results} == {"a": "pass", name: "fail"}
        assert overall(results) == "fail"
    assert overall([]) == "fail"


def test_noise_is_not_a_pass() -> None:
    noise = Readings(Interval(1.05, 0.9, 1.2))
    results = judge(noise, Readings(), ["a", "b"], {"a": 1.0, "b": 2.0})
    assert overall(results) == "inconclusive"
    assert len(set(gate.STATUS.values())) == len(gate.STATUS)


def test_the_yardstick_is_the_pinned_one(tmp_path: Path) -> None:
    gate.check_frozen()
    changed = tmp_path / "frozen.py"
    changed.write_bytes(gate.FROZEN.read_bytes() + b"\n")
    with pytest.raises(GateError, match="must not change"):
        gate.check_frozen(changed)


def test_the_baseline_is_of_these_benchmarks_and_this_yardstick(tmp_path: Path) -> None:
    for baseline in gate.load_baselines(gate.BASELINE).values():
        assert set(baseline.ratios) == set(BENCHMARKS)
    other = json.loads(gate.BASELINE.read_text()) | {"frozen_sha256": "another"}
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(other))
    with pytest.raises(GateError, match="another frozen"):
        gate.load_baselines(path)
    with pytest.raises(GateError, match="--update"):
        gate.load_baselines(tmp_path / "missing.json")


def test_every_processor_has_its_own_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nvendor_id : GenuineIntel\nmodel : 1\n")
    assert gate.processor(cpuinfo) == "GenuineIntel"
    assert gate.processor(tmp_path / "missing")
    path = tmp_path / "baseline.json"
    for maker, interval in (("one", FAST), ("other", SLOW), ("one", SLOW)):
        monkeypatch.setattr(gate, "processor", lambda maker=maker: maker)
        gate.save_baseline(path, {"a": interval})
    assert {maker: own.ratios for maker, own in gate.load_baselines(path).items()} == {
        "one": {"a": 1.15},
        "other": {"a": 1.15},
    }
    monkeypatch.setattr(gate, "processor", lambda: "a third")
    assert command(path) == gate.STATUS["inconclusive"]
    assert "no baseline for a third" in capsys.readouterr().out


def test_the_frozen_network_trains_as_the_library_does() -> None:
    data, rng = Data(), np.random.default_rng(0)
    model = mlp((784, 128, 10), rng=rng)
    weights = model.state_dict()
    frozen = FrozenNetwork(weights["0.weight"].T, weights["2.weight"].T, 64)
    trainer = Trainer(model, CrossEntropyLoss(), Adam(model.parameters()))
    workspace = Workspace(model, 64, 784)
    for rows in data.rows[:50, :64]:
        x = data.pixels[rows] * np.float32(1 / 255)
        loss = trainer.step(x, data.labels[rows], workspace)
        assert frozen.step(data.pixels, data.labels, rows) == pytest.approx(loss, rel=1e-4)
    x = data.pixels[:7] * np.float32(1 / 255)
    np.testing.assert_allclose(frozen.predict(x), model.predict(x), atol=1e-3)


def test_unequal_work_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lazy(self: Optimizer, part: slice | None = None) -> None:
        """Do nothing."""

    monkeypatch.setattr(Adam, "step", lazy)
    with pytest.raises(ValueError, match="the library computes"):
        log_ratio(BENCHMARKS[STEP], Data(), 1, "none")


def test_the_library_of_a_commit_is_as_it_was_then(tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        assert (
            gate.git("-c", "user.name=a", "-c", "user.email=a@b", *arguments, root=tmp_path)
            is not None
        )

    assert gate.current_commit(tmp_path) is None
    run("init")
    for folder in gate.MEASURED:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "module.py").write_text("old")
    run("add", ".")
    run("commit", "-m", "old")
    commit = gate.current_commit(tmp_path)
    (tmp_path / "numpy_impl" / "module.py").write_text("new")
    assert gate.current_commit(tmp_path) is None
    with gate.library_of(commit, tmp_path) as folder:
        assert folder is not None
        assert (folder / "numpy_impl" / "module.py").read_text() == "old"
    assert not folder.exists()
    for unknown in (None, "0" * 40):
        with gate.library_of(unknown, tmp_path) as folder:
            assert folder is None


def command(baseline: Path, *arguments: str) -> int:
    report = str(baseline.with_name("gate.json"))
    return gate.main(["--short", "--baseline", str(baseline), "--report", report, *arguments])


def test_the_same_code_passes_and_a_planted_slow_down_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = gate.measure_in_children

    def briefly(
        names: Sequence[str], *, children: int, pairs: int, **options: Any
    ) -> dict[str, Interval]:
        # 15 % are so far beyond the limit that half the pairs, and a baseline of few processes,
        # show it.
        return measure(names, children=min(children, 5), pairs=pairs // 2, **options)

    monkeypatch.setattr(gate, "measure_in_children", briefly)
    monkeypatch.setattr(gate, "BENCHMARKS", {STEP: BENCHMARKS[STEP]})
    baseline = tmp_path / "baseline.json"
    assert command(baseline) == 2
    assert command(baseline, "--update") == 0
    before = baseline.read_bytes()
    # On a very busy machine the gate may call noise what is equal, but never a failure.
    assert command(baseline) in (gate.STATUS["pass"], gate.STATUS["inconclusive"])
    assert command(baseline, "--plant", "spin15") == gate.STATUS["fail"]
    assert json.loads((tmp_path / "gate.json").read_text())["verdict"] == "fail"
    assert baseline.read_bytes() == before


def test_a_machine_of_another_mood_is_not_a_slow_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, beside_then = Interval(0.6, 0.59, 0.61), [FAST, SLOW]

    def measured(
        names: Sequence[str], *, beside: Path | None = None, **_: object
    ) -> dict[str, Interval]:
        return dict.fromkeys(names, beside_then.pop(0) if beside else alone)

    monkeypatch.setattr(gate, "BENCHMARKS", {STEP: BENCHMARKS[STEP]})
    monkeypatch.setattr(gate, "current_commit", lambda: "then")
    monkeypatch.setattr(gate, "library_of", lambda commit: nullcontext(commit and gate.ROOT))
    monkeypatch.setattr(gate, "measure_in_children", measured)
    path = tmp_path / "baseline.json"
    gate.save_baseline(path, {STEP: Interval(0.5, 0.5, 0.5)})
    assert command(path) == gate.STATUS["pass"]
    output = capsys.readouterr().out
    assert f"beside commit then, once more: {STEP}" in output
    assert "0.500 (0.495-0.505)" in output
    assert command(path) == gate.STATUS["fail"]
    monkeypatch.setattr(gate, "library_of", lambda _: nullcontext(None))
    assert command(path) == gate.STATUS["fail"]


def test_two_states_of_the_library_are_measured_beside_each_other() -> None:
    [interval] = gate.measure_in_children(
        [STEP], children=2, pairs=3, planted="twice", beside=gate.ROOT
    ).values()
    assert 1.5 < interval.mean < 2.5
