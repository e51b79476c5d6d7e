"""Faults that both batches have to show."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.backprop.findings import Explanation, Finding


def confirmed(
    first: Explanation, second: Explanation, factors: list[Factor]
) -> tuple[Explanation, list[Factor]]:
    """Take a fault for none that is known where both batches do not show it, and as one multiple.

    With a few samples a wrong form may be a multiple of another one, by chance.
    """
    changing = [f for f in factors if f.ratio is not None and not f.ratio.causes]
    texts = {f.ratio.text for f in changing if f.ratio is not None and f.finding.causes}
    # What goes on from it changes as it does.
    chance = {f.finding.tensor for f in changing if f.ratio is not None and f.ratio.text in texts}
    findings = []
    for finding, other in zip(first.findings, second.findings, strict=True):
        text = ""
        if finding.tensor in chance:
            text = f"it is a multiple of {finding.text}, and another one with each batch"
            if other.text != finding.text:
                text = (
                    f"with one batch it is a multiple of {finding.text}, and with another one of "
                    f"{other.text}"
                )
        elif _is_refuted(finding, other):
            text = f"with one batch it is {finding.text}, and with another one it is not"
            chance.add(finding.tensor)
        unknown = replace(finding, causes=("unknown",), known=False, residual=np.inf, text=text)
        findings.append(unknown if text else finding)
    left = [factor for factor in factors if factor.finding.tensor not in chance]
    return replace(first, findings=findings), left


def _is_refuted(finding: Finding, other: Finding) -> bool:
    """Whether a fault of one batch is not that of another, where there is one, too."""
    if not finding.known or other.is_vacant or not (finding.causes and other.causes):
        return False
    return not {*finding.causes, *finding.also} & {*other.causes, *other.also}
