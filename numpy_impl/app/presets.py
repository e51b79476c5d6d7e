"""Trainings that are tuned as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpy_impl.arrays import check_number
from numpy_impl.callbacks import Averaged, Callback, History, Scheduled
from numpy_impl.data.augment import RandomAffine
from numpy_impl.model import Sequential
from numpy_impl.optimizers import AdamW, ExponentialMovingAverage, Optimizer
from numpy_impl.schedulers import OneCycleLR


@dataclass(frozen=True)
class Preset:
    """What a training is made of: changed pictures, AdamW, one cycle, averaged weights.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    epochs, batch_size : int
    lr : float
        The peak of the learning rate.
    warm_up : float
        Share of the steps until the peak; the rest falls along half a cosine.
    weight_decay : float
        Of the matrices; biases have none.
    averaged : float
        The share of the steps that the average of the weights reaches back: its decay is 1 - 1 / n
        for n steps.
    angle, stretch, slant, shift : float
        For `RandomAffine`, in the first epoch.
    last_strength : float
        What these amounts are multiplied by in the last epoch; they fall evenly until then.
    prefetch : int
        Batches that are made ahead by a thread.
    """

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    lr: float
    warm_up: float
    weight_decay: float
    averaged: float
    angle: float
    stretch: float
    slant: float
    shift: float
    last_strength: float
    prefetch: int

    def transform(self) -> RandomAffine:
        """Return what changes the pictures."""
        return RandomAffine(
            angle=self.angle, stretch=self.stretch, slant=self.slant, shift=self.shift
        )

    def optimizer(self, network: Sequential) -> Optimizer:
        """Return the optimizer over a network's parameters."""
        parameters = list(network.parameters())
        matrices = [p for p in parameters if p.data.ndim >= 2]
        others = [p for p in parameters if p.data.ndim < 2]
        return AdamW(
            [
                {"params": matrices, "weight_decay": self.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.lr,
        )

    def callbacks(
        self, network: Sequential, optimizer: Optimizer, transform: RandomAffine, steps: int
    ) -> list[Callback]:
        """Return what happens after steps and epochs, of which there are `steps` in all."""
        schedule = OneCycleLR(
            optimizer, self.lr, total_steps=steps + 1, pct_start=self.warm_up, cycle_momentum=False
        )
        decay = 1 - 1 / max(1, self.averaged * steps)
        average = ExponentialMovingAverage(network.parameters(), decay)
        return [
            Scheduled(schedule, every="batch"),
            Averaged(average),
            Fading(transform, self.last_strength),
        ]


class Fading(Callback):
    """Lets a transform change pictures less and less, evenly from epoch to epoch.

    Parameters
    ----------
    transform : RandomAffine
    last : float
        Its strength in the last epoch; it is 1 in the first.
    """

    def __init__(self, transform: RandomAffine, last: float) -> None:
        self.transform = transform
        self.last = last
        self._strengths = np.ones(1)

    def on_fit_begin(self, epochs: int, steps: int) -> None:  # noqa: ARG002
        """Begin at full strength."""
        self._strengths = np.linspace(1.0, self.last, epochs)
        self.transform.strength = 1.0

    def on_epoch_end(self, history: History) -> None:
        """Set the strength of the next epoch."""
        following = min(len(history.epoch), len(self._strengths) - 1)
        self.transform.strength = float(self._strengths[following])

    def state_dict(self) -> dict[str, Any]:
        """Return the strength."""
        return {"strength": self.transform.strength}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on with the strength."""
        self.transform.strength = check_number("strength", state_dict["strength"])


# Tuned on 10,000 of MNIST's training images that were kept from training.
PRESETS = {
    "best": Preset(
        hidden=(128,),
        epochs=200,
        batch_size=512,
        lr=1.2e-2,
        warm_up=0.05,
        weight_decay=0.02,
        averaged=0.04,
        angle=0.2,
        stretch=0.13,
        slant=0.2,
        shift=2.0,
        last_strength=0.5,
        prefetch=4,
    )
}
