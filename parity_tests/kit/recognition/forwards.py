"""Which function is the forward pass, and how samples lie in a batch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.paths import Found, arrays
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import (
    bindings,
    parameters_of,
    returned_names,
    works_unlabelled,
)
from parity_tests.kit.recognition.chains import Chain, chains, possible
from parity_tests.kit.recognition.hosts import Host, lacking
from parity_tests.kit.recognition.making import activations
from parity_tests.kit.recognition.switches import to_evaluation
from parity_tests.kit.recognition.trial import (
    FAILURES,
    Shapes,
    begin,
    begin_alike,
    evaluate,
    explore,
    made,
    with_forward,
)

Array = NDArray[Any]
BATCHES = ("rows", "columns", "column", "row", "vector")
_MOST_PLACES, _MOST_CALLS = 4, 8


@dataclass
class Forward:
    """A forward pass that was asked.

    Attributes
    ----------
    host : Host
        Whose it is.
    chain : Chain
        Its parameters.
    fields : dict
        The declaration so far, as Python code.
    call : str
        Code of the call, without what is taken from its result. Labels that it takes are zeros,
        of which the output does not depend.
    labelled : str
        Code of the same call with the labels ``y``; empty if it takes none.
    reporting : str
        That call alone, whose result may have the loss in it.
    place : str
        Where the output is in the result, as code to be put behind its name.
    inquiry : Inquiry
        With the form, if that is known.
    exact : dict
        Code for arguments by name: what the forward pass returns, of its result ``out``.
    members : int
        How many things it returns in a tuple.
    unnamed : tuple of int
        Which of the things that it returns in a tuple have no name there.
    activation : str
        Code of the activation that it is given, if any.
    lacking : list of str
        Tensors of which no gradient was found, where one of others was.
    takes_numbers : bool
        Whether a backward pass after it computes with the labels, and takes them for no classes.
    """

    host: Host
    chain: Chain
    fields: dict[str, str]
    call: str
    place: str
    inquiry: Inquiry
    exact: dict[str, str] = field(default_factory=dict)
    members: int = 0
    unnamed: tuple[int, ...] = ()
    activation: str = ""
    lacking: list[str] = field(default_factory=list)
    takes_numbers: bool = False
    labelled: str = ""
    reporting: str = ""

    @property
    def known(self) -> bool:
        """Whether its form is known."""
        return self.inquiry.form is not None

    @property
    def is_left_by_loss(self) -> bool:
        """Whether the output is what a loss leaves on the network, as no function returns it."""
        losses = self.host.ranked(names.LOSS)
        return any(self.call.startswith(f"({one.code}(") for one in losses)

    @property
    def output(self) -> str:
        """Code of the output, of the call's result ``out``."""
        return f"out{self.place}"


def forwards(
    host: Host, scope: Mapping[str, Any], drawn: dict[Shapes, Inquiry] | None = None
) -> list[Forward]:
    """Return forward passes whose form is known, one for each way in which samples may lie.

    If there is none, those that give an output of the right shape that depends on all matrices.

    Parameters
    ----------
    drawn : dict, optional
        As of `begin_alike`, for several hosts.
    """
    drawn = {} if drawn is None else drawn
    net = made(host.make, scope)
    known: list[Forward] = []
    turned: list[Forward] = []
    unknown: list[Forward] = []
    called = {code: name for name, code in host.exact.items()}
    found = [replace(one, called=called.get(f"net{one.text}", "")) for one in possible(net)]
    for chain in chains(found):
        # Where a bias lies within a matrix is seen only from the output.
        if unknown and chain.weights != unknown[0].chain.weights:
            break
        fields = {"make": host.make, "parameters": chain.source(), "weights": repr(chain.layout)}
        if chain.bias != "apart":
            fields["bias"] = repr(chain.bias)
        # All calls are asked the same, for alive parameters take their time to be drawn.
        plain_fields = {**fields, "forward": "lambda net, x: x"}
        begun = {
            batch: begin_alike({**plain_fields, "batch": repr(batch)}, scope, drawn)
            for batch in BATCHES
        }
        calls = _calls(host, net, scope)
        for call, function in (*calls, *_calls(host, net, scope, silenced=True)):
            if call not in dict(calls) and not any(map(_is_random, unknown)):
                continue
            for (batch, plain), labels in product(begun.items(), _labels(call)):
                own = {**fields, "batch": repr(batch)}
                zeros = labels.format(n=_COUNTS.get(batch, "1"))
                unlabelled = call.replace(LABELS, zeros)
                tried = plain and _tried(host, chain, own, unlabelled, scope, plain)
                if tried is None:
                    continue
                if unlabelled != call:
                    ones = unlabelled.replace("np.zeros", "np.ones")
                    other = tried.fields["forward"].replace(unlabelled, ones)
                    if not (
                        tried.known and _is_whole(chain, net) and _is_alike(tried, other, scope)
                    ):
                        continue
                    tried.labelled = tried.call.replace(zeros, "y")
                    tried.reporting = call.replace(LABELS, "y")
                tried.exact = _returned(tried, function, scope)
                given = (one for one in activations(scope) if _mentions(call, one))
                tried.activation = next(given, "")
                (known if tried.known else unknown).append(tried)
            if not known:
                continue
            if not all(_is_turned(one) for one in known):
                return known
            # Square matrices may be meant the other way.
            turned, known = turned or known, []
            break
    return turned or unknown


