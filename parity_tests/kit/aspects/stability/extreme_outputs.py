"""Outputs for large logits, and the formulas that are not finite in the same entries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.stability.extremes import Extreme, extremes
from parity_tests.kit.aspects.stability.overflowing import Naive, formulas, raised, raising
from parity_tests.kit.forward import (
    Form,
    functions,
    pre_activation,
    prepared,
    run,
    with_outer_bias,
)
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import DIFFERS, Verdict, named

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Answer:
    """The output that came, where it should be finite.

    Attributes
    ----------
    extreme : Extreme
    observed : ndarray or None
        None if an exception came instead.
    raised : str
        That exception, in words.
    """

    extreme: Extreme
    observed: Array | None
    raised: str = ""

    def is_right(self, form: Form) -> bool:
        """Return whether it is finite, and every sample has a class left."""
        if self.observed is None:
            return False
        lost = form.output == "softmax" and not self.observed.any(axis=1).all()
        return bool(np.isfinite(self.observed).all()) and not lost

    @property
    def seen(self) -> str:
        """What is not right, in words."""
        if self.observed is None:
            return f"with {self.extreme.text}, {self.raised}"
        share = 1 - np.isfinite(self.observed).mean()
        what = f"{share:.0%} of the outputs are not finite"
        return f"with {self.extreme.text}, {what if share else 'all outputs of a sample are 0'}"


def of_outputs(inquiry: Inquiry, form: Form, inputs: Array | None) -> list[Verdict] | None:
    """Return what is wrong with the outputs; None if nothing could be asked."""
    subject = inquiry.subject
    answers = []
    for extreme in extremes(inquiry, form, inputs):
        layers = subject.begin(extreme.layers)
        passed = run(form, layers, extreme.batch.inputs)
        # The logarithm of softmax is finite wherever the logits are.
        expected = passed.logits[-1] if form.output == "log_softmax" else passed.output
        if np.isfinite(expected).all():
            kept = Extreme(extreme.text, layers, extreme.batch)
            answers.append(_answer(kept, lambda x=extreme.batch.inputs: subject.forward(x)))
    if not answers:
        return None
    wrong = [answer for answer in answers if not answer.is_right(form)]
    if not wrong:
        return []
    explanations = _explanations(inquiry, form, answers)
    if len(explanations) != 1:
        texts = sorted({naive.text for own in explanations for naive in own.formulas.values()})
        why = f"; {' and '.join(texts)} would both give that" if texts else ""
        message = f"{wrong[0].seen}; the cause is unknown{why}"
        return [Verdict("stability", DIFFERS, message, "output")]
    verdicts = []
    for name, naive in explanations[0].formulas.items():
        alone = replace(explanations[0], formulas={name: naive})
        shown = next(
            (a for a in wrong if not _through(inquiry, form, a, alone).is_right(form)), None
        )
        seen = (shown or wrong[0]).seen
        verdicts.append(judged(naive.cause, f"{seen}, as {naive.text} gives", "output"))
    return verdicts


def _answer(extreme: Extreme, call: Callable[[], Array]) -> _Answer:
    try:
        return _Answer(extreme, call())
    except SubjectError as error:
        if not raised(error):
            raise
        return _Answer(extreme, None, raised(error))


@dataclass(frozen=True)
class _Explanation:
    """Formulas that overflow.

    Attributes
    ----------
    formulas : mapping
        By what they stand for.
    single_from : int
        The first layer whose formula is evaluated in float32, where e^z overflows from 89 on.
    """

    formulas: Mapping[str, Naive]
    single_from: int


def _explanations(inquiry: Inquiry, form: Form, answers: Sequence[_Answer]) -> list[_Explanation]:
    """Return the formulas that overflow and give all answers.

    Those with the fewest formulas, and one for each set of causes.
    """
    depth = len(inquiry.layers)
    # A layer of float32 that is given samples in float64 makes float64 of both.
    places = range(depth, -1, -1) if inquiry.is_float32 else [depth]
    names = list(dict.fromkeys([*(f.name for f in functions(form)[0]), form.output]))
    ways = [(None, *formulas(name)) for name in names]
    if any(answer.raised for answer in answers):
        ways = [(*own, *raising(name)) for own, name in zip(ways, names, strict=True)]
    found: dict[frozenset[str], _Explanation] = {}
    for count, place in product((1, 2), places):
        for chosen in product(*ways):
            own = {name: n for name, n in zip(names, chosen, strict=True) if n is not None}
            tried = _Explanation(own, place)
            if len(own) == count and all(
                _same(a, _through(inquiry, form, a, tried), inquiry.tolerance) for a in answers
            ):
                found.setdefault(frozenset(naive.cause for naive in own.values()), tried)
        if found:
            break
    return list(found.values())


def _through(inquiry: Inquiry, form: Form, answer: _Answer, explanation: _Explanation) -> _Answer:
    """Return what would have come with functions replaced by those that overflow."""
    replaced = explanation.formulas
    hidden, last = functions(form)
    values = [(f.name, f.value) for f in hidden] + [(form.output, last.value)]
    layers, inputs = answer.extreme.layers, answer.extreme.batch.inputs
    outputs = []
    for part in np.split(inputs, len(inputs)) if inquiry.subject.single else [inputs]:
        a = prepared(form, part)
        for number, (layer, (name, value)) in enumerate(zip(layers, values, strict=True)):
            z = pre_activation(form, layer, number, a)
            if name in replaced and number >= explanation.single_from:
                z = z.astype(np.float32)
            try:
                a = replaced[name].value(z) if name in replaced else value(z)
            except FloatingPointError as error:
                return _Answer(answer.extreme, None, str(error))
            a = with_outer_bias(form, layer, number, a)
        outputs.append(a)
    return _Answer(answer.extreme, np.concatenate(outputs))


def _same(answer: _Answer, other: _Answer, tolerance: float) -> bool:
    """Return whether two outputs are not finite in the same entries, and equal in all others."""
    observed, value = answer.observed, other.observed
    if observed is None or value is None:
        return observed is value
    finite = np.isfinite(observed)
    if not np.array_equal(finite, np.isfinite(value)):
        return False
    # Logits of 1000 magnify a rounding by as much.
    return np.allclose(observed[finite], value[finite], rtol=1e4 * tolerance, atol=1e-12)


def judged(cause: str | None, seen: str, tensor: str) -> Verdict:
    """Return what is said of something that is not finite, whose cause may not be known."""
    if cause is None:
        return Verdict("stability", DIFFERS, f"{seen}; the cause is unknown", tensor)
    return named("stability", cause, seen, tensor)
