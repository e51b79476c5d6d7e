"""Code of forward and backward passes, by the names of functions and of their arguments."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

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
from parity_tests.kit.recognition.trial import made

_MOST_DELTAS = 4
# What a loss returns behind its value.
_OF_OUTPUT = re.compile(r"(_?(d\w*|grad\w*|delta\w*|error\w*))?", re.IGNORECASE)


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
    behind: list[tuple[str, bool]] = []
    roles = roles_of(forward)
    roles["unknown"] = [forward.output, "y"]
    # What is called inputs of a loss mostly is what comes out of the network.
    roles["inputs"] = [forward.output, "x"]
    methods = forward.host.functions if forward.host.kind == "object" else []
    for one in (*forward.host.helpers, *methods):
        plain = one.name.lower()
        if names.is_slope_of_loss(plain):
            found += [(f"{one.code}({text})", False) for text in bindings(one.function, {}, roles)]
        elif names.is_loss(plain):
            found += _with_flag(one, roles)
            behind += _beside_loss(one, roles)
    found += [(text, False) for text in _of_objects(forward, scope)]
    found += behind
    return [*found[:_MOST_DELTAS], (f"({forward.output} - y)", True)]


def _beside_loss(one: Named, roles: Mapping[str, Sequence[str]]) -> list[tuple[str, bool]]:
    """Return calls of a loss that may return its gradient behind its value."""
    returned = returned_names(one.function) or ["", ""]
    if len(returned) != 2 or not _OF_OUTPUT.fullmatch(returned[1]):
        return []
    calls = islice(bindings(one.function, {}, roles), 2)
    return [(f"{one.code}({text})[1]", False) for text in calls if "y" in _words(text)]


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
