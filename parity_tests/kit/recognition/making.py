"""How somebody's network is made: what its constructor takes."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import EnumType
from functools import wraps
from itertools import islice, pairwise, product
from types import CodeType
from typing import Any

import numpy as np

from parity_tests.kit.codes import code_of, codes_in
from parity_tests.kit.recognition.calls import parameters_of, texts_compared
from parity_tests.kit.recognition.names import is_derivative, role
from parity_tests.kit.recognition.widths import Widths

_MOST = 24
_LISTS = re.compile(
    r"(num_?|n_?)?(layers?|nodes?|neurons?|network|units?)_?(sizes?|dims?|nodes?|widths?|shapes?|units?"
    r"|neurons?|list|structure|arch\w*|config)|sizes?|dims?|layers?|arch\w*|topology|structure|shapes?"
    r"|num_nodes_in_layers|\w*_(sizes|dims|shape|list)|ns|nn_?arch\w*"
    r"|(sizes?|dims?|nodes|neurons|units)_?(per|of|in)_?(each_?)?layers?"
)
_HIDDEN_LISTS = re.compile(
    r"\w*hidden_?\w*(s|list|tuple)|\w*neurons_list|hidden_?(sizes|dims|layers|units|nodes)"
)
_INPUT = re.compile(
    r"\w*(input|feature)\w*|in|(n|d|num|dim|size)_?(in|x|i)|in_?\w+|i_?nodes|\w+_in|nx"
)
_OUTPUT = re.compile(
    r"\w*(output|class|label|target)\w*|out|(n|d|num|dim|size)_?(out|y|o)|out_?\w+|o_?nodes|\w+_out|ny"
)
# An end of a layer by its name, though units are counted there, too.
_END = re.compile(r"\w*(input|feature|output|class|label|target)\w*|(\w+_)?(in|out)(_\w+)?")
_INNER = re.compile(r"\w*(hid|neuron|unit)\w*|(n|d|num|dim|size)_?h\w?|h_?nodes|h\d?|nh")
_STACKS = re.compile(r"\w*(layers?|modules?|blocks?)(_?list)?|model|net|network|seq\w*|args")
_DEPTH = re.compile(r"(n|num|number_?of)_?(hidden_?)?layers|depth|n_?hidden_?layers|hidden_?layers")


def uninitialized(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a maker whose parameters are placeholders: somebody's own code begins otherwise.

    Parameters
    ----------
    make : callable
        As in a `Network`.

    Returns
    -------
    callable
        With an attribute of this name, so that nothing is said of its initial weights.
    """

    @wraps(make)
    def placeholders() -> Any:
        return make()

    vars(placeholders)["uninitialized"] = True
    return placeholders


def takes_sizes(function: Any) -> bool:
    """Return whether all that a function has to be given are widths of layers, two or more."""
    required = [p for p in parameters_of(function) or [] if p.default is p.empty]
    return len(required) > 1 and all(_sizes(parameter, 0, Widths()) for parameter in required)


def arguments(
    maker: Any, scope: Mapping[str, Any], widths: Widths, layers: str = ""
) -> Iterator[str]:
    """Yield argument lists for a class or a function that makes parameters, as Python code.

    Parameters
    ----------
    maker : callable
        The class or the function.
    scope : mapping
        The names of its module.
    widths : Widths
        Of what it is to make.
    layers : str, optional
        Code of a list of layers, for makers that are given one; nothing is yielded for others.
    """
    parameters = parameters_of(maker)
    if parameters is None:
        return
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not named and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        yield layers[1:-1] or _list(widths.wholes[0])[1:-1]
    if layers and not any(_takes_layers(parameter) for parameter in named):
        return
    # Where inputs and outputs are given apart, a list may be that of the hidden layers.
    plain = [p.name.lower().strip("_") for p in named]
    described = _described(maker, widths)
    ends = any(map(_INPUT.fullmatch, plain)) and any(map(_OUTPUT.fullmatch, plain))
    wholes, inner = [*map(_list, widths.wholes)], [*map(_list, widths.hidden)]
    seen: set[str] = set()
    for full in (True, False):
        choices: list[list[str]] = []
        hidden = 0
        for number, parameter in enumerate(named):
            given = parameter.default is not parameter.empty
            texts = _sizes(parameter, hidden, widths)
            if layers and _takes_layers(parameter):
                texts = [layers]
            if ends and texts[:1] == wholes[:1]:
                texts = [*inner, *texts]
            if not given and _LISTS.fullmatch(plain[number]):
                texts = [*texts, *described]
            end = any(pattern.fullmatch(plain[number]) for pattern in (_INPUT, _OUTPUT))
            hidden += texts[:1] == [str(widths.nth(hidden))] and not end
            if given and (not full or not texts):
                continue
            texts = texts or other(parameter, number, scope, widths, maker)
            prefix = f"{parameter.name}=" if given else ""
            choices.append([prefix + text for text in texts])
        for chosen in islice(product(*choices), _MOST):
            text = ", ".join(chosen)
            if text not in seen:
                seen.add(text)
                yield text


