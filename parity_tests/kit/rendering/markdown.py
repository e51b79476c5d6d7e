"""A report as Markdown."""

import re
from collections.abc import Iterator

from parity_tests.kit.rendering.wording import (
    SIGNS,
    counts,
    facts,
    headline,
    notes,
    sentence,
    taken_for,
)
from parity_tests.kit.verdicts import Report, Verdict


def to_markdown(report: Report) -> str:
    """Return a report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {_code(report.target)}"
    yield ""
    yield f"**{headline(report)}** {counts(report).capitalize()}."
    yield ""
    for fact in (*taken_for(report), *notes(report)):
        yield f"- {fact.label}: {_plain(fact.text)}"
    yield ""
    yield "| aspect | status | first in |"
    yield "|---|---|---|"
    for verdict in report.verdicts:
        cells = (verdict.aspect, f"{SIGNS[verdict.status]} {verdict.status}", verdict.tensor or "")
        yield f"| {' | '.join(map(_plain, cells))} |"
    for verdict in report.verdicts:
        yield ""
        yield from _verdict(verdict)


def _verdict(verdict: Verdict) -> Iterator[str]:
    yield f"## {verdict.aspect}: {verdict.status}"
    yield ""
    yield _plain(sentence(verdict))
    listed = facts(verdict)
    if listed:
        yield ""
    for fact in listed:
        yield f"- {fact.label}: {_code(fact.text) if fact.code else _plain(fact.text)}"


def _plain(text: str) -> str:
    """Escape what Markdown would read as its own."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Return text as code, in more backticks than it has in a row."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"
