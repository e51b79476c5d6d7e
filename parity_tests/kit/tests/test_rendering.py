"""Reports as text, Markdown, JSON and pages."""

import json
import math
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from numpy_impl import InputError
from parity_tests.kit.rendering import (
    from_json,
    to_fragment,
    to_html,
    to_json_text,
    to_markdown,
    to_text,
)
from parity_tests.kit.rendering.graph import computation, first_difference, to_svg
from parity_tests.kit.rendering.wording import LEFT_OUT, headline, sentence
from parity_tests.kit.verdicts import (
    CONVENTION,
    DIFFERS,
    EQUAL,
    NOT_ASKED,
    UNCHECKED,
    Edge,
    Line,
    Report,
    Verdict,
)
from parity_tests.parity.test_report import find_browser

SPEC = {"sizes": [12, 9, 10], "form": "relu -> softmax", "hidden": "relu", "batch": "rows"}
BACKWARD = [
    Edge("loss", "dL/dz2", EQUAL, "p - y"),
    Edge("dL/dz2", "dL/dW2", EQUAL),
    Edge("dL/dz2", "dL/db2", EQUAL),
    Edge("dL/dz2", "dL/dz1", DIFFERS, "(dz2 @ W2) * 1"),
    Edge("dL/dz1", "dL/dW1", EQUAL),
    Edge("dL/dz1", "dL/db1", DIFFERS, "sum over all"),
]
FAULT = Verdict(
    "gradient",
    DIFFERS,
    "the derivative is left out, on W1 and b1",
    "W1",
    "activation-derivative-missing",
    factor=7.0,
    residual=3e-16,
    line=Line("net.py", 31, "    d = d @ self.W2.T\n"),
    reproduce="python -m parity_tests check net.py:Net --only gradient --seed 0",
)


def clean() -> Report:
    edges = [Edge(edge.source, edge.target, EQUAL) for edge in BACKWARD]
    verdicts = [Verdict(aspect, EQUAL, "as it is") for aspect in ("forward", "loss", "gradient")]
    return Report("net.py:Net", dict(SPEC), verdicts, edges, planned=3, run=3)


def failing() -> Report:
    verdicts = [
        Verdict("forward", EQUAL, "the output is that of relu -> softmax"),
        Verdict("loss", CONVENTION, "half the sum"),
        FAULT,
        Verdict("stability", UNCHECKED, "it raises"),
    ]
    spec = {
        **SPEC,
        "loading": ["cv2 cannot be imported: a stand-in takes its place"],
        "recognized": [
            {"name": "batch", "value": "rows", "certainty": "sure", "why": "it is recomputed"},
            {"name": "labels", "value": "one_hot", "certainty": "guess", "why": "its name"},
        ],
    }
    return Report("net.py:Net", spec, verdicts, list(BACKWARD), planned=4, run=3)


def test_text_tells_everything_about_a_fault() -> None:
    text = to_text(failing())
    assert text.startswith("net.py:Net: Not as expected: gradient.")
    for part in (
        "12-9-10",
        "The derivative is left out, on W1 and b1.",
        "first in: W1",
        "yours:    7 x expected",
        "residual: 3e-16",
        "look at:  the line after the product with the transposed matrix",
        "line:     net.py:31: d = d @ self.W2.T",
        "again:    python -m parity_tests check net.py:Net --only gradient --seed 0",
        "loading:     cv2 cannot be imported",
        "recognized:  without a declaration; 1 of 2 are sure",
        "recognized:  labels one_hot (guess: its name)",
        "Aspects planned: 4, answered: 3, not answered: 1.",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_an_unknown_cause_is_called_unknown() -> None:
    report = clean()
    report.verdicts[2] = Verdict("gradient", DIFFERS, "it is off", "W1")
    assert "cause:    unknown" in to_text(report)
    assert "cause:    unknown" not in to_text(failing())


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((EQUAL, EQUAL), "Nothing differs from what is expected."),
        ((EQUAL, CONVENTION), "Nothing differs from what is expected, but for conventions."),
        ((EQUAL, UNCHECKED), "Nothing differs in what could be checked."),
        ((UNCHECKED, UNCHECKED), "It could not be checked."),
        ((DIFFERS, UNCHECKED), "Not as expected: forward."),
        ((DIFFERS, DIFFERS), "Not as expected: forward and loss."),
    ],
)
def test_headline(statuses: tuple[str, str], expected: str) -> None:
    pairs = zip(("forward", "loss"), statuses, strict=True)
    verdicts = [Verdict(aspect, status, "so") for aspect, status in pairs]
    assert headline(Report("x", {}, verdicts, planned=2, run=2)) == expected


