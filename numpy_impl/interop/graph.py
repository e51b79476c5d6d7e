"""ONNX graphs, written as formulas: arrays of a graph, with the operators of NumPy's arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int | None, ...]
"""Sizes of axes; None where they are known only when the graph is run."""


class Graph:
    """A graph while it is written: its operators, in the order in which they are computed.

    The package onnx must be installed.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the constants that are given as numbers: float32 or float64.

    Attributes
    ----------
    prefix : str
        What the names of new values begin with: the position of the layer that is written.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        from onnx import helper, numpy_helper

        self.dtype = dtype
        self.prefix = ""
        self._helper, self._from_array = helper, numpy_helper.from_array
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Shape) -> Array:
        """Return an input of the graph."""
        self._inputs.append(self._described(name, shape))
        return Array(self, name)

    def output(self, name: str, value: Array, shape: Shape) -> None:
        """Make a value an output of the graph, under a name."""
        self._nodes.append(self._helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(self._described(name, shape))

    def constant(self, name: str, value: NDArray[Any]) -> Array:
        """Return a constant of a name, below the present prefix."""
        name = f"{self.prefix}{name}"
        self._constants[name] = self._from_array(np.array(value, order="C"), name)
        return Array(self, name)

    def number(self, value: float) -> Array:
        """Return a number of the graph's dtype; one constant for all of the same value."""
        name = f"number {value!r}"
        if name not in self._constants:
            self._constants[name] = self._from_array(np.array(value, self.dtype), name)
        return Array(self, name)

    def integers(self, values: Sequence[int]) -> Array:
        """Return a vector of int64, such as axes and shapes."""
        name = f"integers {list(values)}"
        self._constants[name] = self._from_array(np.array(values, np.int64), name)
        return Array(self, name)

    def add(self, operator: str, *inputs: Array | float, **attributes: Any) -> Array:
        """Return the result of an operator of ONNX."""
        names = [(x if isinstance(x, Array) else self.number(x)).name for x in inputs]
        result = f"{self.prefix}{operator}_{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(operator, names, [result], **attributes))
        return Array(self, result)

    def model(self, producer: str, version: str, opset: int, properties: Mapping[str, str]) -> Any:
        """Return the graph as an ``onnx.ModelProto``, in the oldest format that has the opset."""
        opsets = [self._helper.make_opsetid("", opset)]
        graph = self._helper.make_graph(
            self._nodes, producer, self._inputs, self._outputs, [*self._constants.values()]
        )
        made = self._helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=self._helper.find_min_ir_version_for(opsets),
            producer_name=producer,
            producer_version=version,
        )
        self._helper.set_model_props(made, dict(properties))
        return made

    def _described(self, name: str, shape: Shape) -> Any:
        element = self._helper.np_dtype_to_tensor_dtype(self.dtype)
        sizes = [f"{name}_axis_{axis}" if n is None else n for axis, n in enumerate(shape)]
        return self._helper.make_tensor_value_info(name, element, sizes)


class Array:
    """A value in a graph.

    Parameters
    ----------
    graph : Graph
    name : str
        Of the value.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def __add__(self, other: Array | float) -> Array:
        return self.graph.add("Add", self, other)

    def __radd__(self, other: float) -> Array:
        return self.graph.add("Add", other, self)

    def __sub__(self, other: Array | float) -> Array:
        return self.graph.add("Sub", self, other)

    def __rsub__(self, other: float) -> Array:
        return self.graph.add("Sub", other, self)

    def __mul__(self, other: Array | float) -> Array:
        return self.graph.add("Mul", self, other)

    def __rmul__(self, other: float) -> Array:
        return self.graph.add("Mul", other, self)

    def __truediv__(self, other: Array | float) -> Array:
        return self.graph.add("Div", self, other)

    def __neg__(self) -> Array:
        return self.graph.add("Neg", self)

    def __abs__(self) -> Array:
        return self.graph.add("Abs", self)

    def __lt__(self, other: Array | float) -> Array:
        return self.graph.add("Less", self, other)

    def __le__(self, other: Array | float) -> Array:
        return self.graph.add("LessOrEqual", self, other)

    def __gt__(self, other: Array | float) -> Array:
        return self.graph.add("Greater", self, other)

    def equals(self, other: Array | float) -> Array:
        """Return where both are equal."""
        return self.graph.add("Equal", self, other)

    def exp(self) -> Array:
        """Return the exponential."""
        return self.graph.add("Exp", self)

    def log(self) -> Array:
        """Return the natural logarithm."""
        return self.graph.add("Log", self)

    def sqrt(self) -> Array:
        """Return the square root."""
        return self.graph.add("Sqrt", self)

    def tanh(self) -> Array:
        """Return the hyperbolic tangent."""
        return self.graph.add("Tanh", self)

    def minimum(self, other: float) -> Array:
        """Return the smaller of both."""
        return self.graph.add("Min", self, other)

    def maximum(self, other: float) -> Array:
        """Return the larger of both."""
        return self.graph.add("Max", self, other)

    def clip(self, low: float, high: float) -> Array:
        """Return what is nearest between two bounds."""
        return self.graph.add("Clip", self, low, high)

    def mean(self, axes: Sequence[int]) -> Array:
        """Return the mean over axes, which stay."""
        return self.graph.add("ReduceMean", self, self.graph.integers(axes), keepdims=1)

    def reshape(self, shape: Sequence[int]) -> Array:
        """Return the entries in another shape; 0 is the size there was, -1 what is left."""
        return self.graph.add("Reshape", self, self.graph.integers(shape))


def where(condition: Array, chosen: Array | float, otherwise: Array | float) -> Array:
    """Return one where a condition holds, else the other."""
    return condition.graph.add("Where", condition, chosen, otherwise)
