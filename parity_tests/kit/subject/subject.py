"""A network as the kit sees it, whatever its conventions: samples in rows, weights (out, in)."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.network import LAYOUTS, Network, arrays_in, look_up, resolve
from parity_tests.kit.subject.copies import copies_of
from parity_tests.kit.subject.generators import seeded_own, states_of
from parity_tests.kit.subject.seeding import seeded, states
from parity_tests.kit.subject.some_biases import is_vector, with_some_biases
from parity_tests.kit.subject.writable import are_integers, is_number, is_writable, with_writable

Array = NDArray[Any]
# Shapes that are told of what came in the place of something else.
_MOST_SHAPES = 6


class SubjectError(Exception):
    """The network could not be asked, or its answer could not be read."""


class NoChainError(SubjectError):
    """The parameters do not form a chain of layers."""


class ReshapedError(SubjectError):
    """A training step leaves a parameter in another shape.

    Attributes
    ----------
    tensor : str
        Which, as `by_name` calls it.
    """

    def __init__(self, tensor: str, message: str) -> None:
        super().__init__(message)
        self.tensor = tensor


@dataclass(frozen=True)
class Layer:
    """Parameters of a layer, or their gradients.

    Attributes
    ----------
    weight : ndarray of shape (out_features, in_features)
    bias : ndarray of shape (out_features,), or None
        Of shape (1,) if it is one number for all units. Of a gradient that is wrong it may have
        any shape.
    folded : {"", "first", "last"}
        Where the bias is in the network's own matrix, if that has it for an input.
    """

    weight: Array
    bias: Array | None
    folded: str = ""

    @property
    def has_shared_bias(self) -> bool:
        """Whether the bias is one number, though the layer has several units."""
        return self.bias is not None and self.bias.size == 1 and len(self.weight) > 1

    def times(self, size: float) -> "Layer":
        """Return a layer with all numbers so many times as large."""
        bias = None if self.bias is None else size * self.bias
        return replace(self, weight=size * self.weight, bias=bias)


Layers = list[Layer]


def by_name(layers: Layers) -> dict[str, Array]:
    """Return all parameters by their names: ``"W1"``, ``"b1"``, ``"W2"``, ..."""
    return {
        f"{kind}{number}": array
        for number, layer in enumerate(layers, start=1)
        for kind, array in (("W", layer.weight), ("b", layer.bias))
        if array is not None
    }


def tensors(layers: Layers) -> list[Array]:
    """Return all parameters, those of the first layer first."""
    return list(by_name(layers).values())


def flat(layers: Layers) -> Array:
    """Return the entries of all parameters as one vector."""
    return np.concatenate([np.ravel(array) for array in tensors(layers)])


def unflat(vector: Array, like: Layers) -> Layers:
    """Return what `flat` makes of layers of the shapes of others, as layers again."""
    found, rest = [], vector
    for layer in like:
        weight, rest = np.split(rest, [layer.weight.size])
        shaped = weight.reshape(layer.weight.shape)
        if layer.bias is None:
            found.append(Layer(shaped, None))
            continue
        bias, rest = np.split(rest, [layer.bias.size])
        found.append(Layer(shaped, bias))
    return found


@dataclass
class Batch:
    """Samples and what is expected of them.

    Attributes
    ----------
    inputs : ndarray of shape (samples, in_features)
    labels : ndarray of int, shape (samples,)
        Classes; zeros and ones for a network with a single output.
    targets : ndarray of shape (samples, out_features)
        What the labels are as numbers, in the form in which the network gets them.
    are_numbers : bool
        Whether the network takes any numbers for labels.
    """

    inputs: Array
    labels: Array
    targets: Array
    are_numbers: bool = False

    @classmethod
    def of(cls, inputs: Array, labels: Array, outputs: int) -> "Batch":
        """Return samples of classes; with a single output, of an odd class or an even one."""
        if outputs == 1:
            return cls(inputs, labels, (labels % 2).astype(np.float64)[:, np.newaxis])
        return cls(inputs, labels, np.eye(outputs)[labels])

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, rows: slice | list[int]) -> "Batch":
        """Return some of the samples."""
        parts = (part[rows] for part in (self.inputs, self.labels, self.targets))
        return Batch(*parts, self.are_numbers)


class Subject:
    """A network that can be asked.

    Parameters
    ----------
    network : Network
        Its declaration.

    Attributes
    ----------
    subtracted : tuple of int
        Layers, from 0, that subtract their bias: it and its gradient are read with the other sign.
    least_target : float
        What is added to targets that are any numbers.
    is_of_inputs : bool
        Whether targets are the inputs, as an autoencoder has them.
    has_vector_targets : bool
        Whether the targets of a single output are given as a vector, and not as a column.
    loss_of_output : callable or None
        ``f(output, batch)``, a loss that stands in the place of the one that is reported.

    Raises
    ------
    SubjectError
        If it cannot be made; `NoChainError` if its parameters do not form a chain of layers.
    """

    is_chain = True
    subtracted: tuple[int, ...] = ()
    least_target = 0.0
    is_of_inputs = False
    has_vector_targets = False
    loss_of_output: Callable[[Array, "Batch"], float] | None = None

    def __init__(self, network: Network) -> None:
        self.network = network
        self.seed: int | None = None
        # Where the generators were after what was drawn alike for the last answer.
        self.drawn_up_to: tuple[Any, ...] = ()
        self._make()
        arrays = self.arrays()
        # By position, the types of those that are made as integers.
        self.integers = {n: str(a.dtype) for n, a in enumerate(arrays) if are_integers(a)}
        self._is_writable = all(map(is_writable, arrays))
        self._make_writable()
        self.shapes = [np.shape(array) for array in self.arrays()]
        empty = next((shape for shape in self.shapes if 0 in shape), None)
        if empty is not None:
            raise SubjectError(f"parameters: one of shape {empty} has no entries")
        self._arrange()

    def _arrange(self) -> None:
        """See which parameter is which, and the widths of the layers."""
        self._ways = _chains(self.shapes, self.network)
        self._order, self.layout = self._ways[0]
        self.sizes: list[int] = self._sizes()

    def another(self, network: Network) -> "Subject":
        """Return a network of the same parameters that is read as this one is."""
        other = type(self)(network)
        other._order, other.layout = self._order, self.layout
        other.subtracted = self.subtracted
        return other

    def renew(self) -> None:
        """Make a new network as its own code begins it, whose parameters can be written to."""
        self._make()
        self._make_writable()

    def _make(self) -> None:
        with quiet():
            try:
                self.net = self.network.make()
            except Exception as error:
                raise SubjectError(f"make: {_told(error)}") from error
        self._is_new = True

    def _make_writable(self) -> None:
        if not self._is_writable:
            self.net = with_writable(self.net, self.network.parameters, self.arrays())

    def begin(self, layers: Layers) -> Layers:
        """Give parameters to a new network, and return them as it keeps them."""
        self.renew()
        return self.set(layers)

    def begin_in_integers(self, layers: Layers) -> Layers:
        """Do what `begin` does, and leave integers what they are made as: fractions are cut off."""
        self._make()
        self._is_new = False
        arrays = self.arrays()
        for position, values in self._arranged(layers).items():
            shaped = values.reshape(arrays[position].shape)
            arrays[position][...] = np.trunc(shaped) if position in self.integers else shaped
        return self.get()

    @contextlib.contextmanager
    def drawing_alike(self, seed: int) -> Iterator[None]:
        """Let every answer draw the same random numbers, from global generators and its own."""
        self.seed = seed
        try:
            yield
        finally:
            self.seed = None

    @contextlib.contextmanager
    def _drawing(self) -> Iterator[None]:
        if self.seed is None:
            yield
            return
        with seeded(self.seed), seeded_own(self.net, self.seed):
            yield
            self.drawn_up_to = states(), states_of(self.net)

    def readings(self) -> Iterator[str]:
        """Read the parameters in all ways that their shapes allow, one after the other.

        Square matrices may be of either layout, and a matrix of one column may be a bias.
        """
        for way, layout in self._ways:
            self._order, self.layout = way, layout
            if self._sizes() == self.sizes:
                yield layout

    @property
    def single(self) -> bool:
        """Whether it takes one sample at a time."""
        return self.network.batch not in ("rows", "columns")

    @property
    def outputs(self) -> int:
        """Width of the last layer."""
        return self.sizes[-1]

    # Parameters

    def arrays(self) -> list[Array]:
        """Return the parameters themselves, as the network has them."""
        with quiet():
            try:
                return _found(self.net, self.network.parameters)
            except Exception as error:
                raise SubjectError(f"parameters: {_told(error)}") from error

    def get(self) -> Layers:
        """Return copies of the parameters, in float64."""
        return self._layers([np.array(array, np.float64) for array in self.arrays()])

    def _layers(self, arrays: Sequence[Array]) -> Layers:
        layers = []
        for number, (weight, bias) in enumerate(self._order):
            matrix = arrays[weight]
            vector = None if bias is None else arrays[bias]
            folded = ""
            if self.network.bias not in ("apart", "none"):
                matrix, vector = _unfold(matrix, self.network.bias)
                folded = self.network.bias.partition("_")[0]
            if len(self.shapes[weight]) == 1 and matrix.size == self.shapes[weight][0]:
                matrix = matrix.reshape(1, -1)
            elif self.layout == "in_out" and matrix.ndim == 2:
                matrix = matrix.T
            if vector is not None and vector.shape in ((), (1, vector.size), (vector.size, 1)):
                vector = vector.ravel()
            if vector is not None and number in self.subtracted:
                vector = -vector
            layers.append(Layer(matrix, vector, folded))
        return layers

    def arrays_as_made(self) -> list[Array]:
        """Return the parameters themselves.

        Raises
        ------
        SubjectError
            If a step has given one of them another shape.
        """
        arrays = self.arrays()
        shapes = [np.shape(array) for array in arrays]
        if shapes != self.shapes:
            raise SubjectError(f"parameters: their shapes were {self.shapes} and are {shapes} now")
        return arrays

    def set(self, layers: Layers) -> Layers:
        """Write parameters, and return them as the network's own precision keeps them.

        What a new network keeps as copies of them is set with them: it is made with both equal.

        Raises
        ------
        SubjectError
            If what is read afterwards is not what was written.
        """
        arrays = self.arrays_as_made()
        given = [layer.weight.shape[::-1] for layer in layers]
        own = list(pairwise(self.sizes))
        if given != own:
            raise SubjectError(f"parameters: of {given} inputs and outputs, the network has {own}")
        copies = copies_of(self.net, arrays) if self._is_new else []
        self._is_new = False
        for position, values in self._arranged(layers).items():
            write_to(arrays[position], values.reshape(arrays[position].shape))
        kept = self.get()
        for now, then in zip(kept, layers, strict=True):
            if not np.allclose(now.weight, then.weight, rtol=1e-3, atol=1e-6, equal_nan=True):
                raise SubjectError(
                    "parameters: what was written is not there afterwards; they must be the arrays "
                    "themselves and not copies"
                )
        for copy, position in copies:
            write_to(copy, arrays[position])
        return kept

    def _arranged(self, layers: Layers) -> dict[int, Array]:
        """Return what is to be written to the parameters, by their positions."""
        arranged: dict[int, Array] = {}
        for number, layer in enumerate(layers):
            weight, bias = self._order[number]
            matrix = layer.weight.T if self.layout == "in_out" else layer.weight
            vector = layer.bias
            if vector is not None and number in self.subtracted:
                vector = -vector
            if self.network.bias not in ("apart", "none"):
                assert vector is not None
                matrix = _fold(matrix, vector, self.network.bias)
            elif bias is not None and vector is not None:
                arranged[bias] = vector
            arranged[weight] = matrix
        return arranged

    def name_of(self, position: int) -> str:
        """Return what `by_name` calls the parameter at a position."""
        for number, (weight, bias) in enumerate(self._order, start=1):
            if position in (weight, bias):
                return f"{'W' if position == weight else 'b'}{number}"
        raise IndexError(f"there is no parameter {position}")

    def _sizes(self) -> list[int]:
        layers = self.get()
        return [layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in layers)]

    # Samples

    def batch(self, inputs: Array, labels: Array) -> Batch:
        """Return samples with their labels as numbers."""
        batch = Batch.of(inputs, labels, self.outputs)
        if self.network.labels == "soft":
            batch.targets = np.where(batch.targets > 0, 0.99, 0.01)
        batch.are_numbers = self.network.labels == "targets" or self.is_of_inputs
        if self.is_of_inputs:
            batch.targets = batch.inputs.copy()
        elif batch.are_numbers:
            batch.targets = batch.targets + self.least_target
        return batch

    def _given(self, batch: Batch) -> Iterator[tuple[Array, Array]]:
        """Yield inputs and labels as the network takes them."""
        parts = [batch]
        if self.single:
            parts = [batch.part(slice(n, n + 1)) for n in range(len(batch))]
        for part in parts:
            yield self._laid_out(part.inputs), self._labels(part)

    def _laid_out(self, rows: Array) -> Array:
        form = self.network.batch
        if form == "vector":
            return rows[0].copy()
        return rows.T.copy() if form in ("columns", "column") else rows.copy()

    def _labels(self, batch: Batch) -> Any:
        form = self.network.labels
        if form in ("integers", "integer_column"):
            labels = batch.labels % 2 if self.outputs == 1 else batch.labels
            if form == "integer_column":
                labels = labels[:, np.newaxis]
                return labels.T.copy() if self.network.batch == "columns" else labels.copy()
            return int(labels[0]) if self.single else labels.copy()
        if self.has_vector_targets:
            return batch.targets[:, 0].copy()
        return self._laid_out(batch.targets)

    # Questions

    def forward(self, inputs: Array) -> Array:
        """Return the output for rows of inputs, in rows."""
        outputs = []
        batch = Batch(inputs, np.zeros(len(inputs), int), np.zeros((len(inputs), self.outputs)))
        for x, _ in self._given(batch):
            outputs.append(self._output(self._ask("forward", x), 1 if self.single else len(inputs)))
        return np.concatenate(outputs)

    def shape_of_output(self, inputs: Array) -> tuple[int, ...]:
        """Return the shape in which the output for rows of inputs comes, all of them at once."""
        result = self._ask("forward", self._laid_out(inputs))
        size = len(inputs) * self.outputs
        return next((a.shape for a in arrays_in(result) if a.size == size), ())

    def _output(self, result: Any, samples: int) -> Array:
        wanted = (samples, self.outputs)
        for array in arrays_in(result):
            if array.size == wanted[0] * wanted[1]:
                array = np.array(array, np.float64)
                if array.ndim == 2 and self.network.batch in ("columns", "column"):
                    array = array.T
                return array.reshape(wanted)
        shapes = [array.shape for array in arrays_in(result)]
        raise SubjectError(f"forward: expected {wanted[0]} x {wanted[1]} numbers, got {shapes}")

    def loss(self, batch: Batch) -> float:
        """Return the loss that the network reports; of single samples, the mean."""
        values = []
        for x, y in self._given(batch):
            told = self._ask("loss", x, y)
            try:
                value = np.asarray(told, np.float64)
            except (TypeError, ValueError):
                raise SubjectError(f"loss: it is no number, but {told!r:.80}") from None
            if value.size != 1:
                raise SubjectError(f"loss: expected a number, got an array of shape {value.shape}")
            values.append(float(value.ravel()[0]))
        return float(np.mean(values))

    def loss_of_pass(self, batch: Batch) -> float:
        """Return the loss after a forward pass: some compute it from what that has left."""
        output = self.forward(batch.inputs)
        if self.loss_of_output is not None:
            return self.loss_of_output(output, batch)
        return self.loss(batch)

    def gradients(self, batch: Batch) -> Layers:
        """Return the gradients that the network computes; of single samples, the mean."""
        sums: list[Array] | None = None
        parts = 0
        before = self.get() if self.single else []
        for x, y in self._given(batch):
            if parts:
                self.set(before)  # the last sample may have trained it
            arrays = self._gradient_arrays(x, y)
            sums = arrays if sums is None else [a + b for a, b in zip(sums, arrays, strict=True)]
            parts += 1
        assert sums is not None
        return self._layers([array / parts for array in sums])

    def has_new_gradients(self, batch: Batch) -> bool:
        """Whether a second gradient leaves the arrays of the first as they are; false if unknown.

        Raises
        ------
        SubjectError
            If the gradient fails.
        """
        network = self.network
        if network.gradients is None and network.backward is None:
            return False
        x, y = next(iter(self._given(batch)))
        first, second = (self._handed(x, y) for _ in range(2))
        return not any(np.shares_memory(one, other) for one in first for other in second)

    def _gradient_arrays(self, x: Array, y: Any) -> list[Array]:
        arrays = []
        for array, shape in zip(self._in_order(self._handed(x, y)), self.shapes, strict=True):
            array = np.array(array, np.float64)
            if array.shape != shape and array.size == np.prod(shape, dtype=int) and 1 in shape:
                array = array.reshape(shape)
            arrays.append(array)
        return arrays

    def _handed(self, x: Array, y: Any) -> list[Array]:
        """Return the arrays of gradients that the network hands out, as they are."""
        network = self.network
        with quiet(), self._drawing():
            try:
                result = (
                    None if network.backward is None else resolve(self.net, network.backward, x, y)
                )
                if callable(network.gradients):
                    result = network.gradients(self.net, x, y)
                elif network.gradients is not None:
                    result = [look_up(self.net, path) for path in network.gradients.split()]
                    if len(result) == 1 and callable(result[0]):
                        result = result[0](x, y)
                found = _parts(list(arrays_in(result, scalars=True)), self.shapes)
            except Exception as error:
                raise SubjectError(f"gradients: {_told(error)}") from error
        if len(found) != len(self.shapes):
            # Sums over everything may be numbers in a list, one for each layer.
            apart = list(arrays_in(_numbers_apart(result), scalars=True))
            if len(apart) != len(self.shapes):
                came = ", ".join(str(array.shape) for array in found[:_MOST_SHAPES])
                came += ", ..." if len(found) > _MOST_SHAPES else ""
                raise SubjectError(
                    f"gradients: expected {len(self.shapes)} arrays, one for each parameter, got "
                    f"{len(found)}{f' of shapes {came}' if came else ''}"
                )
            found = apart
        return found

    def _in_order(self, found: list[Array]) -> list[Array]:
        """Return gradients in the order of the parameters, if only their shapes tell it.

        One of them may have another shape than its parameter: it is the one that is left.
        """
        shapes = [array.shape for array in found]
        rest = [shape for shape in shapes if shape not in self.shapes]
        empty = [shape for shape in self.shapes if shape not in shapes]
        is_told = len(set(shapes)) == len(set(self.shapes)) == len(shapes) and len(rest) <= 1
        if sum(one != own for one, own in zip(shapes, self.shapes, strict=True)) < 2 or not is_told:
            return found
        places = dict(zip(empty, rest, strict=True))
        return [found[shapes.index(places.get(shape, shape))] for shape in self.shapes]

    def step(self, batch: Batch, lr: float) -> float | None:
        """Take a training step on a batch; return the loss, if the network gives one.

        A network of single samples takes one step for each.
        """
        loss = None
        for x, y in self._given(batch):
            assert self.network.step is not None
            result = self._ask("step", x, y, lr)
            told = result if isinstance(result, tuple) else (result,)
            numbers = [float(own) for own in told if isinstance(own, float | np.floating)]
            loss = numbers[0] if len(numbers) == 1 else loss
            returned = [
                (own, shapes)
                for own in self._networks_in(result)
                if len(shapes := self._shapes_in(own)) == len(self.shapes)
            ]
            # Of other shapes it is the network, too, with a fault.
            as_before = [own for own, shapes in returned if shapes == list(self.shapes)]
            self.net = (*as_before, *(own for own, _ in returned), self.net)[0]
        return loss

    def _networks_in(self, result: Any) -> Iterator[Any]:
        """Yield what of a step's result may be the network: it alone, or with a loss beside."""
        several = result if isinstance(result, tuple) else ()
        members = len(self.net) if isinstance(self.net, list | tuple) else len(several)
        if len(several) > members:
            yield from (several[:members], several[-members:])
        yield from (own for own in (result, *several) if own is not None and not np.isscalar(own))

    def _shapes_in(self, result: Any) -> list[tuple[int, ...]]:
        """Return the shapes of the parameters in a result; empty if it is not the network."""
        try:
            return [array.shape for array in _found(result, self.network.parameters)]
        except Exception:  # whatever it is, it is not the network
            return []

    def _ask(self, what: str, *arguments: Any) -> Any:
        access = getattr(self.network, what)
        with quiet(), self._drawing():
            try:
                return resolve(self.net, access, *arguments)
            except Exception as error:
                raise SubjectError(f"{what}: {_told(error)}") from error