def _is_turned(forward: Forward) -> bool:
    """Whether all matrices are square, and reproduce the output as those of the other layout."""
    form = forward.inquiry.form
    return form is not None and len(form.transposed) == len(forward.chain.weights)


# Labels in code of a call, and zeros in their place: of classes, and for any width of one-hot ones.
LABELS = "_labels_"
_ZEROS = ("np.zeros({n}, int)", "np.zeros(({n}, 1))", "np.zeros((1, {n}))")
_COUNTS = {"rows": "len(x)", "columns": "x.shape[1]"}


def _labels(call: str) -> tuple[str, ...]:
    return _ZEROS if _mentions(call, LABELS) else ("",)


def _is_alike(forward: Forward, other: str, scope: Mapping[str, Any]) -> bool:
    """Whether the output is that of another call, with other labels."""
    subject, inquiry = forward.inquiry.subject, forward.inquiry
    same = begin({**forward.fields, "forward": other}, scope)
    if same is None:
        return False
    inputs = inquiry.batches[0].inputs
    try:
        subject.set(inquiry.layers)
        same.subject.set(inquiry.layers)
        return np.array_equal(subject.forward(inputs), same.subject.forward(inputs))
    except FAILURES:
        return False


def _is_whole(chain: Chain, net: Any) -> bool:
    """Whether a chain is no first layer beside which a network has other matrices."""
    taken = {id(one.array) for one in chain.found}
    others = [one for one in possible(net) if one.array.ndim == 2 and id(one.array) not in taken]
    return len(chain.weights) > 1 or not others


def _takes_labels(function: Callable[..., Any]) -> bool:
    """Whether a function has to be given labels beside its inputs."""
    needed = [p for p in parameters_of(function) or [] if p.default is p.empty]
    return {"inputs", "labels"} <= {names.role(one.name) for one in needed}


def _is_random(forward: Forward) -> bool:
    """Whether the output of one batch changes from call to call."""
    subject, inputs = forward.inquiry.subject, forward.inquiry.batches[0].inputs
    try:
        return not np.allclose(subject.forward(inputs), subject.forward(inputs), equal_nan=True)
    except FAILURES:
        return False


def _calls(
    host: Host, net: Any, scope: Mapping[str, Any], silenced: bool = False
) -> list[tuple[str, Callable[..., Any] | None]]:
    """Return calls of forward passes; `silenced` ones are told that they are no training.

    By an argument, or by a method or an attribute that switches to evaluation before.
    """
    if silenced:
        plain = calls_with(host, net, scope, frozenset({"quiet"}))
        switched = [
            (f"({switch}, {call})[-1]", function)
            for switch in to_evaluation(host, net)
            for call, function in calls_with(host, net, scope, frozenset())
        ]
        return [*switched, *plain][:_MOST_CALLS]
    return calls_with(host, net, scope, frozenset())


def calls_with(
    host: Host, net: Any, scope: Mapping[str, Any], given: frozenset[str], quiet: str = "False"
) -> list[tuple[str, Callable[..., Any] | None]]:
    """Return calls of forward passes with arguments of some roles beside the necessary ones.

    Parameters
    ----------
    given : frozenset of str
        Roles, see `names.role`, that are given even where there is a default.
    quiet : str, default "False"
        Code of what says whether it trains, or prints.
    """
    if host.forwards:
        return [(call, None) for call in host.forwards]
    roles = {
        "inputs": ["x"],
        "parameters": ["net"],
        "unknown": ["x"],
        "zero": ["0.0"],
        "delta": ["x"],
        "output": ["x"],
        "labels": ["x"],
        "quiet": [quiet],
        "activation": activations(scope),
    }
    found: list[tuple[str, Callable[..., Any] | None]] = []
    for one in host.ranked(names.FORWARD):
        if names.is_derivative(one.name):
            continue
        own = {**roles, "labels": [LABELS]} if _takes_labels(one.function) else roles
        for text in bindings(one.function, host.exact, own, given):
            if _mentions(text, "x"):
                found.append((f"{one.code}({text})", one.function))
            elif host.kind == "object":
                found += [
                    (f"(setattr(net, {name!r}, x), {one.code}({text}))[-1]", one.function)
                    for name in (*vars(net), *lacking(net, "inputs"))
                    if names.role(name) == "inputs"
                ]
    # Some losses are the forward pass if they are given no labels.
    for one in host.ranked(names.LOSS):
        if works_unlabelled(one.function):
            found += [
                (f"{one.code}({text})", None)
                for text in bindings(one.function, host.exact, roles)
                if _mentions(text, "x")
            ]
    # Some have forward and backward pass in one function, and give the output with the gradients.
    both = [one for one in host.ranked(names.BACKWARD) if "forward" in one.name.lower()]
    for one in both if not found else ():
        for text in bindings(one.function, host.exact, {**roles, "labels": ["labels"]}):
            labels = "np.zeros(len(x), int)"
            found.append((f"{one.code}({text.replace('labels', labels)})", one.function))
    return found[:_MOST_CALLS]


