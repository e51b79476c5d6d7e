"""Which function is the backward pass, and where it leaves the gradients."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.fitting import fit
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import (
    bindings,
    bindings_of_either,
    parameters_of,
    returned_names,
    works_unlabelled,
)
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.globals import missing_globals
from parity_tests.kit.recognition.hosts import Named, lacking, own_classes
from parity_tests.kit.recognition.paths import Found, Step, arrays, from_the_end, lengths
from parity_tests.kit.recognition.trial import (
    SAME,
    Match,
    are_numbers,
    closest,
    evaluate,
    explore,
    made,
    observe,
    references,
)

Array = NDArray[Any]
LABELS = ("one_hot", "integers", "integer_column")
TARGETS = "targets"
_MOST_CALLS, _MOST_DELTAS = 12, 4
_ZEROING = re.compile(r"\[a\.fill\(0\) for a in \(.*?,\)\]")
# What a layer hands to the one below is no gradient of its bias.
_OF_INPUTS = re.compile(r"(d|d_|grad_|delta_)(inputs?|a_?prev|prev)")
# How far parameters are from those before a step, at most, to be known as theirs.
_OF_ITSELF = 0.5
# How far what is a multiple of it is from being one.
_ROUNDING = 1e-9
# The learning rate as a value, and not as the name of an argument or of an attribute.
_RATE = re.compile(r"(?<!['.\w])lr(?!['=\w])")


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


@dataclass(frozen=True)
class Call:
    """Code of a forward and a backward pass.

    Attributes
    ----------
    text : str
        The code, with ``net``, ``x``, ``y`` and maybe ``lr``.
    function : callable or None
        The backward pass itself.
    own_delta : bool
        As in `Backward`.
    must_be_right : bool
        Whether it counts only if all gradients are right, for the names say something else.
    of_inputs : bool
        Whether targets stand where the inputs do by their name, as those of an autoencoder are.
    """

    text: str
    function: Callable[..., Any] | None = None
    own_delta: bool = False
    must_be_right: bool = False
    of_inputs: bool = False

    @property
    def is_labelled(self) -> bool:
        """Whether it is given any labels; else what it is held to is not known."""
        return "y" in _words(self.text)

    @property
    def rated(self) -> bool:
        """Whether it is given a learning rate, as an argument or as an attribute."""
        return "lr" in _words(self.text)


def with_out(forward: Forward, call: str) -> str:
    """Return code that runs the forward pass, and then a call that may use its result ``out``."""
    whole = forward.labelled or forward.call
    if "out" in _words(call):
        return f"(lambda out: {call})({whole})"
    return f"({whole}, {call})[-1]"


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


def count_of(forward: Forward) -> str:
    """Return code for the number of samples."""
    batch = forward.fields["batch"].strip("'")
    return {"rows": "len(x)", "columns": "x.shape[1]"}.get(batch, "1")


def callee(one: Named, forward: Forward) -> str:
    """Return code of a function, with the number of samples where its module lacks it: ``m``."""
    plain = getattr(one.function, "__func__", one.function)
    lacked = [n for n in missing_globals(plain) if names.role(n) in ("count", "batch_size")]
    values = "".join(f", {name}={count_of(forward)}" for name in lacked)
    return f"with_globals({one.code}{values})" if values else one.code


def roles_of(forward: Forward, deltas: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return code for the arguments of a backward pass, by their roles."""
    return {
        "inputs": ["x"],
        "labels": ["y"],
        "output": [forward.output, "out"] if forward.place else ["out"],
        "cache": _caches(forward),
        # The function that the forward pass was given, or what has come of it.
        "activation": [forward.activation] if forward.activation else _caches(forward),
        "parameters": ["net"],
        "lr": ["lr"],
        "zero": ["0.0"],
        "quiet": ["False"],
        "epochs": ["1"],
        "batch_size": [count_of(forward)],
        "count": [count_of(forward)],
        "delta": list(deltas),
    }


def _caches(forward: Forward) -> list[str]:
    if forward.place in ("[0]", "[-1]"):
        return ["out[1]" if forward.place == "[0]" else "out[0]", "out"]
    return ["out"]


