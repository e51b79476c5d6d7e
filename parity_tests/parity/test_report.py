"""The report: its figures, and its page in a browser."""

import json
import math
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from parity_tests.browser import find_browser
from parity_tests.cases.catalogue import Declared
from parity_tests.checks import Check
from parity_tests.measures import Comparison
from parity_tests.report import write_report
from parity_tests.report.collector import Outcome, run_and_note

DECLARED = [
    Declared("activation", "ELU", {"alpha": {"alpha": 0.5}, "default": {}}, None),
    Declared("optimizer", "SGD", {"default": {"lr": 0.1}, "not-run": {}}, None),
    Declared("schedule", "StepLR", {"gamma": {"gamma": [1, "a"]}}, None),
    Declared("network", "mlp", {"default": {}}, None),
]
OUTCOMES = [
    Outcome("layer/ELU/default/float32-7x13-normal", True, [Comparison("output", 0.5, 1.0, 3.0)]),
    Outcome("layer/ELU/default/float64-7x13-normal", True, [Comparison("output", 2.0, None, 18.0)]),
    Outcome(
        "layer/ELU/alpha/float32-7x13-normal",
        False,
        [Comparison("output", 0.5, 0.5, 2.0), Comparison("grad_input", math.inf, 0.25, 1.5)],
    ),
    Outcome("contract/ELU/alpha/ownership", True, []),
    Outcome("optimizer/SGD/default/float32-1", True, [Comparison("parameters", 0.0, 0.0, 1.0)]),
    Outcome("schedule/StepLR/gamma", True, []),
    Outcome("model/mlp/float32-7x13-normal", True, [Comparison("0.weight.grad", 2.0, 1.0, 3.0)]),
    Outcome("loader/pairing", True, []),
]


def test_rows_and_totals(tmp_path: Path) -> None:
    write_report(tmp_path / "made" / "anew", OUTCOMES, DECLARED)
    text = (tmp_path / "made" / "anew" / "report.json").read_text()
    report = json.loads(text)
    rows = {(row["operation"], row["variant"]): row for row in report["rows"]}
    assert list(rows) == [
        ("ELU", "alpha"),
        ("ELU", "default"),
        ("SGD", "default"),
        ("StepLR", "gamma"),
        ("mlp", "default"),
    ]
    alpha = rows["ELU", "alpha"]
    assert (alpha["checks"], alpha["failed"]) == (2, 1)
    assert alpha["arguments"] == "alpha=0.5"
    assert alpha["gradient"]["float32"]["numpy"]["worst"] == "Infinity"
    assert alpha["forward"]["float32"]["median_ratio"] == 1.0
    default = rows["ELU", "default"]
    assert default["forward"]["float32"]["pytorch"]["worst"] == 1.0
    assert default["forward"]["float64"] == {
        "comparisons": 1,
        "limit": 18.0,
        "numpy": {"worst": 2.0, "median": 2.0, "histogram": [0, 0, 0, 0, 0, 0, 0, 1] + [0] * 5},
    }
    assert "step" in rows["SGD", "default"]
    total = report["totals"]
    assert (total["operations"], total["variants"]) == (4, 5)
    assert (total["checks"], total["failed"], total["comparisons"]) == (7, 1, 6)
    assert (total["float32_comparisons"], total["float32_at_most_pytorch"]) == (5, 3)
    assert total["operations_compared"] == 3
    assert total["operations_with_worst_error_at_most_pytorch"] == 1
    assert total["operations_with_worst_error_at_most_twice_pytorch"] == 2
    assert total["operations_with_median_error_at_most_pytorch"] == 2


def test_markdown(tmp_path: Path) -> None:
    write_report(tmp_path, OUTCOMES, DECLARED)
    text = (tmp_path / "report.md").read_text()
    assert "4 operations in 5 forms: 7 checks, 1 failed; 6 tensors compared." in text
    assert "| ELU | alpha | 2 (**1 failed**) | 0.5 (0.5) | 0.5 (0.5) | inf (inf) |" in text


def test_comparisons_of_a_failing_check_are_kept() -> None:
    properties: list[tuple[str, object]] = []
    check = Check("layer/x/y/z", lambda: [Comparison("output", 4.0, 1.0, 3.0)])
    with pytest.raises(AssertionError, match="OVER"):
        run_and_note(check, properties)
    assert properties == [("comparisons", ["layer/x/y/z", [("output", 4.0, 1.0, 3.0)]])]


@pytest.mark.skipif(find_browser() is None, reason="there is no Chromium to open the page in")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    write_report(tmp_path, OUTCOMES, DECLARED)
    page = _open(tmp_path, "")
    assert "4 operations in 5 forms" in page
    assert _rows(page) == ["ELU alpha", "ELU default", "SGD default", "StepLR gamma", "mlp default"]
    assert '<tr class="failed"><td class="name">ELU</td>' in page
    assert """title="gamma=[1, 'a']">gamma</td>""" in page
    assert page.count('<svg width="65"') == 5
    assert "5 of 5 forms" in page
    assert "<li>torch: " in page


@pytest.mark.skipif(find_browser() is None, reason="there is no Chromium to open the page in")
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("#query=elu", ["ELU alpha", "ELU default"]),
        ("#query=elu+alp", ["ELU alpha"]),
        ("#kind=network", ["mlp default"]),
        ("#worse=1", ["ELU alpha", "mlp default"]),
        ("#failed=1", ["ELU alpha"]),
        ("#query=nothing", []),
    ],
)
def test_search_and_filter(tmp_path: Path, address: str, expected: list[str]) -> None:
    write_report(tmp_path, OUTCOMES, DECLARED)
    assert _rows(_open(tmp_path, address)) == expected


def test_data_cannot_end_its_script(tmp_path: Path) -> None:
    text = "</script>"
    declared = [Declared("layer", text, {"x": {"a": text}}, None)]
    write_report(tmp_path, [Outcome(f"layer/{text}/x/y", True, [])], declared)
    page = (tmp_path / "report.html").read_text()
    assert page.count("</script>") == 2


def _open(folder: Path, address: str) -> str:
    """Return the page's elements after its own program has run."""
    browser = find_browser()
    assert browser is not None
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        *quiet,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
    ]
    result = subprocess.run(
        [browser, *options, f"file://{folder / 'report.html'}{address}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "HOME": str(folder)},
    )
    return result.stdout


def _rows(page: str) -> list[str]:
    body: Any = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    names = re.findall(r'<td class="name">([^<]*)</td><td class="name"[^>]*>([^<]*)</td>', body[1])
    return [" ".join(pair) for pair in names]
