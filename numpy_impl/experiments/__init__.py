"""Questions about training, each answered by an experiment.

A module answers one question: ``run`` trains and measures, ``draw`` makes the picture of it.
"""

# What only those need who run an experiment is not loaded: the command line asks for the questions.
from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy_impl.arrays import check_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from numpy_impl.experiments.result import Result

__all__ = ["QUESTIONS", "Experiment", "find"]

QUESTIONS: Mapping[str, str] = {
    "epochs": "do more epochs give a better network?",
    "fluctuation": "why does the test accuracy fluctuate?",
    "batch-size": "does the batch size matter?",
    "activations": "which activation, and with which initialization?",
    "losses": "which loss?",
    "optimizers": "which optimizer?",
    "worst": "how is a network made as bad as possible?",
}
"""The names of the experiments, and what each answers."""


class Experiment(NamedTuple):
    """How a question is answered.

    Attributes
    ----------
    run : callable
        From `Data`, seeds, a plan and a function that takes lines of text to a `Result`.
    draw : callable
        From that to a figure of matplotlib.
    full, small : NamedTuple
        Plans of how much is trained: for the answer, and for trying.
    seeds : int
        How many seeds are usual.
    """

    run: Callable[..., Result]
    draw: Callable[[Result], Figure]
    full: Any
    small: Any
    seeds: int


def find(name: str) -> Experiment:
    """Return the experiment of a name in `QUESTIONS`; InputError for another."""
    check_choice("name", name, list(QUESTIONS))
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return Experiment(module.run, module.draw, module.FULL, module.SMALL, module.SEEDS)
