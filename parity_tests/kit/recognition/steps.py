"""Which function updates the parameters, and which one gives the loss."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from parity_tests.kit.aspects import observing
from parity_tests.kit.codes import code_of, codes_in
from parity_tests.kit.fitting import fit
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import callee, count_of, roles_of, with_out
from parity_tests.kit.recognition.calls import (
    bindings,
    bindings_of_either,
    parameters_of,
    returned_names,
    works_unlabelled,
)
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.gradients import LABELS, TARGETS, Backward, of_labels
from parity_tests.kit.recognition.hosts import Host, Named, own_classes
from parity_tests.kit.recognition.rates import learning_rates
from parity_tests.kit.recognition.settings import (
    all_at_once,
    behind,
    is_another_each_time,
    one_round,
)
from parity_tests.kit.recognition.trial import (
    FAILURES,
    Match,
    begin,
    is_one_number,
    made,
    moves_with_parameters,
    raises,
    reported_loss,
)
from parity_tests.kit.scales import MEAN, NEAR, Scale, ratio
from parity_tests.kit.subject.subject import flat

GIVEN = frozenset({"lr", "epochs", "batch_size", "quiet", "inputs", "labels"})
_PAIRS = ("batch", "mini_batch", "minibatch", "data", "training_data", "train_data")
# Samples with their labels, as a list of pairs.
PAIRS_OF_ROWS = "[*zip(x, y)]"
PAIRS_OF_COLUMNS = "[(x[:, [n]], y[:, [n]]) for n in range(x.shape[1])]"
_GRADIENTS = re.compile(r"g|grads?|gradients?")
_MOST, _LONGEST = 10, 160
# Losses of whatever comes out.
_OF_ANY_OUTPUT = ("squared_error", "absolute_error", "huber")
# More than the factors that a loss may have.
_UNKNOWN = 9
# How often a step is taken that changes nothing at first, and at which learning rate; and one by
# which nothing diverges.
_CALLS, _RATE, _TINY = 12, 0.1, 1e-9
# A rate by which several steps are as many times the first, and how nearly.
_SHORT, _NEARLY = 1e-6, 1e-3
# Errors that have nothing to do with what a function is given.
_OF_NAMES = ("NameError", "UnboundLocalError")
# One that comes of a single round, as where something is told in every tenth of all.
_OF_COUNTS = "ZeroDivisionError"
# The cosine with the gradient from which on a step may be one of an optimizer's.
DOWNHILL = 0.3


def updates(backward: Backward, scope: Mapping[str, Any]) -> tuple[str, Match] | None:
    """Return code of a step that uses the gradients, and how well it is explained; or None."""
    fields = {k: v for k, v in backward.fields.items() if k not in ("gradients", "backward")}
    after = (_after(backward.call, body) for body in _updates(backward))
    return _first(after, fields, backward.forward, scope, backward.match)


def updates_by_arguments(backward: Backward, scope: Mapping[str, Any]) -> tuple[str, Match] | None:
    """Return what `updates` does of methods that take gradients, whatever they are called."""
    host = backward.forward.host
    fields = {k: v for k, v in backward.fields.items() if k not in ("gradients", "backward")}
    others = [one for one in host.functions if host.kind == "object" and _is_given_gradients(one)]
    after = (_after(backward.call, body) for body in _calls_with(backward, others))
    return _first(after, fields, backward.forward, scope, backward.match)


def _is_given_gradients(one: Named) -> bool:
    """Whether a method takes gradients by their name, and is no backward pass by its own."""
    is_back = names.rank(one.name, names.BACKWARD) is not None or names.is_derivative(one.name)
    given = parameters_of(one.function) or []
    return not is_back and any(_GRADIENTS.fullmatch(own.name.lower()) for own in given)


def _calls_with(backward: Backward, functions: Sequence[Named]) -> list[str]:
    """Return calls of functions with the gradients, and a learning rate."""
    forward = backward.forward
    exact = {**forward.host.exact, **backward.exact}
    roles = {**roles_of(forward, ["g"]), "lr": ["lr"], "cache": ["g"]}
    return [
        f"{callee(one, forward)}({text})"
        for one in functions
        for text in bindings(one.function, exact, roles, GIVEN)
    ]


def _updates(backward: Backward) -> list[str]:
    """Return calls of what is a step by its name."""
    host = backward.forward.host
    bodies = _calls_with(backward, host.ranked(names.UPDATE))
    if host.kind == "layers":
        bodies += [
            f"[layer.{name}(lr) for layer in net if hasattr(layer, {name!r})]"
            for name in ("update", "step", "update_params")
        ]
    return bodies


def _after(call: str, body: str) -> str:
    words = "".join(c if c.isalnum() or c == "_" else " " for c in body).split()
    return f"(lambda g: {body})({call})" if "g" in words else f"({call}, {body})[-1]"


def trainings(
    forward: Forward,
    labels: str,
    scope: Mapping[str, Any],
    wanted: Match | None = None,
    backward: Backward | None = None,
) -> tuple[str, Match] | None:
    """Return code of one training step on one batch, and how well it is explained; or None.

    A network that keeps how often it goes through its samples, and how many it takes at a time in
    an order that it draws, is told to take all of them once.

    Parameters
    ----------
    wanted : Match, optional
        That of the gradients, if there are any: the step is to go their way.
    backward : Backward, optional
        What gives gradients, which is no step.
    """
    fields = {**forward.fields, "labels": repr(labels)}
    # What takes no parameters and reads none from its module begins with others of its own.
    bodies = [body for body in _bodies(forward, backward) if _is_given(body, forward.host)]
    best = _first(iter(bodies), fields, forward, scope, wanted)
    net = made(forward.host.make, scope) if bodies else None
    once, at_once = one_round(net), all_at_once(net, count_of(forward))
    for settings in (once, at_once and [*once, *at_once]):
        if not settings or (best is not None and best[1].complete):
            continue
        set_so = (behind(settings, body) for body in bodies)
        other = _first(set_so, fields, forward, scope, wanted)
        is_better = other is not None and (best is None or other[1].key > best[1].key)
        # Several updates that can be repeated are asked as they are.
        if is_better and (
            best is None
            or settings is once
            or is_another_each_time({**fields, "step": best[0]}, scope, forward)
        ):
            best = other
    is_known = backward is not None and wanted is not None and wanted.complete
    return None if best and is_known and _goes_rounds(best[0], backward, scope) else best


def _goes_rounds(step: str, backward: Backward | None, scope: Mapping[str, Any]) -> bool:
    r"""Whether a function takes several steps one after the other, and is no step itself.

    .. math:: \lim_{\eta \to 0} \frac{\theta_0 - \theta_k}{\eta} = k \, g(\theta_0)

    for batches of any size, and something else for rates that are not small.
    """
    assert backward is not None
    inquiry = begin({**backward.fields, "step": step}, scope)
    if inquiry is None or inquiry.subject.single or backward.in_place:
        return False
    subject, counts, is_bent = inquiry.subject, [], False
    with contextlib.suppress(*FAILURES):
        for batch in inquiry.batches:
            start = flat(subject.begin(inquiry.layers))
            gradient = flat(subject.gradients(batch))
            for rate in (_SHORT, _RATE):
                subject.begin(inquiry.layers)
                subject.step(batch, rate)
                times, left = fit((start - flat(subject.get())) / rate, gradient)
                is_bent |= rate == _RATE and left > _NEARLY
                counts += [times] if rate == _SHORT and left <= _NEARLY else []
    rounds = round(counts[0]) if len(counts) == len(inquiry.batches) else 0
    return is_bent and rounds > 1 and all(abs(own / rounds - 1) <= _NEARLY for own in counts)


def _is_given(body: str, host: Host) -> bool:
    own = host.kind != "functions" or "global_arrays(" in host.make
    return own or re.search(r"\bnet\b", body) is not None


def raised(forward: Forward, scope: Mapping[str, Any]) -> str:
    """Return which training step was called, and what it raises, or that it changes nothing.

    Empty if it does neither.
    """
    # What comes of a forward pass is not given to a step.
    bodies = [body for body in _bodies(forward) if not re.search(r"\bout\b", body)]
    if not bodies:
        return ""
    source = _with_rate(bodies[0], forward, scope)
    told = [_raises(source, forward, labels, scope) for labels in LABELS]
    errors, name = list(filter(None, told)), bodies[0].replace("net.", "")
    if errors and "" not in told:
        return f"{name} raises {errors[0]}"
    moved = _moved(source, forward, LABELS[told.index("")], scope) if "" in told else [True]
    if not moved or moved[0]:
        return ""
    later = ", and does when it is called again" if any(moved) else ""
    return f"{name} changes no parameter{later}"


def astray(backward: Backward, scope: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return code of a step that does not go the way of the gradients, and what it does; or None.

    It is the one that is tried first by its name: it raises whatever form labels have, changes
    nothing however often it is called, or goes elsewhere. A function may be one of a single array:
    one that raises is a step only if that has nothing to do with what it is given.

    Parameters
    ----------
    backward : Backward
        What gives the gradients, and is no step.
    """
    forward, labels = backward.forward, backward.labels
    is_object = forward.host.kind == "object"
    bodies = [body for body in _bodies(forward, backward) if not re.search(r"\bout\b", body)]
    # What is given no gradients may update something else, unless its name says that it does not.
    takers = [
        body
        for body in _updates(backward)
        if (is_object and _is_called(body, names.UPDATE)) or re.search(r"\bg\b", body)
    ]
    bodies = bodies if is_object else []
    for body in [*bodies, *(_after(backward.call, body) for body in takers)][:1]:
        source = _with_rate(body, forward, scope)
        told = _raises(source, forward, labels, scope)
        if told:
            every = all(_raises(source, forward, form, scope) for form in LABELS)
            is_its_own = told.startswith(_OF_NAMES) or (is_object and _OF_COUNTS not in told)
            what = f"{body.replace('net.', '')} raises {told}"
            return (source, what) if every and is_its_own else None
        # A loop over samples may take more of them at a time than it is given.
        is_asked = told is not None and (not bodies or _is_called(body, names.TRAIN))
        moved = _moved(source, forward, labels, scope) if is_asked else []
        # With a rate that rises from zero, and where gradients are added up over some calls, the
        # first one changes nothing. What never does may have nothing to do with parameters.
        if is_asked and (
            moved[:1] == [True] or (not any(moved) and _is_of_parameters(body, forward))
        ):
            return source, "by its name it is one, and it does not go the way of the gradients"
        if told is not None and bodies and _breaks(source, forward, labels, scope):
            return source, "it leaves parameters that are not finite, however small its rate is"
    return None


