"""A call changes nothing but what it is there for, and what was asked before does not matter."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.drawn import is_drawn, is_ever_another
from parity_tests.kit.aspects.observing import (
    GROWN_OUTSIDE,
    KEPT_OUTSIDE,
    is_grown_outside,
    is_inferred,
)
from parity_tests.kit.aspects.shrinking_gradients import lost_in_gradients
from parity_tests.kit.aspects.side_effects.kept_gradients import shares_kept
from parity_tests.kit.aspects.side_effects.kept_quantities import of_kept_quantities, of_memory
from parity_tests.kit.aspects.side_effects.overwritten_outputs import is_kept, overwritten_inside
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Access, Network, arrays_in, look_up, resolve
from parity_tests.kit.subject.subject import (
    Batch,
    Layers,
    Subject,
    SubjectError,
    by_name,
    flat,
    tensors,
    unflat,
)
from parity_tests.kit.verdicts import CONVENTION, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

_CALLS = ("forward", "loss", "backward", "gradients", "step")
# Of a method that sets gradients to zero, as those have that are meant to be accumulated.
_RESETS = ("zero", "flush", "reset", "clear")
_MEMBERS = 500
_RATE = 0.5


@dataclass
class _Record:
    """What calls did.

    Attributes
    ----------
    changed : dict
        For each call, which of inputs, labels and parameters are not what they were.
    results : dict
        What each call returned last.
    """

    changed: dict[str, set[str]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Ask twice, and compare everything that was handed over with what it was before."""
    taken = _taken(inquiry)
    random = _random(inquiry, taken)
    # What is random is another answer each time, whatever was asked before.
    asked = [_one_sample] if random else [_one_sample, _remembered, _loss_kept, _coupled]
    if not inquiry.subject.is_chain:
        # A normalization of batches need not take one sample.
        asked.remove(_one_sample)
    after = [] if random or inquiry.subject.network.step is None else [_moved]
    # That gradients are refused is told where they are judged.
    questions = [_written_to, *(asked if taken else []), *after]
    verdicts: list[Verdict] = []
    refused: list[str] = []
    for question in questions:
        try:
            verdicts += question(inquiry, taken)
        except SubjectError as error:
            refused.append(str(error))
    verdicts += random
    if len(refused) == len(questions):
        return [Verdict("side effects", UNCHECKED, refused[0])]
    if not verdicts:
        message = "no argument is written to, and no answer depends on the calls before"
        if not taken:
            message = "no argument is written to; gradients, of which none come, are not asked"
        verdicts = [Verdict("side effects", EQUAL, message)]
    return verdicts


def _taken(inquiry: Inquiry) -> tuple[Batch, ...]:
    """Return two batches whose gradients can be asked; samples, if only these can; or none."""
    first, second = inquiry.batches
    samples = first.part(slice(0, 1)), first.part(slice(1, 2))
    for pair in [samples] if inquiry.subject.single else [(first, second), samples]:
        with contextlib.suppress(SubjectError):
            _ask(_new(inquiry), inquiry.layers, pair[0])
            return pair
    return ()


