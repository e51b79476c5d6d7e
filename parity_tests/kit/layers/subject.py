"""Somebody's layer: how it is declared, and how it is asked, with samples in rows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl import InputError, activations, layers
from parity_tests.kit.network import LAYOUTS, Access, arrays_in, look_up, resolve
from parity_tests.kit.subject.subject import SubjectError, quiet

Array = NDArray[Any]
Values = dict[str, Array]
Mode = Access | Mapping[str, Any]

BATCHES = ("rows", "columns")
# A container and the contract itself are no layers to compare with.
LAYERS = tuple(sorted({*layers.__all__, *activations.__all__} - {"Layer", "Residual"}))
# Width of the input where nothing says it; a prime unlike all batches.
_FEATURES = 5


@dataclass(frozen=True)
class LayerUnderTest:
    """What the kit needs to know of somebody's layer.

    Whatever is a name is looked up on the object that `make` returns; a dot leads into attributes,
    keys and positions. Whatever is a function is called with that object first.

    Parameters
    ----------
    make : callable
        Returns a new layer.
    like : str
        PyTorch's name of what it is meant to be, one of `LAYERS`: ``"BatchNorm1d"``.
    forward : str or callable, default "forward"
        ``f(layer, x)`` returning the output, alone or first in a tuple.
    backward : str, callable or None, default "backward"
        ``f(layer, grad_output)``, or ``f(layer, grad_output, lr)`` with an `lr`. It returns the
        gradient of the input, alone or before those of the parameters in their order.
    parameters : mapping
        Where the parameters are, by PyTorch's names: ``{"weight": "W", "bias": "b"}``. They are
        arrays, and are written to.
    gradients : mapping
        Where their gradients are after `backward`. Left out, they are what `backward` returns
        after the gradient of the input; with an `lr`, what the parameters lose, over it.
    buffers : mapping
        Where running statistics are: ``{"running_mean": ..., "running_var": ...}``.
    weights : {"in_out", "out_in"}, optional
        Layout of a matrix; left out, it is seen from the output.
    batch : {"rows", "columns"}, default "rows"
        Where the samples are.
    train, evaluate : str, callable or mapping, optional
        What switches to that mode: ``f(layer)``, or keyword arguments of `forward`. Without
        `evaluate`, the layer is asked in training mode only.
    reset : str or callable, optional
        ``f(layer)``, called before every forward pass, for a layer that keeps something until it
        is told to forget it, such as gradients that add up.
    options : mapping
        Arguments of PyTorch's layer by its names. What is left out is whatever it turns out to be.
    lr : float, optional
        The learning rate, for a layer whose backward pass updates it.
    name : str, optional
        What it is called in messages.

    Raises
    ------
    InputError
        For a layer or a convention that is not known.
    """

    make: Callable[[], Any]
    like: str
    forward: Access = "forward"
    backward: Access | None = "backward"
    parameters: Mapping[str, str] = field(default_factory=dict)
    gradients: Mapping[str, str] = field(default_factory=dict)
    buffers: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None
    batch: str = "rows"
    train: Mode | None = None
    evaluate: Mode | None = None
    reset: Access | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    lr: float | None = None
    name: str = "layer"

    def __post_init__(self) -> None:
        for name, known in (
            ("like", LAYERS),
            ("weights", (None, *LAYOUTS)),
            ("batch", BATCHES),
        ):
            if getattr(self, name) not in known:
                raise InputError(name, f"one of {known}", repr(getattr(self, name)))
        for name in self.gradients:
            if name not in self.parameters:
                raise InputError("gradients", f"names of {list(self.parameters)}", repr(name))


@dataclass(frozen=True)
class Gradients:
    """What a backward pass gave, samples in rows and by PyTorch's names.

    Attributes
    ----------
    of : dict of str to ndarray
        By ``"input"`` and the names of parameters; without what could not be found.
    updated : dict of str to ndarray
        Parameters after a backward pass that updates them; empty for one that does not.
    """

    of: Values
    updated: Values


class LayerSubject:
    """A layer that can be asked.

    Parameters
    ----------
    declaration : LayerUnderTest

    Attributes
    ----------
    written : set of str
        Arguments that the layer has written to so far: ``"x"``, ``"grad_output"``.
    float32 : bool
        Whether its last output was of that type.

    Raises
    ------
    SubjectError
        If it cannot be made.
    """

    def __init__(self, declaration: LayerUnderTest) -> None:
        self.declaration = declaration
        self.layout = declaration.weights or "in_out"
        self.written: set[str] = set()
        self.float32 = False
        self._given: list[tuple[str, Array, Array]] = []
        self.renew()

    def renew(self) -> None:
        """Make a new layer."""
        with _asking("make"):
            self.layer = self.declaration.make()
        self._given = []

    @property
    def width(self) -> int:
        """Features of the input."""
        options = self.declaration.options
        for name in ("in_features", "num_features", "normalized_shape"):
            if name in options:
                return int(np.ravel(options[name])[-1])
        path = self.declaration.parameters.get("weight")
        try:
            weight = np.asarray(look_up(self.layer, path)) if path else np.empty(0)
        except LookupError:
            return _FEATURES
        if weight.dtype == object or weight.size < 2:
            return _FEATURES
        if weight.ndim == 2 and min(weight.shape) > 1:
            return int(weight.shape[1 if self.layout == "out_in" else 0])
        return int(weight.size)

    # Parameters

    def get(self) -> Values:
        """Return copies of the parameters in float64, in PyTorch's layout."""
        return {
            name: self._as_ours(name, array, array)
            for name, path in self.declaration.parameters.items()
            for array in (self._array(path),)
        }

    def set(self, values: Values) -> None:
        """Write parameters.

        Raises
        ------
        SubjectError
            If what is read afterwards is not what was written.
        """
        for name, path in self.declaration.parameters.items():
            array, value = self._array(path), values[name]
            with _asking(f"parameters[{name!r}]"):
                laid_out = value.T if self._is_transposed(array) else value
                array[...] = laid_out.reshape(array.shape)
            kept = self._array(path)
            if not np.allclose(self._as_ours(name, kept, kept), value, rtol=1e-3):
                raise SubjectError(
                    f"parameters[{name!r}]: what was written is not there afterwards; it must be "
                    "the array itself and not a copy"
                )

    def buffers(self) -> Values:
        """Return copies of the running statistics that are there already, as vectors."""
        found = {}
        for name, path in self.declaration.buffers.items():
            try:
                value = look_up(self.layer, path)
            except LookupError:
                continue
            if value is not None:
                found[name] = np.array(value, np.float64).ravel()
        return found

    def _array(self, path: str) -> Array:
        with _asking("parameters"):
            array = look_up(self.layer, path)
        if not isinstance(array, np.ndarray):
            told = f"expected an array, got {type(array).__name__}"
            raise SubjectError(f"parameters: {path!r}: {told}")
        return array

    def _is_transposed(self, array: Array) -> bool:
        return self.layout == "in_out" and array.ndim == 2 and min(array.shape) > 1

    def _as_ours(self, name: str, array: Array, parameter: Array) -> Array:
        """Return a parameter, or its gradient, which may have any shape if it is wrong."""
        value = np.array(array, np.float64)
        if value.ndim == 2 and self._is_transposed(parameter):
            return value.T
        matrix = name == "weight" and parameter.ndim == 2 and 1 not in parameter.shape
        return value.ravel() if not matrix and value.size == parameter.size else value

    # Questions

    def forward(self, rows: Array, *, training: bool = True) -> Array:
        """Return the output for rows of inputs, in rows."""
        declaration = self.declaration
        x = self._laid_out(rows)
        mode = declaration.train if training else declaration.evaluate
        keywords = dict(mode) if isinstance(mode, Mapping) else {}
        self._given = [("x", x, x.copy())]
        with _asking("forward"):
            if declaration.reset is not None:
                resolve(self.layer, declaration.reset)
            if mode is not None and not isinstance(mode, Mapping):
                resolve(self.layer, mode)
            access = declaration.forward
            function = access if callable(access) else look_up(self.layer, access)
            first = (self.layer,) if callable(access) else ()
            result = function(*first, x, **keywords)
        self._note_written()
        for array in arrays_in(result):
            if array.size % len(rows) == 0:
                self.float32 = array.dtype == np.float32
                return self._as_rows(array, len(rows))
        raise SubjectError(f"forward: expected an array for {len(rows)} samples, got none")

    def backward(self, rows: Array) -> Gradients:
        """Return the gradients for the gradient of the last output, in rows."""
        declaration = self.declaration
        grad = self._laid_out(rows)
        self._given.append(("grad_output", grad, grad.copy()))
        before = self.get() if declaration.lr is not None else {}
        rate = () if declaration.lr is None else (declaration.lr,)
        assert declaration.backward is not None
        with _asking("backward"):
            result = resolve(self.layer, declaration.backward, grad, *rate)
        self._note_written()
        arrays = list(arrays_in(result))
        found: Values = {}
        if arrays and arrays[0].size % len(rows) == 0:
            found["input"] = self._as_rows(arrays.pop(0), len(rows))
        updated = self.get() if declaration.lr is not None else {}
        for name, path in declaration.gradients.items():
            with _asking(f"gradients[{name!r}]"):
                gradient = np.asarray(look_up(self.layer, path))
            found[name] = self._gradient(name, gradient)
        if not declaration.gradients:
            if declaration.lr is not None:
                for name, value in before.items():
                    found[name] = (value - updated[name]) / declaration.lr
            else:
                for name, array in zip(declaration.parameters, arrays, strict=False):
                    found[name] = self._gradient(name, array)
        return Gradients(found, updated)

    def _gradient(self, name: str, array: Array) -> Array:
        return self._as_ours(name, array, self._array(self.declaration.parameters[name]))

    def _note_written(self) -> None:
        for name, given, copy in self._given:
            if not np.array_equal(given, copy, equal_nan=True):
                self.written.add(name)

    def _laid_out(self, rows: Array) -> Array:
        columns = self.declaration.batch == "columns"
        return np.ascontiguousarray(rows.T) if columns else rows.copy()

    def _as_rows(self, array: Array, samples: int) -> Array:
        value = np.array(array, np.float64)
        if self.declaration.batch == "columns":
            value = value.T
        return value.reshape(samples, -1)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn whatever strangers' code raises into a SubjectError."""
    with quiet():
        try:
            yield
        except SubjectError:
            raise
        except Exception as error:
            raise SubjectError(f"{what}: {type(error).__name__}: {error}") from error


def reference(like: str, options: Mapping[str, Any]) -> ours.Layer:
    """Return this project's layer of a name, in float64 where it has a type.

    Raises
    ------
    InputError
        If it does not take the options.
    """
    made = getattr(ours, like)
    arguments: dict[str, Any] = dict(options)
    if "dtype" in made.__init__.__code__.co_varnames:
        arguments["dtype"] = np.float64
    try:
        layer: ours.Layer = made(**arguments)
    except TypeError as error:
        raise InputError("options", f"arguments of {like}", f"{dict(options)}: {error}") from None
    return layer