def _moved(step: str, forward: Forward, labels: str, scope: Mapping[str, Any]) -> list[bool]:
    """Return whether parameters are other ones after each of several steps; empty if one raises."""
    inquiry = begin({**forward.fields, "labels": repr(labels), "step": step}, scope)
    assert inquiry is not None
    subject, batch = inquiry.subject, inquiry.batches[0]
    subject.begin(inquiry.layers)
    start, moved = flat(inquiry.layers), []
    with contextlib.suppress(*FAILURES):
        for _ in range(_CALLS):
            subject.step(batch.part(slice(0, 1)) if subject.single else batch, _RATE)
            moved.append(not np.array_equal(flat(subject.get()), start))
    return moved


def _breaks(step: str, forward: Forward, labels: str, scope: Mapping[str, Any]) -> bool:
    """Whether a step leaves parameters that are not finite at a rate that makes none diverge."""
    inquiry = begin({**forward.fields, "labels": repr(labels), "step": step}, scope)
    if inquiry is None or not re.search(r"\blr\b", step.partition(":")[2]):
        return False
    subject, batch = inquiry.subject, inquiry.batches[0]
    subject.begin(inquiry.layers)
    with contextlib.suppress(*FAILURES):
        subject.step(batch.part(slice(0, 1)) if subject.single else batch, _TINY)
        return not np.isfinite(flat(subject.get())).all()
    return False


