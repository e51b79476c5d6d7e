r"""Optimizers: from gradients to new parameters, in place on the arena's vectors.

Each rule stands here twice. The plain functions, such as `sgd_step` and `adam_step`, are the
formulas, on arrays of any shape. The classes compute the same over the whole arena at once, with
one scratch vector and no other allocation; the tests hold one against the other.

In the formulas :math:`\theta` is a parameter, :math:`g` its gradient, :math:`t` the number of the
step, from 1, and :math:`\eta` the learning rate ``lr``.
"""

from numpy_impl.optimizers.adam import Adam, AdamW
from numpy_impl.optimizers.groups import decay_groups
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "decay_groups"]
