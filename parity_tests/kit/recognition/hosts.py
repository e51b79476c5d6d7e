"""What can be asked: a network's object with its methods, plain functions, a list of layers."""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise, product
from typing import Any

import numpy as np

from parity_tests.kit.paths import arrays
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import (
    attributes_read,
    bindings,
    parameters_of,
    returned_names,
    works_unlabelled,
)
from parity_tests.kit.recognition.globals import global_arrays
from parity_tests.kit.recognition.making import arguments, other, takes_sizes, without_idle
from parity_tests.kit.recognition.trial import made
from parity_tests.kit.recognition.widths import Widths

Scope = Mapping[str, Any]
_MOST_CLASSES, _MOST_MADE = 6, 8


@dataclass(frozen=True)
class Named:
    """A function, and the code by which it is called."""

    name: str
    code: str
    function: Callable[..., Any]


@dataclass
class Host:
    """Something that has parameters, and what can be called with it.

    Attributes
    ----------
    make : str
        Code that makes it.
    kind : str
        ``"object"``, ``"functions"`` or ``"layers"``.
    functions : list of Named
        What can be called.
    helpers : list of Named
        Functions beside it, for a loss.
    exact : dict
        Code for arguments by name.
    forwards : list of str
        Code of whole forward passes, for layers.
    backwards : list of tuple
        Code of whole backward passes, and what they need to begin with, for layers.
    is_filled : bool
        Whether it is somebody's container that nobody but us has put layers into.
    """

    make: str
    kind: str
    functions: list[Named]
    helpers: list[Named] = field(default_factory=list)
    exact: dict[str, str] = field(default_factory=dict)
    forwards: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    is_filled: bool = False

    @property
    def is_put_together(self) -> bool:
        """Whether it is a list of somebody's layers that nobody but us has made."""
        return self.kind == "layers" and "copy.deepcopy(" not in self.make

    def is_made_by(self, one: Named) -> bool:
        """Return whether a function is called to make it, so that it makes parameters anew."""
        return f"{one.code}(" in self.make

    def ranked(self, patterns: tuple[str, ...]) -> list[Named]:
        """Return what can be called, the best names first."""
        fitting = [(names.rank(one.name, patterns), one) for one in self.functions]
        kept = [(place, n, one) for n, (place, one) in enumerate(fitting) if place is not None]
        return [one for _, _, one in sorted(kept, key=lambda entry: entry[:2])]


def methods(net: Any) -> list[Named]:
    """Return the methods of an object, in the order in which they are written."""
    found: dict[str, Named] = {}
    for cls in reversed(type(net).__mro__[:-1]):
        for name, member in vars(cls).items():
            if (name.startswith("__") and name != "__call__") or not callable(
                getattr(member, "__func__", member)
            ):
                continue
            if isinstance(member, type):
                continue
            bound = getattr(net, name, None)
            if callable(bound):
                code = "net" if name == "__call__" else f"net.{name}"
                found[name] = Named(name, code, bound)
    for name, member in vars(net).items() if hasattr(net, "__dict__") else ():
        if inspect.isroutine(member):
            found.setdefault(name, Named(name, f"net.{name}", member))
    return list(found.values())


def lacking(net: Any, role: str) -> list[str]:
    """Return the attributes of a role that methods of a network read, and that it lacks."""
    read = dict.fromkeys(name for one in methods(net) for name in attributes_read(one.function))
    return [name for name in read if names.role(name) == role and not hasattr(net, name)]


def own_functions(scope: Scope) -> list[Named]:
    """Return the functions of a module, without those that it takes from libraries."""
    return [
        Named(name, name, member)
        for name, member in scope.items()
        if inspect.isfunction(member) and (member.__module__ or "").partition(".")[0] != "numpy"
    ]


def own_classes(scope: Scope) -> list[tuple[str, type]]:
    """Return the classes of a module, those with a network's name first."""
    own = scope.get("__name__")
    classes = [
        (name, member)
        for name, member in scope.items()
        if inspect.isclass(member) and not issubclass(member, BaseException)
    ]
    local = [entry for entry in classes if entry[1].__module__ == own or own is None]
    local.sort(key=lambda entry: not names.is_network(entry[0]))
    return local