def test_the_headline_says_what_is_missing() -> None:
    def of(**statuses: str) -> str:
        verdicts = [Verdict(aspect, status, "so") for aspect, status in statuses.items()]
        return headline(Report("x", {}, verdicts, planned=3, run=1))

    rest = "could not be checked. Nothing differs in the rest."
    assert of(forward=EQUAL, gradient=UNCHECKED) == f"The gradient {rest}"
    assert of(forward=UNCHECKED, gradient=EQUAL) == f"The forward pass {rest}"
    both = of(forward=UNCHECKED, gradient=UNCHECKED, stability=EQUAL)
    assert both == f"The forward pass and the gradient {rest}"
    assert of(forward=UNCHECKED, gradient=DIFFERS) == "Not as expected: gradient."


def test_the_headline_says_what_raises() -> None:
    verdicts = [Verdict(aspect, EQUAL, "so") for aspect in ("forward", "gradient")]
    raising = Verdict("optimizer", UNCHECKED, "it raises", cause="call-raises")
    told = headline(Report("x", {}, [*verdicts, raising], planned=3, run=2))
    assert told == "The optimizer could not be checked. Nothing differs in the rest."


def test_functions_that_are_left_out_are_not_said_to_be_right() -> None:
    left = {"name": LEFT_OUT, "value": "adam", "certainty": "likely", "why": "nothing calls it"}
    verdicts = [Verdict(aspect, EQUAL, "so") for aspect in ("forward", "gradient")]
    report = Report("x", {"recognized": [left]}, verdicts, planned=2, run=2)
    assert headline(report) == "Nothing differs in what could be checked."
    assert "functions left out adam" in to_text(report)
    found = {"name": "step", "value": "not found", "certainty": "guess", "why": "fit raises"}
    report.spec["recognized"] = [found]
    assert headline(report) == "Nothing differs in what could be checked."
    report.spec["recognized"] = [{**found, "value": "net.fit(x, y)"}]
    assert headline(report) == "Nothing differs from what is expected."


def test_a_network_that_was_not_asked_is_told_first() -> None:
    part = {"name": NOT_ASKED, "value": "Model, Loss", "certainty": "likely", "why": "of layers"}
    verdicts = [Verdict(aspect, EQUAL, "so") for aspect in ("forward", "gradient")]
    report = Report("x", {"recognized": [part]}, verdicts, planned=2, run=2)
    assert headline(report) == "Not asked: Model, Loss. Nothing differs in the rest."
    assert report.exit_code == 2
    report.verdicts[0] = Verdict("forward", DIFFERS, "so")
    assert (headline(report), report.exit_code) == ("Not as expected: forward.", 1)


def test_a_name_at_the_beginning_of_several_lines_stays_as_it_is() -> None:
    verdict = Verdict("forward", UNCHECKED, "init_weights() raises:\nnothing else")
    assert sentence(verdict) == "init_weights() raises:\nnothing else"
    assert sentence(replace(verdict, message="no pass:\nsee")) == "No pass:\nsee"


def test_what_may_be_meant_is_nothing_to_look_at() -> None:
    verdict = Verdict("gradient", CONVENTION, "7 x expected", cause="factor-batch")
    text = to_text(Report("x", {}, [verdict], planned=1, run=1))
    assert "cause:" in text
    assert "look at:" not in text


def test_lines_of_a_message_stay_lines() -> None:
    message = "nothing was found.\nBegin with\nnetwork = Network(...)"
    report = Report("x", {}, [Verdict("forward", UNCHECKED, message)], planned=1)
    assert "    Nothing was found.\n    Begin with\n    network = Network(...)\n" in to_text(report)


def test_markdown() -> None:
    report = failing()
    report.verdicts[2] = Verdict("gradient", DIFFERS, "a | b_c <i>", "W|1", reproduce="a `b`")
    text = to_markdown(report)
    assert "| gradient | ✗ differs | W\\|1 |" in text
    assert "A \\| b\\_c \\<i\\>." in text
    assert "- again: `` a `b` ``" in text


def test_json_and_back() -> None:
    report = failing()
    report.verdicts.append(Verdict("loss", DIFFERS, "it is", factor=math.nan, residual=math.inf))
    data = json.loads(to_json_text(report))
    assert {"target", "spec", "verdicts", "planned", "run", "skipped"} <= set(data)
    assert (data["planned"], data["run"], data["skipped"]) == (4, 3, 1)
    wanted = {"aspect", "status", "tensor", "cause", "factor", "residual", "message", "reproduce"}
    assert wanted <= set(data["verdicts"][0])
    assert (data["verdicts"][-1]["factor"], data["verdicts"][-1]["residual"]) == (None, None)
    again = from_json(data)
    assert again.verdicts[2] == FAULT
    assert json.loads(to_json_text(again)) == data


def test_json_of_something_else() -> None:
    with pytest.raises(InputError, match="data"):
        from_json({"target": "x"})


def marks(report: Report) -> dict[tuple[str, str], str]:
    return {(edge.source, edge.target): edge.status for edge in computation(report)}