def _is_of_parameters(body: str, forward: Forward) -> bool:
    """Whether a method reads the parameters of its object, or any attribute by its name."""
    roots = {str(one.path[0].name) for one in forward.chain.found}
    called = (one for one in forward.host.functions if f"{one.code}(" in body)
    methods = [one for one in called if names.rank(one.name, names.BACKWARD) is None]
    methods = [one for one in methods if names.rank(one.name, names.FORWARD) is None]
    codes = [code for one in methods for code in codes_in(code_of(one.function))]
    return any({*code.co_names} & {*roots, "getattr", "vars", "__dict__"} for code in codes)


def _is_called(body: str, kinds: Sequence[str]) -> bool:
    """Whether a call is of a function with one of the names that are likeliest."""
    name = body.partition("(")[0].rpartition(".")[2]
    return names.rank(name, kinds[:1]) is not None


def _with_rate(body: str, forward: Forward, scope: Mapping[str, Any]) -> str:
    return f"lambda net, x, y, lr: {rated(body, made(forward.host.make, scope))[0]}"


def _raises(step: str, forward: Forward, labels: str, scope: Mapping[str, Any]) -> str | None:
    """Return what a step raises, empty if it does not; None if it cannot be asked."""
    inquiry = begin({**forward.fields, "labels": repr(labels), "step": step}, scope)
    if inquiry is None:
        return None
    try:
        observing.observe(inquiry, inquiry.batches[0])
    except FAILURES as error:
        return " ".join(str(error).removeprefix("step: ").split())[:_LONGEST]
    return ""


