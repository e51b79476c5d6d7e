"""The fuzzer: a short run of it, and what it finds where there is something."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parity_tests.faults.fault import planted
from parity_tests.fuzz.__main__ import main
from parity_tests.fuzz.planted import PLANTED
from parity_tests.fuzz.running import run_target
from parity_tests.fuzz.target import Target
from parity_tests.fuzz.targets import TARGETS
from parity_tests.fuzz.trying import Finding, content_of, try_file, watching

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no alarm")

INSIDE = [name for name, entry in PLANTED.items() if entry.kind != "crash"]
OUTSIDE = [name for name, entry in PLANTED.items() if entry.kind == "crash"]


@pytest.mark.parametrize("name", TARGETS)
def test_short_run(name: str, tmp_path: Path) -> None:
    inputs = 160
    count = run_target(name, inputs=inputs, seed=0, folder=tmp_path)
    assert count.findings == []
    assert count.inputs == inputs == count.right + count.refused
    # All right files are read, and of the others some are refused.
    assert inputs / 8 <= count.right < inputs


def _findings(target: Target, folder: Path) -> Iterator[Finding]:
    path = folder / "file"
    with watching():
        for number in range(600):
            content, right = content_of(target, 0, number)
            path.write_bytes(content)
            found = try_file(target, content, right, path, 1.0)
            if isinstance(found, Finding):
                yield found


@pytest.mark.parametrize("name", INSIDE)
def test_faults_are_found(name: str, tmp_path: Path) -> None:
    entry = PLANTED[name]
    with planted(entry.fault):
        found = next(_findings(TARGETS[entry.target], tmp_path), None)
    assert found is not None
    assert found.kind == entry.kind, found


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_process_that_dies_is_a_finding(name: str, tmp_path: Path) -> None:
    target = PLANTED[name].target
    count = run_target(target, inputs=8, seed=0, folder=tmp_path, limit=0.1, fault=name)
    (found,) = count.findings
    assert found.kind == "crash"
    assert (tmp_path / found.file).read_bytes() == content_of(TARGETS[target], 0, 0)[0]


def test_the_same_seed_makes_the_same_files() -> None:
    for target in TARGETS.values():
        for number in range(16):
            assert content_of(target, 3, number) == content_of(target, 3, number)
        assert content_of(target, 3, 0) != content_of(target, 4, 0)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--target", "idx", "--inputs", "16", "--output", str(tmp_path / "found")]
    assert main(arguments) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["target", "inputs", "seconds", "right", "refused", "findings"]
    assert (row.split()[:2], row.split()[-1]) == (["idx", "16"], "0")
    assert not (tmp_path / "found").exists()
    assert main(["--inputs", "0"]) == 2
    assert "--inputs: expected an integer of at least 1" in capsys.readouterr().err


def test_command_with_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*arguments: object, **options: object) -> object:
        return run_target(*arguments, **options, fault="bytes in the wrong order")  # type: ignore[arg-type]

    monkeypatch.setattr("parity_tests.fuzz.__main__.run_target", faulty)
    arguments = ["--target", "idx", "--inputs", "24", "--output", str(tmp_path)]
    assert main(arguments) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if ": wrong:" in line)
    file = Path(line.partition(":")[0])
    assert file.is_file()
    assert file.with_suffix(".txt").read_text().startswith("wrong:")
