r"""Optimizers: from gradients to new parameters, in place on the arena's vectors.

Each rule stands here twice. The plain functions, such as `sgd_step` and `adam_step`, are the
formulas, on arrays of any shape. The classes compute the same over the whole arena at once, with
two scratch vectors and no other allocation; the tests hold one against the other. `Muon` and
`LBFGS`, which work with whole matrices and on whole vectors, allocate.

In the formulas :math:`\theta` is a parameter, :math:`g` its gradient, :math:`t` the number of the
step, from 1, and :math:`\eta` the learning rate ``lr``.
"""

from numpy_impl.optimizers.adadelta import Adadelta
from numpy_impl.optimizers.adagrad import Adagrad
from numpy_impl.optimizers.adam import Adam, AdamW
from numpy_impl.optimizers.adamax import Adamax
from numpy_impl.optimizers.averaging import ExponentialMovingAverage, StochasticWeightAverage
from numpy_impl.optimizers.clipping import clip_grad_norm_, clip_grad_value_
from numpy_impl.optimizers.groups import decay_groups
from numpy_impl.optimizers.lbfgs import LBFGS
from numpy_impl.optimizers.lion import Lion
from numpy_impl.optimizers.muon import Muon
from numpy_impl.optimizers.nadam import NAdam
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.optimizers.radam import RAdam
from numpy_impl.optimizers.rmsprop import RMSprop
from numpy_impl.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ExponentialMovingAverage",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "StochasticWeightAverage",
    "clip_grad_norm_",
    "clip_grad_value_",
    "decay_groups",
]
