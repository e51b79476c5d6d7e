"""What may be written otherwise in an optimizer than in PyTorch."""

from collections.abc import Iterator
from dataclasses import dataclass

from parity_tests.kit.optimizers.formulas import (
    CORRECTED,
    DECOUPLED,
    LINEAR,
    ROOTED,
    SQUARES,
    STATELESS,
)


@dataclass(frozen=True)
class Choice:
    """A part of the step that is written otherwise than in PyTorch.

    Attributes
    ----------
    part, value : str
        Field of `Formula`, and what it is.
    cause : str
        A key of `parity_tests.kit.causes.CAUSES`.
    convention : bool
        Whether it may be meant.
    """

    part: str
    value: str
    cause: str
    convention: bool = False


_CLIPS = (1, 5, 0.5, 10, 0.1, 2, 3, 0.25, 0.01, 100)


def choices(kind: str, decays: bool) -> Iterator[Choice]:
    """Yield what may be written otherwise in an optimizer.

    Parameters
    ----------
    kind : str
        One of `OPTIMIZERS`.
    decays : bool
        Whether it has weight decay of a known size.
    """
    if kind in ("momentum", "nesterov"):
        yield Choice("average", "mean", "momentum-average", True)
        yield Choice("average", "mean, first whole", "momentum-dampened", True)
        yield Choice("average", "none", "momentum-without-effect")
    if kind == "momentum":
        yield Choice("average", "mean, corrected", "momentum-corrected", True)
        yield Choice("average", "against", "momentum-sign")
        yield Choice("average", "taken away", "momentum-sign")
        yield Choice("average", "last", "momentum-of-last-gradient")
        yield Choice("average", "last, mean", "momentum-of-last-gradient")
        yield Choice("average", "unscaled", "velocity-without-rate")
    if kind == "nesterov":
        yield Choice("ahead", "none", "nesterov-is-momentum")
        yield Choice("ahead", "twice", "nesterov-velocity-twice")
        yield Choice("ahead", "turned", "nesterov-velocity-turned")
        yield Choice("ahead", "whole", "nesterov-velocity-whole")
    if kind in ROOTED:
        yield Choice("eps", "inside", "epsilon-inside-root", True)
    if kind in ("adamax", "adadelta"):
        yield Choice("eps", "other", "epsilon-of-ratio", True)
    if kind in ("adam", "adamw", "amsgrad"):
        yield Choice("eps", "uncorrected", "epsilon-uncorrected", True)
        yield Choice("eps", "inside, uncorrected", "epsilon-inside-uncorrected", True)
        yield Choice("correction", "unrooted", "adam-correction-unrooted")
    if kind == "amsgrad":
        yield Choice("maximum", "corrected", "amsgrad-of-corrected", True)
        yield Choice("maximum", "none", "amsgrad-without-maximum")
    if kind == "nadam":
        yield Choice("growth", "constant", "nadam-constant-momentum", True)
        yield Choice("growth", "constant, one index", "nadam-constant-momentum", True)
    if kind in CORRECTED:
        yield from _of_counts(kind)
    if kind in (*CORRECTED, "rmsprop") and kind != "adamax":
        yield Choice("moments", "second summed", "second-moment-summed")
        yield Choice("moments", "second undecayed", "moment-not-decayed")
    if kind == "rmsprop":
        # Nothing corrects its mean, so that it has to begin somewhere.
        yield Choice("moments", "both whole", "moments-begin-whole", True)
        yield Choice("moments", "means, corrected", "second-moment-corrected", True)
        yield Choice("moments", "second from one", "second-moment-from-one", True)
    if kind in ("adam", "adamw", "amsgrad"):
        for whole in ("both whole", "first whole", "second whole", "both whole, corrected"):
            yield Choice("moments", whole, "moments-begin-whole")
        for which in ("", "first ", "second "):
            yield Choice("moments", f"{which}kept corrected", "moments-kept-corrected")
        yield Choice("moments", "second by beta1", "second-moment-by-beta1")
        yield Choice("moments", "squares by beta1", "squares-by-beta1")
        yield Choice("moments", "first by beta2", "first-moment-by-beta2")
        yield Choice("correction", "of usual betas", "adam-correction-of-other-betas")
        for correction in ("exchanged", "second by beta1", "first by beta2"):
            yield Choice("correction", correction, "adam-correction-of-other-moment")
        yield Choice("squares", "first", "second-moment-of-first")
    if kind == "adamax":
        yield Choice("moments", "first whole", "moments-begin-whole")
    if kind in ROOTED:
        for squares in ("sum", "mean", "norm"):
            yield Choice("squares", squares, "second-moment-scalar")
        yield Choice("root", "left out", "root-left-out")
    if kind not in (*LINEAR, *STATELESS):
        yield Choice("state", "new", "state-recreated")
        if kind in CORRECTED:
            yield Choice("state", "new, counted", "state-recreated")
    if kind not in STATELESS:
        yield Choice("state", "shared", "state-shared")
    if kind in SQUARES:
        yield Choice("squares", "magnitude", "second-moment-of-magnitudes")
        yield Choice("state", "overwritten", "state-overwritten")
        yield Choice("state", "overwritten, without rate", "state-overwritten")
    if kind != "sgd":
        yield from _of_plain_steps(kind)
    if decays:
        yield from _of_decay(kind)
    yield Choice("gradient", "late", "gradient-late")
    yield Choice("gradient", "first", "gradient-of-first-step")
    yield Choice("gradient", "accumulated", "step-of-accumulated")
    yield Choice("gradient", "negated", "step-sign")
    for what in ("tensor", "all"):
        for eps in (0, 1e-8, 1e-12, 1e-6):
            yield Choice("clip", f"{what}:unit, eps {eps:g}", "gradient-normalized", True)
    for what in ("entry", "tensor", "all"):
        for limit in _CLIPS:
            yield Choice("clip", f"{what}:{limit:g}", "step-clipped", True)


