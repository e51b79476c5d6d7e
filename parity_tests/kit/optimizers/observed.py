"""Steps that were seen, and how they respond to the gradients."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.optimizers.formulas import Asked

Array = NDArray[Any]


@dataclass(frozen=True)
class Observed:
    """Steps that an optimizer took.

    Attributes
    ----------
    asked : Asked
        What it was given.
    steps : ndarray of shape (steps, entries)
        What it added to the parameters.
    groups : ndarray of int, shape (entries,)
        Gradients of one group have one magnitude; 0 is the largest.
    tolerance : float
        Relative distance up to which a recomputed step is the observed one.
    precision : float
        Relative rounding of the parameters.
    """

    asked: Asked
    steps: Array
    groups: Array
    tolerance: float
    precision: float

    @cached_property
    def first(self) -> Asked:
        """What was asked for the first step alone."""
        asked = self.asked
        values, gradients = asked.values[:1], asked.gradients[:1]
        return replace(asked, values=values, gradients=gradients)

    @cached_property
    def cells(self) -> Array:
        """Number of each entry's cell: the entries of one tensor and one group."""
        tensors = self.asked.spread(np.arange(len(self.asked.shapes))).astype(int)
        keys = tensors * (self.groups.max() + 1) + self.groups
        return np.unique(keys, return_inverse=True)[1]

    @cached_property
    def _members(self) -> Array:
        return (self.cells[:, np.newaxis] == np.arange(self.cells.max() + 1)).astype(np.float64)

    @cached_property
    def sizes(self) -> Array:
        """Norm of each step of each cell, as finite numbers have it."""
        return self._norms(np.where(np.isfinite(self.steps), self.steps, 0.0))

    @cached_property
    def _floor(self) -> Array:
        values = np.where(np.isfinite(self.asked.values), self.asked.values, 0.0)
        return 16 * self.precision * (self._norms(values) + self.sizes)

    def _norms(self, values: Array) -> Array:
        return np.sqrt(values**2 @ self._members)

    def misfits(self, predicted: Array) -> Array:
        """Return how far predictions are off, of each step and cell.

        Parameters
        ----------
        predicted : ndarray of shape (steps, entries) or (steps, formulas, entries)

        Returns
        -------
        ndarray of shape (steps, cells) or (steps, formulas, cells)
            Norm of the difference over that of the observed, beyond what rounding explains.
        """
        several = predicted.ndim == 3
        steps = self.steps[:, np.newaxis] if several else self.steps
        floor, sizes = self._floor, self.sizes
        if several:
            floor, sizes = floor[:, np.newaxis], sizes[:, np.newaxis]
        with np.errstate(all="ignore"):
            # After NaN come only NaN, whatever the formula.
            lost = ~np.isfinite(self.asked.values)
            lost = lost[:, np.newaxis] if several else lost
            alike = np.isnan(steps) & np.isnan(predicted) | (steps == predicted)
            same = ~np.isfinite(steps) & (alike | lost)
            error = np.where(same, 0.0, predicted - steps)
            # A number for what is infinite: infinity times zero would be NaN in the sums.
            error = np.clip(np.where(np.isfinite(error), error, 1e100), -1e100, 1e100)
            left = np.maximum(self._norms(error) - floor, 0.0)
            return np.where(left == 0, 0.0, left / np.maximum(sizes, 1e-300))

    def misfit(self, predicted: Array) -> Array:
        """Return the largest misfit, of each formula if there are several."""
        return self.misfits(predicted).max(axis=(0, -1))

    def distance(self, predicted: Array) -> Array:
        """Return how far the largest gradients' steps are off altogether, eps aside.

        Parameters
        ----------
        predicted : ndarray of shape (steps, entries) or (steps, formulas, entries)
            The first steps; all of them are no nearer than some.
        """
        large, finite, every, size = self._large
        count = len(predicted)
        steps, are_finite = every[:count], finite[:count]
        if predicted.ndim == 3:
            steps, are_finite = steps[:, np.newaxis], are_finite[:, np.newaxis]
        with np.errstate(all="ignore"):
            error = predicted[..., large] - steps
            error = np.where(np.isfinite(error), error, np.where(are_finite, 1e100, 0.0))
            return np.sqrt(np.einsum("i...j,i...j->...", error, error) / size)

    @cached_property
    def _large(self) -> tuple[Any, Array, Array, float]:
        """Where gradients are largest: entries, whether steps are finite, steps, their size."""
        is_large = self.groups == 0
        large = slice(None) if is_large.all() else np.flatnonzero(is_large)
        every = self.steps[:, large]
        finite = np.isfinite(every)
        return large, finite, every, max(float((every[finite] ** 2).sum()), 1e-300)

    def left_of_first(self, shape: Array) -> float:
        """Return what a direction of one shape leaves of the first step, as `distance` has it.

        A lower bound of the distance of all steps that are, in each parameter, some number times
        the shape and some number times the parameter itself.

        Parameters
        ----------
        shape : ndarray of shape (entries,)
        """
        left = 0.0
        is_large = self.groups == 0
        with np.errstate(all="ignore"):
            columns = np.stack([shape, self.asked.values[0]], axis=1)
            if not (np.isfinite(columns).all() and np.isfinite(self.steps).all()):
                return 0.0
            for part in self.asked.parts:
                own, step = columns[part][is_large[part]], self.steps[0][part][is_large[part]]
                solution, *_ = np.linalg.lstsq(own, step, rcond=None)
                left += float(((step - own @ solution) ** 2).sum())
            return float(np.sqrt(left / self._large[-1]))

    @cached_property
    def responses(self) -> tuple[list[Array], list[float], float]:
        r"""The steps as combinations of the gradients so far and the parameters.

        .. math:: \Delta\theta_t = -\eta \Big( \sum_{k \le t} c_{tk} g_k + w_t \theta_t \Big)

        c of each step; w of each step; and what is left, relative to the steps, which is large if
        they are not linear.
        """
        asked = self.asked
        coefficients, decays, worst = [], [], 0.0
        with np.errstate(all="ignore"):
            for number, step in enumerate(self.steps):
                # Where rounding of the parameter is much of a step, it tells less.
                rounding = self.precision * np.abs(asked.values[number])
                least = rounding / (asked.lr * self.tolerance)
                largest = np.abs(asked.gradients[: number + 1]).max(axis=0)
                weights = np.where(step != 0, 1 / np.maximum(largest, least), 0)
                weights = np.where(np.isfinite(weights), weights, 0.0)
                basis = np.stack([*asked.gradients[: number + 1], asked.values[number]]) * weights
                target = -step / asked.lr * weights
                if not np.isfinite(target).all() or not np.isfinite(basis).all():
                    return [], [], np.inf
                solution, *_ = np.linalg.lstsq(basis.T, target, rcond=None)
                left = np.linalg.norm(target - solution @ basis)
                worst = max(worst, float(left / max(np.linalg.norm(target), 1e-300)))
                coefficients.append(solution[:-1])
                decays.append(float(solution[-1]))
        return coefficients, decays, worst

    @cached_property
    def are_means(self) -> bool:
        r"""Whether the second step is a mean of both gradients, as long as the first step is.

        .. math:: \Delta\theta_2 \approx -\eta \, (c_1 g_1 + c_2 g_2), \qquad c_1 + c_2 = c

        Corrected momentum takes such steps, and so does RAdam as long as its steps are not
        rectified, which is for five of them with the usual :math:`\beta_2`.
        """
        coefficients, _, misfit = self.responses
        if misfit > max(1e-6, self.tolerance) or len(coefficients) < 2:
            return False
        begun, (first, own) = coefficients[0][0], coefficients[1]
        close = max(1e-6, 10 * self.tolerance) * abs(begun)
        return bool(abs(first + own - begun) <= close < abs(first))

    @cached_property
    def estimates(self) -> dict[str, list[float]]:
        """Momentum and weight decay as the responses of two steps show them."""
        coefficients, decays, misfit = self.responses
        if misfit > max(1e-6, self.tolerance) or len(coefficients) < 2:
            return {}
        first, own = coefficients[1]
        begun = coefficients[0][0]
        found: dict[str, list[float]] = {"momentum": [], "weight_decay": []}
        if own:
            ratio = first / own
            # Nesterov's: mu^2 / (1 + mu).
            ahead = (ratio + np.sqrt(ratio**2 + 4 * ratio)) / 2 if ratio > 0 else 0.0
            # Its turned form: mu (2 + mu) / (1 + mu).
            turned = (ratio - 2 + np.sqrt(ratio**2 + 4)) / 2
            # Where the velocity takes a rate in that falls, the second gradient's share is smaller.
            inside = first / begun if begun else 0.0
            # A mean of two gradients has momentum and what that leaves of one.
            of_two = ratio / (1 + ratio) if ratio > 0 else 0.0
            digits = 9 if self.tolerance <= 1e-6 else 4
            # What is kept without the learning rate is as much larger than the step.
            unscaled = ratio * self.asked.lr
            # Of the gradient and the whole velocity, the own gradient's is two: mu / 2.
            whole = 2 * ratio
            several = (ratio, -ratio, ahead, turned, own - 1, inside, of_two, unscaled, whole)
            shown = [round(float(value), digits) for value in several]
            found["momentum"] = [
                value for value in dict.fromkeys(shown) if 1e-6 < value < 0.9999999
            ]
        for decay in (decays[0], decays[0] / begun if begun else 0.0):
            if abs(decay) > 1e-8:
                found["weight_decay"].append(float(f"{decay:.12g}"))
        return found
