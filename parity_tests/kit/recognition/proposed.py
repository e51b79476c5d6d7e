"""The declaration that comes of what is known of a network, and how sure each part of it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from parity_tests.kit.aspects.loss import aspect as loss_aspect
from parity_tests.kit.inquiry import EXACT
from parity_tests.kit.recognition import hosts, names, settings
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.drafts import RELATED, Draft, takes_each
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.gradients import LABELS
from parity_tests.kit.recognition.hosts import Named
from parity_tests.kit.recognition.kept_inside import kept_inside
from parity_tests.kit.recognition.left_out import refused, unused
from parity_tests.kit.recognition.loop_batches import batches_apart
from parity_tests.kit.recognition.loops import loops, loops_beside, shuffling_apart
from parity_tests.kit.recognition.proposal import GUESS, LIKELY, SURE, Convention, Proposal
from parity_tests.kit.recognition.returned_losses import returned_loss
from parity_tests.kit.recognition.single_losses import of_each
from parity_tests.kit.recognition.steps import astray, losses, raised
from parity_tests.kit.recognition.training import evaluation_pass, training_pass
from parity_tests.kit.recognition.trial import Match, build, made, with_forward
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
from parity_tests.kit.verdicts import NOT_ASKED

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
# So many names are told of many.
_MOST_NAMES = 8
# What a function of the module is given as the number of samples.
_COUNTS = re.compile(r"with_globals\([\w.]+, (\w+)=")
_TRAINS = re.compile(r"fit|train\w*", re.IGNORECASE)


def _asked(draft: Draft) -> dict[str, str]:
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


def _fields(draft: Draft, scope: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
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


def proposed(draft: Draft, scope: Mapping[str, Any], is_whole: bool) -> Proposal:
    """Return the declaration of a network that was recognized, with all that is to be said of it.

    Parameters
    ----------
    is_whole : bool
        Whether a module was asked about, so that what else is in it is told.
    """
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


def _fragment(draft: Draft, scope: Mapping[str, Any]) -> Iterator[Convention]:
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
    draft: Draft, fields: Mapping[str, str], sure_of_loss: str | None, scope: Mapping[str, Any]
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
    draft: Draft, fields: Mapping[str, str], scope: Mapping[str, Any], is_whole: bool
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


def _of_reset(draft: Draft, fields: Mapping[str, str]) -> Iterator[Convention]:
    """Yield that an optimizer was asked for nothing but setting gradients to zero."""
    reset = draft.reset
    if reset is None or not reset.owner or reset.owner in fields.get("step", ""):
        return
    name = NOT_ASKED if draft.forward.host.is_put_together else CLASSES_LEFT_OUT
    told = f"only its {reset.name} is called, and nothing is said of its steps"
    yield Convention(name, reset.owner.partition("(")[0], LIKELY, told)


def _not_understood(draft: Draft, fields: Mapping[str, str]) -> Iterator[Convention]:
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


def _of_gradients(draft: Draft, match: Match, fields: Mapping[str, str]) -> Iterator[Convention]:
    share = f"{match.right} of {match.total} tensors are a multiple of the gradient of a loss"
    if match.known > match.right:
        share += f", {match.known - match.right} more are known with a fault"
    sure = SURE if match.known == match.total else LIKELY if match.closeness > RELATED else GUESS
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


def _of_batches(draft: Draft, scope: Mapping[str, Any]) -> Iterator[Convention]:
    """Yield that a batch goes through the forward pass, and has no gradient as a whole.

    Whether more than one sample is meant to be given, nothing says.
    """
    batched = draft.batched
    if batched is None:
        return
    if batched.backward is not None and batched.backward.unsummed:
        told = "a bias has a gradient for every sample of it"
    elif draft.step is not None and takes_each(draft.step[0]):
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
