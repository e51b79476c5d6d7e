"""What all optimizers share: parameter groups, state by name, steps over runs of the arena."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    check_shape,
    describe,
    new_array,
)
from numpy_impl.errors import InputError
from numpy_impl.parameters import Parameter

Parameters = Iterable[Parameter] | Iterable[Mapping[str, Any]]


class Run:
    """Neighbouring parameters of one group: a stretch of the arena that is updated as one vector.

    Attributes
    ----------
    state : dict of str to ndarray
        Vectors of the run's length under PyTorch's names; none before the first step.
    steps : int
        How many steps were taken.
    fresh : bool
        Whether `state` is still what it starts from.
    """

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.slice = slice(parameters[0].slice.start, parameters[-1].slice.stop)
        self.state: dict[str, FloatArray] = {}
        self.steps = 0
        self.fresh = True

    def part(self, parameter: Parameter) -> slice:
        """Where a parameter stands in the run's state vectors."""
        start = parameter.offset - self.slice.start
        return slice(start, start + parameter.size)

    def __len__(self) -> int:
        return int(self.slice.stop - self.slice.start)


class Block(NamedTuple):
    """What is updated at a time: vectors of equal length.

    Attributes
    ----------
    value, state
        To be updated in place.
    grad : ndarray
        The gradient; read only.
    scratch : ndarray
        Free to use.
    """

    value: FloatArray
    grad: FloatArray
    scratch: FloatArray
    state: dict[str, FloatArray]