def test_forward_steps_are_made_up_from_the_widths() -> None:
    steps = computation(clean())
    chain = [(e.source, e.target) for e in steps if not e.target.startswith("dL/")]
    assert chain == [("x", "z1"), ("z1", "a1"), ("a1", "z2"), ("z2", "output"), ("output", "loss")]
    assert {edge.status for edge in steps} == {EQUAL}
    assert first_difference(steps) is None


def test_first_difference_and_conventions() -> None:
    steps = computation(failing())
    first = first_difference(steps)
    assert first is not None
    assert (steps[first].source, steps[first].target) == ("dL/dz2", "dL/dz1")
    found = marks(failing())
    assert found["output", "loss"] == CONVENTION
    # What follows from the fault is not marked, though the verdict names the tensor.
    assert found["dL/dz1", "dL/dW1"] == EQUAL


def test_a_forward_fault_marks_its_step() -> None:
    report = clean()
    report.verdicts[0] = Verdict("forward", DIFFERS, "no bias", "z1", "bias-left-out")
    assert marks(report)["x", "z1"] == DIFFERS
    assert marks(report)["z1", "a1"] == EQUAL
    report.verdicts[0] = Verdict("forward", DIFFERS, "no idea", "output")
    assert marks(report)["z2", "output"] == DIFFERS
    assert marks(report)["z1", "a1"] == UNCHECKED


def test_a_fault_of_the_whole_gradient_marks_its_first_step() -> None:
    report = clean()
    report.verdicts[2] = Verdict("gradient", DIFFERS, "another loss", "dL/dz")
    assert marks(report)["loss", "dL/dz2"] == DIFFERS
    report.verdicts[2] = Verdict("gradient", DIFFERS, "half", "b2")
    assert marks(report)["dL/dz2", "dL/db2"] == DIFFERS
    assert marks(report)["loss", "dL/dz2"] == EQUAL


def test_graph_is_drawn_without_overlaps() -> None:
    svg = to_svg(computation(failing()))
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)"', svg)
    assert len(boxes) == len(set(boxes)) == 12
    assert svg.count('class="differs first"') == 1
    assert svg.count('class="differs"') == 1
    assert svg.count('class="convention"') == 1
    assert "the first step that differs is dL/dz2 to dL/dz1" in svg
    assert to_svg([]) == ""


def test_quantities_that_are_not_known_are_drawn_too() -> None:
    svg = to_svg([Edge("v", "w", EQUAL), Edge("u", "dL/dq", EQUAL), Edge("dL/dq", "w", DIFFERS)])
    assert len(set(re.findall(r'<rect x="(\d+)" y="(\d+)"', svg))) == 4


def test_page_needs_nothing_else_and_escapes() -> None:
    report = failing()
    report.target = "<b>&.py:Net"
    report.verdicts[2] = Verdict("gradient", DIFFERS, "<script>x</script>", "<W1>")
    page = to_html(report)
    assert "<script" not in page
    assert "<title>&lt;b&gt;&amp;.py:Net</title>" in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    for outside in ("http:", "https:", "src=", "@import", "url("):
        assert outside not in page
    assert "<html" not in to_fragment(report)


def test_page_of_a_report_without_anything() -> None:
    report = Report("x", {}, [Verdict("forward", UNCHECKED, "it is not there")], planned=1)
    page = to_html(report)
    assert "<svg" not in page
    assert "It could not be checked." in page


@pytest.mark.skipif(find_browser() is None, reason="there is no Chromium to open the page in")
@pytest.mark.parametrize("report", [clean(), failing()], ids=["clean", "failing"])
def test_the_page_in_a_browser(tmp_path: Path, report: Report) -> None:
    # The page is measured by a script that only this copy has.
    measure = """<script>
const arrow = document.querySelector('svg g.first path');
const stroke = element => element && getComputedStyle(element).stroke;
document.body.dataset.found = JSON.stringify({
  verdicts: document.querySelectorAll('section.verdict').length,
  first: stroke(arrow),
  amber: stroke(document.querySelector('svg g.convention path')),
  wide: document.documentElement.scrollWidth > innerWidth,
});
</script></body>"""
    page = tmp_path / "report.html"
    page.write_text(to_html(report).replace("</body>", measure), encoding="utf-8")
    found = _measured(page)
    assert found["verdicts"] == len(report.verdicts)
    assert found["wide"] is False
    red, amber = ("rgb(179, 38, 30)", "rgb(143, 91, 0)") if report.failures else (None, None)
    assert (found["first"], found["amber"]) == (red, amber)


def _measured(page: Path) -> dict[str, object]:
    browser = find_browser()
    assert browser is not None
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--blink-settings=preferredColorScheme=1",
        f"--user-data-dir={page.parent / 'profile'}",
        "--dump-dom",
    ]
    result = subprocess.run(
        [browser, *options, f"file://{page}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "HOME": str(page.parent)},
    )
    match = re.search(r'data-found="([^"]*)"', result.stdout)
    assert match is not None
    found: dict[str, object] = json.loads(match[1].replace("&quot;", '"'))
    return found
