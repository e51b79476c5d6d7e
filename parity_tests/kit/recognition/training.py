"""The training pass of a network that drops units there, and none in its forward pass."""

from collections.abc import Iterator, Mapping
from typing import Any

from parity_tests.kit.aspects.drawn import is_ever_another
from parity_tests.kit.aspects.forward.dropped import drops
from parity_tests.kit.aspects.observing import is_another, observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.recognition.calls import attributes_read, parameters_of
from parity_tests.kit.recognition.forwards import LABELS, Forward, calls_with
from parity_tests.kit.recognition.switches import FLAG, to_training
from parity_tests.kit.recognition.trial import FAILURES, build, made, with_forward
from parity_tests.kit.subject.subject import Layers, SubjectError

Scope = Mapping[str, Any]
_BEHIND_PASS = ("gradients", "loss")


def training_pass(forward: Forward, fields: Mapping[str, str], scope: Mapping[str, Any]) -> str:
    """Return code of what is another one in the training pass; empty if nothing is.

    Parameters
    ----------
    forward : Forward
        The pass in evaluation.
    fields : mapping
        The declaration, by that pass.
    """
    if not forward.known:
        return ""
    back = [name for name in ("backward", "gradients") if name in fields] or ["step"]
    parts = [name for name in ("forward", *back, "loss") if name in fields]
    for call in _calls(forward, scope):
        told = {name: fields[name].replace(forward.call, call) for name in parts}
        if "True" in call:
            told |= {name: _with_flag(told[name], forward) for name in parts[1:]}
            told |= _by_themselves(told, fields, call, forward, scope)
        told = {name: source for name, source in told.items() if source != fields[name]}
        if "forward" not in told or not _is_random({**fields, **told}, scope, forward.inquiry):
            continue
        # Gradients that are the same each time are those of evaluation.
        if {*back} & {*told} or _draws({**fields, **told}, scope, forward.inquiry):
            return "{" + ", ".join(f"{name!r}: {source}" for name, source in told.items()) + "}"
    return ""


def _by_themselves(
    told: Mapping[str, str], fields: Mapping[str, str], call: str, forward: Forward, scope: Scope
) -> dict[str, str]:
    """Return code of gradients and loss without a forward pass before them, if both need none.

    A pass of its own would draw numbers that no step draws.
    """
    alone = _without_pass(told, call)
    if "gradients" not in alone or alone.keys() != {*told} & {*_BEHIND_PASS}:
        return {}
    try:
        one, value = _answers(fields, forward, scope)
        plain = {**fields, **_without_pass(fields, forward.call)}
        other, again = _answers(plain, forward, scope)
    except (SubjectError, *FAILURES):
        return {}
    return {} if is_another(one, other) or value != again else alone


def _without_pass(sources: Mapping[str, str], call: str) -> dict[str, str]:
    """Return code of what comes behind a forward pass, without that."""
    head, end = f"lambda net, x, y: ({call}, ", ")[-1]"
    return {
        name: f"lambda net, x, y: {sources[name].removeprefix(head).removesuffix(end)}"
        for name in _BEHIND_PASS
        if sources.get(name, "").startswith(head) and sources[name].endswith(end)
    }


def _answers(
    fields: Mapping[str, str], forward: Forward, scope: Scope
) -> tuple[Layers, float | None]:
    """Return the gradient of a batch, and its loss if there is one."""
    known = forward.inquiry
    asked = known.into(known.subject.another(build(fields, scope)))
    gradients, _ = observe(asked, asked.batches[0])
    asked.subject.begin(asked.layers)
    return gradients, asked.subject.loss(asked.batches[0]) if "loss" in fields else None


def _with_flag(source: str, forward: Forward) -> str:
    """Return code in which methods are told to train that have a switch for that, as forward has.

    What is called within a call of such a method has been told before.
    """
    for one in forward.host.functions:
        if f"{one.code}(" in forward.call:
            continue
        for parameter in parameters_of(one.function) or []:
            if FLAG.fullmatch(parameter.name) and parameter.default is False:
                source = _with_keyword(source, f"{one.code}(", f"{parameter.name}=True")
    return source


def _with_keyword(source: str, call: str, keyword: str) -> str:
    """Return code with a keyword in the first call of a function, unless that has it."""
    begin = source.find(call)
    if begin < 0 or keyword.partition("=")[0] in source[begin + len(call) :]:
        return source
    depth, end = 1, begin + len(call)
    while depth and end < len(source):
        depth += {"(": 1, ")": -1}.get(source[end], 0)
        end += 1
    given = source[begin + len(call) : end - 1]
    return source[: end - 1] + (", " if given else "") + keyword + source[end - 1 :]


def evaluation_pass(forward: Forward, fields: Mapping[str, str], scope: Mapping[str, Any]) -> str:
    """Return code of another forward pass that predicts; empty if there is none.

    It is of a known form, the same each time, and not that of the declaration.

    Parameters
    ----------
    forward : Forward
        That of the declaration.
    """
    host, known = forward.host, forward.inquiry
    for call, _ in calls_with(host, made(host.make, scope), scope, frozenset()):
        source = f"lambda net, x: {call}"
        if LABELS in call or _called(call) in forward.call:
            continue
        other = with_forward({**fields, "forward": source}, scope, known)
        if other is None or other.form is None or other.form == known.form:
            continue
        if not _is_random({**fields, "forward": source}, scope, known):
            return source
    return ""


def _called(call: str) -> str:
    """Return the name of the function that is called, with the parenthesis behind it."""
    return call.removeprefix("(").rpartition("net.")[2].partition("(")[0] + "("


def _calls(forward: Forward, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield calls that may be those of training, first of the same function, then of others."""
    host = forward.host
    net = made(host.make, scope)
    plain = [call for call, _ in calls_with(host, net, scope, frozenset())]
    told = [call for call, _ in calls_with(host, net, scope, frozenset({"quiet"}), quiet="True")]
    switched = [f"({switch}, {call})[-1]" for switch in to_training(host, net) for call in plain]
    calls = [
        call
        for call in dict.fromkeys((*plain, *told, *switched))
        if call != forward.call and LABELS not in call
    ]
    yield from (call for call in calls if _called(call) in forward.call)
    # What predicts may call the pass of training, told that it is none.
    inner = {f"{name}(" for name in _read_by(forward)}
    yield from (call for call in plain if call in calls and _called(call) in inner)


def _read_by(forward: Forward) -> list[str]:
    """Return what the method that is the forward pass reads of its object."""
    methods = (one for one in forward.host.functions if f"{one.code}(" in forward.call)
    return [name for one in methods for name in attributes_read(one.function)]


def _draws(fields: Mapping[str, str], scope: Mapping[str, Any], known: Inquiry) -> bool:
    """Whether the gradient of the same batch is ever another one."""
    try:
        return drops(known.into(known.subject.another(build(fields, scope))))
    except (SubjectError, *FAILURES):
        return False


def _is_random(fields: Mapping[str, str], scope: Mapping[str, Any], known: Inquiry) -> bool:
    """Whether the output of the same batch is ever another one."""
    inputs = known.batches[0].inputs
    try:
        subject = known.subject.another(build(fields, scope))
        known.into(subject)
        first = subject.forward(inputs)
        return is_ever_another(
            subject, lambda: subject.forward(inputs), lambda again: bool((again != first).any())
        )
    except (SubjectError, *FAILURES):
        return False