def _parts(found: list[Array], shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Return the parts of one vector that has all gradients in it; what else was found as it is."""
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes]
    if len(found) != 1 or len(shapes) == 1 or found[0].shape != (sum(sizes),):
        return found
    parts = np.split(found[0], np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _numbers_apart(value: Any) -> Any:
    """Return nested lists in which every number of a list is an array by itself."""
    if isinstance(value, Mapping):
        return {key: _numbers_apart(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbers_apart(member) for member in value]
    return np.asarray(value) if isinstance(value, (float, int, np.number)) else value


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what a network prints, and NumPy's warnings, to itself."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            yield


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _found(net: Any, access: Any) -> list[Array]:
    if callable(access):
        return list(arrays_in(access(net)))
    found: list[Array] = []
    for path in access.split():
        value = look_up(net, path)
        found += [np.array(float(value))] if is_number(value) else arrays_in(value)
    return found


def write_to(array: Array, values: Array) -> None:
    """Write numbers into an array.

    Raises
    ------
    SubjectError
        If it is one of integers.
    """
    if array.dtype.kind != "f":
        raise SubjectError(f"parameters: expected floating point numbers, got {array.dtype}")
    array[...] = values


def _chains(
    shapes: Sequence[tuple[int, ...]], network: Network
) -> list[tuple[list[tuple[int, int | None]], str]]:
    """Return the positions of weight and bias of every layer, and the layout of the weights.

    All that fit, the likeliest first.
    """
    positions = list(range(len(shapes)))
    half = len(shapes) // 2
    ways: list[list[tuple[int, int | None]]] = []
    if network.bias == "apart" and positions and len(shapes) % 2 == 0:
        ways.append([(n, n + 1) for n in positions[::2]])
        ways.append([(n, n + half) for n in positions[:half]])
        ways.append([(n + 1, n) for n in positions[::2]])
    ways.append([(n, None) for n in positions])
    # Where all widths are the same, columns of samples mostly go with (out, in).
    usual = LAYOUTS[:: -1 if network.batch in ("columns", "column") else 1]
    layouts = (network.weights,) if network.weights else usual

    def fitting(
        ways: Iterable[list[tuple[int, int | None]]],
        *,
        may_share: bool = False,
        is_last_vector: bool = False,
    ) -> Iterator[Any]:
        for way in ways:
            for layout in layouts:
                own = _with_last(shapes, way, layout) if is_last_vector else shapes
                if positions and _is_chain(way, own, layout, network.bias, may_share=may_share):
                    yield way, layout

    found = list(fitting(ways))
    if not found:
        # Before layers without a bias: one number for all units would be a layer of one unit.
        found = list(islice(fitting(ways, may_share=True), 1))
    if not found and network.bias == "apart":
        # The first that fits: of several layers as wide as a bias it is that of the one beside it.
        found = list(islice(fitting(with_some_biases(shapes)), 1))
    if not found and network.bias in ("apart", "none"):
        # The weights of a single output may be a vector, where that is no bias.
        several = [way for way in ways if len(way) > 1]
        found = list(fitting(several, is_last_vector=True))
    if not found:
        told = f"parameters: shapes {list(shapes)} do not form a chain of layers"
        vectors = sum(is_vector(shape) for shape in shapes)
        if vectors > len(shapes) - vectors:
            told += (
                "; there are more vectors than matrices, as where a matrix is used twice; if a "
                "normalization has them, it is examined by itself with check_layer"
            )
        raise NoChainError(told)
    return found


def _with_last(
    shapes: Sequence[tuple[int, ...]], way: Sequence[tuple[int, int | None]], layout: str
) -> list[tuple[int, ...]]:
    """Return shapes with a last vector of weights as the matrix of one unit that it stands for."""
    place, own = way[-1][0], list(shapes)
    if len(own[place]) == 1:
        own[place] = (*own[place], 1) if layout == "in_out" else (1, *own[place])
    return own


def _is_chain(
    way: Sequence[tuple[int, int | None]],
    shapes: Sequence[tuple[int, ...]],
    layout: str,
    folded: str,
    *,
    may_share: bool,
) -> bool:
    """Whether layers follow one another; `may_share`, also where a bias is one number for all."""
    # A row is as long as there are columns, and has an entry for each unit where these are units.
    of_units = {"_row": "in_out", "_column": "out_in"}
    if any(folded.endswith(end) and layout != own for end, own in of_units.items()):
        return False
    width = None
    for weight, bias in way:
        if len(shapes[weight]) != 2:
            return False
        outs, ins = _bare(shapes[weight], folded)
        if layout == "in_out":
            ins, outs = outs, ins
        if width not in (None, ins):
            return False
        if bias is not None:
            size = int(np.prod(shapes[bias]))
            if size != outs and not (may_share and size == 1):
                return False
        width = outs
    return True


def _bare(shape: tuple[int, ...], bias: str) -> tuple[int, int]:
    rows, columns = shape
    return rows - bias.endswith("_row"), columns - bias.endswith("_column")


def _unfold(matrix: Array, bias: str) -> tuple[Array, Array]:
    if bias == "first_row":
        return matrix[1:], matrix[0]
    if bias == "last_row":
        return matrix[:-1], matrix[-1]
    return (
        (matrix[:, 1:], matrix[:, 0]) if bias == "first_column" else (matrix[:, :-1], matrix[:, -1])
    )


def _fold(matrix: Array, vector: Array, bias: str) -> Array:
    if bias.endswith("_row"):
        parts = (vector[np.newaxis], matrix)
        return np.concatenate(parts if bias == "first_row" else parts[::-1])
    columns = (vector[:, np.newaxis], matrix)
    return np.concatenate(columns if bias == "first_column" else columns[::-1], axis=1)
