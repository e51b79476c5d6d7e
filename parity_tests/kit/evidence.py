"""What a network was asked and what it answered, to be held against an arbiter."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form
from parity_tests.kit.penalties import Shares
from parity_tests.kit.subject.subject import Batch, Layer, Layers, by_name

Array = NDArray[Any]


@dataclass
class Answer:
    """What came for one batch; None for what was not asked.

    Attributes
    ----------
    output : ndarray of shape (samples, out_features)
    gradients : list of Layer
    """

    output: Array | None = None
    gradients: Layers | None = None


@dataclass
class Evidence:
    """Questions and answers.

    Attributes
    ----------
    layers : list of Layer
        Parameters.
    batches : list of Batch
    answers : list of Answer
        One for each batch.
    form, loss : Form, str
        What the answers were found to be.
    begins : str
        The function of the last pre-activation with which that loss begins, if that is none of the
        output.
    factors : list of float
        For each batch, the gradient over that of the loss summed over samples and outputs.
    decays : list of dict
        For each batch, what penalties have added to the gradient of ``"W1"`` and so on; empty if
        there is none.
    smoothing : float
        How much of the labels is spread over the classes in the loss.
    tolerance : float
        How far answers may be from an arbiter's, relative to their norm.
    """

    layers: Layers
    batches: list[Batch]
    answers: list[Answer]
    form: Form | None = None
    loss: str | None = None
    begins: str = ""
    factors: list[float] = field(default_factory=list)
    decays: list[dict[str, Shares]] = field(default_factory=list)
    smoothing: float = 0.0
    tolerance: float = 0.0

    @property
    def sizes(self) -> list[int]:
        """Widths of the layers, from the inputs to the outputs."""
        return [self.layers[0].weight.shape[1], *(len(layer.weight) for layer in self.layers)]

    def forget_loss(self) -> None:
        """Keep nothing of the loss, and with it no gradient that could be held to it."""
        self.loss, self.factors, self.decays, self.smoothing = None, [], [], 0.0
        self.begins = ""

    def save(self, path: Path) -> None:
        """Write everything as arrays; the rest as JSON among them."""
        told = {
            "hidden": self.form and list(self.form.hidden),
            "output": self.form and self.form.output,
            "scale": self.form.scale if self.form else 1.0,
            "inputs": self.form.inputs if self.form else "as given",
            "without_bias": self.form and self.form.without_bias,
            "transposed": self.form and self.form.transposed,
            "bias_outside": self.form and self.form.bias_outside,
            "from_inputs": self.form and self.form.from_inputs,
            "loss": self.loss,
            "begins": self.begins,
            "factors": self.factors,
            "decays": self.decays,
            "smoothing": self.smoothing,
            "tolerance": self.tolerance,
            "depth": len(self.layers),
            "batches": len(self.batches),
        }
        arrays = {"told": np.array(json.dumps(told)), **to_arrays("parameter", self.layers)}
        for number, (batch, answer) in enumerate(zip(self.batches, self.answers, strict=True)):
            arrays |= {
                f"inputs{number}": batch.inputs,
                f"labels{number}": batch.labels,
                f"targets{number}": batch.targets,
            }
            if answer.output is not None:
                arrays[f"output{number}"] = answer.output
            if answer.gradients is not None:
                arrays |= to_arrays(f"gradient{number}", answer.gradients)
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Evidence":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            told = json.loads(str(arrays["told"]))
            depth = told["depth"]
            evidence = cls(from_arrays("parameter", arrays, depth), [], [])
            for number in range(told["batches"]):
                parts = (arrays[f"{name}{number}"] for name in ("inputs", "labels", "targets"))
                evidence.batches.append(Batch(*parts))
                evidence.answers.append(
                    Answer(
                        arrays.get(f"output{number}"),
                        from_arrays(f"gradient{number}", arrays, depth)
                        if f"gradient{number}_W1" in arrays
                        else None,
                    )
                )
        if told["output"] is not None:
            evidence.form = Form(
                tuple(told["hidden"]),
                told["output"],
                tuple(told["without_bias"]),
                tuple(told["transposed"]),
                tuple(told["bias_outside"]),
                told["scale"],
                told["inputs"],
                tuple(told["from_inputs"]),
            )
        evidence.loss, evidence.factors = told["loss"], told["factors"]
        evidence.decays, evidence.tolerance = told["decays"], told["tolerance"]
        evidence.smoothing, evidence.begins = told["smoothing"], told["begins"]
        return evidence


def to_arrays(prefix: str, layers: Layers) -> dict[str, Array]:
    """Return layers as named arrays: ``prefix_W1``, ``prefix_b1``, ..."""
    return {f"{prefix}_{name}": array for name, array in by_name(layers).items()}


def from_arrays(prefix: str, arrays: Any, depth: int) -> Layers:
    """Return the layers that `to_arrays` named."""
    return [
        Layer(arrays[f"{prefix}_W{number}"], arrays.get(f"{prefix}_b{number}"))
        for number in range(1, depth + 1)
    ]
