"""Which function is the backward pass, and where it leaves the gradients."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.paths import Found, Step, arrays, from_the_end, lengths
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import Call, calls
from parity_tests.kit.recognition.calls import returned_names
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.moving import is_same, is_same_or_shrunk, moves
from parity_tests.kit.recognition.places import (
    Place,
    are_moved,
    assigned,
    picked,
    unsummed,
    written,
)
from parity_tests.kit.recognition.rates import rates, without_rate
from parity_tests.kit.recognition.trial import (
    SAME,
    Match,
    are_numbers,
    closest,
    evaluate,
    explore,
    observe,
    references,
)

Array = NDArray[Any]
LABELS = ("one_hot", "integers", "integer_column")
TARGETS = "targets"
_MOST_CALLS = 12
_ZEROING = re.compile(r"\[a\.fill\(0\) for a in \(.*?,\)\]")


@dataclass
class Backward:
    """A backward pass that was asked.

    Attributes
    ----------
    forward : Forward
        The pass that comes before it.
    fields : dict
        The declaration, with ``gradients``, ``backward`` or ``step``.
    labels : str
        The form of labels.
    call : str
        Code of both passes.
    match : Match
        How well the gradients are explained.
    own_delta : bool
        Whether the gradient of the loss, with which it begins, is ours.
    in_place : bool
        Whether it updates the parameters itself.
    unsummed : bool
        Whether a bias has a gradient for every sample.
    exact : dict
        Code for arguments by name: what the backward pass returns, of its result ``g``.
    is_still : bool
        Whether it moves parameters for labels between 0 and 1, and for neither of these.
    """

    forward: Forward
    fields: dict[str, str]
    labels: str
    call: str
    match: Match
    own_delta: bool = False
    in_place: bool = False
    unsummed: bool = False
    exact: dict[str, str] = field(default_factory=dict)
    is_still: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What is compared: what explains more, and then what needs less of our own."""
        return *self.match.key, not self.own_delta, not self.in_place


def backwards(forward: Forward, scope: Mapping[str, Any]) -> Iterator[Backward]:
    """Yield backward passes that could be asked, with where they leave the gradients."""
    for call in islice(calls(forward, scope), _MOST_CALLS):
        if not call.is_labelled:
            continue
        labels = (TARGETS,) if call.of_inputs else ("one_hot",) if call.own_delta else LABELS
        for form in labels:
            found = _asked(forward, call, form, scope)
            if found is not None and (found.match.complete or not call.must_be_right):
                yield found


@dataclass
class _Seen:
    """What a backward pass did."""

    result: Any = None
    before: dict[tuple[Step, ...], Array] = field(default_factory=dict)
    leaves: list[Found] = field(default_factory=list)
    stored: list[Found] = field(default_factory=list)
    moved: int = 0


def _asked(forward: Forward, call: Call, labels: str, scope: Mapping[str, Any]) -> Backward | None:
    seen = _Seen()
    function = evaluate(f"lambda net, x, y, lr: {call.text}", scope)
    chain = forward.chain.found
    batch = forward.inquiry.batches[0]
    targets = batch.targets[: 1 if forward.inquiry.subject.single else len(batch)]
    kept = {} if call.text == forward.call else _left_by_forward(forward, labels, scope)

    def explorer(net: Any, x: Any, y: Any) -> None:
        paths = {one.path: one.array.copy() for one in arrays(net)}
        begun = lengths(net)
        result = function(net, x, y, 0.5)
        after = {one.path: one for one in arrays(net)}
        seen.result, seen.before = result, paths
        seen.leaves = arrays(result, numbers=True)
        own = {one.path for one in chain}
        own_ids = {id(after[path].array) for path in own if path in after}
        moved = [
            (after[path].array, paths[path])
            for path in own
            if path in after
            and path in paths
            and not np.array_equal(after[path].array, paths[path], equal_nan=True)
        ]
        # What only shrinks parameters is no step.
        seen.moved = 0 if all(is_same_or_shrunk(*pair) for pair in moved) else len(moved)
        ended = lengths(net)
        seen.stored = [
            Found(from_the_end(path, begun, ended), np.array(one.array))
            for path, one in after.items()
            if path not in own
            and not _is_given(one.array, (x, y, targets, targets.T))
            and id(one.array) not in own_ids
            and not (path in kept and np.array_equal(one.array, kept[path], equal_nan=True))
            and not (is_same(one.array, paths.get(one.path)) and not is_called_gradient(one))
        ]

    if not explore(forward.inquiry, explorer, labels):
        return None
    fields = {**forward.fields, "labels": repr(labels)}
    fields.pop("lr", None)
    options: list[Backward] = []
    in_one = [(declared, False) for declared in _in_one_vector(forward, call, seen)]
    for declared, is_unsummed in [*_declared(forward, call, seen, scope), *in_one]:
        match = of_labels({**fields, **declared}, scope, forward)
        if match is not None:
            exact = _exact(call, seen.result)
            # What begins at zero for its gradients does so for its step.
            zeroing = _ZEROING.search(declared.get("gradients", ""))
            text = f"({zeroing[0]}, {call.text})[-1]" if zeroing else call.text
            options.append(
                Backward(
                    forward,
                    {**fields, **declared},
                    labels,
                    text,
                    match,
                    call.own_delta,
                    "step" in declared,
                    is_unsummed,
                    exact,
                )
            )
    # A step may move parameters for labels between 0 and 1, as it does not for 0 and 1.
    is_open = not options and labels == "one_hot" and not seen.moved
    if is_open and moves(call.text, forward, "soft", scope, is_same_or_shrunk):
        for rated in rates(forward, call, scope):
            declared = {**fields, "step": f"lambda net, x, y, lr: {rated}"}
            match = Match(0, 0, 0.0, len(chain))
            asked = forward, declared, labels, call.text, match
            options.append(Backward(*asked, in_place=True, is_still=True))
    return max(options, key=lambda one: one.key, default=None)