def _is_library(cls: type) -> bool:
    """Whether a class is Python's, or one that is installed."""
    first = cls.__module__.partition(".")[0]
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    return first in sys.stdlib_module_names or "site-packages" in file or first == "parity_tests"


def layer_classes(scope: Scope) -> list[tuple[str, type]]:
    """Return the classes that may be layers: a module's own, and those that it has from beside."""
    own = own_classes(scope)
    beside = [
        (name, member)
        for name, member in scope.items()
        if inspect.isclass(member)
        and not issubclass(member, BaseException)
        and not _is_library(member)
        and all(member is not cls for _, cls in own)
    ]
    return [*own, *beside]


def has_any(cls: type, patterns: tuple[str, ...]) -> bool:
    """Return whether a class has a method, or another member, of such a name."""
    members = (name for name in dir(cls) if not name.startswith("__") or name == "__call__")
    return any(names.rank(name, patterns) is not None for name in members)


def objects(scope: Scope, name: str, cls: type, widths: Widths) -> Iterator[Host]:
    """Yield the objects that a class makes, with these widths if it takes any."""
    helpers = own_functions(scope)
    count = 0
    for make in _made_by(name, arguments(cls, scope, widths), scope):
        net = made(make, scope)
        if net is None or not is_large_enough(net):
            continue
        yield Host(make, "object", methods(net), helpers)
        count += 1
        if count >= _MOST_MADE:
            return


def _made_by(name: str, texts: Iterable[str], scope: Scope, fixed: str = "") -> Iterator[str]:
    """Yield code that calls a maker, with nothing filled in but what is given and widths.

    Parameters
    ----------
    fixed : str, optional
        Code of an argument that is given besides.
    """
    shapes = partial(_shapes, scope=scope)
    seen: set[str] = set()

    def code(text: str) -> str:
        return f"lambda: {name}({', '.join(filter(None, (text, fixed)))})"

    for text in texts:
        call = code(without_idle(text, code, shapes))
        if call not in seen:
            seen.add(call)
            yield call


def _shapes(make: str, scope: Scope) -> list[tuple[str, tuple[int, ...]]] | None:
    """Return the shapes of the arrays that a maker makes, by their places; None if it raises."""
    net = made(make, scope)
    return None if net is None else [(one.text, one.array.shape) for one in arrays(net)]


def is_large_enough(net: Any) -> bool:
    """Return whether something has a matrix."""
    return any(one.array.ndim == 2 for one in arrays(net))


def _scores(cls: type) -> bool:
    """Whether a loss of a class gives the output where it is given no labels."""
    return any(
        names.rank(name, names.LOSS) is not None and works_unlabelled(member)
        for name, member in vars(cls).items()
    )


def classes(scope: Scope) -> list[tuple[str, type]]:
    """Return the classes that may be networks."""
    fitting = [
        (name, cls)
        for name, cls in own_classes(scope)
        if has_any(cls, names.FORWARD) or has_any(cls, names.TRAIN) or _scores(cls)
    ]
    return fitting[:_MOST_CLASSES]


_PARAMETER = re.compile(r"(w|b|weights?|bias(es)?|theta)_?\w{0,3}")


def made_with(maker: Named, scope: Scope, widths: Widths) -> Iterator[Host]:
    """Yield the parameters that a function makes, for the functions beside it."""
    functions = own_functions(scope)
    rounds = rounds_of(maker.function)
    for fixed in [f"{rounds}=0", f"{rounds}=1"] if rounds else [""]:
        texts = islice(arguments(maker.function, scope, widths), 12)
        is_any = False
        for make in _made_by(maker.code, texts, scope, fixed):
            net = made(make, scope)
            if net is not None and is_large_enough(net):
                is_any = True
                exact = _exact(net, maker, functions)
                # What a round has trained is not what the network begins with.
                own = f"uninitialized({make})" if fixed.endswith("=1") else make
                yield Host(own, "functions", functions, functions, exact)
        if is_any:
            return


