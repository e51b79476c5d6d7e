"""What a network is meant to compute."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from numpy_impl import InputError

# Each summed over a sample's outputs.
LOSSES = (
    "cross_entropy",
    "binary_cross_entropy",
    "squared_error",
    "absolute_error",
    "huber",
    "log_cosh",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "euclidean_error",
)


@dataclass(frozen=True)
class Spec:
    """What a network is meant to compute. What is left out is whatever it turns out to be.

    The network is then held to itself alone: its gradient to its own forward and to the loss that
    it reports.

    Parameters
    ----------
    hidden : str or sequence of str, optional
        Activation of the hidden layers, or of each: see `parity_tests.kit.functions.ACTIVATIONS`.
        A slope or a scale stands behind a colon: ``"leaky_relu:0.01"``.
    output : str, optional
        Activation of the last layer; ``"identity"`` for a network that returns logits.
    loss : str, optional
        One of `LOSSES`.
    scale : str, optional
        What the loss is divided by: ``"mean"`` (samples), ``"sum"`` (nothing), ``"mean of all"``
        (samples and outputs); ``"half mean"`` and so on for half of it.
    optimizer : str, optional
        One of those in `parity_tests.kit.optimizers.formulas`.
    options : mapping, optional
        Hyperparameters of the optimizer, by PyTorch's names.
    initialization : str or sequence of str, optional
        One of those in `parity_tests.kit.initialization`, or one for each layer.
    weight_decay : float, optional
        Coefficient of the weights in the gradient.

    Raises
    ------
    InputError
        For a loss that is not known.
    """

    hidden: str | tuple[str, ...] | None = None
    output: str | None = None
    loss: str | None = None
    scale: str | None = None
    optimizer: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    initialization: str | tuple[str, ...] | None = None
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        if self.loss is not None and self.loss not in LOSSES:
            raise InputError("loss", f"one of {LOSSES}", repr(self.loss))
        for name in ("hidden", "initialization"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))

    def to_json(self) -> dict[str, Any]:
        """Return what is given, as JSON has it."""
        return {name: value for name, value in asdict(self).items() if value not in (None, {})}
