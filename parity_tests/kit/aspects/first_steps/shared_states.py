r"""First steps of parameters that share a velocity with those before them of the same shape.

.. math:: v \leftarrow \mu v + g_k, \quad \Delta\theta_k = -\eta v \qquad\Rightarrow\qquad
          g_k = s_k - \mu s_j, \quad s = -\Delta\theta / \eta

where j is the parameter of that shape before k.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.first_step import observed_steps
from parity_tests.kit.aspects.walks import Trajectory
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.formulas import USUAL
from parity_tests.kit.optimizers.judging import told_of
from parity_tests.kit.optimizers.search import find
from parity_tests.kit.subject.subject import Layers, tensors, unflat
from parity_tests.kit.verdicts import Verdict

Array = NDArray[Any]
_SHARED = "state-shared"
# So many momentums are tried, the most usual ones.
_FEW = 5


def of_own_velocities(inquiry: Inquiry, seen: list[Layers]) -> Iterator[list[Layers]]:
    """Yield what first steps are without a velocity shared by shape, for several momentums.

    None where no two parameters have one shape.
    """
    shapes = [array.shape for array in tensors(seen[0])]
    if len(set(shapes)) == len(shapes):
        return
    declared = inquiry.spec.options.get("momentum")
    for momentum in dict.fromkeys((*([declared] if declared else []), *USUAL["momentum"][:_FEW])):
        yield [_parted(own, momentum) for own in seen]


def _parted(steps: Layers, momentum: float) -> Layers:
    before: dict[tuple[int, ...], Array] = {}
    own = []
    for step in tensors(steps):
        own.append(step - momentum * before.get(step.shape, np.zeros_like(step)))
        before[step.shape] = step
    return unflat(np.concatenate([np.ravel(array) for array in own]), steps)


def of_shared_state(
    inquiry: Inquiry,
    walk: Trajectory,
    loss: str,
    lr: float,
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Return that steps share what they keep, if those of the gradient that is known do so."""
    scale = inquiry.gradient_scale
    shapes = [array.shape for array in tensors(inquiry.layers)]
    if scale is None or len(set(shapes)) == len(shapes):
        return []
    factors = [[(scale.at(len(batch)), 0.0)] * len(shapes) for batch in walk.batches[:2]]
    observed = observed_steps(inquiry, walk, loss, lr, factors)
    matches = find(observed, kind, given, simple=True)
    if len(matches) != 1 or _SHARED not in matches[0].causes:
        return []
    return told_of(matches[0], kind, given, len(walk.batches))
