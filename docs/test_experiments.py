"""What the page of experiments says, against the files that the commands wrote."""

import json
import re
from pathlib import Path

import pytest

from numpy_impl.experiments import QUESTIONS
from numpy_impl.experiments.result import Result
from numpy_impl.experiments.tables import Table

DOCS = Path(__file__).parent
PAGE = (DOCS / "experiments.md").read_text(encoding="utf-8")
SECTIONS = {
    name: section
    for section in PAGE.split("\n## ")[1:]
    for name in re.findall(r"numpy-mlp experiment (\S+)", section)
}
WORST_SIZE = 120_000  # bytes of a picture


def test_every_question_has_a_section() -> None:
    assert SECTIONS.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("name", QUESTIONS)
def test_section(name: str) -> None:
    section = SECTIONS[name]
    assert f"numpy-mlp experiment {name} --output docs/pictures --overwrite\n" in section
    assert f"```{{include}} pictures/{name}.md\n" in section
    assert f"](pictures/{name}.png)" in section
    assert (DOCS / "pictures" / f"{name}.png").stat().st_size < WORST_SIZE


@pytest.mark.parametrize("name", QUESTIONS)
def test_table_is_that_of_a_whole_experiment_on_mnist(name: str) -> None:
    written = json.loads((DOCS / "pictures" / f"{name}.json").read_text(encoding="utf-8"))
    assert written["experiment"] == name
    assert written["dataset"] == "mnist"
    assert written["small"] is False
    tables = [
        Table(table["caption"], tuple(table["columns"]), table["rows"], tuple(table["words"]))
        for table in written["tables"]
    ]
    markdown = (DOCS / "pictures" / f"{name}.md").read_text(encoding="utf-8")
    assert Result(tuple(tables), {}).markdown() == markdown


@pytest.mark.parametrize("name", QUESTIONS)
def test_figures_in_the_answer_are_in_the_table(name: str) -> None:
    table = (DOCS / "pictures" / f"{name}.md").read_text(encoding="utf-8")
    measured = set(re.findall(r"\d+(?:\.\d+)?", table))
    said = set(re.findall(r"\d+\.\d+", SECTIONS[name]))
    assert said
    assert said <= measured
