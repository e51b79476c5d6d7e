"""Losses: a number from a network's output and targets, and its derivative."""

from numpy_impl.losses.cross_entropy import CrossEntropyLoss
from numpy_impl.losses.loss import Loss
from numpy_impl.losses.regression import MSELoss

__all__ = ["CrossEntropyLoss", "Loss", "MSELoss"]