def deltas(forward: Forward, scope: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return code for the gradient of the loss with respect to the output; whether it is ours."""
    found: list[tuple[str, bool]] = []
    roles = roles_of(forward)
    roles["unknown"] = [forward.output, "y"]
    for one in forward.host.helpers:
        plain = one.name.lower()
        if names.is_derivative(plain) and names.rank(plain, names.LOSS) is not None:
            found += [(f"{one.code}({text})", False) for text in bindings(one.function, {}, roles)]
        elif names.is_loss(plain):
            found += _with_flag(one, roles)
    found += [(text, False) for text in _of_objects(forward, scope)]
    return [*found[:_MOST_DELTAS], (f"({forward.output} - y)", True)]


def _with_flag(one: Named, roles: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, bool]]:
    """Yield calls of losses that have their derivative behind a switch."""
    for parameter in parameters_of(one.function) or []:
        if isinstance(parameter.default, bool):
            flag = f"{parameter.name}={not parameter.default}"
            for text in islice(bindings(one.function, {}, roles), 2):
                yield f"{one.code}({text}, {flag})", False


def _of_objects(forward: Forward, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield calls of loss classes: forward and then backward, or backward alone."""
    out = forward.output
    for name, _ in own_classes(scope):
        if not names.is_loss(name) and "loss" not in name.lower():
            continue
        loss = made(f"lambda: {name}()", scope)
        backward = getattr(loss, "backward", None) or getattr(loss, "gradient", None)
        if loss is None or backward is None:
            continue
        entry = "forward" if hasattr(loss, "forward") else "__call__"
        end = backward.__name__
        # What goes back into it may be the probabilities that come of it beside the loss.
        yield (
            f"(lambda loss: (lambda told: loss.{end}(told[1], y))(loss.{entry}({out}, y)))"
            f"({name}())"
        )
        for back in ("", f"{out}, y", f"y, {out}"):
            yield f"(lambda loss: (loss.{entry}({out}, y), loss.{end}({back}))[-1])({name}())"
        yield (
            f"(lambda loss: (loss.{entry}({out}, y), loss.{end}({out}, y), loss.dinputs)[-1])"
            f"({name}())"
        )


def calls(forward: Forward, scope: Mapping[str, Any]) -> Iterator[Call]:
    """Yield forward and backward passes, by the names of functions the likeliest first."""
    beginnings = deltas(forward, scope)
    if forward.host.backwards:
        for backward in forward.host.backwards:
            for delta, ours in beginnings:
                yield Call(with_out(forward, backward.format(delta=delta)), None, ours)
        return
    exact = {**forward.host.exact, **forward.exact}
    both = [one for one in forward.host.ranked(names.LOSS) if _may_go_back(one)]
    net = made(forward.host.make, scope) if forward.host.kind == "object" else None
    # What a network reads and lacks, somebody sets from outside.
    set_first = "".join(f"setattr(net, {name!r}, lr), " for name in lacking(net, "lr"))
    kept = [*_labels_kept(net), *lacking(net, "labels")]
    labels = [f"setattr(net, {name!r}, y)" for name in kept]
    sizes = forward.inquiry.subject.sizes
    is_square = sizes[0] == sizes[-1]
    for one in (*forward.host.ranked(names.BACKWARD), *both):
        needs_delta = False
        code = callee(one, forward)
        named = {**_by_position(one, forward, exact), **exact}
        for delta, ours in beginnings:
            roles = roles_of(forward, [delta])
            for text, is_guess in _arguments(one, forward, named, roles):
                call = f"{code}({text})"
                needs_delta = delta in text
                call = f"({set_first}{call})[-1]" if set_first else call
                whole = call if forward.call == call else with_out(forward, call)
                yield Call(whole, one.function, ours and needs_delta, is_guess)
                if is_guess:
                    continue
                if is_square and "y" not in _words(call):
                    # An autoencoder is held to its inputs.
                    held = f"{code}({_in_place_of_inputs(text)})"
                    held = f"({set_first}{held})[-1]" if set_first else held
                    yield Call(
                        with_out(forward, held), one.function, ours and needs_delta, True, True
                    )
                if text == "y":
                    # What is called y may be the gradient of the loss, of a network without one.
                    given = f"({set_first}{code}({delta}))[-1]" if set_first else ""
                    given = given or f"{code}({delta})"
                    yield Call(with_out(forward, given), one.function, ours, must_be_right=True)
                if not needs_delta and "y" not in _words(call):
                    # The labels may have come with the loss.
                    for loss in (*labels, *_own_losses(forward, exact)):
                        yield Call(with_out(forward, f"({loss}, {call})[-1]"), one.function)
            if not needs_delta:
                break


def _arguments(
    one: Named, forward: Forward, exact: Mapping[str, str], roles: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, bool]]:
    """Yield argument lists of a backward pass, and whether they count only if all comes out right.

    What has a strange name beside labels, alone, may be what came out of the network. It is, if a
    loss of the network has the same name for what it is given with labels.
    """
    optional = frozenset({"labels", "lr"})
    for text in bindings_of_either(one.function, exact, roles, optional):
        yield text, False
    taken = [own.name for own in parameters_of(one.function) or [] if own.default is own.empty]
    kinds = [names.role(name) for name in taken]
    strange = _strange(one, exact)
    if len(strange) != 1 or "labels" not in kinds or {"inputs", "output", "delta"} & {*kinds}:
        return
    is_told = any(
        strange[0] in _given_with_labels(loss) for loss in forward.host.ranked(names.LOSS)
    )
    for output in roles["output"]:
        for text in bindings(one.function, {**exact, strange[0]: output}, roles, optional):
            yield text, not is_told


