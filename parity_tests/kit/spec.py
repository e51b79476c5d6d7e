"""What a network is meant to compute."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any

from numpy_impl import InputError
from parity_tests.kit import functions
from parity_tests.kit.initialization import scheme
from parity_tests.kit.optimizers.formulas import OPTIMIZERS

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
    "poisson",
)
_WHOLE_SCALES = ("mean", "sum", "mean of all")
SCALES = (*_WHOLE_SCALES, *(f"half {scale}" for scale in _WHOLE_SCALES))


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
        One of `LOSSES`. Of a single output ``"hinge"`` is max(0, 1 - t p) with t = -1 or 1, and
        ``"squared_hinge"`` its square. ``"poisson"`` is that of rates, which are exponentials.
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
        For a name that is not known, options that are no mapping, a coefficient that is no number.
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
        for name in ("hidden", "initialization"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, known in (("loss", LOSSES), ("scale", SCALES), ("optimizer", OPTIMIZERS)):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise InputError(name, f"one of {known}", repr(value))
        _look_up("hidden", self.hidden, functions.activation)
        _look_up("output", self.output, functions.output)
        _look_up("initialization", self.initialization, scheme)
        if not isinstance(self.options, Mapping):
            raise InputError("options", "a mapping", repr(self.options))
        if not isinstance(self.weight_decay, Real | None):
            raise InputError("weight_decay", "a number or None", repr(self.weight_decay))

    def to_json(self) -> dict[str, Any]:
        """Return what is given, as JSON has it."""
        return {name: value for name, value in asdict(self).items() if value not in (None, {})}


def _look_up(argument: str, value: Any, find: Callable[[str], Any]) -> None:
    for name in value if isinstance(value, tuple) else (value,):
        if not isinstance(name, str | None):
            raise InputError(argument, "a name or None", repr(value))
        try:
            if name is not None:
                find(name)
        except InputError as error:
            raise InputError(argument, error.expected, error.got) from None
