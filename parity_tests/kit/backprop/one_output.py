r"""Errors that are carried back from one output, all of which are multiples of one another.

.. math:: \delta_l = c \, \delta_{l + 1} \odot f_l'(z_l), \qquad
          c = 1 \text{ without the matrix}, \quad c = w_k \text{ through that of unit } k

The form alone is the same with any column of constants; only the factor tells what it is.
"""

from dataclasses import replace

from parity_tests.kit.backprop.biases import is_likely
from parity_tests.kit.backprop.findings import Finding
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.subject.subject import Layer

MISSING, OF_ONE_UNIT = "weight-missing", "weight-of-one-unit"
# How closely a factor is that of a unit.
_NEAR = 1e-6


def refuted(chosen: Candidate, finding: Finding, above: Layer, reference: float | None) -> bool:
    """Whether nothing says that a matrix of one output is missing, but that some constant is there.

    Parameters
    ----------
    chosen : Candidate
        What the gradient of the pre-activation is taken for.
    finding : Finding
        What that of the matrix was found to be.
    above : Layer
        The parameters of the layer with the output.
    reference : float or None
        The factor of the gradient of the layer above, None if nothing tells it.
    """
    if MISSING not in chosen.causes or len(above.weight) > 1:
        return False
    samples, units = len(chosen.value), above.weight.shape[1]
    return reference is None or not is_likely(finding.factor, reference, (samples, units))


def through_one_unit(
    chosen: Candidate, finding: Finding, above: Layer, reference: float | None, name: str
) -> list[Candidate]:
    """Return what was carried back through the weight of one unit, if the factor is that weight.

    Parameters
    ----------
    chosen, finding, above, reference
        As in `refuted`.
    name : str
        Of the matrix above.

    Returns
    -------
    list of Candidate
        One, with that weight in it, or none.
    """
    if reference is None or chosen.solved:
        return []
    weights = above.weight[0]
    ratio = finding.factor / reference
    units = [n for n, own in enumerate(weights) if abs(ratio - own) <= _NEAR * abs(own)]
    if len(units) != 1:
        return []
    [unit] = units
    causes = tuple(OF_ONE_UNIT if cause == MISSING else cause for cause in chosen.causes)
    text = f"{name} of unit {unit + 1}, {weights[unit]:.6g}, x {chosen.text}"
    value = weights[unit] * chosen.value
    return [replace(chosen, value=value, text=text, causes=causes, also=[])]
