"""The table of the page on baselines is what the command beside it has measured."""

import json
from pathlib import Path

HERE = Path(__file__).parent


def test_table_of_baselines() -> None:
    measured = json.loads((HERE / "pictures" / "baselines.json").read_text(encoding="utf-8"))
    page = (HERE / "baselines.md").read_text(encoding="utf-8").splitlines()
    rows = [
        f"| {result['name']} | {100 * result['test_accuracy']:.2f} % "
        f"| {result['fit_seconds']:.2f} s | {result['predict_seconds']:.2f} s |"
        for result in measured["results"]
    ]
    first = page.index("| | test accuracy | fit | predict |") + 2
    assert page[first : first + len(rows)] == rows
    assert (measured["dataset"], measured["seed"], len(rows)) == ("mnist", 0, 5)