def _bodies(forward: Forward, backward: Backward | None = None) -> list[str]:
    """Return calls of what may be a training step, and does not give the gradients."""
    host = forward.host
    bodies: list[str] = []
    for one in host.ranked(names.TRAIN):
        if host.is_made_by(one):
            continue
        if backward and re.search(rf"\b{re.escape(one.code)}[(,]", backward.call):
            continue
        bodies += calls_of(one, forward)
    return bodies


def calls_of(one: Named, forward: Forward) -> Iterator[str]:
    """Yield code that calls a training step with samples and their labels."""
    roles = {**roles_of(forward), "epochs": ["1"], "batch_size": [count_of(forward)]}
    kinds = [names.role(p.name) for p in parameters_of(one.function) or []]
    # Samples and labels may come together.
    for pair in [""] if "labels" in kinds else _pairs(forward):
        exact = {**forward.host.exact, **(dict.fromkeys(_PAIRS, pair) if pair else {})}
        for text in bindings(one.function, exact, roles, GIVEN):
            if "x" in text and "y" in text:
                yield f"{callee(one, forward)}({text})"


def _pairs(forward: Forward) -> list[str]:
    """Return code of samples with their labels: of both as they are, and of a list of pairs."""
    batch = forward.fields["batch"].strip("'")
    # One column is a list of a single pair, and a batch of them one of as many.
    several = {"rows": PAIRS_OF_ROWS, **dict.fromkeys(("columns", "column"), PAIRS_OF_COLUMNS)}
    return ["(x, y)", several.get(batch, "[(x, y)]")]


def _first(
    bodies: Iterator[str],
    fields: Mapping[str, str],
    forward: Forward,
    scope: Mapping[str, Any],
    wanted: Match | None,
) -> tuple[str, Match] | None:
    """Return the step that is explained best; beside gradients, none that has little of them."""
    best: tuple[str, Match] | None = None
    net = made(forward.host.make, scope)
    for body in islice(bodies, _MOST):
        for text in rated(body, net):
            source = f"lambda net, x, y, lr: {text}"
            match = of_labels({**fields, "step": source}, scope, forward)
            if match is None:
                continue
            if match.complete or (wanted is not None and match.key >= wanted.key):
                return source, match
            # The first step of Adam or RMSprop is no multiple of the gradient, but goes its way.
            apt = wanted is None or match.closeness > DOWNHILL
            if apt and (best is None or match.key > best[1].key):
                best = source, match
    return best


def rated(body: str, net: Any) -> list[str]:
    """Return code of steps that are given a learning rate, where the network keeps one."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in body).split()
    if "lr" in words:
        return [body]
    return [f"({text}, {body})[-1]" for text in learning_rates(net)] or [body]


@dataclass(frozen=True)
class _Loss:
    """A loss that was asked: its code, whether it is the network's own, and what it is."""

    source: str
    own: bool
    reported: tuple[str, Scale] | None