def _given_with_labels(loss: Named) -> list[str]:
    """Return the names of what a loss takes beside labels."""
    taken = [own.name for own in parameters_of(loss.function) or []]
    plain = [name.lower().strip("_") for name in taken]
    return plain if "labels" in map(names.role, taken) else []


def _strange(one: Named, exact: Mapping[str, str]) -> list[str]:
    """Return the arguments that a function has to be given, and whose names say nothing."""
    return [
        parameter.name.lower().strip("_")
        for parameter in parameters_of(one.function) or []
        if parameter.default is parameter.empty
        and names.role(parameter.name) is None
        and parameter.name.lower().strip("_") not in exact
    ]


def _may_go_back(loss: Named) -> bool:
    """Whether a loss may return gradients, too: it is given samples and labels."""
    kinds = {names.role(one.name) for one in parameters_of(loss.function) or []}
    return works_unlabelled(loss.function) or {"inputs", "labels"} <= kinds


def _in_place_of_inputs(arguments: str) -> str:
    """Return code of arguments with targets where the inputs are."""
    return re.sub(r"\bx\b", "y", arguments)


def _labels_kept(net: Any) -> list[str]:
    """Return the attributes of a network that are labels: an array from the start, or none."""
    kept = vars(net) if hasattr(net, "__dict__") else {}
    return [
        name
        for name, value in kept.items()
        if names.role(name) == "labels" and (value is None or isinstance(value, np.ndarray))
    ]


def _own_losses(forward: Forward, exact: Mapping[str, str]) -> Iterator[str]:
    """Yield calls of a network's own losses that are given labels."""
    for one in forward.host.functions if forward.host.kind == "object" else ():
        if names.is_loss(one.name):
            for text in islice(bindings(one.function, exact, roles_of(forward)), 2):
                if "y" in _words(text):
                    yield f"{one.code}({text})"


def _by_position(one: Named, forward: Forward, exact: Mapping[str, str]) -> dict[str, str]:
    """Return code for arguments of strange names, if as many were returned, or without a name."""
    strange = _strange(one, exact)
    for places in (range(forward.members), forward.unnamed):
        if len(strange) == len(places):
            return {name: f"out[{n}]" for name, n in zip(strange, places, strict=True)}
    return {}


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
            and not (is_still(one, paths) and not is_called_gradient(one))
        ]

    if not explore(forward.inquiry, explorer, labels):
        return None
    fields = {**forward.fields, "labels": repr(labels)}
    fields.pop("lr", None)
    options: list[Backward] = []
    in_one = [(declared, False) for declared in _in_one_vector(forward, call, seen)]
    for declared, unsummed in [*_declared(forward, call, seen, scope), *in_one]:
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
                    unsummed,
                    exact,
                )
            )
    if not options and labels == "one_hot" and not seen.moved and _is_still(forward, call, scope):
        for rated in _rates(forward, call, scope):
            declared = {**fields, "step": f"lambda net, x, y, lr: {rated}"}
            match = Match(0, 0, 0.0, len(chain))
            asked = forward, declared, labels, call.text, match
            options.append(Backward(*asked, in_place=True, is_still=True))
    return max(options, key=lambda one: one.key, default=None)