def without_idle(text: str, make: Callable[[str], str], shapes: Callable[[str], Any]) -> str:
    """Return an argument list without what has a default and decides about no array's shape.

    What is no width, whatever its name, is left as its author has it: a range, a gain, a seed.

    Parameters
    ----------
    text : str
        One of `arguments`.
    make : callable
        Returns code of a maker for an argument list.
    shapes : callable
        Returns the shapes of what such code makes, or None if it raises.
    """
    call = ast.parse(f"f({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    filled = [ast.unparse(keyword) for keyword in call.keywords if keyword.arg]
    if not filled:
        return text
    given = [ast.unparse(argument) for argument in call.args]
    whole = shapes(make(text))
    kept = list(filled)
    for one in filled:
        rest = [other for other in kept if other is not one]
        shorter = ", ".join([*given, *rest])
        if whole is not None and shapes(make(shorter)) == whole:
            kept, text = rest, shorter
    return text


def _is_number(parameter: inspect.Parameter) -> bool:
    """Whether an argument is annotated as one number."""
    return parameter.annotation in (int, "int")


def _takes_layers(parameter: inspect.Parameter) -> bool:
    return _STACKS.fullmatch(parameter.name.lower().strip("_")) is not None


def _list(widths: Sequence[int]) -> str:
    return repr([*widths])


def _described(maker: Any, widths: Widths) -> list[str]:
    """Return code of lists of layers, each with its activation: pairs, and triples of two widths.

    Activations are those that the maker's code names; the first of them may stand for the inputs.
    """
    words = _texts(maker)
    usual = [word for word in _USUAL if word in words]
    inner = usual[0] if usual else "relu"
    last = next((word for word in ("softmax", "sigmoid") if word in words), inner)
    chain = widths.wholes[0]
    acts = [*[inner] * (len(chain) - 2), last]
    marks = [word for word in words if 0 < len(word) < 8 and word not in (*_USUAL, last)][:2]
    pairs = [[*zip(chain, [mark, *acts], strict=True)] for mark in (*marks, None)]
    triples = [(*ends, act) for ends, act in zip(pairwise(chain), acts, strict=True)]
    return [*map(repr, pairs), repr(triples)]


def _texts(maker: Any) -> list[str]:
    """Return the texts in the code of a class, those of its constructor first, or of a function."""
    members = vars(maker).values() if isinstance(maker, type) else [maker]
    codes = [code_of(m) for m in members]
    found = dict.fromkeys(
        text
        for code in codes
        for text in (code.co_consts if isinstance(code, CodeType) else ())
        if isinstance(text, str)
    )
    return list(found)


def _texts_for(maker: Any, name: str) -> list[str]:
    """Return code of the texts that a class compares an argument with, or an attribute of it."""
    members = vars(maker).values() if isinstance(maker, type) else [maker]
    codes = (code for member in members for code in codes_in(code_of(member)))
    found = [text for code in codes for text in texts_compared(code, name)]
    return [repr(text) for text in dict.fromkeys(found)]


def _may_be_sizes(default: Any) -> bool:
    """Whether a default is one width, or several: counts from 1. So is none at all."""
    several = default if isinstance(default, (list, tuple)) else [default]
    counts = (isinstance(one, (int, np.integer)) and one > 0 for one in several)
    return default is inspect.Parameter.empty or all(counts)


def _sizes(parameter: inspect.Parameter, hidden: int, widths: Widths) -> list[str]:
    name = parameter.name.lower().strip("_")
    default = parameter.default
    many = isinstance(default, (list, tuple))
    both = default is parameter.empty and not _is_number(parameter)
    wholes, hidden_lists = [*map(_list, widths.wholes)], [*map(_list, widths.hidden)]
    one = str(widths.nth(hidden))
    if role(name) in ("lr", "epochs", "batch_size", "zero", "quiet"):
        return []
    if isinstance(default, (str, bool)) or default is None or not _may_be_sizes(default):
        return []
    if _HIDDEN_LISTS.fullmatch(name) and (many or default is parameter.empty):
        if many and len(default) > 2 and name.startswith("hidden_size"):
            return wholes
        if not many and name.endswith(("nodes", "neurons", "units")):
            return [one, hidden_lists[0]]
        return [*hidden_lists, "2", "1", str(widths.nth(0)), *wholes]
    if many:
        return wholes
    if _DEPTH.fullmatch(name):
        return ["1", "2", "3"] if default is parameter.empty else []
    is_end = _END.fullmatch(name) and "hid" not in name
    inner = [one] if _INNER.fullmatch(name) and not is_end else []
    # Names do not tell whether one width or several are meant; what it makes does.
    if _LISTS.fullmatch(name):
        return [*wholes, _list([widths.nth(0)]), *(inner or [one] * both)]
    if inner:
        return [*inner, *(hidden_lists if both else []), *(wholes[:1] if both else [])]
    kind = role(name)
    data = [widths.data[kind]] if kind in widths.data and default is parameter.empty else []
    if _OUTPUT.fullmatch(name):
        return [*data, str(widths.outputs), "1"]
    if _INPUT.fullmatch(name):
        return [str(widths.inputs), *data]
    return []


def other(
    parameter: inspect.Parameter,
    number: int,
    scope: Mapping[str, Any],
    widths: Widths,
    maker: Any = None,
) -> list[str]:
    """Return code for an argument that is no width, by its name, its texts, or else its place."""
    name = parameter.name.lower().strip("_")
    kind = role(name)
    fixed = {"lr": "0.1", "epochs": "1", "batch_size": "100", "zero": "0.0", "quiet": "False"}
    if kind in fixed:
        return [fixed[kind]]
    if kind in widths.data:
        return [widths.data[kind], *_by_position(number, widths)]
    members = _members(parameter, scope)
    if members:
        several = name.endswith("s") and not name.endswith("ss")
        # As many as there may be layers.
        many = len(widths.wholes[0]) - 1
        return [f"[{member}] * {many}" if several else member for member in members]
    if "act" in name:
        known = activations(scope)
        if name.endswith("s"):
            return ["['relu', 'relu', 'softmax']", "['relu', 'softmax']", "['sigmoid', 'sigmoid']"]
        return known
    if "loss" in name or "cost" in name:
        return [*_named_like(scope, ("entropy", "mse", "loss", "cost")), "'cross_entropy'", "'mse'"]
    if "seed" in name:
        return ["0"]
    if "init" in name or "scale" in name or "std" in name:
        return ["0.1", "'xavier'", "'he'", "'normal'"]
    if "file" in name or "path" in name:
        return ["None"]
    if "name" in name:
        return ["'layer'"]
    return _texts_for(maker, parameter.name) or _by_position(number, widths)


_USUAL = ("relu", "sigmoid", "tanh")


def activations(scope: Mapping[str, Any]) -> list[str]:
    """Return code of what may be given for an activation: somebody's functions, or their names."""
    return [*_named_like(scope, _USUAL), *map(repr, _USUAL[:2])]


def _members(parameter: inspect.Parameter, scope: Mapping[str, Any]) -> list[str]:
    """Return code of members of an enumeration, if an argument is one or a list of them."""
    told = str(parameter.annotation)
    name = parameter.name.lower().strip("_").rstrip("s")
    kinds = [
        (kind, list(member.__members__))
        for kind, member in scope.items()
        if isinstance(member, EnumType) and member.__members__
    ]
    annotated = [one for one in kinds if re.search(rf"\b{re.escape(one[0])}\b", told)]
    named = [one for one in kinds if one[0].lower().startswith(name)]
    for kind, members in annotated or named:
        usual = [m for m in members if any(word in m.lower() for word in (*_USUAL, "entropy"))]
        return [f"{kind}.{member}" for member in (usual or members)[:2]]
    return []


def _by_position(number: int, widths: Widths) -> list[str]:
    """Return what an argument may be of which nothing is known but its place."""
    places = widths.chain(2)
    return [str(places[number]) if number < len(places) else "None", _list(widths.wholes[0])]


def _named_like(scope: Mapping[str, Any], words: Sequence[str]) -> list[str]:
    """Return names of functions and classes that have one of the words in them."""
    return [
        name
        for word in words
        for name, member in scope.items()
        if callable(member) and word in name.lower() and not is_derivative(name)
    ][:2]
