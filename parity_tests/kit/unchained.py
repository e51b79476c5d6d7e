"""A network whose parameters form no chain of layers: a list of tensors, whatever they are for."""

import re
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.slopes_of_steps import of_slopes
from parity_tests.kit.aspects.gradient.held_to_slopes.met import is_of_calls_before
from parity_tests.kit.fitting import are_single
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network, arrays_in
from parity_tests.kit.subject.subject import Layer, Layers, Subject, SubjectError, write_to
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]
# Samples by which the width of the output is seen.
_SAMPLES = (7, 11, 13, 17, 19)


class Unchained(Subject):
    """A network that can be asked, each of whose parameters stands for a layer without a bias.

    Parameters
    ----------
    network : Network
        Its declaration.

    Raises
    ------
    SubjectError
        If it cannot be made, or takes no inputs of a width that one of its parameters has.
    """

    is_chain = False

    def _arrange(self) -> None:
        self.layout = "out_in"
        self._order = [(position, None) for position in range(len(self.shapes))]
        widths = [size for shape in self.shapes for size in _axes(shape, self.network)]
        raised: list[tuple[list[int], int, SubjectError]] = []
        for width in dict.fromkeys(widths):
            try:
                outputs = self._outputs(width)
            except SubjectError as error:
                raised.append((_lines(error.__cause__), width, error))
                continue
            if outputs:
                self.sizes = [width, outputs]
                # A running average has begun with what was asked.
                self.renew()
                return
        none = "forward: it takes no inputs of a width that a parameter has"
        if not raised:
            raise SubjectError(none)
        # Of another width than is meant, it raises at the first product.
        _, width, error = max(raised, key=lambda own: own[0])
        told = str(error).removeprefix("forward: ")
        message = f"{none}; with inputs of width {width} it raises {told}"
        raise SubjectError(message) from error.__cause__

    def _outputs(self, width: int) -> int | None:
        """Return the width of the output for inputs of a width, None if what comes has none."""
        taken = {size for shape in self.shapes for size in shape}
        samples = 1 if self.single else next(n for n in _SAMPLES if n not in taken)
        # Not zeros, of which a normalization makes NaN.
        rows = np.linspace(-1, 1, samples * width).reshape(samples, width) ** 3
        result = self._ask("forward", self._laid_out(rows))
        first = next(arrays_in(result), None)
        if first is None or first.size % samples or not first.size:
            return None
        return first.size // samples

    def _layers(self, arrays: Sequence[Array]) -> Layers:
        return [Layer(array, None) for array in arrays]

    def _arranged(self, layers: Layers) -> dict[int, Array]:
        return {position: layer.weight for position, layer in enumerate(layers)}

    def set(self, layers: Layers) -> Layers:
        """Write parameters, and return them as the network's own precision keeps them."""
        arrays = self.arrays_as_made()
        for position, values in self._arranged(layers).items():
            write_to(arrays[position], values)
        kept = self.get()
        for now, then in zip(kept, layers, strict=True):
            if not np.allclose(now.weight, then.weight, rtol=1e-3, atol=1e-6):
                raise SubjectError("parameters: what was written is not there afterwards")
        return kept


def _lines(error: BaseException | None) -> list[int]:
    """Return where an error was raised, from the call to the innermost line."""
    return [] if error is None else [line for _, line in traceback.walk_tb(error.__traceback__)]


def _axes(shape: tuple[int, ...], network: Network) -> tuple[int, ...]:
    """Return the axes that may be inputs, the likeliest first."""
    if len(shape) == 2 and network.weights is not None:
        return shape[:1] if network.weights == "in_out" else shape[1:]
    return shape


# What is asked


def of_forward(inquiry: Inquiry, told: str) -> list[Verdict]:
    """Say that the forward pass is not known, and see how precise it is."""
    batch = inquiry.batches[0]
    outputs = [inquiry.subject.forward(batch.inputs) for _ in range(2)]
    inquiry.evidence.answers[0].output = observed = outputs[0]
    is_fraction = bool((observed != np.round(observed)).any())
    is_kept = are_single(observed)
    inquiry.is_float32 |= is_fraction and is_kept
    return [Verdict("forward", UNCHECKED, told)]


def of_gradient(inquiry: Inquiry) -> list[Verdict]:
    """Hold the gradient of every tensor to slopes of the loss."""
    network = inquiry.subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return [Verdict("gradient", UNCHECKED, "neither gradients nor a step are declared")]
    found = of_slopes(inquiry)
    # Where a step has made another shape of a parameter, no loss can be asked behind it.
    of_shapes = {"bias-not-summed", "parameter-reshaped"} & {verdict.cause for verdict in found}
    if any(verdict.status == DIFFERS for verdict in found) and not of_shapes:
        try:
            why = _why_not(inquiry)
        except SubjectError as error:
            why = str(error)
        if why:
            found = [Verdict("gradient", UNCHECKED, why)]
            inquiry.slopes_show = UNCHECKED
    return found


def _why_not(inquiry: Inquiry) -> str:
    """Return why slopes of the loss that is reported are no measure, if they are none."""
    subject, (one, other) = inquiry.subject, inquiry.batches
    # One with dropout is another one each time, whatever training leaves.
    with subject.drawing_alike(int(inquiry.rng.integers(2**31))):
        if is_of_calls_before(inquiry, subject.loss_of_pass):
            # The pass of the loss is one of training itself, and was asked of new networks.
            return ""
        subject.begin(inquiry.layers)
        before = subject.loss_of_pass(one)
        subject.begin(inquiry.layers)
        network = subject.network
        if network.gradients is not None or network.backward is not None:
            subject.gradients(other)
        else:
            subject.step(other, network.lr or 1e-3)
        subject.set(inquiry.layers)
        is_other = subject.loss_of_pass(one) != before
    if is_other:
        return (
            "the loss reported depends on what training leaves beside the parameters, as running "
            "averages, and the gradient may be that of a training pass"
        )
    return ""


def renamed(verdict: Verdict, network: Network, count: int) -> Verdict:
    """Return a verdict with parameters by the names that they are declared by."""
    names = network.parameters.split() if isinstance(network.parameters, str) else []
    if len(names) != count:
        names = [f"parameter {number}" for number in range(1, count + 1)]

    def named(match: re.Match[str]) -> str:
        number = int(match[1])
        return names[number - 1] if 1 <= number <= count else match[0]

    tensor = verdict.tensor and re.sub(r"^W(\d+)$", named, verdict.tensor)
    if tensor is not None and tensor.startswith("dL/dz"):
        tensor = None
    if verdict.status == UNCHECKED:
        return replace(verdict, tensor=tensor)
    message = re.sub(r"\bW(\d+)\b", named, verdict.message)
    return replace(verdict, tensor=tensor, message=message)
