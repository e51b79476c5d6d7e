"""Expected values of a network in a file, so that it can be checked where PyTorch is not.

A file holds parameters, two batches, and what PyTorch makes of them in float64: outputs, loss and
gradients. It is an ``.npz`` without pickles.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError, MissingExtraError
from parity_tests.kit.arbiter import Arbiter, Expected, pytorch
from parity_tests.kit.evidence import Evidence, from_arrays, to_arrays
from parity_tests.kit.forward import Form
from parity_tests.kit.functions import in_full
from parity_tests.kit.network import Network
from parity_tests.kit.probe import drawn_layer, enlivened
from parity_tests.kit.subject.subject import Batch, Layers

Array = NDArray[Any]

VERSION = 1
_SAMPLES = (7, 5)


class GoldenError(Exception):
    """A file is not of golden values, or not for this network."""


def make(
    path: Path,
    sizes: Sequence[int],
    hidden: str | Sequence[str],
    output: str,
    loss: str,
    seed: int = 0,
) -> None:
    """Write the golden values of a network.

    Parameters
    ----------
    path : Path
        The file; it is replaced as a whole.
    sizes : sequence of int
        Widths, from the inputs to the outputs.
    hidden : str or sequence of str
        Activation of the hidden layers, or of each.
    output, loss : str
        See `parity_tests.kit.spec.Spec`.
    seed : int, default 0
        Of parameters and batches.

    Raises
    ------
    InputError
        For fewer than two sizes, or as many activations as do not fit.
    MissingExtraError
        If PyTorch is not installed.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise InputError("sizes", "two or more positive numbers", str(list(sizes)))
    depth = len(sizes) - 2
    names = (hidden,) * depth if isinstance(hidden, str) else tuple(hidden)
    if len(names) != depth:
        raise InputError("hidden", f"{depth} activations", str(list(names)))
    form = Form(in_full(names), output)
    arbiter = pytorch()
    if arbiter is None:
        raise MissingExtraError("torch", "parity", "making golden values")
    rng = np.random.default_rng(seed)
    drawn = [drawn_layer(fan_out, fan_in, rng) for fan_in, fan_out in pairwise(sizes)]
    batches = [_batch(sizes, samples, rng) for samples in _SAMPLES]
    layers = enlivened(drawn, [form], [batch.inputs for batch in batches], rng)
    told = {
        "version": VERSION,
        "sizes": list(sizes),
        "hidden": list(names),
        "output": output,
        "loss": loss,
        "seed": seed,
    }
    arrays = {"golden": np.array(json.dumps(told)), **to_arrays("parameter", layers)}
    for number, batch in enumerate(batches):
        expected = arbiter.ask(form, loss, layers, batch, number)
        arrays |= {
            f"inputs{number}": batch.inputs,
            f"labels{number}": batch.labels,
            f"output{number}": expected.output,
            f"loss{number}": np.array(expected.loss),
        }
        arrays |= {f"gradient{number}_{name}": g for name, g in expected.gradients.items()}
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def _batch(sizes: Sequence[int], samples: int, rng: np.random.Generator) -> Batch:
    classes = max(sizes[-1], 2)
    labels = rng.integers(0, classes, samples)
    labels[0] = classes - 1
    return Batch.of(rng.standard_normal((samples, sizes[0])), labels, sizes[-1])


@dataclass(frozen=True)
class Golden:
    """What a file asks, and what it expects.

    Attributes
    ----------
    questions : Evidence
        Parameters and batches.
    arbiter : Arbiter
        Who answers them from the file.
    form : Form
        Activations of the network that it is of.
    loss : str
        Its loss.
    """

    questions: Evidence
    arbiter: Arbiter
    form: Form
    loss: str

    def meant(self, network: Network) -> Network:
        """Return a network that is meant to compute what the file says."""
        spec = replace(
            network.spec, hidden=self.form.hidden, output=self.form.output, loss=self.loss
        )
        return replace(network, spec=spec)


def load(path: Path) -> Golden:
    """Return what is in a file.

    Raises
    ------
    GoldenError
        If the file has no golden values, or those of another version.
    OSError
        If it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        told = json.loads(str(arrays["golden"]))
    except (ValueError, KeyError) as error:
        raise GoldenError(f"{path}: not a file of golden values ({error})") from error
    if told.get("version") != VERSION:
        raise GoldenError(f"{path}: version {told.get('version')}, expected {VERSION}")
    depth = len(told["sizes"]) - 1
    layers = from_arrays("parameter", arrays, depth)
    batches = []
    for number in range(len(_SAMPLES)):
        inputs, labels = arrays[f"inputs{number}"], arrays[f"labels{number}"]
        batches.append(Batch.of(inputs, labels, told["sizes"][-1]))
    form = Form(in_full(told["hidden"]), told["output"])

    def answer(
        asked: Form, loss: str | None, _layers: Layers, _batch: Batch, number: int
    ) -> Expected:
        if asked != form or loss not in (None, told["loss"]):
            own = "" if asked.inputs == "as given" and asked.scale == 1 else ", inputs changed"
            raise ValueError(
                f"{path.name} has {form} with {told['loss']}, not {asked}{own} with {loss}"
            )
        prefix = f"gradient{number}_"
        gradients = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        return Expected(arrays[f"output{number}"], float(arrays[f"loss{number}"]), gradients)

    questions = Evidence(layers, batches, [])
    return Golden(questions, Arbiter(path.name, answer), form, told["loss"])
