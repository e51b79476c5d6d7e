"""The commands in README.md and in the guide are ones that there are; the quick ones are run."""

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from numpy_impl.app.parser import UsageError, make_parser
from parity_tests.__main__ import make_parser as make_parity_parser

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGES = (ROOT / "README.md", *sorted(HERE.glob("**/*.md")))
TARGETS = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """Return the words of every line in a page's shell blocks, without variables before them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.M)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    is_variable = re.compile("[A-Z_]+=").match
    return [list(itertools.dropwhile(is_variable, words)) for words in lines if words]


def check(words: list[str]) -> None:
    """Raise if a command is not one that there is."""
    program, *arguments = words
    if program == "make":
        unknown = [a for a in arguments if "=" not in a and a not in TARGETS]
        assert not unknown, f"make has no {unknown}"
    elif Path(program).name == "numpy-mlp":
        make_parser().parse_args(arguments)
    elif arguments[:2] == ["-m", "parity_tests"]:
        make_parity_parser().parse_args(arguments[2:])
    else:
        known = (["-m", "venv"], ["install", "--constraint"])
        assert arguments[:2] in known, f"not checked: {shlex.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_known(page: Path) -> None:
    for words in commands(page):
        check(words)


@pytest.mark.parametrize(
    "line",
    [
        "make everything",
        "numpy-mlp train --datasets moons",
        "numpy-mlp judge mine.py",
        "python -m parity_tests check",
        "curl example.org",
    ],
)
def test_others_would_be_noticed(line: str) -> None:
    with pytest.raises((AssertionError, UsageError, SystemExit)):
        check(shlex.split(line))


def test_there_are_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20


def test_quick_ones_of_the_readme(tmp_path: Path) -> None:
    lines = commands(ROOT / "README.md")
    quick = [words[1:] for words in lines if any("moons" in word for word in words)]
    assert [words[0] for words in quick] == ["train", "evaluate", "inspect"]
    for words in quick:
        subprocess.run(
            [sys.executable, "-m", "numpy_impl", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=120,
        )