def rounds_of(maker: Callable[..., Any]) -> str:
    """Return the argument by which a function is told how often it goes through its samples.

    Empty if there is none, or if it has to be given. A function that has one trains what it makes,
    and is told not to.
    """
    named = parameters_of(maker) or []
    found = (own.name for own in named if own.default is not own.empty)
    return next((name for name in found if names.role(name) == "epochs"), "")


def plain(scope: Scope, widths: Widths) -> Iterator[Host]:
    """Yield the parameters that plain functions make or take."""
    functions = own_functions(scope)
    makers = _makers(functions)
    for maker in makers:
        yield from made_with(maker, scope, widths)
    pairs = [one for one in makers if made(f"lambda: {one.code}()", scope) is not None]
    weights = [one for one in pairs if "weight" in one.name.lower()]
    biases = [one for one in pairs if "bias" in one.name.lower()]
    for first, second in product(weights[:1], biases[:1]):
        make = f"lambda: ({first.code}(), {second.code}())"
        exact = {"weights": "net[0]", "w": "net[0]", "biases": "net[1]", "b": "net[1]"}
        yield Host(make, "functions", functions, functions, exact)
    yield from _taken(functions, widths)
    yield from _of_the_module(functions)


def _of_the_module(functions: list[Named]) -> Iterator[Host]:
    """Yield the arrays of a module that its functions read by their names: global parameters."""
    for one in functions:
        if names.rank(one.name, names.FORWARD) is None or names.is_derivative(one.name):
            continue
        read = global_arrays(one.function)
        if any(array.ndim == 2 and min(array.shape) > 1 for array in read.values()):
            # What they begin with is gone as soon as others are written to them.
            make = f"uninitialized(lambda: global_arrays({one.code}))"
            yield Host(make, "functions", functions, functions)


def _makers(functions: list[Named]) -> list[Named]:
    """Return functions that may make parameters: by their names, and by what they are given."""
    kept = [(names.rank(one.name, names.INITIALIZE), one) for one in functions]
    ranked = [(place, one) for place, one in kept if place is not None]
    passes = (*names.FORWARD, *names.BACKWARD, *names.TRAIN)
    others = [
        one
        for place, one in kept
        if place is None and takes_sizes(one.function) and names.rank(one.name, passes) is None
    ]
    return [*(one for _, one in sorted(ranked, key=lambda entry: entry[0])), *others]


def _exact(net: Any, maker: Named | None, functions: Sequence[Named] = ()) -> dict[str, str]:
    """Return code for arguments by the names that parameters have where they are made, or taken."""
    if isinstance(net, Mapping):
        members = {str(key).lower(): f"net[{key!r}]" for key in net}
        return {**_of_whole(maker, functions), **members}
    if not isinstance(net, (tuple, list)):
        return {}
    returned = (maker and returned_names(maker.function)) or []
    if len(returned) != len(net) or not all(returned):
        passes = (*names.FORWARD, *names.BACKWARD)
        several = [
            _parameters_taken(one) for one in functions if names.rank(one.name, passes) is not None
        ]
        returned = next((taken for taken in several if len(taken) == len(net)), returned)
    if len(returned) != len(net):
        return _of_whole(maker, functions)
    return {name.lower(): f"net[{n}]" for n, name in enumerate(returned) if name}


def _of_whole(maker: Named | None, functions: Sequence[Named]) -> dict[str, str]:
    """Return code for an argument of the name that all parameters have where they are made.

    A name that says something else, as ``x`` does, is that of no parameters.
    """
    returned = (maker and returned_names(maker.function)) or []
    taken = {one.name for function in functions for one in parameters_of(function.function) or []}
    if len(returned) != 1 or returned[0] not in taken:
        return {}
    is_open = names.role(returned[0]) in (None, "parameters") or names.is_either(returned[0])
    return {returned[0].lower().strip("_"): "net"} if is_open else {}


def _parameters_taken(one: Named) -> list[str]:
    """Return the names of arguments that are parameters of layers."""
    return [
        p.name
        for p in parameters_of(one.function) or []
        if _PARAMETER.fullmatch(p.name.lower()) and p.default is p.empty
    ]


