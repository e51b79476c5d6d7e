"""Running statistics of a batch norm, recomputed in every way in which they are averaged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.layers.forms import Form
from parity_tests.kit.layers.subject import LayerSubject, Values
from parity_tests.kit.layers.verdicts import distance, simplest
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict, named

Array = NDArray[Any]

# Weights of the new batch that are tried where neither an option nor the layer's own says it.
_USUAL_RATES = (0.1, 0.9, 0.01, 0.99, 0.02, 0.001, 0.05, 0.2)


@dataclass(frozen=True)
class Schedule:
    """The weight of each new batch in an average.

    Attributes
    ----------
    rate : callable
        From the number of the batch, counted from 1, to its weight.
    text : str
    causes : tuple of str
        What is wrong about it.
    convention : str
        What is unlike PyTorch's default and not wrong.
    """

    rate: Callable[[int], float]
    text: str
    causes: tuple[str, ...] = ()
    convention: str = ""

    def average(self, start: float, values: Sequence[Array]) -> list[Array]:
        """Return the average after each value."""
        averages = [np.full(values[0].shape, start)]
        for number, value in enumerate(values, start=1):
            rate = self.rate(number)
            averages.append((1 - rate) * averages[-1] + rate * value)
        return averages[1:]


@dataclass(frozen=True)
class Averaged:
    """A way to keep a running statistic.

    Attributes
    ----------
    values : list of ndarray
        After each batch.
    schedule : Schedule
    causes : tuple of str
        What is wrong about it.
    deviation : bool
        Whether standard deviations are kept and not variances.
    start : float or None
        What it starts at, if that is not what it is with PyTorch and was solved for.
    """

    values: list[Array]
    schedule: Schedule
    causes: tuple[str, ...]
    deviation: bool = False
    start: float | None = None

    @property
    def text(self) -> str:
        """How it is kept, in words."""
        start = "" if self.start is None else f"starts at {self.start:g}, "
        return f"{start}{self.schedule.text}"


def schedules(declared: float | None, solved: float | None = None) -> Iterator[Schedule]:
    """Yield how batches may be averaged, PyTorch's way first.

    Parameters
    ----------
    declared : float, optional
        PyTorch's momentum, if it is declared.
    solved : float, optional
        The weight of the first batch, if that could be read off.
    """
    own = 0.1 if declared is None else declared

    def constant(rate: float, *causes: str, convention: str = "") -> Schedule:
        return Schedule(lambda _: rate, f"weight {rate:g} of the new batch", causes, convention)

    yield constant(own)
    yield constant(1 - own, "momentum-turned-round")
    yield constant(0.0, "running-statistics-not-updated")
    yield constant(1.0, "running-statistics-not-averaged")
    free = declared is None
    tried = _USUAL_RATES if solved is None else (solved,)
    for rate in tried:
        if rate not in (own, 1 - own, 0.0, 1.0):
            told = f"the new batch has the weight {rate:g}, by PyTorch's default it is 0.1"
            yield constant(
                rate,
                *(() if free else ("momentum-of-another-size",)),
                convention=told if free else "",
            )
    cause = () if free else ("momentum-of-another-size",)
    told = "all batches weigh the same, which is PyTorch's momentum=None" if free else ""
    yield Schedule(lambda number: 1 / number, "the mean of all batches", cause, told)
    for rate in (own, 1 - own, *tried):
        yield Schedule(
            lambda number, rate=rate: 1.0 if number == 1 else rate,  # type: ignore[misc]
            f"weight {rate:g} of the new batch, after the first",
            () if rate == own or free else ("momentum-of-another-size",),
            "the first batch sets the average, which PyTorch begins with 0 and 1",
        )


def _start(schedule: Schedule, value: Array, observed: Array) -> float | None:
    """Return what an average started at, from its first value and what it was after it; or None."""
    rate = schedule.rate(1)
    if rate == 1 or observed.shape != value.shape:
        return None
    start = float(f"{float(np.median((observed - rate * value) / (1 - rate))):.4g}")
    return start if np.isfinite(start) and start not in (0.0, 1.0) else None


def _rates(values: Sequence[Array], observed: Sequence[Array]) -> list[float]:
    """Return the weights of a new batch that two values of an average tell.

    The first one tells it of an average that started at 0, and the second from the first on:
    :math:`m_2 - m_1 = r (b_2 - m_1)`.
    """
    steps = [(observed[0], values[0])] if len(observed) else []
    if len(observed) > 1:
        steps.append((observed[1] - observed[0], values[1] - observed[0]))
    rates = [float(change @ whole / (whole @ whole)) for change, whole in steps]
    return [float(f"{rate:.4g}") for rate in rates if np.isfinite(rate)]


def means(
    batches: Sequence[Array], declared: float | None, observed: Sequence[Array]
) -> list[Averaged]:
    """Return the ways to keep the running mean.

    Parameters
    ----------
    batches : sequence of ndarray
        In rows, those that the layer has seen.
    declared : float, optional
        PyTorch's momentum.
    observed : sequence of ndarray
        The running mean after each batch, as far as it could be read.
    """
    values = [batch.mean(axis=0) for batch in batches]
    same = all(own.shape == values[0].shape for own in observed)
    rates: list[float | None] = [*(_rates(values, observed) if same else [])]
    tried = [schedule for rate in rates or [None] for schedule in schedules(declared, rate)]
    found = [Averaged(one.average(0.0, values), one, one.causes) for one in tried]
    for one in tried:
        start = _start(one, values[0], observed[0]) if len(observed) else None
        for begun in (1.0, *([] if start is None else [start])):
            causes = ("running-statistics-start", *one.causes)
            found.append(Averaged(one.average(begun, values), one, causes, start=begun))
    return found


def variances(
    batches: Sequence[Array], schedule: Schedule, observed: Sequence[Array] = ()
) -> list[Averaged]:
    """Return the ways to keep the running variance, the simplest first.

    Parameters
    ----------
    batches : sequence of ndarray
        In rows.
    schedule : Schedule
    observed : sequence of ndarray
        The running variance after each batch, as far as it could be read.
    """
    found = []
    for deviation in (False, True):
        for lost, biased in ((1, ()), (0, ("running-variance-biased",))):
            values = [batch.var(axis=0, ddof=lost) for batch in batches]
            if deviation:
                values = [np.sqrt(value) for value in values]
            starts: list[tuple[float, tuple[str, ...]]] = [
                (1.0, ()),
                (0.0, ("running-variance-from-zero",)),
            ]
            solved = _start(schedule, values[0], observed[0]) if len(observed) else None
            if solved is not None:
                starts.append((solved, ("running-statistics-start",)))
            for start, begun in starts:
                causes = (
                    *schedule.causes,
                    *biased,
                    *begun,
                    *(("running-standard-deviation",) if deviation else ()),
                )
                averages = schedule.average(start, values)
                own = solved if start == solved else None
                found.append(Averaged(averages, schedule, causes, deviation, own))
    return sorted(found, key=lambda way: len(way.causes))


def is_same(ways: Sequence[Array], observed: Sequence[Array], tolerance: float) -> bool:
    """Whether a statistic was reproduced after every batch."""
    return all(
        a.shape == b.shape and np.linalg.norm(a - b) <= tolerance * max(np.linalg.norm(b), 1e-300)
        for a, b in zip(ways, observed, strict=True)
    )


class NormSubject:
    """A batch norm whose forward pass is known.

    Parameters
    ----------
    subject : LayerSubject
        New, with its parameters.
    form : Form
        Its forward pass.
    parameters : dict of str to ndarray
    tolerance : float
        Relative.
    """

    def __init__(
        self, subject: LayerSubject, form: Form, parameters: Values, tolerance: float
    ) -> None:
        self.subject = subject
        self.form = form
        self.parameters = parameters
        self.tolerance = tolerance

    def examine(self, seen: list[Array], batches: list[Array]) -> list[Verdict]:
        """Judge the running statistics of all batches but the last, and evaluation by that.

        Parameters
        ----------
        seen : list of ndarray
            What the layer was given before.
        batches : list of ndarray
            In rows.

        Raises
        ------
        SubjectError
            If it cannot be asked.
        """
        given = [*seen]
        snapshots: list[Values] = [self.subject.buffers()] if seen else []
        for batch in batches[:-1]:
            given.append(batch)
            self.subject.forward(batch)
            snapshots.append(self.subject.buffers())
        verdicts, known = self._averages(given, snapshots)
        if self.subject.declaration.evaluate is not None:
            verdicts += self._evaluation(batches[-1], given, snapshots[-1], known)
        return verdicts

    def _averages(
        self, batches: list[Array], snapshots: list[Values]
    ) -> tuple[list[Verdict], dict[str, Averaged]]:
        """Find how the running statistics are kept."""
        declared = self.subject.declaration.options.get("momentum")
        verdicts: list[Verdict] = []
        known: dict[str, Averaged] = {}
        told: dict[str, str] = {}
        own_means = [s["running_mean"] for s in snapshots if "running_mean" in s]
        own_variances = [s["running_var"] for s in snapshots if "running_var" in s]
        ways = {"running_mean": means(batches, declared, own_means)}
        tried = list(schedules(declared))
        if len(own_means) == len(batches):
            found = next((w for w in ways["running_mean"] if self._kept(w, own_means)), None)
            if found is not None:
                known["running_mean"] = found
                tried = [found.schedule, *tried]
        ways["running_var"] = sorted(
            (way for one in tried for way in variances(batches, one, own_variances)),
            key=lambda way: len(way.causes),
        )
        for name, own in (("running_mean", own_means), ("running_var", own_variances)):
            if len(own) != len(batches):
                continue
            found = next((way for way in ways[name] if self._kept(way, own)), None)
            if found is None:
                of = {"running_mean": "means", "running_var": "variances"}[name]
                message = (
                    f"{name} is no running average of the batches' {of} that is known. The cause "
                    "is unknown."
                )
                verdicts.append(Verdict("forward", DIFFERS, message, name))
                continue
            known[name] = found
            told[name] = found.text
            for cause in found.causes:
                if all(verdict.cause != cause for verdict in verdicts):
                    verdicts.append(named("forward", cause, f"{name}: {found.text}", name))
        conventions = {w.schedule.convention for w in known.values() if w.schedule.convention}
        verdicts += [
            Verdict("forward", CONVENTION, convention, "running_mean")
            for convention in sorted(conventions)
        ]
        if told and not verdicts:
            message = f"running statistics after every batch: {', '.join(sorted({*told.values()}))}"
            verdicts.append(Verdict("forward", EQUAL, message))
        return verdicts, known

    def _kept(self, way: Averaged, observed: list[Array]) -> bool:
        return is_same(way.values, observed, self.tolerance)

    def _evaluation(
        self, x: Array, batches: list[Array], buffers: Values, known: dict[str, Averaged]
    ) -> list[Verdict]:
        """Judge evaluation by the running statistics, its own where they can be read."""
        where = "output in evaluation"
        output = self.subject.forward(x, training=False)
        verdicts = []
        after = self.subject.buffers()
        if any(not np.array_equal(after[name], buffers[name]) for name in buffers):
            cause = "running-statistics-updated-in-evaluation"
            verdicts.append(named("forward", cause, "they changed", where))
        found = []
        for causes, text, value in self._evaluations(x, batches, buffers, known):
            # A root of what is negative is NaN in both.
            finite = np.isfinite(output)
            if not finite.any() or not np.array_equal(finite, np.isfinite(value)):
                continue
            residual = distance(output[finite], value[finite])
            if residual <= self.tolerance:
                own = tuple(c for c in causes if c not in self.form.causes)
                found.append(((own, text), residual))
        best = simplest(found, lambda way: len(way[0]))
        if best is not None:
            (own, text), residual = best
            if own:
                seen = f"the output is reproduced by {text}"
                verdicts.append(
                    named("forward", own[0], seen, where, residual=residual, more=own[1:])
                )
            elif not verdicts:
                message = f"evaluation normalizes by {text} (residual {residual:.1g})"
                verdicts.append(Verdict("forward", EQUAL, message, residual=residual))
            return verdicts
        if verdicts:
            # It may be normalized by what it has changed.
            return verdicts
        message = (
            "the output in evaluation follows from the running statistics in no way that is known"
        )
        return [*verdicts, Verdict("forward", DIFFERS, message, where)]

    def _evaluations(
        self, x: Array, batches: list[Array], buffers: Values, known: dict[str, Averaged]
    ) -> list[tuple[tuple[str, ...], str, Array]]:
        own = "the running statistics"
        pairs: list[tuple[tuple[str, ...], str, Array, Array]] = []
        if {"running_mean", "running_var"} <= {*buffers}:
            variance = buffers["running_var"]
            if "running_var" in known and known["running_var"].deviation:
                variance = variance**2
            pairs.append(((), own, buffers["running_mean"], variance))
        else:
            # Where they cannot be read they are what some way to keep them makes of the batches.
            declared = self.subject.declaration.options.get("momentum")
            for mean in means(batches, declared, []):
                for spread in variances(batches, mean.schedule):
                    square = spread.values[-1] ** (2 if spread.deviation else 1)
                    causes = (*mean.causes, *(c for c in spread.causes if c not in mean.causes))
                    text = f"{own} with {mean.schedule.text}"
                    pairs.append((causes, text, mean.values[-1], square))
        eps = float(self.subject.declaration.options.get("eps", 1e-5))
        found = []
        for causes, text, mean_, variance in pairs:
            for e in (eps, 1e-5, 1e-8, 1e-7, 1e-6, 1e-3, 1e-12):
                root = np.sqrt(variance + e)
                found.append((causes, text, self._affine((x - mean_) / root)))
                outside = (x - mean_) / (np.sqrt(variance) + e)
                found.append(((*causes, "eps-outside-root"), text, self._affine(outside)))
            with np.errstate(all="ignore"):
                bare = (x - mean_) / np.sqrt(variance)
            found.append(((*causes, "eps-left-out"), text, self._affine(bare)))
            with np.errstate(all="ignore"):
                of_mean = (x - mean_) / np.sqrt(mean_ + eps)
            cause = ("running-mean-for-variance",)
            found.append(((*causes, *cause), text, self._affine(of_mean)))
        cause = ("batch-statistics-in-evaluation",)
        found.append((cause, "the batch's own statistics", self.form.value(x, self.parameters)))
        return sorted(found, key=lambda way: len(way[0]))

    def _affine(self, normal: Array) -> Array:
        return normal * self.parameters.get("weight", 1.0) + self.parameters.get("bias", 0.0)
