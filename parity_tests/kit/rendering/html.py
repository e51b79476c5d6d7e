"""A report as one page that needs no other file, and as a part of one."""

from collections.abc import Iterable
from html import escape
from importlib.resources import files

from parity_tests.kit.rendering.graph import computation, first_difference, to_svg
from parity_tests.kit.rendering.wording import (
    SIGNS,
    Fact,
    counts,
    facts,
    headline,
    notes,
    overall,
    sentence,
    taken_for,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Edge, Report, Verdict

_CLASSES = {EQUAL: "equal", CONVENTION: "convention", DIFFERS: "differs", UNCHECKED: "unchecked"}
_MEANINGS = {
    EQUAL: "as expected",
    CONVENTION: "another way of writing the same; nothing to repair",
    DIFFERS: "not as expected",
    UNCHECKED: "nothing is known about it",
}


def to_html(report: Report) -> str:
    """Return a report as a page."""
    page = files("parity_tests.kit.rendering").joinpath("page.html").read_text(encoding="utf-8")
    return page.replace("<!--title-->", escape(report.target)).replace(
        "<!--report-->", to_fragment(report)
    )


def to_fragment(report: Report) -> str:
    """Return a report as an element with its own style, as notebooks show it."""
    style = files("parity_tests.kit.rendering").joinpath("style.css").read_text(encoding="utf-8")
    about = [*taken_for(report), *notes(report)]
    steps = computation(report)
    return "\n".join(
        [
            f"<style>\n{style}</style>",
            '<article class="parity-report">',
            f"<h1>{escape(report.target)}</h1>",
            f'<p class="headline {_CLASSES[overall(report)]}">'
            f"<span>{SIGNS[overall(report)]}</span> {escape(headline(report))}</p>",
            f'<p class="soft">{counts(report).capitalize()}.</p>',
            _definitions(about),
            *_picture(steps),
            *map(_verdict, report.verdicts),
            *_steps(steps),
            "</article>",
        ]
    )


def _picture(steps: list[Edge]) -> list[str]:
    if not steps:
        return []
    keys = "".join(
        f'<li class="{_CLASSES[status]}"><span>{SIGNS[status]}</span> {status}: {meaning}</li>'
        for status, meaning in _MEANINGS.items()
    )
    caption = (
        "Forward on top, from left to right; backward below, from right to left. "
        "What follows from a difference is not one itself."
    )
    return [
        f'<figure><div class="scroll">{to_svg(steps)}</div>',
        f"<figcaption>{caption}</figcaption><ul>{keys}</ul></figure>",
    ]


def _verdict(verdict: Verdict) -> str:
    kind = _CLASSES[verdict.status]
    return (
        f'<section class="verdict {kind}"><h2>{escape(verdict.aspect)} '
        f'<span class="badge">{SIGNS[verdict.status]} {verdict.status}</span></h2>'
        f"<p>{escape(sentence(verdict))}</p>{_definitions(facts(verdict))}</section>"
    )


def _definitions(listed: Iterable[Fact]) -> str:
    rows = "".join(
        f"<div><dt>{escape(fact.label)}</dt><dd>{_text(fact)}</dd></div>" for fact in listed
    )
    return f"<dl>{rows}</dl>" if rows else ""


def _text(fact: Fact) -> str:
    return f"<code>{escape(fact.text)}</code>" if fact.code else escape(fact.text)


def _steps(steps: list[Edge]) -> list[str]:
    if not steps:
        return []
    first = first_difference(steps)
    rows = "".join(
        f'<tr class="{_CLASSES[edge.status]}"><td>{escape(edge.source)}</td>'
        f"<td>{escape(edge.target)}</td><td>{SIGNS[edge.status]} {edge.status}"
        f"{', the first' if number == first else ''}</td><td>{escape(edge.note)}</td></tr>"
        for number, edge in enumerate(steps)
    )
    return [
        "<details><summary>All steps of the computation</summary>",
        '<div class="scroll"><table><thead><tr><th scope="col">from</th><th scope="col">to</th>'
        '<th scope="col">status</th><th scope="col">what it was found to be</th></tr></thead>',
        f"<tbody>{rows}</tbody></table></div></details>",
    ]
