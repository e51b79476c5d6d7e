"""Activations, each with its formula and its derivative."""

from numpy_impl.activations.clipped import Hardsigmoid, Hardswish, Hardtanh, ReLU6
from numpy_impl.activations.exponential import CELU, ELU, SELU
from numpy_impl.activations.gelu import GELU
from numpy_impl.activations.rectifiers import LeakyReLU, PReLU, Threshold
from numpy_impl.activations.relu import ReLU
from numpy_impl.activations.shrinkage import Hardshrink, Softshrink, Tanhshrink
from numpy_impl.activations.sigmoid import LogSigmoid, Sigmoid, SiLU, Softplus
from numpy_impl.activations.softmax import LogSoftmax, Softmax, Softmin
from numpy_impl.activations.tanh import Mish, Softsign, Tanh

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]