def _is_still(forward: Forward, call: Call, scope: Mapping[str, Any]) -> bool:
    """Whether a step moves parameters for labels between 0 and 1, as it does not for 0 and 1."""
    function = evaluate(f"lambda net, x, y, lr: {call.text}", scope)
    moved = []

    def explorer(net: Any, x: Any, y: Any) -> None:
        before = {one.path: one.array.copy() for one in arrays(net)}
        function(net, x, y, 0.5)
        after = {one.path: one.array for one in arrays(net)}
        own = [one.path for one in forward.chain.found if one.path in before.keys() & after.keys()]
        moved.extend(path for path in own if not is_same_or_shrunk(after[path], before[path]))

    return explore(forward.inquiry, explorer, "soft") and bool(moved)


def is_same_or_shrunk(now: Array, before: Array) -> bool:
    """Whether an array is what it was, or of several numbers a multiple of that."""
    if np.array_equal(now, before, equal_nan=True):
        return True
    return now.shape == before.shape and now.size > 1 and fit(now, before)[1] <= _ROUNDING


def is_still(one: Found, before: Mapping[tuple[Step, ...], Array]) -> bool:
    """Whether an array is as it was before a call, which no gradient is that is computed."""
    old = before.get(one.path)
    return old is not None and np.array_equal(one.array, old, equal_nan=True)


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
    moved = returned if returned and _are_moved(returned, seen.before, forward) else []
    if seen.moved or moved:
        for rated in _rates(forward, call, scope):
            # Parameters of an object stay where they are; those of functions are the tuple itself.
            kept = [] if seen.moved or forward.host.kind == "functions" else moved
            yield {"step": f"lambda net, x, y, lr: {_written(kept, rated)}"}, False
        return
    text = without_rate(call.text)
    if returned is not None:
        source = f"lambda net, x, y: {_picked(returned, seen.leaves, text, forward)}"
        yield {"gradients": source}, _unsummed(returned)
    stored = assigned(forward, seen.stored, None)
    if stored is not None:
        plain = [one.found.dotted for one in stored]
        if all(one.relation == "same" for one in stored) and all(plain):
            paths = " ".join(map(str, plain))
            yield {"gradients": repr(paths), "backward": f"lambda net, x, y: {text}"}, False
        else:
            body = ", ".join(one.code("net") for one in stored)
            source = f"lambda net, x, y: ({text}, [{body}])[-1]"
            yield {"gradients": source}, _unsummed(stored)
        if forward.inquiry.subject.single and call.function is not None:
            # What adds up over the samples of a batch begins at zero for each.
            body = ", ".join(one.code("net") for one in stored)
            zeroed = f"({_zeroing(stored)}, {text}, [{body}])[-1]"
            yield {"gradients": f"lambda net, x, y: {zeroed}"}, _unsummed(stored)


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


def _zeroing(places: Sequence["_Place"]) -> str:
    kept = ", ".join(f"net{one.found.text}" for one in places)
    return f"[a.fill(0) for a in ({kept},)]"


def without_rate(text: str) -> str:
    """Return code with a learning rate of zero."""
    return _RATE.sub("0.0", text)


