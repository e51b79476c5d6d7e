"""Losses: a number from a network's output and targets, and its derivative."""

from numpy_impl.losses.binary import BCELoss, BCEWithLogitsLoss, SigmoidFocalLoss, SoftMarginLoss
from numpy_impl.losses.cross_entropy import CrossEntropyLoss
from numpy_impl.losses.focal import FocalLoss
from numpy_impl.losses.likelihood import GaussianNLLLoss, KLDivLoss, NLLLoss, PoissonNLLLoss
from numpy_impl.losses.loss import Loss
from numpy_impl.losses.margin import HingeEmbeddingLoss, MultiMarginLoss
from numpy_impl.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SigmoidFocalLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]
