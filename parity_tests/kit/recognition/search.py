"""The declaration of a network, worked out by asking it."""

import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from parity_tests.kit.aspects.loss import aspect as loss_aspect
from parity_tests.kit.codes import code_of
from parity_tests.kit.functions import wrong_output
from parity_tests.kit.inquiry import EXACT, Inquiry
from parity_tests.kit.recognition import hosts, names, settings
from parity_tests.kit.recognition.account import account
from parity_tests.kit.recognition.begun import begun
from parity_tests.kit.recognition.callers import (
    caller_of,
    names_used,
    parts_called,
    stands_for,
)
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.deeper import deeper_that_raises
from parity_tests.kit.recognition.forwards import Forward, forwards
from parity_tests.kit.recognition.gradients import LABELS, Backward, backwards
from parity_tests.kit.recognition.hosts import Host, Named
from parity_tests.kit.recognition.kept_inside import kept_inside
from parity_tests.kit.recognition.left_out import refused, unused
from parity_tests.kit.recognition.loop_batches import batches_apart
from parity_tests.kit.recognition.loop_pairs import takes_pairs
from parity_tests.kit.recognition.loops import loops, loops_beside, shuffling_apart
from parity_tests.kit.recognition.proposal import GUESS, LIKELY, SURE, Convention, Proposal
from parity_tests.kit.recognition.resets import Reset, optimizer_step, with_reset
from parity_tests.kit.recognition.returned_losses import returned_loss
from parity_tests.kit.recognition.single_losses import of_each
from parity_tests.kit.recognition.steps import (
    PAIRS_OF_COLUMNS,
    PAIRS_OF_ROWS,
    astray,
    losses,
    of_known_loss,
    raised,
    trainings,
    updates,
    updates_by_arguments,
)
from parity_tests.kit.recognition.stored import stored_by
from parity_tests.kit.recognition.training import evaluation_pass, training_pass
from parity_tests.kit.recognition.trial import Match, Shapes, build, made, with_forward
from parity_tests.kit.recognition.widths import Widths
from parity_tests.kit.recognition.zeros import taken_as_zero
from parity_tests.kit.rendering.wording import (
    CLASSES_LEFT_OUT,
    LEFT_OUT,
    NOT_FOUND,
    OWN_DELTA,
    PART,
    TAKEN_AS_ZERO,
)
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject.seeding import seeded
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import NOT_ASKED

_MOST_HOSTS, _MOST_CONTAINERS, _MOST_NAMES = 40, 12, 8
_ORDER = (
    "make",
    "parameters",
    "weights",
    "bias",
    "batch",
    "labels",
    "forward",
    "backward",
    "gradients",
    "loss",
    "step",
    "training",
    "evaluation",
    "batches",
)
# What a function of the module is given as the number of samples.
_COUNTS = re.compile(r"with_globals\([\w.]+, (\w+)=")
_TRAINS = re.compile(r"fit|train\w*", re.IGNORECASE)
# Below this a gradient has nothing to do with that of any loss.
_RELATED = 0.3


class RecognitionError(SubjectError):
    """No network was recognized."""


@dataclass
class _Draft:
    """What is known of one host; misfits are layers whose gradients are none as we combine them.

    `is_unrelated`, gradients have nothing to do with an output that is only guessed to be one.
    `loop` is code of a training loop that takes the step with the labels of other samples.
    `deeper` is what makes a network of more layers, and what that raises.
    `batched` is what is known of it with batches, where it was taken to want one sample at a time.
    """

    forward: Forward
    backward: Backward | None = None
    step: tuple[str, Match] | None = None
    labels: str = "one_hot"
    astray: tuple[str, str] | None = None
    is_misfit: bool = False
    is_unrelated: bool = False
    reset: Reset | None = None
    loop: str = ""
    deeper: tuple[str, str] | None = None
    batched: "_Draft | None" = None

    @property
    def match(self) -> Match | None:
        if self.backward is not None:
            return self.backward.match
        return self.step[1] if self.step else None

    @property
    def key(self) -> tuple[Any, ...]:
        """What is compared between hosts."""
        match = self.match
        depth = len(self.forward.chain.weights)
        return (
            depth > 1 and match is not None and self.forward.known,
            match is not None,
            depth > 1,
            self.forward.known,
            (match.right / match.total if match else 0),
            (match.known / match.total if match else 0),
        )


