"""What every form of a report says in the same words."""

from collections.abc import Mapping
from dataclasses import dataclass

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.verdicts import (
    ASPECTS,
    CONVENTION,
    DIFFERS,
    EQUAL,
    UNCHECKED,
    Report,
    Verdict,
    worst,
)

# Signs beside the colours: they are there in print, in plain text and for who sees no colours.
SIGNS: Mapping[str, str] = {EQUAL: "✓", CONVENTION: "≈", DIFFERS: "✗", UNCHECKED: "?"}

EXPECTED: Mapping[str, str] = {
    "forward": "the output recomputed in float64 from the network's own parameters, layer by "
    "layer: z = a W^T + b, a = f(z)",
    "loss": "a loss of the network's own output and the targets, summed or averaged over samples",
    "gradient": "the derivative of the loss by every parameter, through the network's own forward "
    "pass",
    "optimizer": "the parameters after every step by PyTorch's formula, from the same gradients",
    "initialization": "matrices of random numbers whose spread fits the number of inputs of the "
    "layer",
    "data": "every sample once in an epoch, with its own label",
    "stability": "PyTorch's finite numbers for large logits too, and for probabilities of 0",
    "side effects": "arguments left as they are, and the same answer to the same question",
}

_CONVENTIONS = {"batch", "labels", "bias", "weights", "lr"}
_TAKEN_APART = {"sizes", "form", "arbiter", "loading", "recognized", "ended", *_CONVENTIONS}


# What lists functions and classes that were not asked, among what was recognized; and what says
# that only a part of a network was, with a loss of the kit's own, or with penalties of zero.
LEFT_OUT, CLASSES_LEFT_OUT = "functions left out", "classes left out"
PART, OWN_DELTA, TAKEN_AS_ZERO = "part", "gradient of the loss", "taken as zero"
# What a training loop keeps, each call of which was one step.
KEPT_INSIDE = "state between steps"
NOT_FOUND = "not found"
_INCOMPLETE = (LEFT_OUT, CLASSES_LEFT_OUT, PART, OWN_DELTA, TAKEN_AS_ZERO, KEPT_INSIDE)
# What no answer is complete without.
_SPOKEN: Mapping[str, str] = {
    "forward": "the forward pass",
    "loss": "the loss",
    "gradient": "the gradient",
    "optimizer": "the optimizer",
}


@dataclass(frozen=True)
class Fact:
    """Something about a verdict, with a label.

    Attributes
    ----------
    label, text : str
    code : bool
        Whether the text is code or a command.
    """

    label: str
    text: str
    code: bool = False


def overall(report: Report) -> str:
    """Return the status of the whole."""
    return worst([verdict.status for verdict in report.verdicts])


def headline(report: Report) -> str:
    """Return what was found, in a sentence."""
    differing = [a for a in ASPECTS if any(v.aspect == a for v in report.failures)]
    if differing:
        return f"Not as expected: {listed(differing)}."
    status = overall(report)
    if status == UNCHECKED:
        return "It could not be checked."
    if "ended" in report.spec:
        return "It was ended before all was asked. Nothing differs in the rest."
    if report.unanswered:
        missing = listed([_SPOKEN[aspect] for aspect in report.unanswered])
        return f"{missing.capitalize()} could not be checked. Nothing differs in the rest."
    if report.not_asked:
        return f"Not asked: {listed(report.not_asked)}. Nothing differs in the rest."
    open_ones = any(verdict.status == UNCHECKED for verdict in report.verdicts)
    parts = report.spec.get("recognized", [])
    others = any(p["name"] in _INCOMPLETE or p["value"] == NOT_FOUND for p in parts)
    is_part = open_ones or report.skipped or others
    where = "in what could be checked" if is_part else "from what is expected"
    after = ", but for conventions" if status == CONVENTION else ""
    return f"Nothing differs {where}{after}."


def listed(names: list[str]) -> str:
    """Return names as in a sentence: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def counts(report: Report) -> str:
    """Return how many questions were planned and answered."""
    return (
        f"aspects planned: {report.planned}, answered: {report.run}, not answered: {report.skipped}"
    )


def taken_for(report: Report) -> list[Fact]:
    """Return what the network was taken for."""
    spec = report.spec
    facts = []
    if spec.get("sizes"):
        facts.append(Fact("layers", "-".join(map(str, spec["sizes"]))))
    if spec.get("form"):
        facts.append(Fact("forward", str(spec["form"])))
    declared = [f"{n} {_value(v)}" for n, v in spec.items() if n not in _TAKEN_APART and v]
    if declared:
        facts.append(Fact("declared", ", ".join(declared)))
    conventions = [f"{n} {spec[n]}" for n in spec if n in _CONVENTIONS and spec[n] is not None]
    if conventions:
        facts.append(Fact("conventions", ", ".join(conventions)))
    if spec.get("arbiter"):
        facts.append(Fact("held against", str(spec["arbiter"])))
    return facts


def notes(report: Report) -> list[Fact]:
    """Return what happened before the network was asked: its file executed, its form recognized."""
    found = [Fact("loading", str(note)) for note in report.spec.get("loading", [])]
    parts = report.spec.get("recognized", [])
    unsure = [part for part in parts if part["certainty"] != "sure"]
    if parts:
        sure = len(parts) - len(unsure)
        found.append(Fact("recognized", f"without a declaration; {sure} of {len(parts)} are sure"))
    for part in unsure:
        told = f"{part['name']} {part['value']} ({part['certainty']}: {part['why']})"
        found.append(Fact("recognized", told))
    return found


def _value(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={member}" for name, member in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def sentence(verdict: Verdict) -> str:
    """Return the message as a sentence; several lines are left as they are."""
    message = verdict.message.strip()
    # A message may begin with a name, such as W1 or softmax(z), that is not to be changed.
    first = message.partition(" ")[0]
    if first.isalpha():
        message = message[:1].upper() + message[1:]
    if "\n" in message:
        return message
    return message if message.endswith((".", "!", "?")) else f"{message}."


def facts(verdict: Verdict) -> list[Fact]:
    """Return what belongs to a verdict beside its message, and is not in it already."""
    found = []
    differs = verdict.status == DIFFERS
    if differs and verdict.aspect in EXPECTED:
        found.append(Fact("expected", EXPECTED[verdict.aspect]))
    if verdict.tensor is not None:
        found.append(Fact("first in" if differs else "tensor", verdict.tensor))
    if verdict.factor is not None:
        found.append(Fact("yours", f"{verdict.factor:.6g} x expected"))
    cause = CAUSES.get(verdict.cause or "")
    if cause is not None:
        found.append(Fact("cause", cause.title))
        # What may be meant is no mistake to look for, and a message may know better where it is.
        is_told = " Look at " in verdict.message
        if verdict.status != CONVENTION and not is_told:
            found.append(Fact("look at", cause.advice))
    elif differs:
        found.append(Fact("cause", verdict.cause or "unknown"))
    if verdict.residual is not None:
        found.append(Fact("residual", f"{verdict.residual:.1g}"))
    told = verdict.message.lower()
    found = [fact for fact in found if fact.label == "first in" or fact.text.lower() not in told]
    if verdict.line is not None:
        where = f"{verdict.line.file}:{verdict.line.number}"
        found.append(Fact("line", f"{where}: {verdict.line.code.strip()}", code=True))
    if verdict.reproduce:
        found.append(Fact("again", verdict.reproduce, code=True))
    return found