def _is_given(array: Array, given: Sequence[Any]) -> bool:
    """Whether an array has the numbers of samples or labels, and is no gradient."""
    return any(np.array_equal(array.ravel(), np.ravel(own)) for own in given)


def is_called_gradient(one: Found) -> bool:
    """Whether a name on the path to an array is one that gradients have."""
    return any(names.is_gradient(step.name) for step in one.path if isinstance(step.name, str))


def of_labels(
    fields: Mapping[str, str], scope: Mapping[str, Any], forward: Forward
) -> Match | None:
    """Return what `observe` does, but for labels of classes that are taken for numbers."""
    match = observe(fields, scope, forward.inquiry)
    is_open = match is not None and not match.complete
    if is_open and are_numbers(fields, scope, forward.inquiry):
        forward.takes_numbers = True
        return None
    return match


def _left_by_forward(
    forward: Forward, labels: str, scope: Mapping[str, Any]
) -> dict[tuple[Step, ...], Array]:
    """Return what a forward pass writes to a network: where the backward pass leaves it, that."""
    call = evaluate(f"lambda net, x: {forward.call}", scope)
    written: dict[tuple[Step, ...], Array] = {}

    def explorer(net: Any, x: Any, _y: Any) -> None:
        before = {one.path: one.array.copy() for one in arrays(net)}
        call(net, x)
        for one in arrays(net):
            old = before.get(one.path)
            if old is None or not np.array_equal(old, one.array, equal_nan=True):
                written[one.path] = one.array.copy()

    return written if explore(forward.inquiry, explorer, labels) else {}


def _exact(call: Call, result: Any) -> dict[str, str]:
    returned = returned_names(call.function) if call.function else None
    if isinstance(result, tuple) and returned and len(returned) == len(result):
        return {name.lower().strip("_"): f"g[{n}]" for n, name in enumerate(returned) if name}
    if isinstance(result, Mapping):
        return {str(key).lower(): f"g[{key!r}]" for key in result}
    return {returned[0].lower().strip("_"): "g"} if returned and len(returned) == 1 else {}


def _declared(
    forward: Forward, call: Call, seen: _Seen, scope: Mapping[str, Any]
) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield what is declared about gradients: returned, stored, or only the step."""
    returned = assigned(forward, seen.leaves, returned_names(call.function))
    moved = returned if returned and are_moved(returned, seen.before, forward) else []
    if seen.moved or moved:
        for rated in rates(forward, call, scope):
            # Parameters of an object stay where they are; those of functions are the tuple itself.
            kept = [] if seen.moved or forward.host.kind == "functions" else moved
            yield {"step": f"lambda net, x, y, lr: {written(kept, rated)}"}, False
        return
    text = without_rate(call.text)
    if returned is not None:
        source = f"lambda net, x, y: {picked(returned, seen.leaves, text, forward)}"
        yield {"gradients": source}, unsummed(returned)
    stored = assigned(forward, seen.stored, None)
    if stored is not None:
        plain = [one.found.dotted for one in stored]
        if all(one.relation == "same" for one in stored) and all(plain):
            paths = " ".join(map(str, plain))
            yield {"gradients": repr(paths), "backward": f"lambda net, x, y: {text}"}, False
        else:
            body = ", ".join(one.code("net") for one in stored)
            source = f"lambda net, x, y: ({text}, [{body}])[-1]"
            yield {"gradients": source}, unsummed(stored)
        if forward.inquiry.subject.single and call.function is not None:
            # What adds up over the samples of a batch begins at zero for each.
            body = ", ".join(one.code("net") for one in stored)
            zeroed = f"({_zeroing(stored)}, {text}, [{body}])[-1]"
            yield {"gradients": f"lambda net, x, y: {zeroed}"}, unsummed(stored)


def _in_one_vector(forward: Forward, call: Call, seen: _Seen) -> Iterator[dict[str, str]]:
    """Yield what is declared if one vector that is returned has all gradients in it.

    Its parts lie layer by layer, or those of the matrices before those of the biases: parameters
    are declared in the same order. Nothing but numbers tells which it is: the gradient of the last
    matrix has to be right where it is taken to lie.
    """
    chain = forward.chain
    total = sum(one.array.size for one in chain.found)
    vectors = [leaf for leaf in seen.leaves if leaf.array.shape == (total,)]
    if seen.moved or len(vectors) != 1 or len(chain.found) == 1 or forward.inquiry.subject.single:
        return
    expected = [gradients[-1].weight for _, gradients in references(forward.inquiry)]
    text, path = without_rate(call.text), vectors[0].text
    body = f"(lambda g: g{path})({text})" if path else text
    for parameters, order in chain.orders():
        last = next(n for n, one in enumerate(order) if one is chain.weights[-1])
        begin = sum(one.array.size for one in order[:last])
        shape = order[last].array.shape
        part = vectors[0].array[begin : begin + order[last].array.size].reshape(shape)
        if closest(part.T if chain.layout == "in_out" else part, expected) > SAME:
            yield {"parameters": parameters, "gradients": f"lambda net, x, y: {body}"}


def _zeroing(places: Sequence[Place]) -> str:
    kept = ", ".join(f"net{one.found.text}" for one in places)
    return f"[a.fill(0) for a in ({kept},)]"
