"""The declaration of a network, worked out by asking it."""

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.recognition import hosts, names
from parity_tests.kit.recognition.account import account
from parity_tests.kit.recognition.begun import begun
from parity_tests.kit.recognition.callers import caller_of, names_used, parts_called, stands_for
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.deeper import deeper_that_raises
from parity_tests.kit.recognition.drafts import RELATED, Draft, drafted
from parity_tests.kit.recognition.hosts import Host, Named
from parity_tests.kit.recognition.proposal import LIKELY, Convention, Proposal
from parity_tests.kit.recognition.proposed import proposed
from parity_tests.kit.recognition.trial import Shapes, made
from parity_tests.kit.recognition.widths import Widths
from parity_tests.kit.rendering.wording import LEFT_OUT
from parity_tests.kit.subject.seeding import seeded
from parity_tests.kit.subject.subject import SubjectError

_MOST_HOSTS, _MOST_CONTAINERS = 40, 12


class RecognitionError(SubjectError):
    """No network was recognized."""


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
        proposal = proposed(_whole(target, scope, sizes), scope, _is_module(target))
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


def _whole(target: Any, scope: Mapping[str, Any], sizes: Sequence[int] | None) -> Draft:
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
) -> Draft:
    """Return what is known of the best of a source's hosts, of several outputs or of one."""
    failure = RecognitionError("")
    passed: Draft | None = None
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
) -> Draft:
    best: Draft | None = None

    def key(draft: Draft) -> tuple[Any, ...]:
        return sizes is None or draft.forward.inquiry.subject.sizes == [*sizes], *draft.key

    drawn: dict[Shapes, Inquiry] = {}
    refusing: list[Host] = []
    for host in islice(found, _MOST_HOSTS):
        draft = drafted(host, scope, drawn)
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


def _is_network(draft: Draft) -> bool:
    match = draft.match
    related = match is not None and (match.closeness > RELATED or match.known > 0)
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