def _random(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Return that outputs or gradients are random, if new networks have others each time."""
    batch = (*taken, *inquiry.batches)[0]

    def outputs(subject: Subject) -> Array:
        return np.asarray(subject.forward(batch.inputs))

    def gradients(subject: Subject) -> Array:
        return _ask(subject, inquiry.layers, batch)

    for ask in (outputs, gradients)[: 1 + bool(taken)]:
        with contextlib.suppress(SubjectError):
            subject = _new(inquiry)
            if not np.isfinite(ask(subject)).all() or not _is_another(inquiry, ask):
                continue
            what = ask.__name__
            if ask is gradients and is_grown_outside(inquiry):
                return [named("side effects", "gradient-accumulated", GROWN_OUTSIDE, what)]
            message = f"two new networks with the same parameters have other {what} for a batch: "
            if not _is_another(inquiry, ask, subject):
                message += "they depend on something that is no parameter and is drawn anew"
            elif ask is gradients and not _is_random_for_one(inquiry, batch):
                message += "samples come in a random order, or some of them do"
            elif is_drawn(subject, partial(ask, subject)):
                message += "they are random, by dropout or noise"
            else:
                message += KEPT_OUTSIDE
            return [Verdict("side effects", UNCHECKED, message, what)]
    return []


def _is_another(
    inquiry: Inquiry, ask: Callable[[Subject], Array], own: Subject | None = None
) -> bool:
    """Whether new networks, or one of its own that is asked again, ever give another answer."""
    subject = own or _new(inquiry)
    first = ask(subject)

    def again() -> Array:
        if own is None:
            subject.begin(inquiry.layers)
        return ask(subject)

    return is_ever_another(subject, again, lambda now: not _close(now, first, inquiry.tolerance))


def _is_random_for_one(inquiry: Inquiry, batch: Batch) -> bool:
    """Return whether the gradient of a single sample is random, of which there is one order."""
    parts = (batch.part(slice(number, number + 1)) for number in range(len(batch)))
    try:
        return any(
            _is_another(inquiry, partial(_ask, layers=inquiry.layers, batch=part)) for part in parts
        )
    except SubjectError:
        return True


# What is written to


def _watched(network: Network) -> tuple[Network, _Record]:
    """Return the network with every call noting what it changes."""
    record = _Record()

    def watch(name: str, access: Access) -> Callable[..., Any]:
        def call(net: Any, *arguments: Any) -> Any:
            given = dict(zip(("inputs", "labels"), arguments, strict=False))
            given = {what: value for what, value in given.items() if isinstance(value, np.ndarray)}
            own = _parameters(net, network)
            before = {what: value.copy() for what, value in given.items()}
            kept = [array.copy() for array in own]
            result = resolve(net, access, *arguments)
            changed = record.changed.setdefault(name, set())
            changed |= {what for what in given if not _equal(given[what], before[what])}
            if not all(map(_equal, _parameters(net, network), kept)):
                changed.add("parameters")
            record.results[name] = result
            return result

        return call

    # Gradients that are looked up are not called.
    wrapped = {
        name: watch(name, access)
        for name in _CALLS
        if (access := getattr(network, name)) is not None
        and not (name == "gradients" and isinstance(access, str))
    }
    return replace(network, **wrapped), record


def _parameters(net: Any, network: Network) -> list[Array]:
    return _arrays(net, network.parameters)


def _arrays(net: Any, access: Access) -> list[Array]:
    if callable(access):
        return list(arrays_in(access(net)))
    return [array for path in access.split() for array in arrays_in(look_up(net, path))]


def _equal(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def _new(inquiry: Inquiry, network: Network | None = None) -> Subject:
    """Return a network of its own, with the parameters of the inquiry."""
    subject = inquiry.subject.another(network or inquiry.subject.network)
    subject.set(inquiry.layers)
    return subject


def _written_to(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Make every call once, and look at what was handed over and handed back."""
    network, record = _watched(inquiry.subject.network)
    layers, batch = inquiry.layers, (*taken, *inquiry.batches)[0]
    subject = _new(inquiry, network)
    subject.forward(batch.inputs)
    outputs = list(arrays_in(record.results["forward"]))[:1]
    shown = [array.copy() for array in outputs]
    if network.loss is not None:
        _unless_refused(subject.loss, batch)
    _unless_refused(_ask, subject, layers, batch)
    pairs = zip(outputs, shown, strict=True)
    overwritten = [(subject.net, one) for one, copy in pairs if not _equal(one, copy)]
    if not overwritten:
        other = _new(inquiry)
        inside = overwritten_inside(other, layers, batch)
        overwritten = [(other.net, one) for one in inside]
    alias = _alias(subject, record)
    if network.step is not None:
        subject.set(layers)
        _unless_refused(subject.step, batch, network.lr or _RATE)
    verdicts = list(_changes(inquiry, record))
    if alias is not None:
        seen = f"writing to the gradient changes parameter {alias}"
        verdicts.append(named("side effects", "gradient-aliases-parameter", seen, "gradients"))
    if any(not is_kept(net, array) for net, array in overwritten):
        seen = "loss or backward is given it, and does so"
        verdicts.append(named("side effects", "output-changed", seen, "output"))
    elif overwritten:
        message = "the output that forward has returned is overwritten by loss or backward"
        verdicts.append(Verdict("side effects", CONVENTION, message, "output"))
    elif _reused(inquiry, batch):
        message = "forward returns the same memory every time: keep a copy of the output"
        verdicts.append(Verdict("side effects", CONVENTION, message, "output"))
    return verdicts


def _unless_refused(call: Callable[..., Any], *arguments: Any) -> None:
    # That it raises is told where its result is judged.
    with contextlib.suppress(SubjectError):
        call(*arguments)


def _changes(inquiry: Inquiry, record: _Record) -> Iterator[Verdict]:
    """Yield what was changed, once for each thing, with the calls that did it."""
    calls = {
        what: [name for name in _CALLS if what in record.changed.get(name, ())]
        for what in ("inputs", "labels", "parameters")
    }
    for what, cause in (("inputs", "inputs-changed"), ("labels", "labels-changed")):
        if calls[what]:
            yield named("side effects", cause, f"by {' and '.join(calls[what])}", what)
    computing = [name for name in ("forward", "loss") if name in calls["parameters"]]
    if computing:
        yield named(
            "side effects", "parameters-changed", f"it is {' and '.join(computing)}", "parameters"
        )
    elif {"backward", "gradients"} & set(calls["parameters"]):
        lost = lost_in_gradients(inquiry)
        if lost:
            seen = f"it is what computes the gradients: each call takes {lost} away"
            yield named("side effects", "parameters-changed", seen, "parameters")
            return
        cause = CAUSES["gradient-updates"]
        message = f"{cause.title}; look at {cause.advice}"
        yield Verdict("side effects", CONVENTION, message, "parameters", "gradient-updates")


def _alias(subject: Subject, record: _Record) -> int | None:
    """Return the number of a parameter that shares its memory with a gradient, from 1."""
    network = subject.network
    if isinstance(network.gradients, str):
        try:
            gradients = _arrays(subject.net, network.gradients)
        except LookupError:
            return None
    else:
        name = "backward" if network.gradients is None else "gradients"
        gradients = list(arrays_in(record.results.get(name)))
    for number, parameter in enumerate(subject.arrays(), start=1):
        if any(np.shares_memory(parameter, gradient) for gradient in gradients):
            return number
    return None


def _reused(inquiry: Inquiry, batch: Batch) -> bool:
    """Return whether the output of one call becomes that of the next."""
    network, record = _watched(inquiry.subject.network)
    subject = _new(inquiry, network)
    inputs = batch.inputs[:1] if subject.single else batch.inputs
    subject.forward(inputs)
    outputs = list(arrays_in(record.results["forward"]))[:1]
    shown = [array.copy() for array in outputs]
    subject.forward(inputs[::-1] * 0.5)
    return not all(map(_equal, outputs, shown))


# What is remembered


def _ask(subject: Subject, layers: Layers, batch: Batch) -> Array:
    """Return all gradients in one vector; of a network that only updates itself, its update."""
    before = subject.set(layers)
    network = subject.network
    if network.gradients is not None or network.backward is not None:
        return flat(subject.gradients(batch))
    if network.step is None:
        raise SubjectError("neither gradients nor a step are declared")
    subject.step(batch, network.lr or _RATE)
    subject.arrays_as_made()
    return flat(before) - flat(subject.get())


def _close(one: Array, other: Array, tolerance: float) -> bool:
    if one.shape != other.shape:
        return False
    return bool(np.linalg.norm(one - other) <= 10 * tolerance * np.linalg.norm(other))


def _remembered(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Ask a network that has been asked before, and compare it with a new one."""
    first, second = taken
    layers, tolerance = inquiry.layers, inquiry.tolerance
    new = [_ask(_new(inquiry), layers, batch) for batch in (first, second)]
    if not all(np.isfinite(gradient).all() for gradient in new) or not new[0].any():
        return []
    used = _new(inquiry)
    asked = _ask(used, layers, first)
    try:
        again = _ask(used, layers, first)
    except SubjectError as error:
        # Which step comes of a training that has begun is for its optimizer to say.
        is_step = is_inferred(inquiry)
        return [] if is_step else [named("side effects", "second-call-raises", str(error))]
    if _is_grown(again, asked, 2, tolerance):
        if is_inferred(inquiry) and _is_rate(inquiry, first, second, new[1]):
            return []  # an optimizer's, which is judged for itself
        return _accumulated(inquiry, used, first, asked)
    if _close(again, asked, tolerance):
        found = _after_its_like(inquiry, first)
        return found or _after_another(inquiry, used, taken, new)
    if is_inferred(inquiry):
        # An optimizer has its own memory, which is judged for itself.
        return []
    return [_kept_shares(inquiry, first, [asked, again, _ask(used, layers, first)])]


def _is_rate(inquiry: Inquiry, first: Batch, second: Batch, alone: Array) -> bool:
    """Whether a second step is twice as long though nothing is added up, as while rates grow."""
    used = _new(inquiry)
    _ask(used, inquiry.layers, first)
    after = _ask(used, inquiry.layers, second)
    return after.shape == alone.shape and _close(after, 2 * alone, inquiry.tolerance)


def _loss_kept(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Compare the loss of a batch with that after another batch, by the same parameters."""
    if inquiry.subject.network.loss is None:
        return []
    first, second = taken
    try:
        new, used = _new(inquiry).loss(first), _new(inquiry)
        used.loss(second)
        after = used.loss(first)
    except SubjectError:
        return []  # that it raises is told of the loss
    if not np.isfinite([new, after]).all() or np.isclose(after, new, rtol=1e-6, atol=0.0):
        return []
    message = (
        f"the loss of a batch is {new:.6g}, and {after:.6g} after that of another batch, with the "
        "same parameters: it keeps something of the calls before, such as a running mean"
    )
    return [Verdict("side effects", CONVENTION, message, "loss")]


def _kept_shares(inquiry: Inquiry, batch: Batch, calls: Sequence[Array]) -> Verdict:
    """Judge a gradient that is another one in the next call, and the same of every new network.

    A share of all of it that is added may be a velocity; of what a step, or a method, sets to zero,
    it does no harm.
    """
    network, layers, tolerance = inquiry.subject.network, inquiry.layers, inquiry.tolerance
    shares = shares_kept(calls, layers, tolerance)
    names = by_name(layers)
    message = (
        "the gradient of the same batch changes from call to call, with the same parameters, and "
        "in new networks it does not: something is kept from the call before"
    )
    if 0 < len(shares) < len(names):
        is_harmless = _has_reset(inquiry.subject.net)
        if network.step is not None:
            used = _new(inquiry, replace(network, gradients=None, backward=None))
            steps = [_ask(used, layers, batch) for _ in calls]
            is_harmless = set(shares_kept(steps, layers, tolerance)) != set(shares)
        if not is_harmless:
            told = ", ".join(f"{share:.6g} x on {name}" for name, share in shares.items())
            seen = (
                f"of a batch of {len(batch)} each call adds {told} of what the call before it "
                "has returned, and the others are the same"
            )
            return named("side effects", "gradient-accumulated", seen, next(iter(shares)))
    return Verdict("side effects", UNCHECKED, message, "gradients")


def _is_grown(now: Array, first: Array, times: int, tolerance: float) -> bool:
    """Return whether some numbers are a multiple of what they were first, and all others equal."""
    close = tolerance * np.abs(first).max()
    same = np.abs(now - first) <= close
    return bool((same | (np.abs(now - times * first) <= close)).all()) and not same.all()


def _accumulated(inquiry: Inquiry, used: Subject, batch: Batch, asked: Array) -> list[Verdict]:
    """Judge a gradient that is twice the first in the second call."""
    third = _ask(used, inquiry.layers, batch)
    if not _is_grown(third, asked, 3, inquiry.tolerance):
        return []
    if is_inferred(inquiry) and not _is_sum(inquiry, used, asked, third):
        return []
    seen = "in the second call for the same batch it is 2 x the first, in the third 3 x"
    grown = _grown(inquiry, asked, third)
    if grown:
        verb = "are" if len(grown) > 1 else "is"
        seen = (
            f"in the second call for the same batch {' and '.join(grown)} {verb} 2 x the first, in "
            "the third 3 x, and the others are the same"
        )
    network = inquiry.subject.network
    gradients = network.gradients is not None or network.backward is not None
    left_out = _left_out_of_reset(inquiry, batch, asked) if gradients else []
    if left_out:
        seen = (
            f"what sets gradients to zero leaves out {' and '.join(left_out)}: in the second call "
            "for the same batch they are 2 x the first, and the others are the same"
        )
        return [named("side effects", "gradient-accumulated", seen, left_out[0], 2.0)]
    if gradients and _meant(inquiry, batch):
        message = (
            f"gradients are added up until they are set to zero: {seen}. Let `backward` of the "
            "declaration set them to zero first"
        )
        return [
            Verdict("side effects", CONVENTION, message, "gradients", "gradient-accumulated", 2.0)
        ]
    tensor = grown[0] if grown else "gradients"
    return [named("side effects", "gradient-accumulated", seen, tensor, 2.0)]


def _grown(inquiry: Inquiry, first: Array, now: Array) -> list[str]:
    """Return the tensors of which a gradient is another one than it was; empty if all are."""
    if not first.shape == now.shape == flat(inquiry.layers).shape:
        return []
    own, later = (by_name(unflat(vector, inquiry.layers)) for vector in (first, now))
    grown = [name for name in own if not _close(later[name], own[name], inquiry.tolerance)]
    is_of_all = all(name in grown or not own[name].any() for name in own)
    return [] if is_of_all else grown


def _is_sum(inquiry: Inquiry, used: Subject, first: Array, third: Array) -> bool:
    r"""Whether a fourth step, on another batch, has those before in it, where they have grown.

    Where the learning rate grows it has not: it is 4 times that of its own batch.

    .. math:: \Delta_4 = 3 \Delta_1 + \Delta'
    """
    other, tolerance = inquiry.batches[1], inquiry.tolerance
    try:
        own = _ask(_new(inquiry), inquiry.layers, other)
        fourth = _ask(used, inquiry.layers, other)
    except SubjectError:
        return True
    grown = np.abs(third - first) > tolerance * np.abs(first).max()
    return _close(fourth, np.where(grown, third, 0.0) + own, tolerance)


def _meant(inquiry: Inquiry, batch: Batch) -> bool:
    """Return whether gradients that add up are set to zero by a step, or by a method for it."""
    network = replace(inquiry.subject.network, gradients=None, backward=None)
    if network.step is None:
        return _has_reset(inquiry.subject.net)
    used = _new(inquiry, network)
    first, second, third = (_ask(used, inquiry.layers, batch) for _ in range(3))
    tolerance = inquiry.tolerance
    if _is_grown(second, first, 2, tolerance) and _is_grown(third, first, 3, tolerance):
        return False
    return _is_set_to_zero(inquiry)


def _is_set_to_zero(inquiry: Inquiry) -> bool:
    """Whether a step begins with gradients of zero, or leaves such; so does one that raises.

    The first steps of adaptive optimizers are as long by sums as by what is added.
    """
    (first, second), layers = inquiry.batches, inquiry.layers
    rate = inquiry.subject.network.lr or _RATE

    def taken(used: Subject) -> Array:
        before = used.set(layers)
        used.step(second, rate)
        used.arrays_as_made()
        return flat(before) - flat(used.get())

    try:
        used = _new(inquiry)
        _ask(used, layers, first)
        if _close(taken(used), taken(_new(inquiry)), inquiry.tolerance):
            return True
        used = _new(inquiry)
        used.set(layers)
        used.step(first, rate)
        after, alone = (_ask(own, layers, second) for own in (used, _new(inquiry)))
        return _close(after, alone, inquiry.tolerance)
    except SubjectError:
        return True


def _left_out_of_reset(inquiry: Inquiry, batch: Batch, first: Array) -> list[str]:
    """Return tensors whose gradients add up, where others are set to zero by what is there for it.

    Empty if that leaves all as they are: it may have to be called in another way.
    """
    used = _new(inquiry)
    _ask(used, inquiry.layers, batch)
    called = 0
    for reset in list(_resets(used.net)):
        # One that takes arguments is no reset that can be called from here.
        with contextlib.suppress(Exception):
            reset()
            called += 1
    if not called:
        return []
    second = _ask(used, inquiry.layers, batch)
    if not first.shape == second.shape == flat(inquiry.layers).shape:
        return []
    own, now = (by_name(unflat(vector, inquiry.layers)) for vector in (first, second))
    tolerance = inquiry.tolerance
    twice = [
        name for name in own if own[name].any() and _close(now[name], 2 * own[name], tolerance)
    ]
    is_reset = any(own[name].any() and _close(now[name], own[name], tolerance) for name in own)
    return twice if is_reset else []


def _has_reset(net: Any) -> bool:
    """Return whether a network, or what it consists of, can set its gradients to zero."""
    return any(True for _ in _resets(net))


def _resets(net: Any) -> Iterator[Any]:
    """Yield what a network, or what it consists of, has for setting its gradients to zero."""
    waiting, seen = [net], set()
    while waiting and len(seen) < _MEMBERS:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        names = [name for name in dir(value) if "grad" in name.lower()]
        for name in names:
            if any(reset in name.lower() for reset in _RESETS):
                yield getattr(value, name)
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        else:
            waiting += getattr(value, "__dict__", {}).values()


def _after_its_like(inquiry: Inquiry, first: Batch) -> list[Verdict]:
    """Judge the gradient of a batch after that of another one of the same size."""
    rng, subject = inquiry.rng, inquiry.subject
    inputs = rng.standard_normal(first.inputs.shape)
    other = subject.batch(inputs, rng.permutation(first.labels))
    new = _ask(_new(inquiry), inquiry.layers, other)
    used = _new(inquiry)
    before = _ask(used, inquiry.layers, first)
    after = _ask(used, inquiry.layers, other)
    if not np.isfinite(new).all() or _close(after, new, inquiry.tolerance):
        return []
    if _close(after, before, inquiry.tolerance):
        seen = "that of a second batch, with other samples, is the first one's"
        return [named("side effects", "gradient-stale", seen, "gradients")]
    found = of_kept_quantities(inquiry, first, other, new, after)
    return found or of_memory(inquiry, first, other, (before, new, after))


def _after_another(
    inquiry: Inquiry, used: Subject, taken: tuple[Batch, ...], new: Sequence[Array]
) -> list[Verdict]:
    """Judge the gradient of a batch after that of another, of another size."""
    first, second = taken
    try:
        after = _next(inquiry, used, second)
    except SubjectError as error:
        return [_refused(inquiry, first, str(error))]
    if _close(after, new[1], inquiry.tolerance):
        return []
    return of_memory(inquiry, first, second, (new[0], new[1], after))


def _next(inquiry: Inquiry, used: Subject, batch: Batch) -> Array:
    """Return the gradient of a batch, after its forward pass, of a network that was asked."""
    used.set(inquiry.layers)
    used.forward(batch.inputs)
    return _ask(used, inquiry.layers, batch)


def _refused(inquiry: Inquiry, first: Batch, told: str) -> Verdict:
    """Judge that a network raises for a batch after one of another size."""
    used = _new(inquiry)
    try:
        _ask(used, inquiry.layers, first)
        _next(inquiry, used, first)
    except SubjectError as error:
        what = "taken a step" if is_inferred(inquiry) else "computed a gradient"
        message = (
            f"once it has {what}, the network "
            f"raises for a batch of any size, the same one too: {error}"
        )
        return Verdict("side effects", UNCHECKED, message, "gradients")
    return named("side effects", "batch-size-kept", told, "gradients")


# Batches


def _one_sample(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Ask for a single sample, where batches are meant and taken."""
    if len(taken[0]) == 1 or inquiry.is_batch_bound:
        return []
    one = inquiry.batches[0].part(slice(0, 1))
    subject = _new(inquiry)
    subject.forward(inquiry.batches[0].inputs)
    for what, call in (
        ("output", lambda: subject.forward(one.inputs)),
        ("gradients", lambda: _ask(_new(inquiry), inquiry.layers, one)),
    ):
        try:
            call()
        except SubjectError as error:
            return [named("side effects", "one-sample-raises", str(error), what)]
    return []


def _coupled(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Compare the gradient of a batch with those of its samples, where nothing else is known."""
    batch, layers = taken[1], inquiry.layers
    if (inquiry.form is not None and not inquiry.form.mixes_samples) or len(batch) == 1:
        return []
    if is_inferred(inquiry) and inquiry.slopes_show == UNCHECKED:
        # Steps that are no multiples of a gradient do not add up.
        return []
    whole = _ask(_new(inquiry), layers, batch)
    parts = sum(_ask(_new(inquiry), layers, batch.part(slice(n, n + 1))) for n in range(len(batch)))
    own = flat(layers)
    # A gradient of another shape than its parameter is told where it is judged.
    if not np.shape(parts) == whole.shape == own.shape or not np.isfinite([whole, parts]).all():
        return []
    # A penalty on the weights is counted once for each sample. A tensor may have a factor of its
    # own, which is no influence.
    ends = np.cumsum([tensor.size for tensor in tensors(layers)])[:-1]
    rest = []
    for entries in np.split(np.stack([parts, own, whole], axis=1), ends):
        basis, wanted = entries[:, :2], entries[:, 2]
        solution, *_ = np.linalg.lstsq(basis, wanted, rcond=None)
        rest.append(wanted - basis @ solution)
    left = np.linalg.norm(np.concatenate(rest)) / max(np.linalg.norm(whole), 1e-300)
    if left <= max(1e-7, inquiry.tolerance):
        return []
    message = (
        "the gradient of a batch is not the sum or mean of those of its samples: they influence "
        "one another, as they do in batch normalization"
    )
    return [Verdict("side effects", CONVENTION, message, "gradients", None, None, float(left))]


# After training


def _moved(inquiry: Inquiry, taken: tuple[Batch, ...]) -> list[Verdict]:
    """Compare the output before a training step with that after it, by the same parameters."""
    batch, network = (*taken, *inquiry.batches)[0], inquiry.subject.network
    before = _new(inquiry).forward(batch.inputs)
    used = _new(inquiry)
    try:
        used.step(batch, network.lr or _RATE)
        used.set(inquiry.layers)
        after = used.forward(batch.inputs)
    except SubjectError:
        # That it raises is told where its result is judged.
        return []
    if not np.isfinite(before).all() or _close(after, before, inquiry.tolerance):
        return []
    residual = float(np.linalg.norm(after - before) / np.linalg.norm(before))
    message = (
        f"after a training step the output is another one, by {residual:.2g} of its norm, with the "
        "parameters as they were: it depends on what a step leaves beside them, such as a velocity "
        "or a running average"
    )
    return [Verdict("side effects", CONVENTION, message, "output", residual=residual)]