def _of_counts(kind: str) -> Iterator[Choice]:
    yield Choice("correction", "none", "adam-no-bias-correction")
    if kind not in ("adamax", "nadam"):
        yield Choice("correction", "first", "adam-first-correction-only")
        yield Choice("correction", "second", "adam-second-correction-only")
        yield Choice("correction", "first by 1 - beta1", "adam-correction-without-power")
        yield Choice("correction", "second by 1 - beta2", "adam-correction-without-power")
        yield Choice("correction", "first by 1 - beta1 * t", "adam-correction-of-product")
        yield Choice("correction", "second by 1 - beta2 * t", "adam-correction-of-product")
    yield Choice("count", "steps from 2", "adam-step-from-two")
    yield Choice("count", "steps from 0", "adam-step-from-zero")
    yield Choice("count", "lagging", "adam-step-lagging")
    for start in ("", " from 2"):
        for order in ("", ", matrices first", ", backwards"):
            yield Choice("count", f"tensors{start}{order}", "adam-step-per-tensor")
        for order in ("", ", backwards"):
            yield Choice("count", f"layers{start}{order}", "adam-step-per-layer")
    # Those that the first steps show, of things without parameters among the others.
    for cause in ("adam-step-per-tensor", "adam-step-per-layer"):
        yield Choice("count", f"each:{cause.rpartition('-')[2]}s", cause)
    # Any number is found with the usual betas, a few with others.
    for constant in ("", 1, 2, 3, 10, 100):
        yield Choice("count", f"constant:{constant}", "adam-step-constant")
    yield Choice("count", "samples", "adam-step-constant")
    yield Choice("moments", "first summed", "first-moment-summed")
    yield Choice("moments", "first undecayed", "moment-not-decayed")


def _of_plain_steps(kind: str) -> Iterator[Choice]:
    yield Choice("plain", "biases", "biases-by-plain-descent")
    yield Choice("plain", "matrices", "matrices-by-plain-descent")
    if kind not in LINEAR:
        for which in ("all", "biases", "matrices"):
            yield Choice("plain", f"{which}, added", "plain-step-added")
        yield Choice("plain", "biases, all added", "plain-step-added")


def _of_decay(kind: str) -> Iterator[Choice]:
    yield Choice("decayed", "matrices", "decay-matrices-only", True)
    yield Choice("decay", "none", "decay-missing")
    yield Choice("decay", "negated", "decay-sign")
    yield Choice("decay", "unscaled", "decay-not-scaled")
    yield Choice("decay", "twice", "decay-twice")
    if kind in DECOUPLED:
        yield Choice("decay", "coupled", "decay-coupled")
        yield Choice("decay", "after", "decay-after-step", True)
    elif kind == "sgd":
        yield Choice("decay", "after", "decay-after-step", True)
        yield Choice("decay", "after, unscaled", "decay-not-scaled")
    else:
        yield Choice("decay", "decoupled", "decay-decoupled")
    if kind != "sgd":
        yield Choice("decay", "both", "decay-twice")
