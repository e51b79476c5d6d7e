"""Two trainings side by side: the same batches, from the same weights, in NumPy and in PyTorch.

A third one runs along in PyTorch and float64, as the truth. After every step the loss, the
gradient and the parameters of both are compared with it. Rounding errors feed on themselves over a
training; the question is not whether float32 drifts, but whether NumPy drifts farther than
PyTorch does.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import numpy_impl as ours
from torch_ref import arena_vector, to_torch, twin_of, twin_of_optimizer

Array = NDArray[Any]


@dataclass(frozen=True)
class Distance:
    """How far a training is from the truth after a step.

    Attributes
    ----------
    loss : float
        Difference over the true loss.
    grads, values : float
        Norm of the difference of the gradient and of the parameters, over the norm of the truth.
    """

    loss: float
    grads: float
    values: float


@dataclass(frozen=True)
class Step:
    """A step of all trainings.

    Attributes
    ----------
    number : int
        From 1.
    loss : float
        Of the NumPy model, before the update.
    ours, theirs : Distance
        Of NumPy and of PyTorch in the model's precision, from PyTorch in float64. For a float64
        model PyTorch is the truth itself and `theirs` is zero.
    our_seconds, their_seconds : float
        Wall time of the step.
    """

    number: int
    loss: float
    ours: Distance
    theirs: Distance
    our_seconds: float
    their_seconds: float


class TorchTraining:
    """The PyTorch twin of a `numpy_impl.Trainer`, stepped by hand.

    Parameters
    ----------
    trainer : numpy_impl.Trainer
        Its model, loss and optimizer are reproduced; the optimizer must not have stepped yet.
    dtype : torch.dtype, optional
        Type to compute in; by default the model's.
    """

    def __init__(self, trainer: ours.Trainer, dtype: torch.dtype | None = None) -> None:
        self.model = to_torch(trainer.model, dtype)
        self.dtype = next(self.model.parameters()).dtype
        assert isinstance(trainer.loss, ours.CrossEntropyLoss)
        self._loss = twin_of(trainer.loss)
        self._optimizer = twin_of_optimizer(trainer.optimizer, self.model.named_parameters())

    def step(self, inputs: Array, targets: Array) -> float:
        """Train on one batch and return its loss."""
        self._optimizer.zero_grad()
        logits = self.model(torch.from_numpy(inputs).to(self.dtype))
        loss = self._loss(logits, torch.from_numpy(targets))
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def vectors(self) -> tuple[Array, Array]:
        """Return gradient and parameters as float64 vectors, in the order of the arena."""
        parameters = list(self.model.parameters())
        grads = arena_vector(p.grad for p in parameters if p.grad is not None)
        return grads.astype(np.float64), arena_vector(parameters).astype(np.float64)

    def accuracy(self, inputs: Array, targets: Array) -> float:
        """Return the share of samples classified right."""
        with torch.no_grad():
            predicted = self.model(torch.from_numpy(inputs).to(self.dtype)).argmax(dim=1)
        return ours.accuracy(predicted.numpy(), targets)


def lockstep(
    trainer: ours.Trainer, theirs: TorchTraining, batches: Iterable[tuple[Array, Array]]
) -> Iterator[Step]:
    """Train both on the same batches, and the truth beside them; yield every step's distances.

    Parameters
    ----------
    trainer : numpy_impl.Trainer
        Trained as it is, in its workspace.
    theirs : TorchTraining
        Its twin, in the same precision.
    batches : iterable of (ndarray, ndarray)
        Inputs in the model's dtype, and integer labels. They are not changed.
    """
    truth = theirs if theirs.dtype == torch.float64 else TorchTraining(trainer, torch.float64)
    workspace: ours.Workspace | None = None
    for number, (inputs, targets) in enumerate(batches, start=1):
        if workspace is None or len(inputs) > workspace.batch_size:
            workspace = ours.Workspace(trainer.model, len(inputs), inputs.shape[1])
        begin = time.perf_counter()
        our_loss = trainer.step(inputs, targets, workspace)
        middle = time.perf_counter()
        their_loss = theirs.step(inputs, targets)
        end = time.perf_counter()
        true_loss = their_loss if truth is theirs else truth.step(inputs, targets)
        true_vectors = truth.vectors()
        arena = trainer.model.arena
        yield Step(
            number,
            our_loss,
            _distance(our_loss, (arena.grads, arena.values), true_loss, true_vectors),
            _distance(their_loss, theirs.vectors(), true_loss, true_vectors),
            middle - begin,
            end - middle,
        )


def rounding_level(steps: int) -> float:
    """Return the relative drift that float64 rounding may add up to in so many steps.

    Every step rounds each quantity some ten times, and with a stable training errors add up.
    """
    return 10.0 * (10 + steps) * float(np.finfo(np.float64).eps)


def _distance(
    loss: float, vectors: tuple[Array, Array], true_loss: float, true_vectors: tuple[Array, Array]
) -> Distance:
    grads, values = (
        float(np.linalg.norm(vector - true) / np.linalg.norm(true))
        for vector, true in zip(vectors, true_vectors, strict=True)
    )
    return Distance(abs(loss - true_loss) / abs(true_loss), grads, values)


def strokes(
    samples: int, rng: np.random.Generator, *, features: int = 784, classes: int = 10
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return made-up pictures that behave as handwriting does, where there is none at hand.

    Each class lights its own tenth of the pixels, with noise; a fifth of the pixels is lit in one
    picture of a thousand, a tenth never. Such rare pixels are what makes moments decay and what
    random data lack.

    Returns
    -------
    pixels : ndarray of uint8, shape (samples, features)
    labels : ndarray of int64, shape (samples,)
    """
    shapes = rng.random((classes, features)) < 0.1
    labels = rng.integers(0, classes, samples)
    lit = np.where(shapes[labels], 0.7, 0.05)
    lit[:, : features // 5] = 1e-3
    lit[:, features // 5 : 3 * features // 10] = 0.0
    pixels = rng.integers(1, 256, (samples, features)) * (rng.random((samples, features)) < lit)
    return pixels.astype(np.uint8), labels


def make_trainer(
    sizes: list[int], *, seed: int, dtype: Any, optimizer: str = "adam", lr: float = 1e-3
) -> ours.Trainer:
    """Return a trainer of a fresh multi-layer perceptron."""
    model = ours.mlp(sizes, rng=np.random.default_rng(seed), dtype=dtype)
    classes = {"sgd": ours.SGD, "adam": ours.Adam, "adamw": ours.AdamW}
    if optimizer not in classes:
        raise ours.InputError("--optimizer", f"one of {sorted(classes)}", repr(optimizer))
    return ours.Trainer(
        model, ours.CrossEntropyLoss(), classes[optimizer](model.parameters(), lr=lr)
    )