def _taken(functions: list[Named], widths: Widths) -> Iterator[Host]:
    """Yield parameters of our own for functions that take them one by one."""
    for one in functions:
        taken = _parameters_taken(one)
        weights = [name for name in taken if name.lower().startswith(("w", "theta"))]
        biases = [name for name in taken if name not in weights]
        if names.rank(one.name, (*names.FORWARD, *names.BACKWARD)) is None or not weights:
            continue
        if len(biases) not in (0, len(weights)) or len(weights) > 3:
            continue
        chain = widths.chain(len(weights))
        for layout, shape in product(("in_out", "out_in"), ("({},)", "(1, {})", "({}, 1)")):
            texts = {}
            for number, name in enumerate(weights):
                pair = (chain[number], chain[number + 1])
                texts[name] = f"np.ones({pair if layout == 'in_out' else pair[::-1]})"
            for number, name in enumerate(biases):
                texts[name] = f"np.ones({shape.format(chain[number + 1])})"
            exact = {name.lower(): f"net[{n}]" for n, name in enumerate(taken)}
            made_up = ", ".join(texts[name] for name in taken)
            make = f"uninitialized(lambda: [{made_up}])"
            yield Host(make, "functions", functions, functions, exact)
            if not biases:
                break
        return


def layer_lists(scope: Scope, widths: Widths) -> Iterator[Host]:
    """Yield lists of somebody's layers: a matrix, an activation, a matrix."""
    for stack in stacks(scope, widths):
        make = stack.placeholders(f"lambda: [{stack.code}]")
        net = made(make, scope)
        if net is not None:
            yield _list_of_layers(make, net, stack.entry, scope)


def containers(scope: Scope, wanted: Sequence[tuple[str, type]], widths: Widths) -> Iterator[Host]:
    """Yield networks that are given their layers: as an argument, or one after the other."""
    found = list(stacks(scope, widths))
    for name, cls in wanted:
        adders = adders_of(cls)
        for stack in found:
            options = [
                f"lambda: {name}({text})"
                for text in arguments(cls, scope, widths, f"[{stack.code}]")
            ]
            options += [
                f"lambda: reduce(lambda net, layer: (net.{adder}(layer), net)[1], "
                f"[{stack.code}], {name}({text}))"
                for adder in adders[:1]
                for text in islice(arguments(cls, scope, widths), 3)
            ]
            for make in map(stack.placeholders, options[:_MOST_MADE]):
                net = made(make, scope)
                if net is not None and is_large_enough(net):
                    own = methods(net), own_functions(scope)
                    yield Host(make, "object", *own, is_filled=True)


def adders_of(cls: type) -> list[str]:
    """Return the methods by which a network is given one layer after the other."""
    return [member for member in vars(cls) if _ADD.fullmatch(member.lower())]


_ADD = re.compile(r"add(_?layers?)?|append|push|insert_?layer")


@dataclass(frozen=True)
class Stack:
    """Layers of matrices, and activations between them.

    Attributes
    ----------
    code : str
        How they are made, separated by commas.
    entry : str
        Code of the forward pass of one, ``layer``, for ``a``.
    made_up : bool
        Whether the matrices are placeholders.
    """

    code: str
    entry: str
    made_up: bool

    def placeholders(self, make: str) -> str:
        """Return code of a maker, which says so if it makes placeholders."""
        return f"uninitialized({make})" if self.made_up else make


def stacks(scope: Scope, widths: Widths) -> Iterator[Stack]:
    """Yield what somebody's layers can be put together to, with all activations in one first."""
    activations = _activations(scope)
    fewest = len(widths.hidden[-1])
    apart = [[one] * fewest for one in activations or [""]]
    middles = [activations, *apart] if len(activations) > 1 else apart
    for name, text, entry in islice(_linear(scope), 3):
        for middle in middles:
            chain = widths.chain(len(middle) + 1)
            parts = []
            for (ins, outs), one in zip(pairwise(chain), [*middle, ""], strict=True):
                parts += [f"{name}({text(ins, outs)})", *([one] if one else [])]
            code = ", ".join(parts)
            yield Stack(code, entry, "np.ones(" in code)