def _rates(forward: Forward, call: Call, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield code of a step with its learning rate: an argument, or an attribute."""
    if call.rated:
        yield call.text
        return
    rates = learning_rates(made(forward.host.make, scope))
    yield from (f"({text}, {call.text})[-1]" for text in rates)
    if not rates:
        yield call.text


def learning_rates(net: Any) -> list[str]:
    """Return code that sets the learning rate of a network or of its optimizer."""
    found = []
    found += [f"setattr(net, {name!r}, lr)" for name in _rates_of(net)]
    for name, value in vars(net).items() if hasattr(net, "__dict__") else ():
        if hasattr(value, "__dict__"):
            found += [f"setattr(net.{name}, {inner!r}, lr)" for inner in _rates_of(value)]
        elif isinstance(value, list) and value:
            inners = dict.fromkeys(inner for layer in value for inner in _rates_of(layer))
            found += [
                f"[setattr(layer, {inner!r}, lr) for layer in net.{name} "
                f"if hasattr(layer, {inner!r})]"
                for inner in inners
            ]
    return found or [f"setattr(net, {name!r}, lr)" for name in lacking(net, "lr")]


def _rates_of(value: Any) -> list[str]:
    """Return the attributes of an object that are learning rates."""
    kept = vars(value) if hasattr(value, "__dict__") else {}
    return [
        name
        for name, number in kept.items()
        if names.role(name) == "lr" and isinstance(number, (int, float, np.floating))
    ]


# Where the gradients are


@dataclass(frozen=True)
class _Place:
    """An array that is taken for the gradient of a parameter."""

    found: Found
    relation: str
    parameter: Found

    def code(self, base: str) -> str:
        """Return code of the array in the parameter's shape."""
        text = base + self.found.text
        if self.relation == "transposed":
            return f"{text}.T"
        if self.relation == "number":
            return f"np.full({self.parameter.array.shape}, {text})"
        return text


def _written(places: Sequence[_Place], text: str) -> str:
    """Return code that writes what a call returns to the parameters of a network."""
    if not places:
        return text
    body = ", ".join(f"np.copyto(net{one.parameter.text}, {one.code('g')})" for one in places)
    return f"(lambda g: [{body}])({text})"


def _are_moved(
    places: Sequence[_Place], before: Mapping[tuple[Step, ...], Array], forward: Forward
) -> bool:
    r"""Whether what is taken for gradients are the parameters after a step.

    They are near to those before it, or a matrix is

    .. math:: W - c \, \frac{\partial L}{\partial W}

    for a loss that is known, where a gradient has no more of W in it than a penalty gives it.

    Parameters
    ----------
    before : mapping
        The parameters that the backward pass was given, by their paths.
    """
    pairs = [
        (one.found.array, before[one.parameter.path], one.parameter)
        for one in places
        if one.relation == "same" and one.parameter.path in before
    ]
    if len(pairs) < len(places):
        return False
    sides = zip(*((came.ravel(), own.ravel()) for came, own, _ in pairs), strict=True)
    factor, residual = fit(*map(np.concatenate, sides))
    if residual < _OF_ITSELF and abs(factor - 1) < _OF_ITSELF:
        return True
    expected = [gradients for _, gradients in references(forward.inquiry)]
    for came, own, parameter in pairs:
        layer, is_bias = forward.chain.position(parameter)
        if is_bias:
            continue
        right = [gradients[layer].weight for gradients in expected]
        as_it_is, moved = (
            closest(array.T if forward.chain.layout == "in_out" else array, right)
            for array in (came, came - own)
        )
        # Of a gradient that is far larger than the parameter, both are that.
        if moved > SAME >= as_it_is:
            return True
    return False


def _unsummed(places: Sequence[_Place]) -> bool:
    return any(one.relation == "samples" for one in places)


def _relation(leaf: Array, parameter: Array, samples: int) -> str | None:
    """Return how an array is that of a parameter's gradient; `samples` is 0 for single ones."""
    if leaf.shape == parameter.shape:
        return "same"
    if leaf.ndim == 2 and parameter.ndim == 2 and leaf.shape == parameter.shape[::-1]:
        return "transposed" if min(leaf.shape) > 1 else "same"
    vector = parameter.ndim == 1 or 1 in parameter.shape
    if vector and leaf.size == parameter.size:
        return "same"
    if vector and leaf.ndim == 0:
        return "number"
    if vector and sorted(leaf.shape) == sorted((samples, parameter.size)) and samples:
        return "samples"
    return None


def assigned(
    forward: Forward, leaves: Sequence[Found], returned: Sequence[str] | None
) -> list[_Place] | None:
    """Return the array that is the gradient of each parameter, or None.

    Parameters
    ----------
    leaves : sequence of Found
        Arrays to choose from.
    returned : sequence of str or None
        The names under which a function returns them, if it does.
    """
    parameters = forward.chain.found
    layout = forward.chain.layout
    expected = [gradients for _, gradients in references(forward.inquiry)]
    single = forward.inquiry.subject.single
    samples = 0 if single else len(forward.inquiry.batches[0])
    taken: set[int] = set()
    places: list[_Place] = []
    lacking_ones: list[str] = []
    unsummed: list[str] = []
    for parameter in parameters:
        layer, is_bias = forward.chain.position(parameter)
        right = [] if single else [_reference(g, layer, is_bias) for g in expected]
        best: tuple[tuple[Any, ...], int, _Place] | None = None
        for place, leaf in enumerate(leaves):
            relation = _relation(leaf.array, parameter.array, samples)
            if relation is None or place in taken:
                continue
            name = leaf.name or _named(leaf, returned)
            if is_bias and _OF_INPUTS.fullmatch(name.lower()):
                continue
            is_its = names.is_gradient(name) or bool(name and name == parameter.name)
            if relation in ("samples", "number") and not is_its:
                continue
            alike = _like(parameter, leaf, name)
            value = leaf.array.T if relation == "transposed" else leaf.array
            if value.ndim == 2 and layout == "in_out" and not is_bias:
                value = value.T
            near = closest(value.ravel() if is_bias else value, right)
            key = (near > SAME, *alike, relation == "same", near, -place)
            if best is None or key > best[0]:
                best = key, place, _Place(leaf, relation, parameter)
        if best is None:
            lacking_ones.append(f"{'b' if is_bias else 'W'}{layer + 1}")
            continue
        taken.add(best[1])
        places.append(best[2])
        if best[2].relation == "samples":
            unsummed.append(f"b{layer + 1}")
    if lacking_ones and places:
        forward.lacking = sorted(lacking_ones + unsummed, key=lambda name: (name[1:], name))
    return None if lacking_ones else places


def _reference(gradients: Any, layer: int, is_bias: bool) -> Array:
    chosen = gradients[layer]
    value: Array = chosen.bias if is_bias else chosen.weight
    return value


def _named(leaf: Found, returned: Sequence[str] | None) -> str:
    first = leaf.path[0].name if leaf.path else None
    if returned and isinstance(first, int) and first < len(returned):
        return returned[first]
    return ""


def _like(parameter: Found, leaf: Found, name: str) -> tuple[bool, bool, bool]:
    """Return how much an array's path is that of a parameter's gradient."""
    same_place = _numbers(parameter.path) == _numbers(leaf.path)
    same_parent = parameter.parent == leaf.parent and bool(parameter.parent)
    named = bool(name) and names.stem(name) == names.stem(parameter.name)
    return named and (same_place or same_parent), names.is_gradient(name), named or same_place


def _numbers(path: Sequence[Step]) -> list[Any]:
    return [step.name for step in path if step.kind != "attribute" and step.name != "grads"]


def _picked(places: Sequence[_Place], leaves: Sequence[Found], text: str, forward: Forward) -> str:
    """Return code of the gradients in the order of the parameters."""
    if all(one.relation in ("same", "samples") for one in places):
        if [one.found.path for one in places] == [leaf.path for leaf in leaves]:
            return text
        lists = _by_lists(places, leaves, len(forward.chain.weights))
        if forward.chain.listed and lists:
            return f"(lambda g: {lists})({text})"
    body = ", ".join(one.code("g") for one in places)
    return f"(lambda g: [{body}])({text})"


def _by_lists(places: Sequence[_Place], leaves: Sequence[Found], depth: int) -> str | None:
    """Return code for whole lists, if the gradients of matrices and of biases lie so."""
    texts = []
    for group in (places[:depth], places[depth:]):
        paths = [one.found.path for one in group]
        if not group:
            continue
        parent = group[0].found.parent
        if not parent or [leaf.path for leaf in leaves if leaf.parent == parent] != paths:
            return None
        texts.append("g" + "".join(map(str, parent)))
    return f"({', '.join(texts)},)" if len(texts) == 1 else f"({', '.join(texts)})"