class Optimizer:
    """What all optimizers share: parameter groups, state by name, steps over runs of the arena.

    Parameters
    ----------
    params : iterable of Parameter, or iterable of dict
        Parameters of one model (or of one layer on its own). Or groups of them: dictionaries with
        the key ``params`` and hyperparameters that replace the defaults for that group.
    defaults : dict
        The hyperparameters of groups that do not set them.

    Attributes
    ----------
    param_groups : list of dict
        As in PyTorch: ``params`` and the hyperparameters, which may be changed between steps.

    Raises
    ------
    InputError
        If there is no parameter, one comes twice, they are of different models, or a
        hyperparameter is unknown or out of range.
    """

    # Whether the number of the step is part of the state, as "step".
    counts_steps = False

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        self.param_groups = [{**defaults, **group} for group in _as_groups(params)]
        for group in self.param_groups:
            unknown = sorted(group.keys() - defaults.keys() - {"params"})
            if unknown:
                raise InputError("params", f"group keys among {sorted(defaults)}", f"{unknown}")
            self._check(group)
        parameters = [p for group in self.param_groups for p in group["params"]]
        _check_parameters(parameters)
        self._arena = parameters[0].arena
        self._runs = [_runs(group["params"]) for group in self.param_groups]
        longest = max(len(run) for runs in self._runs for run in runs)
        self._scratch: FloatArray = new_array(min(longest, _BLOCK), self._arena.dtype)

    def step(self) -> None:
        """Update every parameter from its gradient, once.

        Raises
        ------
        RuntimeError
            If the parameters moved to another arena after the optimizer was made, as those of a
            layer do when a model takes it.
        """
        for group, runs in zip(self.param_groups, self._runs, strict=True):
            if any(parameter.arena is not self._arena for parameter in group["params"]):
                raise RuntimeError(
                    f"{type(self).__name__}.step: the parameters have moved; "
                    "make the optimizer after the model"
                )
            for run in runs:
                self._prepare(group, run)
                run.steps += 1
                self._update(group, run, self._blocks(run))
                run.fresh = False

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the state by parameter name, and the groups with parameter names.

        Returns
        -------
        dict
            ``state``: for every parameter name, PyTorch's state entries, tensors in the
            parameter's shape; no entries before the first step. ``param_groups``: the
            hyperparameters and, as ``params``, the names.
        """
        state = {
            parameter.name: self._entries(run, parameter)
            for runs in self._runs
            for run in runs
            if run.state and not run.fresh
            for parameter in run.parameters
        }
        groups = [
            {**group, "params": [parameter.name for parameter in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; either all of it or, on an error, nothing.

        A parameter without an entry starts from no state, as in PyTorch.

        Raises
        ------
        InputError
            If groups, parameters, state entries, shapes or hyperparameters do not fit.
        """
        groups = self._loaded_groups(state_dict["param_groups"])
        names = {parameter.name for group in groups for parameter in group["params"]}
        unknown = sorted(state_dict["state"].keys() - names)
        if unknown:
            raise InputError("state", f"entries for {sorted(names)}", f"{unknown}")
        loaded = [
            (run, *self._loaded_state(group, run, state_dict["state"]))
            for group, runs in zip(groups, self._runs, strict=True)
            for run in runs
        ]
        self.param_groups = groups
        for run, state, steps in loaded:
            run.state, run.steps, run.fresh = state, steps, not state

    def over(self, parameters: Mapping[str, Parameter]) -> Self:
        """Return an optimizer with the same settings and no state over other parameters.

        Parameters
        ----------
        parameters : mapping of str to Parameter
            For a parameter's name here, the one to take in its place, all of one model. Those
            without are left out.
        """
        other = copy.copy(self)

        def replaced(own: Iterable[Parameter]) -> list[Parameter]:
            return [parameters[p.name] for p in own if p.name in parameters]

        other.param_groups = [
            {**group, "params": replaced(group["params"])} for group in self.param_groups
        ]
        kept = [[replaced(run.parameters) for run in runs] for runs in self._runs]
        other._runs = [[Run(run) for run in runs if run] for runs in kept]
        other._arena = next(iter(parameters.values())).arena
        other._scratch = new_array(len(self._scratch), other._arena.dtype)
        return other

    def state_of(self, parameter: Parameter) -> dict[str, FloatArray]:
        """Return the state of a parameter, before the first step that which it starts from.

        Returns
        -------
        dict of str to ndarray
            Views in the parameter's shape, under PyTorch's names; none for a parameter that this
            optimizer does not update.
        """
        self._prepare_all()
        run = self._run_of(parameter)
        return {} if run is None else _views(run, parameter)

    def copy_steps(self, parameter: Parameter, other: Optimizer, theirs: Parameter) -> None:
        """Take a parameter for one that has been updated as often as another one of `other`."""
        run, source = self._run_of(parameter), other._run_of(theirs)
        if run is not None and source is not None:
            run.steps, run.fresh = source.steps, source.fresh

    def _run_of(self, parameter: Parameter) -> Run | None:
        for runs in self._runs:
            for run in runs:
                if any(own is parameter for own in run.parameters):
                    return run
        return None

    def _prepare_all(self) -> None:
        for group, runs in zip(self.param_groups, self._runs, strict=True):
            for run in runs:
                self._prepare(group, run)

    def _blocks(self, run: Run) -> Iterator[Block]:
        """Yield a run in blocks that begin where cache lines do."""
        values, grads = self._arena.values[run.slice], self._arena.grads[run.slice]
        for start in range(0, len(run), _BLOCK):
            inside = slice(start, start + _BLOCK)
            value = values[inside]
            yield Block(
                value,
                grads[inside],
                self._scratch[: len(value)],
                {key: vector[inside] for key, vector in run.state.items()},
            )

    def _number(self, value: float) -> FloatArray:
        """Return a number as an array without axes, which NumPy takes faster than a float."""
        return np.array(value, self._arena.dtype)

    def _prepare(self, group: Mapping[str, Any], run: Run) -> None:
        if not run.state:
            run.state = self._initial_state(group, len(run))
            run.fresh = True

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        """Update values and state in place; the number of the step is ``run.steps``, from 1."""
        raise NotImplementedError

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise InputError if a hyperparameter of the group is out of range."""
        raise NotImplementedError

    def _initial_state(self, group: Mapping[str, Any], size: int) -> dict[str, FloatArray]:
        """Return the state that precedes the first step of a run of this size."""
        raise NotImplementedError

    def _entries(self, run: Run, parameter: Parameter) -> dict[str, Any]:
        entries: dict[str, Any] = {"step": run.steps} if self.counts_steps else {}
        return entries | {key: view.copy() for key, view in _views(run, parameter).items()}

    def _loaded_groups(self, loaded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        expected = self.state_dict()["param_groups"]
        if [group["params"] for group in loaded] != [group["params"] for group in expected]:
            raise InputError(
                "param_groups",
                f"the groups {[group['params'] for group in expected]}",
                f"{[group['params'] for group in loaded]}",
            )
        groups = []
        for group, own in zip(loaded, self.param_groups, strict=True):
            if group.keys() != own.keys():
                raise InputError("param_groups", f"the keys {sorted(own)}", f"{sorted(group)}")
            self._check(group)
            groups.append({**group, "params": own["params"]})
        return groups

    def _loaded_state(
        self, group: Mapping[str, Any], run: Run, loaded: Mapping[str, Any]
    ) -> tuple[dict[str, FloatArray], int]:
        if not any(parameter.name in loaded for parameter in run.parameters):
            return {}, 0
        state = self._initial_state(group, len(run))
        expected = {*state, "step"} if self.counts_steps else {*state}
        steps: set[int] = set()
        for parameter in run.parameters:
            entries = loaded.get(parameter.name, {})
            if entries.keys() != expected:
                raise InputError(
                    f"state[{parameter.name!r}]",
                    f"the keys {sorted(expected)}",
                    f"{sorted(entries)}",
                )
            for key, vector in state.items():
                name = f"state[{parameter.name!r}][{key!r}]"
                array = as_float_array(name, entries[key], vector.dtype)
                check_shape(name, array, parameter.shape)
                vector[run.part(parameter)] = array.ravel(order="F")
            steps.add(int(entries.get("step", 1)))
            if len(steps) > 1:
                name = f"state[{parameter.name!r}]['step']"
                raise InputError(name, f"{min(steps)}, as before", f"{entries['step']}")
        return state, steps.pop()


def _as_groups(params: Parameters) -> list[dict[str, Any]]:
    if isinstance(params, Parameter | Mapping):
        raise InputError("params", "an iterable of parameters or groups", describe(params))
    entries = list(params)
    if entries and all(isinstance(entry, Mapping) for entry in entries):
        groups = [dict(entry) for entry in entries if isinstance(entry, Mapping)]
    else:
        groups = [{"params": entries}]
    for group in groups:
        if "params" not in group:
            raise InputError("params", "the key 'params' in every group", f"{sorted(group)}")
        group["params"] = list(group["params"])
        if not group["params"]:
            raise InputError("params", "at least one parameter in every group", "none")
    return groups


def _check_parameters(parameters: Sequence[Parameter]) -> None:
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise InputError("params", "parameters", describe(parameter))
        if parameter.arena is not parameters[0].arena:
            raise InputError(
                "params", "parameters of one model", "parameters of several (join the layers first)"
            )
    names = [parameter.name for parameter in parameters]
    for name in names:
        if names.count(name) > 1:
            raise InputError("params", "every parameter once", f"{name} {names.count(name)} times")


# Scalars that are updated at a time. An update goes over its vectors again and again; in float32
# the five of Adam take 1 MB, which the cache of a core holds. In smaller blocks the calls cost
# more than they gain. A multiple of what is in a cache line.
_BLOCK = 51_200


def _views(run: Run, parameter: Parameter) -> dict[str, FloatArray]:
    part = run.part(parameter)
    return {
        key: vector[part].reshape(parameter.shape, order="F") for key, vector in run.state.items()
    }


def _runs(parameters: Iterable[Parameter]) -> list[Run]:
    runs: list[list[Parameter]] = []
    for parameter in sorted(parameters, key=lambda parameter: parameter.offset):
        if runs and runs[-1][-1].slice.stop == parameter.offset:
            runs[-1].append(parameter)
        else:
            runs.append([parameter])
    return [Run(run) for run in runs]