def _linear(scope: Scope) -> Iterator[tuple[str, Callable[[int, int], str], str]]:
    """Yield classes that multiply with a matrix, the code of their arguments, and of a pass."""
    for name, cls in layer_classes(scope):
        if not has_any(cls, names.FORWARD) or names.is_network(name):
            continue
        for text in _layer_arguments(cls, scope):
            layer = made(f"lambda: {name}({text(*Widths().chain(2)[:2])})", scope)
            entry = None if layer is None else _entry(layer)
            if entry is not None:
                yield name, text, entry
                break


_LAYERS = (
    "{0}, {1}",
    "({0}, {1})",
    "np.ones(({0}, {1})), np.ones({1})",
    "np.ones(({1}, {0})), np.ones((1, {1}))",
    "np.ones(({1}, {0})), np.ones(({1}, 1))",
)


def _layer_arguments(cls: type, scope: Scope) -> Iterator[Callable[[int, int], str]]:
    """Yield code for the arguments of a layer of two widths."""
    parameters = parameters_of(cls) or []
    required = [p for p in parameters if p.default is p.empty]
    required = [p for p in required if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    yield from (text.format for text in _LAYERS)
    if len(required) > 2:
        named = ", ".join(_by_name(p, scope) for p in required[2:])
        yield f"{{0}}, {{1}}, {named}".format
        for more in ("'relu'", "'layer'", "None"):
            yield ("{0}, {1}" + f", {more}" * (len(required) - 2)).format


def _by_name(parameter: inspect.Parameter, scope: Scope) -> str:
    """Return code for an argument of a layer beside its widths, for a format."""
    text = next(iter(other(parameter, 2, scope, Widths())), "None")
    return text.replace("{", "{{").replace("}", "}}")


def _layer_forward(layer: Any, x: Any, shape: tuple[int, ...]) -> str | None:
    """Return code that maps an array ``a`` to one of a shape by a method of ``layer``, or None."""
    named = [(names.rank(one.name, names.FORWARD), one) for one in methods(layer)]
    roles = {"inputs": ["a"], "unknown": ["a"], "quiet": ["False"], "delta": ["a"], "output": ["a"]}
    for _, method in sorted(
        ((place, one) for place, one in named if place is not None), key=lambda entry: entry[0]
    ):
        if names.is_derivative(method.name):
            continue
        for text in bindings(method.function, {}, roles):
            call = f"{method.code.replace('net', 'layer', 1)}({text})"
            result = made(f"lambda: {call}", {"layer": layer, "a": x.copy()})
            if getattr(result, "shape", None) == shape:
                return call
            for attribute in ("output", "out", "outputs", "z", "a"):
                if getattr(getattr(layer, attribute, None), "shape", None) == shape:
                    return f"({call}, layer.{attribute})[-1]"
    return None


def _activations(scope: Scope) -> list[str]:
    """Return code for layers that change what they get entry by entry, and can go back."""
    found: list[str] = []
    for name, cls in layer_classes(scope):
        if not has_any(cls, names.FORWARD) or not has_any(cls, names.BACKWARD):
            continue
        texts = (f"{name}({text})" for text in ("", "'relu'"))
        found += islice((text for text in texts if _is_elementwise(text, scope)), 1)
    for forward, derivative in _function_pairs(scope):
        texts = (f"{name}({forward}, {derivative})" for name, _ in layer_classes(scope))
        found += [text for text in texts if _is_elementwise(text, scope)]
    return found[:3]


def _is_elementwise(make: str, scope: Scope) -> bool:
    """Whether a layer is an activation: it has no parameters, and every entry counts alone."""
    layer = made(f"lambda: {make}", scope)
    if layer is None or arrays(layer):
        return False
    rng = np.random.default_rng(1)
    x = rng.standard_normal((7, 9))
    call = _layer_forward(layer, x, x.shape)
    if call is None:
        return False
    order = rng.permutation(x.size)
    mixed = x.ravel()[order].reshape(x.shape)
    first, second = (made(f"lambda: {call}", {"layer": layer, "a": a.copy()}) for a in (x, mixed))
    # It may answer each time as it likes.
    if any(getattr(own, "shape", None) != x.shape for own in (first, second)):
        return False
    changes = not np.array_equal(first, x)
    is_mapped = np.array_equal(np.ravel(first)[order], np.ravel(second))
    return changes and is_mapped and _hands_back(layer, rng.standard_normal(x.shape))


def _hands_back(layer: Any, gradient: Any) -> bool:
    """Whether what a layer makes of a gradient grows with it, or does not depend on it.

    What does neither is the derivative at the place that it is given, and no backward pass.
    """
    name = next((m.name for m in methods(layer) if names.rank(m.name, names.BACKWARD) == 0), "")
    scope = {"layer": layer}
    call = f"lambda: layer.{name}(g.copy())"
    once, twice = (made(call, {**scope, "g": k * gradient}) for k in (1, 2))
    # It may return the gradients of its parameters beside, of any shapes.
    if any(getattr(own, "shape", None) != gradient.shape for own in (once, twice)):
        return True
    grows, stays = (np.allclose(twice, k * once, equal_nan=True) for k in (2, 1))
    return grows or stays


def _function_pairs(scope: Scope) -> list[tuple[str, str]]:
    functions = {one.name: one for one in own_functions(scope)}
    return [
        (name, other)
        for name in functions
        for other in functions
        if other != name and other.startswith(name) and names.is_derivative(other)
    ]


def _backwards(net: list[Any]) -> Iterator[str]:
    """Yield how a gradient is handed back through all layers."""
    common = [one.name for one in methods(net[-1]) if names.rank(one.name, names.BACKWARD) == 0]
    for name in common:
        taken = parameters_of(getattr(net[-1], name)) or []
        rates = [p for p in taken[1:] if names.role(p.name) == "lr"]
        call = f"layer.{name}(g{', lr' if rates else ''})"
        yield f"reduce(lambda g, layer: {call}, net[::-1], {{delta}})"
        yield f"reduce(lambda g, layer: ({call}, layer.dinputs)[-1], net[::-1], {{delta}})"


def instance(
    make: str, net: Any, scope: Scope, maker: Callable[..., Any] | None = None
) -> Iterator[Host]:
    """Yield what is there already: a network, a list of layers, or parameters for functions."""
    helpers = own_functions(scope)
    named = Named(maker.__name__, maker.__name__, maker) if maker else None
    if isinstance(net, list) and net and not _has_arrays(net):
        found = next(filter(None, (_entry(layer) for layer in net)), None)
        if found is not None:
            yield _list_of_layers(make, net, found, scope)
    elif isinstance(net, (list, tuple, Mapping)):
        yield Host(make, "functions", helpers, helpers, _exact(net, named, helpers))
    else:
        yield Host(make, "object", methods(net), helpers)


def things(scope: Scope) -> Iterator[Host]:
    """Yield networks and lists of layers that a module has made already."""
    kinds = tuple(cls for _, cls in own_classes(scope))
    for name, value in scope.items():
        members = value if isinstance(value, (list, tuple)) else [value]
        if not name.startswith("_") and any(isinstance(member, kinds) for member in members):
            yield from instance(f"lambda: copy.deepcopy({name})", value, scope)


def _has_arrays(net: list[Any]) -> bool:
    """Return whether a list has arrays itself, and no layers that have them."""
    return any(all(step.kind == "position" for step in one.path) for one in arrays(net))


def _entry(layer: Any) -> str | None:
    """Return code of the forward pass of a layer that has a matrix; samples in rows or columns."""
    for one in arrays(layer):
        if one.array.ndim != 2 or min(one.array.shape) == 1:
            continue
        for ins, outs in (one.array.shape, one.array.shape[::-1]):
            x = np.random.default_rng(0).standard_normal((7, ins))
            found = _layer_forward(layer, x, (7, outs)) or _layer_forward(layer, x.T, (outs, 7))
            if found is not None:
                return found
    return None


def _list_of_layers(make: str, net: list[Any], entry: str, scope: Scope) -> Host:
    host = Host(make, "layers", [], own_functions(scope))
    host.forwards = [f"reduce(lambda a, layer: {entry}, net, x)"]
    host.backwards = list(_backwards(net))
    return host