def _mentions(text: str, name: str) -> bool:
    parts = text.replace("=", " ").replace("(", " ").replace(")", " ").replace(",", " ").split()
    return name in parts


def _tried(
    host: Host,
    chain: Chain,
    fields: dict[str, str],
    call: str,
    scope: Mapping[str, Any],
    plain: Inquiry,
) -> Forward | None:
    """Return the forward pass with the output where it gives a form that is known.

    Parameters
    ----------
    plain : Inquiry
        Into the network with any forward pass; its questions are asked.
    """
    rough: Forward | None = None
    for place, inner in _places(fields, call, scope, plain):
        source = f"lambda net, x: {inner}{place}"
        inquiry = with_forward({**fields, "forward": source}, scope, plain)
        if inquiry is None:
            continue
        whole = {**fields, "forward": source}
        tried = Forward(host, chain, whole, inner, place, inquiry)
        if inquiry.form is not None and inquiry.form.output != "identity":
            return tried
        if rough is None or (tried.known and not rough.known):
            rough = tried
    return rough


def _places(
    fields: dict[str, str], call: str, scope: Mapping[str, Any], inquiry: Inquiry
) -> Iterator[tuple[str, str]]:
    """Yield where in a result, or on the network after the call, an output may be; and the call."""
    seen: list[tuple[str, str]] = []
    function = evaluate(f"lambda net, x: {call}", scope)

    def explorer(net: Any, x: Any, _y: Any) -> None:
        samples = x.shape[int(fields["batch"] == "'columns'")] if np.ndim(x) == 2 else 1
        samples = 1 if fields["batch"] in ("'row'", "'column'", "'vector'") else samples
        wanted = samples * inquiry.subject.outputs
        before = {id(one.array) for one in arrays(net)}
        result = function(net, x)
        found = [one for one in arrays(result) if one.array.size == wanted]
        turned = _turned(fields["batch"], inquiry, samples)
        if found:
            _append(seen, found, result, call, turned)
        elif result is None or not arrays(result):
            left = [one for one in arrays(net, 3) if one.array.size == wanted]
            new = [one for one in left if id(one.array) not in before and len(one.path) <= 2]
            new.reverse()
            ranked = sorted(new, key=lambda one: names.role(one.name) != "output")
            texts = (one.text + ".T" * (one.array.shape == turned) for one in ranked)
            seen.extend(("", f"({call}, net{text})[-1]") for text in texts)

    explore(inquiry, explorer, "one_hot")
    yield from seen[:_MOST_PLACES]


def _turned(batch: str, inquiry: Inquiry, samples: int) -> tuple[int, int] | None:
    """Return the shape of an output that does not lie as its batch does."""
    shape = (samples, inquiry.subject.outputs)
    return {"'rows'": shape[::-1], "'columns'": shape}.get(batch)


def _append(
    seen: list[tuple[str, str]],
    found: list[Found],
    result: Any,
    call: str,
    turned: tuple[int, int] | None,
) -> None:
    """Note the places in a result: the outermost first, the last before the others."""
    for depth in sorted({len(one.path) for one in found}):
        for one in reversed([one for one in found if len(one.path) == depth]):
            text = one.text
            if depth == 1 and isinstance(result, (list, tuple)) and one.array is result[-1]:
                text = "[-1]"
            seen.append((text + ".T" * (one.array.shape == turned), call))


def _returned(
    forward: Forward, function: Callable[..., Any] | None, scope: Mapping[str, Any]
) -> dict[str, str]:
    """Return code for what the forward pass returns, by the names that it has there."""
    exact: dict[str, str] = {}
    if function is None:
        return exact
    call = evaluate(f"lambda net, x: {forward.call}", scope)
    results: list[Any] = []
    explore(forward.inquiry, lambda net, x, _y: results.append(call(net, x)), "one_hot")
    if not results:
        return exact
    result = results[0]
    returned = returned_names(function)
    forward.members = len(result) if isinstance(result, tuple) else 0
    if isinstance(result, tuple) and returned and len(returned) == len(result):
        forward.unnamed = tuple(n for n, name in enumerate(returned) if not name)
        exact |= {name.lower().strip("_"): f"out[{n}]" for n, name in enumerate(returned)}
        for n, member in enumerate(result):
            if isinstance(member, Mapping):
                exact |= {str(key).lower(): f"out[{n}][{key!r}]" for key in member}
    elif isinstance(result, Mapping):
        exact |= {str(key).lower(): f"out[{key!r}]" for key in result}
    if returned and len(returned) == 1:
        exact[returned[0].lower().strip("_")] = "out"
    # What is called y there is the output, and what is called y elsewhere the labels. So is an x
    # that goes in and has become the output.
    taken = {one.name.lower().strip("_") for one in parameters_of(function) or []}
    return {
        name: code
        for name, code in exact.items()
        if name
        and names.role(name) != "labels"
        and not (name in taken and names.role(name) == "inputs")
    }