def losses(
    forward: Forward, labels: str, scope: Mapping[str, Any], match: Match | None
) -> tuple[str, str] | None:
    """Return code of the loss that is reported, and how sure that is; or None.

    A loss that is not the network's own but lies beside it counts only if there is no other, or if
    it is the one whose gradient the network has. Where the network's own gives several numbers,
    none beside it is meant.
    """
    fields = {**forward.fields, "labels": repr(labels)}
    found: list[_Loss] = []
    unknown: list[str] = []
    is_of_several = False
    for body, own in islice(_and_turned(forward, _losses(forward, scope)), 4 * _MOST):
        is_of_pass = bool(forward.reporting) and body.startswith(forward.reporting)
        asked = [
            (source, reported_loss(forward.inquiry, {**fields, "loss": source}, scope))
            for text in ([body] if is_of_pass else _laid_out(forward, body))
            for source in [f"lambda net, x, y: {text if is_of_pass else with_out(forward, text)}"]
        ]
        source, reported = min(asked, key=lambda one: _strangeness(forward, one[1]))
        if is_of_several and reported is True and body.endswith(")[0]"):
            continue  # of one sample
        if own and not isinstance(reported, tuple) and _is_called(body, names.LOSS):
            unknown.append(source)
        if own and not reported and not is_of_several:
            head, _, value = source.partition(": ")
            mean = f"{head}: np.mean({value})"
            is_of_several = bool(reported_loss(forward.inquiry, {**fields, "loss": mean}, scope))
        if reported:
            found.append(_Loss(source, own, reported if isinstance(reported, tuple) else None))
        if own and found and found[-1].reported:
            return source, "sure"
    if is_of_several and not any(loss.own for loss in found):
        return None
    known = [loss for loss in found if loss.reported]
    same = [loss for loss in known if match and loss.reported and loss.reported[0] == match.loss]
    # Which loss goes with a list of layers is for their user to say, unless the gradient says it;
    # and one beside an autoencoder is mostly that of a classifier.
    is_open = forward.host.kind == "layers" or labels == TARGETS
    for group in (same, [] if is_open else known):
        if group and all(_equal(group[0], loss) for loss in group):
            return group[0].source, "sure"
        if group:
            return None
    # Of a file of functions, the only one that may be a loss is that of its network.
    is_only = forward.host.kind == "functions" and len(_loss_names(forward.host)) == 1
    likely = next(
        (
            (loss.source, "likely")
            for loss in found
            if (loss.own or is_only)
            and moves_with_parameters(forward.inquiry, {**fields, "loss": loss.source}, scope)
        ),
        None,
    )
    return likely or _of_no_use(forward, unknown, fields, scope)


def of_known_loss(backward: Backward, scope: Mapping[str, Any]) -> bool:
    """Whether a backward pass begins with what a loss hands out whose value is one that is known.

    Its gradient is meant then, right or wrong. Of layers that we have chosen the last may not be
    the one that it goes with, unless it goes with any.
    """
    forward = backward.forward
    fields = {**forward.fields, "labels": repr(backward.labels)}
    begun = [f"{name}()" for name, _ in own_classes(scope) if f"({name}())" in backward.call]
    methods = forward.host.functions if forward.host.kind == "object" else []
    for own in (forward.host.helpers, methods):
        named = [one for one in own if names.is_loss(one.name)]
        for slope in own:
            if f"{slope.code}(" not in backward.call:
                continue
            if slope in named:
                begun.append(f"{slope.code}(")
            elif names.is_slope_of_loss(slope.name):
                plain = slope.name.lower()
                its = [one for one in named if one.name.lower().strip("_") in plain]
                begun += [f"{one.code}(" for one in its or named[: len(named) == 1]]
    told = (
        reported_loss(forward.inquiry, {**fields, "loss": source}, scope)
        for body, _ in _losses(forward, scope)
        if body.startswith(tuple(begun))
        for source in [f"lambda net, x, y: {with_out(forward, body)}"]
    )
    is_chosen = forward.host.is_filled or forward.host.is_put_together
    names_told = (one[0] for one in told if isinstance(one, tuple))
    return any(not is_chosen or name in _OF_ANY_OUTPUT for name in names_told)