def recognize(
    target: Any,
    namespace: Mapping[str, Any] | None = None,
    sizes: Sequence[int] | None = None,
) -> Proposal:
    """Return a declaration of somebody's network, worked out without any adapter.

    Names say what is tried first; what is kept is what behaves as a forward pass, a gradient, a
    training step or a loss. Every try is on a new object.

    Parameters
    ----------
    target : class, object, function or mapping
        A network's class; a network; a function without arguments that makes one; or a module's
        names, of which classes, functions, layers and objects are tried. Of any other function it
        is those of its module.
    namespace : mapping, optional
        The names of the module that the target is from. Left out, those of the module that it was
        defined in, as far as that is loaded.
    sizes : sequence of int, optional
        Widths that the network should have, from the inputs to the outputs, if it can be given
        any. Left out, small ones.

    Returns
    -------
    Proposal

    Raises
    ------
    RecognitionError
        If nothing was found that multiplies its inputs with matrices; it says what was tried.
    """
    with seeded(0):
        scope = _scope(target, namespace)
        proposal = _proposed(_whole(target, scope, sizes), scope, _is_module(target))
        # Of a loop that gives the batches, the rest is left out.
        inside = {name: code for name, code in proposal.fields.items() if name != "batches"}
        if inspect.isroutine(target) and not stands_for(target, inside, scope):
            return _in_place_of(target, proposal, scope)
        return proposal


def _in_place_of(target: Any, proposal: Proposal, scope: Mapping[str, Any]) -> Proposal:
    """Return what a function calls, if that is all of what was recognized."""
    name = f"{target.__name__}()"
    called = parts_called(target, proposal.fields, scope)
    if not called:
        own = [one.name for one in hosts.own_functions(scope)]
        own += [one for one, _ in hosts.own_classes(scope)]
        used = names_used(proposal.fields.values())
        parts = ", ".join(one for one in own if one in used)
        given = f"; give one of {parts}, or no name" if parts else ""
        message = f"{name} is no part of what was recognized in its module{given}"
        raise RecognitionError(f"{message}:\n{proposal.to_source()}")
    why = f"what was checked is what it calls: {', '.join(called)}"
    own_lines = Convention(LEFT_OUT, f"the lines of {name} itself", LIKELY, why)
    return replace(proposal, conventions=(*proposal.conventions, own_lines))


def _whole(target: Any, scope: Mapping[str, Any], sizes: Sequence[int] | None) -> _Draft:
    """Return what is known of the best host, if that is more than a part that others call."""
    if inspect.isroutine(target) and _is_maker(target):
        # What it makes is what is asked about, and not what another maker of the module makes.
        with contextlib.suppress(RecognitionError):
            return _at_widths(_made_with, target, scope, sizes)
    return _at_widths(_hosts, target, scope, sizes)


def _is_maker(function: Any) -> bool:
    """Whether a function makes parameters of widths that it is given, and does not train them."""
    named = names.rank(function.__name__, names.INITIALIZE) is not None
    return named and bool(parameters_of(function)) and not hosts.rounds_of(function)


def _at_widths(
    source: Callable[..., Iterator[Host]],
    target: Any,
    scope: Mapping[str, Any],
    sizes: Sequence[int] | None,
) -> _Draft:
    """Return what is known of the best of a source's hosts, of several outputs or of one."""
    failure = RecognitionError("")
    passed: _Draft | None = None
    one_output = replace(Widths(), outputs=1)
    # Some networks have one output only, and say so: in their constructor, or by their labels.
    for widths in (Widths(), one_output) if sizes is None else (Widths.of(sizes),):
        try:
            draft = _best(source(target, scope, widths), target, scope, sizes)
        except RecognitionError as error:
            failure = failure if str(failure) else error
            continue
        host = draft.forward.host
        whole = None
        if len(draft.forward.chain.weights) == 1 and host.kind == "functions":
            whole = caller_of(draft.forward.call, host, scope)
        if whole is None and passed is not None:
            return draft if _is_network(draft) and draft.key > passed.key else passed
        is_open = draft.match is None or not draft.match.complete
        if whole is None and is_open and draft.forward.takes_numbers and not sizes:
            passed = draft
            continue
        if whole is None and (sizes or widths is not one_output or draft.key[2]):
            return draft
        if whole is None:
            continue
        name = draft.forward.call.partition("(")[0]
        message = f"only {name} was recognized, which {whole} calls for each of several layers."
        failure = RecognitionError(f"{message} Of that, {account(target, scope)}")
    if passed is not None:
        return passed
    raise failure


