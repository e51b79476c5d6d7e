r"""Learning-rate schedules: from the number of the epoch to the learning rate of every group.

Each schedule stands here twice. The plain functions, such as `step_lr` and `cosine_annealing_lr`,
are the formulas. The classes compute the same as PyTorch's, bit for bit: mostly by recursion, each
learning rate from the one before. That keeps changes made from elsewhere, and rounds in another
way than the formula; the tests hold one against the other.

In the formulas :math:`t` is the number of the epoch, from 0, and :math:`\eta_0` the learning rate
that a group starts from, its ``initial_lr``.

>>> import numpy as np
>>> from numpy_impl import SGD, mlp
>>> from numpy_impl.schedulers import StepLR
>>> optimizer = SGD(mlp([2, 3, 2], rng=np.random.default_rng(0)).parameters(), lr=1.0)
>>> scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
>>> for _ in range(4):
...     optimizer.step()
...     print(scheduler.get_last_lr())
...     scheduler.step()
[1.0]
[1.0]
[0.5]
[0.5]
"""

from numpy_impl.schedulers.composite import ChainedScheduler, SequentialLR
from numpy_impl.schedulers.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from numpy_impl.schedulers.cycles import CyclicLR, OneCycleLR
from numpy_impl.schedulers.lambdas import LambdaLR, MultiplicativeLR
from numpy_impl.schedulers.plateau import ReduceLROnPlateau
from numpy_impl.schedulers.ramps import LinearLR, PolynomialLR
from numpy_impl.schedulers.scheduler import LRScheduler
from numpy_impl.schedulers.steps import ConstantLR, ExponentialLR, MultiStepLR, StepLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