def _of_no_use(
    forward: Forward, sources: Sequence[str], fields: Mapping[str, str], scope: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return code of a network's own loss that is one number always, or never any; or None."""
    asked = [(source, {**fields, "loss": source}) for source in sources]
    constant = (source for source, own in asked if is_one_number(forward.inquiry, own, scope))
    found = next(constant, None)
    in_all = [{**own, "labels": repr(labels)} for _, own in asked for labels in LABELS]
    if found is None and asked and all(raises(forward.inquiry, own, scope) for own in in_all):
        found = sources[0]
    return None if found is None else (found, "guess")


def _loss_names(host: Host) -> list[str]:
    """Return the functions that may be losses by their names."""
    return [one.name for one in host.functions if names.is_loss(one.name)]


def _equal(one: _Loss, other: _Loss) -> bool:
    assert one.reported is not None
    assert other.reported is not None
    (name, scale), (another, its) = one.reported, other.reported
    close = abs(scale.constant - its.constant) <= 1e-3 * abs(scale.constant)
    return name == another and scale.power == its.power and close


def _laid_out(forward: Forward, body: str) -> list[str]:
    """Return code of a loss, with outputs and labels both in columns where only outputs have them.

    What is taken of their shapes may be the number of samples either way.
    """
    if not forward.output.endswith(".T") or forward.output not in body:
        return [body]
    raw = body.replace(forward.output, forward.output.removesuffix(".T"))
    return [re.sub(r"\by\b", "y.T", raw), body]


def _strangeness(forward: Forward, reported: tuple[str, Scale] | bool) -> int:
    """Return by how many factors a loss is no mean over the samples; more where it is not known."""
    if not isinstance(reported, tuple):
        return _UNKNOWN - reported
    between = ratio(reported[1], MEAN, forward.inquiry.subject.sizes, NEAR)
    return 0 if between is None else len(between.causes)


def _and_turned(forward: Forward, bodies: Iterator[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """Yield losses, and then those of a network with samples in columns as one that takes rows."""
    turned = []
    for body, own in bodies:
        yield body, own
        if own and "column" in forward.fields["batch"]:
            turned.append((re.sub(r"\b([xy])\b", r"\1.T", body), own))
    yield from turned


def _losses(forward: Forward, scope: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield code of losses, and whether they are the network's own."""
    host = forward.host
    if forward.reporting:
        # A forward pass that takes labels gives the loss, alone or beside its output.
        yield from ((f"{forward.reporting}{place}", True) for place in ("", "[0]", "[-1]"))
    exact = {**host.exact, **forward.exact}
    # No loss takes a learning rate: what is called a rate may be one of events.
    output = roles_of(forward)["output"]
    roles = {**roles_of(forward), "lr": output, "unknown": [forward.output, "y"]}
    beside = [one for one in host.helpers if all(one.code != own.code for own in host.functions)]
    for group, own in ((host.functions, host.kind == "object"), (beside, False)):
        named = [one for one in group if names.is_loss(one.name)]
        for one in sorted(named, key=lambda one: names.rank(one.name, names.LOSS) or 0):
            returned = returned_names(one.function)
            are_several = len(returned or ()) > 1 or works_unlabelled(one.function)
            # What has no name may be several values, too.
            ends = ["[0]"] if are_several else [""] if returned else ["", "[0]"]
            for text in bindings_of_either(one.function, exact, roles, frozenset({"labels"})):
                if "y" in text:
                    # What is given the parameters is of this network, wherever it stands.
                    is_its = own or re.search(r"\bnet\b", text) is not None
                    yield from ((f"{callee(one, forward)}({text}){end}", is_its) for end in ends)
    held = _loss_held(made(host.make, scope) if host.kind == "object" else None, scope)
    for name, cls in own_classes(scope):
        if held is not None and cls is not held:
            continue
        if _is_of_loss(name):
            for entry in ("calculate", "forward", "loss", "__call__", "fn"):
                if hasattr(cls, entry):
                    yield f"{name}().{entry}({forward.output}, y)", False
                    yield f"{name}().{entry}(y, {forward.output})", False


def _is_of_loss(name: str) -> bool:
    """Whether a class of this name is a loss."""
    return any(word in name.lower() for word in ("loss", "entropy", "cost"))


def _loss_held(net: Any, scope: Mapping[str, Any]) -> type | None:
    """Return the class of the loss that a network keeps, or None: others beside it are not its."""
    own = {cls: name for name, cls in own_classes(scope)}
    kept = vars(net).values() if hasattr(net, "__dict__") else ()
    classes = (value if isinstance(value, type) else type(value) for value in kept)
    return next((cls for cls in classes if cls in own and _is_of_loss(own[cls])), None)