def _scope(target: Any, namespace: Mapping[str, Any] | None) -> dict[str, Any]:
    named = inspect.isclass(target) or inspect.isroutine(target)
    if namespace is None and _is_module(target):
        namespace = target
    elif namespace is None:
        owner = target if named else type(target)
        namespace = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    more = {target.__name__: target} if named else {_name_of(target, namespace): target}
    return {**namespace, **more}


def _name_of(target: Any, namespace: Mapping[str, Any]) -> str:
    """Return what an object is called in its module."""
    own = (name for name, value in namespace.items() if value is target and name.isidentifier())
    return next(own, "given")


def _is_module(target: Any) -> bool:
    """Whether a mapping has a module's names, and not parameters."""
    return isinstance(target, Mapping) and any(map(callable, target.values()))


def _best(
    found: Iterator[Host], target: Any, scope: Mapping[str, Any], sizes: Sequence[int] | None
) -> _Draft:
    best: _Draft | None = None

    def key(draft: _Draft) -> tuple[Any, ...]:
        return sizes is None or draft.forward.inquiry.subject.sizes == [*sizes], *draft.key

    drawn: dict[Shapes, Inquiry] = {}
    refusing: list[Host] = []
    for host in islice(found, _MOST_HOSTS):
        draft = _drafted(host, scope, drawn)
        if draft is None:
            refusing.append(host)
            continue
        if best is None or key(draft) > key(best):
            best = draft
        # The first that works, and not the one without faults.
        if key(best)[0] and _is_network(best):
            break
    if best is None:
        raise RecognitionError(account(target, scope))
    if sizes is None:
        best.deeper = deeper_that_raises(refusing, best.forward, scope)
    return best


def _is_network(draft: _Draft) -> bool:
    match = draft.match
    related = match is not None and (match.closeness > _RELATED or match.known > 0)
    return related and draft.forward.known and len(draft.forward.chain.weights) > 1


def _hosts(target: Any, scope: Mapping[str, Any], widths: Widths) -> Iterator[Host]:
    if inspect.isclass(target):
        yield from hosts.objects(scope, target.__name__, target, widths)
        yield from hosts.containers(scope, [(target.__name__, target)], widths)
        yield from begun(scope, target.__name__, target, widths)
    elif inspect.isroutine(target):
        make = f"lambda: {target.__name__}()"
        net = made(make, scope)
        if net is not None:
            yield from hosts.instance(make, net, scope, target)
        # It may be one of several functions that are a network together.
        yield from _of_module(scope, widths)
    elif _is_module(target):
        yield from _of_module(scope, widths)
    else:
        make = f"lambda: copy.deepcopy({_name_of(target, scope)})"
        yield from hosts.instance(make, target, scope)


def _made_with(target: Any, scope: Mapping[str, Any], widths: Widths) -> Iterator[Host]:
    yield from hosts.made_with(Named(target.__name__, target.__name__, target), scope, widths)


def _of_module(scope: Mapping[str, Any], widths: Widths) -> Iterator[Host]:
    for name, cls in hosts.classes(scope):
        yield from islice(hosts.objects(scope, name, cls, widths), 3)
    yield from islice(hosts.containers(scope, hosts.classes(scope), widths), _MOST_CONTAINERS)
    for name, cls in hosts.classes(scope):
        yield from begun(scope, name, cls, widths)
    yield from hosts.plain(scope, widths)
    yield from hosts.layer_lists(scope, widths)
    yield from hosts.things(scope)


