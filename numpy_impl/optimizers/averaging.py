"""Averages of weights over a training, which often generalize better than the last weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    check_fraction,
    check_instance,
    check_int,
    check_mapping,
    check_shape,
    describe,
    new_array,
)
from numpy_impl.errors import InputError
from numpy_impl.optimizers.means import approach, number
from numpy_impl.optimizers.optimizer import neighbours
from numpy_impl.parameters import Parameter


def exponential_average(average: FloatArray, value: FloatArray, decay: float) -> FloatArray:
    r"""Return :math:`d\,\bar\theta + (1 - d)\,\theta`."""
    return decay * average + (1 - decay) * value


def equal_average(average: FloatArray, value: FloatArray, n_averaged: int) -> FloatArray:
    r"""Return :math:`\bar\theta + (\theta - \bar\theta) / (n + 1)`, the mean of n + 1 values."""
    return average + (value - average) / (n_averaged + 1)


class _Average:
    """What both averages do alike: one vector, beside the parameters that it averages.

    Parameters
    ----------
    params : iterable of Parameter
        All of one model. Buffers, such as those of batch normalization, are not averaged; they
        stay those of the model, as by default in PyTorch.

    Raises
    ------
    InputError
        If there is no parameter, or they are of different models.
    """

    def __init__(self, params: Iterable[Parameter]) -> None:
        self._parameters = _checked(params)
        self._arena = self._parameters[0].arena
        runs = neighbours(self._parameters)
        self._slices = [slice(run[0].offset, run[-1].slice.stop) for run in runs]
        self._average: FloatArray = self._arena.values.copy()
        self._scratch: FloatArray = new_array(len(self._average), self._arena.dtype)
        self.n_averaged = 0

    def _share(self) -> float:
        """Return how much of the distance to the new weights the average moves."""
        raise NotImplementedError

    def update(self) -> None:
        """Take the weights as they are now into the average; the first time, they are it."""
        if any(parameter.arena is not self._arena for parameter in self._parameters):
            raise RuntimeError(
                f"{type(self).__name__}.update: the parameters have moved; "
                "make the average after the model"
            )
        share = number(self._share(), self._arena.dtype) if self.n_averaged else None
        for inside in self._slices:
            average, value = self._average[inside], self._arena.values[inside]
            if share is None:
                np.copyto(average, value)
            else:
                approach(average, value, share, self._scratch[inside])
        self.n_averaged += 1

    def copy_to(self, params: Iterable[Parameter] | None = None) -> None:
        """Write the average to parameters: those that are averaged, or others of the same shapes.

        Parameters
        ----------
        params : iterable of Parameter, optional
            Of another model of the same architecture.

        Raises
        ------
        InputError
            If number or shapes differ. Nothing has changed then.
        """
        targets = self._parameters if params is None else _as_parameters(params)
        shapes = [parameter.shape for parameter in self._parameters]
        if [target.shape for target in targets] != shapes:
            raise InputError("params", f"shapes {shapes}", f"{[p.shape for p in targets]}")
        for parameter, target in zip(self._parameters, targets, strict=True):
            target.data = parameter.of(self._average)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the average while the context lasts, and its own weights after."""
        own = self._arena.values.copy()
        try:
            self.copy_to()
            yield
        finally:
            for inside in self._slices:
                self._arena.values[inside] = own[inside]

    def state_dict(self) -> dict[str, Any]:
        """Return ``n_averaged``, and ``values``: copies of the averages by parameter name."""
        values = {p.name: p.of(self._average).copy() for p in self._parameters}
        return {"n_averaged": self.n_averaged, "values": values}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; either all of it or, on an error, nothing.

        Raises
        ------
        InputError
            If names or shapes do not fit.
        """
        names = [parameter.name for parameter in self._parameters]
        check_mapping("state_dict", state_dict, "values", "n_averaged")
        values = check_mapping("values", state_dict["values"])
        if values.keys() != set(names):
            raise InputError("values", f"the names {names}", f"{sorted(values)}")
        n_averaged = check_int("n_averaged", state_dict["n_averaged"])
        if n_averaged < 0:
            raise InputError("n_averaged", "at least 0", f"{n_averaged}")
        average = self._average.copy()
        for parameter in self._parameters:
            name = f"values[{parameter.name!r}]"
            array = as_float_array(name, values[parameter.name], average.dtype)
            check_shape(name, array, parameter.shape)
            parameter.of(average)[...] = array
        self._average, self.n_averaged = average, n_averaged


class ExponentialMovingAverage(_Average):
    r"""An average of weights that forgets: :math:`\bar\theta \leftarrow d\bar\theta + (1-d)\theta`.

    The formula is `exponential_average`; the first update copies the weights.

    Parameters
    ----------
    params : iterable of Parameter
        All of one model. Buffers, such as those of batch normalization, are not averaged; they
        stay those of the model, as by default in PyTorch.
    decay : float, default 0.999
        d, from 0 to 1.

    Attributes
    ----------
    n_averaged : int
        How many updates there were.

    Raises
    ------
    InputError
        If there is no parameter, they are of different models, or `decay` is out of range.

    References
    ----------
    Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging,
    doi:10.1137/0330046
    https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
    """

    def __init__(self, params: Iterable[Parameter], decay: float = 0.999) -> None:
        self.decay = check_fraction("decay", decay)
        super().__init__(params)

    def _share(self) -> float:
        return 1 - self.decay


class StochasticWeightAverage(_Average):
    r"""The mean of the weights at all updates.

    The formula is `equal_average`; the first update copies the weights.

    Parameters
    ----------
    params : iterable of Parameter
        All of one model. Buffers, such as those of batch normalization, are not averaged; they
        stay those of the model, as by default in PyTorch.

    Attributes
    ----------
    n_averaged : int
        How many updates there were.

    Raises
    ------
    InputError
        If there is no parameter, or they are of different models.

    References
    ----------
    Izmailov et al. (2018), Averaging weights leads to wider optima and better generalization,
    https://arxiv.org/abs/1803.05407
    https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
    """

    def _share(self) -> float:
        return 1 / (self.n_averaged + 1)


def _as_parameters(params: Iterable[Parameter]) -> list[Parameter]:
    if isinstance(params, Parameter) or not isinstance(params, Iterable):
        raise InputError("params", "an iterable of parameters", describe(params))
    parameters = list(params)
    for parameter in parameters:
        check_instance("params", parameter, Parameter, "parameters")
    return parameters


def _checked(params: Iterable[Parameter]) -> list[Parameter]:
    parameters = _as_parameters(params)
    if not parameters:
        raise InputError("params", "at least one parameter", "none")
    for parameter in parameters:
        if parameter.arena is not parameters[0].arena:
            raise InputError("params", "parameters of one model", "parameters of several")
    return parameters
