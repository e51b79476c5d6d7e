"""What is said of the findings of a gradient, one fault after the other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.lines import line_of, line_of_mask
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.backprop.biases import ANOTHER_SHAPE
from parity_tests.kit.backprop.clipping import CAUSE as CLIPPED
from parity_tests.kit.backprop.clipping import STEP_CLIPPED
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import MEAN, Scale
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Edge, Verdict, named


def told_findings(
    inquiry: Inquiry, explanation: Explanation, expected: Scale | None, number: int = 0
) -> list[Verdict]:
    """Return a verdict for every fault on the way back, the first one first.

    Parameters
    ----------
    number : int, default 0
        Which batch the explanation is of.
    """
    whole = (expected or MEAN).at(len(inquiry.batches[number]))
    tensors: dict[tuple[str, ...], list[Finding]] = {}
    clipped = [finding for finding in explanation.findings if CLIPPED in finding.causes]
    for finding in explanation.findings:
        # That entries have a limit is told once, of all tensors.
        causes = tuple(cause for cause in finding.causes if cause != CLIPPED)
        if causes:
            tensors.setdefault(causes, []).append(finding)
    is_in_step = is_inferred(inquiry)
    is_meant = inquiry.spec.loss is not None or inquiry.reported is not None
    last = f"W{len(inquiry.layers)}"
    is_open = any(f.tensor == last and not f.known for f in explanation.findings)
    nearest = explanation.loss if is_open and not is_meant else None
    if clipped and not is_in_step:
        tensors[CLIPPED,] = clipped
    verdicts = [_limited(clipped)] if clipped and is_in_step else []
    for causes, findings in tensors.items():
        finding, *others = findings
        lines = (line_of(inquiry, explanation, of) for of in findings)
        told = {"residual": finding.residual, "line": next(filter(None, lines), None)}
        likewise = f", likewise on {' and '.join(f.tensor for f in others)}" if others else ""
        if "unknown" in causes:
            if is_inferred(inquiry) and finding.text == ANOTHER_SHAPE:
                told["residual"] = None
                seen = f"{finding.tensor}{likewise}"
                known = named("gradient", "parameter-reshaped", seen, finding.tensor)
                verdicts.append(replace(known, **told))
                continue
            message = _unknown(finding, likewise, whole, nearest)
            verdicts.append(Verdict("gradient", DIFFERS, message, finding.tensor, **told))
            continue
        for cause in causes:
            known = CAUSES[cause]
            title = known.title
            if cause == "not-updated" and not is_in_step:
                title = "the gradient is all zeros, as one that is cut off to integers may be"
            if cause == "gradient-of-another-loss" and not is_meant:
                title = "the gradient is that of another loss than the other tensors' gradients"
            message = (
                f"{title}. Yours is {finding.text}, on {finding.tensor}{likewise} (residual "
                f"{finding.residual:.1g}). Look at {known.advice}.{also_of(finding.also)}"
            )
            own = dict(told)
            if cause == "activation-derivative-missing":
                own["line"] = line_of_mask(inquiry, explanation, finding) or told["line"]
            verdicts.append(Verdict("gradient", DIFFERS, message, finding.tensor, cause, **own))
    return verdicts


def _limited(clipped: list[Finding]) -> Verdict:
    """Return that steps are limited, which may be meant where no gradient is handed out besides."""
    names, first = " and ".join(finding.tensor for finding in clipped), clipped[0]
    message = f"{CAUSES[STEP_CLIPPED].title}: {names} {first.text.rpartition(', ')[2]} in a step"
    return Verdict("gradient", CONVENTION, message, None, STEP_CLIPPED, residual=first.residual)


# What is left of one number that is a multiple of another.
_NOTHING = 1e-12


def _unknown(finding: Finding, likewise: str, whole: float, loss: str | None) -> str:
    """Return what is said of a gradient that is not known; by the nearest loss if none is meant."""
    nearest = finding.text or "it has infinities or NaN"
    expected = "what was expected" if loss is None else f"that of the {loss.replace('_', ' ')}"
    # Of a pre-activation that was solved for, the factor is in it.
    factor = finding.factor if finding.relative else finding.factor / whole
    if finding.factor == 0:
        nearest = f"nothing of {expected} is in it"
    elif finding.residual <= _NOTHING:
        nearest = f"of one number, it is {factor:.4g} x {expected}"
    elif np.isfinite(finding.residual):
        nearest = (
            f"the nearest multiple of {expected} is {factor:.4g} x, which leaves "
            f"{finding.residual:.2g} of its norm"
        )
        if loss is not None:
            nearest += ", and that of every other loss that is known leaves no less"
        nearest = f"{finding.text}; {nearest}" if finding.text else nearest
    return f"{finding.tensor}{likewise}: not the gradient; {nearest}. The cause is unknown."


def also_of(causes: Sequence[str]) -> str:
    """Return what else would give the same numbers."""
    titles = [CAUSES[cause].title for cause in causes]
    return f" The same numbers come if {', or if '.join(titles)}." if titles else ""


def edges(explanation: Explanation, depth: int) -> list[Edge]:
    """Return the backward pass as a graph."""
    found = {finding.tensor: finding for finding in explanation.findings}
    result = []
    for number in reversed(range(depth)):
        delta = explanation.deltas[number]
        above = "loss" if number == depth - 1 else f"dL/dz{number + 2}"
        status = DIFFERS if delta.causes else EQUAL
        result.append(Edge(above, f"dL/dz{number + 1}", status, delta.text))
        for name in (f"W{number + 1}", f"b{number + 1}"):
            if name in found:
                finding = found[name]
                own = [cause for cause in finding.causes if cause not in delta.causes]
                bad = bool(own) or not finding.known
                status = DIFFERS if bad else EQUAL
                result.append(Edge(f"dL/dz{number + 1}", f"dL/d{name}", status, finding.text))
    return result