def _drafted(host: Host, scope: Mapping[str, Any], drawn: dict[Shapes, Inquiry]) -> _Draft | None:
    """Return what is known of a host, or None if it has no forward pass; `drawn` as there."""
    passes = forwards(host, scope, drawn)
    best: _Draft | None = None
    batched: _Draft | None = None
    for one in passes:
        draft = _with_backward(one, scope)
        if batched is None and one.known and not one.inquiry.subject.single:
            batched = draft
        # One sample hides what goes wrong in a batch.
        found = best is not None and best.match is None and draft.match is not None
        if best is None or found or _is_single(best, draft) or _is_of_one(best, draft):
            best = draft
        if _settled(draft):
            break
    if best is not None:
        best.forward.takes_numbers = any(one.takes_numbers for one in passes)
        best.batched = batched if best.forward.inquiry.subject.single else None
        if host.is_put_together and best.match and best.match.known < best.match.total:
            # It may be that we have put the layers together in a way that is not meant.
            best.backward, best.step, best.is_misfit = None, None, True
        if best.forward.is_left_by_loss and best.match and not best.match.known:
            best.backward, best.step, best.is_unrelated = None, None, True
    return best


def _settled(draft: _Draft) -> bool:
    """Whether other ways in which samples may lie need not be tried."""
    match = draft.match
    if match is None or (draft.backward is not None and draft.backward.unsummed):
        return False
    if _is_of_pairs(draft):
        return False
    batched = not draft.forward.inquiry.subject.single
    return match.complete or (batched and match.closeness > _RELATED)


def _is_of_pairs(draft: _Draft) -> bool:
    """Whether samples come one by one to a step, and an output of several mixes them.

    Its softmax is right for one, and nobody gives it more.
    """
    form, step = draft.forward.inquiry.form, draft.step
    if form is None or wrong_output(form.output) is None:
        return False
    pairs = step is not None and _takes_pairs(step[0])
    return pairs or _makes_a_column(draft.forward)


def _is_of_one(best: _Draft, other: _Draft) -> bool:
    """Whether a network without a gradient goes through pairs of samples and labels one by one.

    Then an output that mixes those of a batch says nothing, and that of one sample is asked.
    """
    form = best.forward.inquiry.form
    if best.match is not None or form is None or wrong_output(form.output) is None:
        return False
    is_single = other.forward.inquiry.subject.single and other.forward.known
    return is_single and any(takes_pairs(one.function) for one in best.forward.host.functions)


def _makes_a_column(forward: Forward) -> bool:
    """Whether a forward pass makes a column of one sample: ``np.array(x, ndmin=2).T``."""
    called = (one.function for one in forward.host.functions if f"{one.code}(" in forward.call)
    codes = (code_of(own) for own in called)
    return any("ndmin" in str(code.co_consts) for code in codes if code is not None)


def _takes_pairs(step: str) -> bool:
    return PAIRS_OF_COLUMNS in step or PAIRS_OF_ROWS in step


def _is_single(best: _Draft, other: _Draft) -> bool:
    """Whether a network wants one sample at a time: its biases' gradients are not summed else.

    Nor could they be taken from the biases then. It may have a fault. Or samples come one by one.
    """
    unsummed = best.backward is not None and best.backward.unsummed
    is_open = unsummed or _is_of_pairs(best)
    if not is_open or best.match is None or other.match is None:
        return False
    return other.match.complete or other.match.known >= best.match.known


