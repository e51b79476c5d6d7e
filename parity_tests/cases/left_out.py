"""What PyTorch's constructors take and ours do not, each with its reason."""

from collections.abc import Mapping

EVERYWHERE: Mapping[str, str] = {
    "device": "arrays of NumPy are in the memory of the machine",
    "inplace": "how it is computed; elementwise layers are computed in place where nobody sees it",
    "size_average": "deprecated in PyTorch, in favour of reduction",
    "reduce": "deprecated in PyTorch, in favour of reduction",
    "foreach": "how it is computed; here all parameters of a group are one vector anyway",
    "fused": "how it is computed",
    "capturable": "for CUDA graphs",
    "differentiable": "for derivatives of the optimizer's own steps, by autograd",
}
"""Argument -> reason, for whichever class has it."""

OF_CLASS: Mapping[str, Mapping[str, str]] = {
    "Hardtanh": {
        "min_value": "deprecated in PyTorch, in favour of min_val",
        "max_value": "deprecated in PyTorch, in favour of max_val",
    },
}
"""Class -> argument -> reason."""

_DIM = "without it PyTorch warns and guesses the axis from the shape"

OTHER_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "LogSoftmax": {"dim": _DIM},
    "Softmax": {"dim": _DIM},
    "Softmin": {"dim": _DIM},
}
"""Class -> argument -> why its default is not PyTorch's."""