def _with_backward(forward: Forward, scope: Mapping[str, Any]) -> _Draft:
    draft = _Draft(forward)
    begun: list[Backward] = []
    for backward in backwards(forward, scope):
        if draft.backward is None or backward.key > draft.backward.key:
            draft.backward, draft.labels = backward, backward.labels
        if backward.match.complete and not backward.own_delta:
            break
        begun += [] if backward.own_delta else [backward]
    if draft.backward is not None and draft.backward.own_delta:
        # A loss that is known hands out its gradient, right or wrong, and ours is not asked for.
        of_losses = (backward for backward in begun if of_known_loss(backward, scope))
        draft.backward = max(of_losses, key=lambda own: own.key, default=draft.backward)
        draft.labels = draft.backward.labels
    if draft.backward is not None and draft.backward.in_place:
        draft.step = draft.backward.fields["step"], draft.backward.match
    elif draft.backward is not None:
        zeroed = with_reset(draft.backward, scope)
        if zeroed is not None:
            plain = draft.backward
            draft.backward, draft.reset = zeroed
            draft.step = optimizer_step(plain, draft.reset, scope)
        draft.step = draft.step or updates(draft.backward, scope)
        if draft.step is None:
            match, given = draft.backward.match, draft.backward
            draft.step = trainings(forward, draft.labels, scope, match, given)
        draft.step = draft.step or updates_by_arguments(draft.backward, scope)
    if draft.backward is not None and draft.backward.unsummed:
        step = trainings(forward, draft.labels, scope, backward=draft.backward)
        if step is not None and step[1].closeness > _RELATED:
            # It adds up what comes of each sample by itself.
            draft.backward, draft.step = None, step
            return draft
    if draft.backward is None or not draft.backward.match.complete:
        for labels in LABELS:
            step = trainings(forward, labels, scope, backward=draft.backward)
            if step is None:
                continue
            worse = draft.backward is None or step[1].key > draft.backward.match.key
            if worse and (draft.step is None or step[1].key > draft.step[1].key):
                draft.backward, draft.step, draft.labels = None, step, labels
    if draft.step is not None and (draft.backward is None or draft.backward.in_place):
        draft.backward = stored_by(draft.step, forward, draft.labels, scope) or draft.backward
    return draft


def _asked(draft: _Draft) -> dict[str, str]:
    """Return what of a declaration computes and trains, as Python code."""
    fields = dict(draft.forward.fields)
    if draft.backward is not None:
        fields = dict(draft.backward.fields)
    elif draft.step is not None:
        fields["labels"] = repr(draft.labels)
    if draft.step is not None:
        fields["step"] = draft.loop or draft.step[0]
    elif draft.astray is not None:
        fields["step"] = draft.astray[0]
    return fields


def _fields(draft: _Draft, scope: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
    """Return the declaration as Python code, and how sure its loss is."""
    fields, backward = _asked(draft), draft.backward
    # A gradient that begins with ours has no scale of its own to be held to.
    own = backward is not None and backward.own_delta
    loss = None if own else losses(draft.forward, draft.labels, scope, draft.match)
    if draft.match is None and (loss is None or loss[1] != SURE):
        loss, fields["labels"] = _with_labels(draft.forward, loss, scope)
    if loss is None and backward is not None:
        loss = returned_loss(backward, scope)
    if loss is not None:
        fields["loss"] = loss[0]
        if draft.step is not None:
            fields["loss"] = of_each(fields, scope) or loss[0]
    if fields.get("batch") == "'rows'":
        del fields["batch"]
    if fields.get("labels") == "'one_hot'":
        del fields["labels"]
    training = training_pass(draft.forward, fields, scope)
    if training:
        fields["training"] = training
        evaluation = evaluation_pass(draft.forward, fields, scope)
        fields |= {"evaluation": evaluation} if evaluation else {}
    whole = ", ".join(f"net[{n}]" for n in range(len(draft.forward.chain.found)))
    taken = draft.forward.host.exact.values()
    if list(taken) == whole.split(", "):
        fields = {name: source.replace(whole, "*net") for name, source in fields.items()}
    ordered = {name: fields[name] for name in _ORDER if name in fields}
    return ordered, loss[1] if loss else None


def _with_labels(
    forward: Forward, loss: tuple[str, str] | None, scope: Mapping[str, Any]
) -> tuple[tuple[str, str] | None, str]:
    """Return a loss that is known, and the labels with which it is: no gradient tells them."""
    for labels in LABELS[1:]:
        found = losses(forward, labels, scope, None)
        if found is not None and found[1] == SURE:
            return found, repr(labels)
    return loss, repr(LABELS[0])


def _proposed(draft: _Draft, scope: Mapping[str, Any], is_whole: bool) -> Proposal:
    if draft.step is not None:
        draft.loop = shuffling_apart(draft.forward, _asked(draft), scope)
    elif draft.forward.host.kind in ("object", "functions") and draft.backward is not None:
        draft.astray = astray(draft.backward, scope)
    fields, sure_of_loss = _fields(draft, scope)
    if draft.match is not None and not draft.loop:
        batches = batches_apart(draft.forward, {**draft.forward.fields, **fields}, scope)
        fields |= {"batches": batches} if batches else {}
    network = build(fields, scope)
    found = [*_fragment(draft, scope), *_conventions(draft, fields, sure_of_loss, scope)]
    found += kept_inside(fields, draft.forward, scope)
    found += _left_out(draft, fields, scope, is_whole)
    return Proposal(network, fields, tuple(found))


def _fragment(draft: _Draft, scope: Mapping[str, Any]) -> Iterator[Convention]:
    """Yield that only a layer was recognized, if that is all."""
    host = draft.forward.host
    if len(draft.forward.chain.weights) > 1 or host.kind == "layers":
        return
    if host.kind == "functions":
        # A function that is given a matrix and an activation is called for each layer.
        name = draft.forward.call.partition("(")[0]
        is_part = bool(draft.forward.activation) and "np.ones(" in host.make
    else:
        name = f"the layer {type(made(host.make, scope)).__name__}"
        trains = any(_TRAINS.fullmatch(m.name) for m in host.functions)
        is_part = not names.is_network(type(made(host.make, scope)).__name__) and not trains
    if is_part:
        value = f"of a network: only {name} was recognized and checked"
        yield Convention(PART, value, LIKELY, "no network of several layers was found")


def _conventions(
    draft: _Draft, fields: Mapping[str, str], sure_of_loss: str | None, scope: Mapping[str, Any]
) -> Iterator[Convention]:
    forward, match = draft.forward, draft.match
    form, subject = forward.inquiry.form, forward.inquiry.subject
    exact = forward.inquiry.tolerance <= EXACT
    again = "recomputed to 1e-9" if exact else "recomputed as closely as float32 allows"
    certainty = SURE if form is not None else LIKELY
    why = f"the output is {again}" if form else "the output depends on all of them"
    sizes = "-".join(map(str, subject.sizes))
    yield Convention("make", fields["make"], SURE, f"it makes a network of {sizes}")
    yield Convention("parameters", fields["parameters"], certainty, why)
    yield Convention("forward", fields["forward"], certainty, why)
    if form is not None:
        hidden = ", ".join(form.hidden) or "none"
        yield Convention("hidden activation", hidden, SURE, why)
        yield Convention("output", form.output, SURE, why)
    distinct = len(set(subject.sizes)) == len(subject.sizes)
    layout = SURE if distinct or form is not None else GUESS
    yield Convention("weight layout", subject.layout, layout, "the shapes follow one another")
    biases = [np.shape(one.array) for one in forward.chain.biases]
    shapes = ", ".join(map(str, biases)) if biases else subject.network.bias
    yield Convention("bias shape", shapes, certainty, "the arrays themselves")
    yield Convention("batch axis", subject.network.batch, certainty, why)
    if match is None:
        told = "no function was seen to give any"
        if draft.is_misfit:
            told = "the layers, put together here, give none: they may be meant otherwise"
        elif draft.is_unrelated:
            told = "those handed out are of no loss of what is taken for the output, on a guess"
        elif forward.lacking:
            told = f"no gradient of {', '.join(forward.lacking)} was found"
        else:
            tried = refused(forward, scope), raised(forward, scope)
            told = "; ".join(filter(None, (told, *tried)))
        yield Convention("gradients", NOT_FOUND, GUESS, told)
    else:
        yield from _of_gradients(draft, match, fields)
        yield from _of_batches(draft, scope)
    if "training" in fields:
        told = "its output of the same batch is another one each time, as with dropout"
        yield Convention("training pass", fields["training"], certainty, told)
    if "evaluation" in fields:
        told = "its output is another one than that of the pass without dropout, of a known form"
        yield Convention("evaluation", fields["evaluation"], certainty, told)
    if "batches" in fields:
        told = "what it gives to the functions that were found are samples with labels of others"
        yield Convention("batches", fields["batches"], LIKELY, told)
    if "loss" in fields and sure_of_loss is not None:
        yield _of_loss(fields, sure_of_loss, scope)


def _left_out(
    draft: _Draft, fields: Mapping[str, str], scope: Mapping[str, Any], is_whole: bool
) -> Iterator[Convention]:
    """Yield what of a module was not asked; of classes only where the module is the target."""
    host = draft.forward.host
    net = made(fields["make"], scope)
    left = unused(fields, scope, net)
    why = "the declaration does not use them, and nothing is said of them"
    if draft.astray is not None:
        yield Convention("step", fields["step"], GUESS, draft.astray[1])
    if draft.deeper is not None:
        deeper, error = draft.deeper
        told = f"its forward pass raises {error}; one of fewer layers was checked in its place"
        yield Convention(NOT_ASKED, deeper, LIKELY, told)
    if host.kind == "object" and draft.match is not None:
        yield from _not_understood(draft, fields)
    yield from _of_reset(draft, fields)
    zeros = taken_as_zero(fields, scope, net)
    if zeros:
        told = "no value is known, and what it adds or changes is not judged"
        yield Convention(TAKEN_AS_ZERO, _several(zeros), GUESS, told)
    counts = sorted(set(_COUNTS.findall(" ".join(fields.values()))))
    if counts:
        told = "what binds it was not executed, or nothing does: it is taken so"
        yield Convention("number of samples", _several(counts), GUESS, told)
    around = _names(loops(host, fields)) if "step" in fields else []
    if around:
        told = "it takes the step that was checked; how it divides its samples is not judged"
        yield Convention(LEFT_OUT, _several(around), LIKELY, told)
    functions = left.functions if host.kind == "functions" else _names(loops_beside(host, fields))
    if functions:
        yield Convention(LEFT_OUT, _several(functions), LIKELY, why)
    if not is_whole:
        return
    own_loss = draft.backward is not None and draft.backward.own_delta
    functions = [name for name in left.functions if names.rank(name, names.LOSS) is not None]
    missed = [*left.losses, *functions] if own_loss else []
    told = "the gradient that was checked begins with p - y in the place of a loss"
    if host.is_put_together:
        missed = [*left.networks, *missed, *([] if draft.step else left.optimizers)]
        told = "the network that was checked is put together from layers, with none of these"
        own = {cls for _, cls in hosts.own_classes(scope)}
        if not missed and not any(type(layer) in own for layer in net):
            missed = ["the network of this file"]
            told = "what was checked is put together from layers that it imports"
    others = [*left.networks, *left.losses, *left.optimizers, *left.others]
    others = [name for name in others if name not in missed]
    if missed:
        yield Convention(NOT_ASKED, _several(missed), LIKELY, told)
    if others:
        yield Convention(CLASSES_LEFT_OUT, _several(others), LIKELY, why)


def _of_reset(draft: _Draft, fields: Mapping[str, str]) -> Iterator[Convention]:
    """Yield that an optimizer was asked for nothing but setting gradients to zero."""
    reset = draft.reset
    if reset is None or not reset.owner or reset.owner in fields.get("step", ""):
        return
    name = NOT_ASKED if draft.forward.host.is_put_together else CLASSES_LEFT_OUT
    told = f"only its {reset.name} is called, and nothing is said of its steps"
    yield Convention(name, reset.owner.partition("(")[0], LIKELY, told)


def _not_understood(draft: _Draft, fields: Mapping[str, str]) -> Iterator[Convention]:
    """Yield which methods may train or give a loss, where none was found that does."""
    host = draft.forward.host
    used = set(re.findall(r"\w+", " ".join(fields.values())))
    others = [one for one in host.functions if one.name not in used and not _is_switch(one)]
    steps = [one.name for one in others if _is_step(one.name)]
    if steps and draft.step is None and draft.astray is None:
        why = f"{_several(steps)} came to no step that is known"
        yield Convention("step", NOT_FOUND, GUESS, f"{why}, and nothing is said of it")
    again = [one.name for one in host.functions if host.is_made_by(one) and _is_step(one.name)]
    if again and draft.step is None:
        why = f"{_several(again)} makes the parameters anew: its steps are not asked"
        yield Convention("step", NOT_FOUND, GUESS, f"{why}, and nothing is said of it")
    found = [one.name for one in others if names.is_loss(one.name)]
    # A function may be used for its derivative alone.
    found += [one.name for one in host.helpers if names.is_loss(one.name)]
    if found and "loss" not in fields:
        why = f"{_several(found)} came to no number that depends on the samples"
        yield Convention("loss", NOT_FOUND, GUESS, f"{why}, and nothing is said of it")


_STEPS = (*names.UPDATE, *names.TRAIN)


def _is_step(name: str) -> bool:
    """Whether a function of this name may train, and is no backward pass."""
    return names.rank(name, _STEPS) is not None and names.rank(name, names.BACKWARD) is None


def _is_switch(one: Named) -> bool:
    """Whether a method switches to training, and does not train."""
    plain = one.name.lower().strip("_")
    return plain in ("train", "training") and not parameters_of(one.function)


def _names(found: Sequence[Named]) -> list[str]:
    return [one.name for one in found]


def _several(found: Sequence[str]) -> str:
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(found[:_MOST_NAMES]) + more


def _of_gradients(draft: _Draft, match: Match, fields: Mapping[str, str]) -> Iterator[Convention]:
    share = f"{match.right} of {match.total} tensors are a multiple of the gradient of a loss"
    if match.known > match.right:
        share += f", {match.known - match.right} more are known with a fault"
    sure = SURE if match.known == match.total else LIKELY if match.closeness > _RELATED else GUESS
    moves = "it moves the parameters"
    if draft.backward is not None and draft.backward.is_still:
        sure, share = LIKELY, "labels of 0 and 1 move no parameter, and labels between them do"
        moves = share
    if draft.backward is not None and not draft.backward.in_place:
        yield Convention("gradients", fields["gradients"], sure, share)
        if draft.backward.unsummed:
            why = "a bias has a gradient for every sample"
            yield Convention("gradients of biases", "not summed", LIKELY, why)
    else:
        yield Convention("gradients", "by the step alone", sure, share)
    if draft.backward is not None and draft.backward.own_delta:
        why = "it is given p - y, not divided, for no function gives the gradient of the loss"
        yield Convention(OWN_DELTA, "p - y", GUESS, why)
    yield Convention("labels", draft.labels, sure, share)
    if draft.step is not None:
        source, moved = draft.step
        sgd = moved.known == moved.total
        if not draft.loop:
            yield Convention("step", source, SURE if sgd else LIKELY, moves)
            yield from settings.told(source)
        else:
            why = "it takes the step that was found, with the labels of other samples"
            yield Convention("step", fields["step"], LIKELY, why)
        rule = "sgd, at its first step" if sgd else "unknown"
        why = share if moves == share else f"of the step over the learning rate, {share}"
        yield Convention("optimizer", rule, SURE if sgd else GUESS, why)


def _of_batches(draft: _Draft, scope: Mapping[str, Any]) -> Iterator[Convention]:
    """Yield that a batch goes through the forward pass, and has no gradient as a whole.

    Whether more than one sample is meant to be given, nothing says.
    """
    batched = draft.batched
    if batched is None:
        return
    if batched.backward is not None and batched.backward.unsummed:
        told = "a bias has a gradient for every sample of it"
    elif draft.step is not None and _takes_pairs(draft.step[0]):
        told = "a step takes a list of samples, one by one"
    else:
        told = raised(batched.forward, scope) or "no function was seen to give any"
    why = f"the forward pass takes one, and {told}; what was asked is one sample at a time"
    yield Convention("gradients of a batch", NOT_FOUND, GUESS, why)


def _of_loss(fields: Mapping[str, str], sure: str, scope: Mapping[str, Any]) -> Convention:
    inquiry = with_forward(fields, scope)
    if inquiry is not None and inquiry.form is not None and sure == SURE:
        loss_aspect.examine(inquiry)
        if inquiry.reported is not None and inquiry.loss_cause is None:
            name, scale = inquiry.reported
            value = f"{name.replace('_', ' ')}, {_scale(scale)}"
            return Convention("loss", value, SURE, "its value is recomputed for two batches")
    return Convention("loss", fields["loss"], LIKELY, "a number that depends on the samples")


def _scale(scale: Scale) -> str:
    of = {0: "sum over the samples", 1: "mean over the samples"}.get(scale.power)
    of = of or f"sum over the samples / N^{scale.power}"
    return of if abs(scale.constant - 1) < 1e-4 else f"{scale.constant:.4g} x the {of}"
