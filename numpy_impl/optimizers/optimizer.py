"""What all optimizers share: parameter groups, state by name, steps over runs of the arena."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    as_plain,
    check_mapping,
    check_number,
    check_shape,
    describe,
    new_array,
)
from numpy_impl.errors import InputError
from numpy_impl.optimizers.means import number
from numpy_impl.parameters import Parameter

Parameters = Iterable[Parameter] | Iterable[Mapping[str, Any]]

SCHEDULE_KEYS = frozenset({"initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"})
"""Keys that a learning-rate schedule keeps in a group."""


class Run:
    """Neighbouring parameters of one group: a stretch of the arena that is updated as one vector.

    Attributes
    ----------
    state : dict of str to ndarray
        Vectors of the run's length under PyTorch's names; none before the first step.
    numbers : dict of str to float
        State that is one number for all parameters of the run, under PyTorch's names.
    steps : int
        How many steps were taken.
    fresh : bool
        Whether `state` is still what it starts from.
    """

    def __init__(self, parameters: list[Parameter], numbers: Mapping[str, float]) -> None:
        self.parameters = parameters
        self.slice = slice(parameters[0].slice.start, parameters[-1].slice.stop)
        self.state: dict[str, FloatArray] = {}
        self.numbers = dict(numbers)
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
        What to descend along: the gradient, with its sign reversed by ``maximize`` and with what
        weight decay adds to it. Read only.
    scratch : ndarray
        Free to use.
    spare : ndarray
        Free to use when `grad` is not needed any more, which may be in it.
    """

    value: FloatArray
    grad: FloatArray
    scratch: FloatArray
    spare: FloatArray
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
    defaults : dict
        What was given.

    Raises
    ------
    InputError
        If there is no parameter, one comes twice, they are of different models, or a
        hyperparameter is unknown or out of range.
    """

    counts_steps: ClassVar[bool] = False
    """Whether the number of the step is part of the state, as ``step``."""
    state_names: ClassVar[tuple[str, ...]] = ()
    """The vectors that the state may have, under PyTorch's names."""
    first_numbers: ClassVar[Mapping[str, float]] = {}
    """The state that is one number, with what it is before the first step."""
    elementwise: ClassVar[bool] = True
    """Whether each entry's update depends on that entry alone."""

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups = [self._complete(group) for group in _as_groups(params)]
        self._check_parameters(self.param_groups)
        self._arena = self.param_groups[0]["params"][0].arena
        self._runs = [self._divided(group["params"]) for group in self.param_groups]
        self._make_scratch()

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Update further parameters of the same model from now on.

        Parameters
        ----------
        param_group : dict
            With the key ``params``, and hyperparameters where they are not the defaults.

        Raises
        ------
        InputError
            As when an optimizer is made. Nothing has changed then.
        """
        if not isinstance(param_group, Mapping):
            raise InputError("param_group", "a dictionary", describe(param_group))
        added = [self._complete(group) for group in _as_groups([param_group])]
        self._check_parameters([*self.param_groups, *added])
        self.param_groups += added
        self._runs += [self._divided(group["params"]) for group in added]
        self._make_scratch()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter from its gradient, once.

        Parameters
        ----------
        closure : callable, optional
            Computes gradients and returns the loss; called before the update.

        Returns
        -------
        float or None
            What the closure returned.

        Raises
        ------
        RuntimeError
            If the parameters moved to another arena after the optimizer was made, as those of a
            layer do when a model takes it.
        """
        if closure is not None and not callable(closure):
            raise InputError("closure", "a function", describe(closure))
        loss = None if closure is None else closure()
        for group, runs in zip(self.param_groups, self._runs, strict=True):
            self._check_arena(group)
            for run in runs:
                self._prepare(group, run)
                run.steps += 1
                self._update(group, run, self._blocks(group, run))
                run.fresh = False
        return loss

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
        check_mapping("state_dict", state_dict, "param_groups", "state")
        groups = self._loaded_groups(state_dict["param_groups"])
        self._check_names(state_dict["state"])
        loaded = [
            [self._loaded_run(group, run, state_dict["state"]) for run in runs]
            for group, runs in zip(groups, self._runs, strict=True)
        ]
        self.param_groups = groups
        self._runs = loaded

    def over(self, parameters: Mapping[str, Parameter]) -> Self:
        """Return an optimizer with the same settings and no state over other parameters.

        Parameters
        ----------
        parameters : mapping of str to Parameter
            For a parameter's name here, the one to take in its place, all of one model. Those
            without are left out. They may be parts of those here, cut along an axis.

        Raises
        ------
        InputError
            If an entry's update depends on other entries: parts cannot be updated apart then.
        """
        if not self.elementwise:
            raise InputError("workers", f"1 for {type(self).__name__}", "several")
        other = copy.copy(self)

        def replaced(own: Iterable[Parameter]) -> list[Parameter]:
            return [parameters[p.name] for p in own if p.name in parameters]

        other.param_groups = [
            {**group, "params": replaced(group["params"])} for group in self.param_groups
        ]
        kept = [[replaced(run.parameters) for run in runs] for runs in self._runs]
        other._runs = [[Run(run, self.first_numbers) for run in runs if run] for runs in kept]
        other._arena = next(iter(parameters.values())).arena
        other._make_scratch()
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
            run.numbers = dict(source.numbers)

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

    def _blocks(self, group: Mapping[str, Any], run: Run) -> Iterator[Block]:
        """Yield a run in blocks that begin where cache lines do."""
        values, grads = self._arena.values[run.slice], self._arena.grads[run.slice]
        penalty, maximize = self._penalty(group), group.get("maximize", False)
        scratch, spare = self._scratch, self._spare
        for start in range(0, len(run), _BLOCK):
            inside = slice(start, start + _BLOCK)
            value, grad = values[inside], grads[inside]
            if len(scratch) != len(value):
                scratch, spare = self._scratch[: len(value)], self._spare[: len(value)]
            if penalty:
                np.multiply(value, number(penalty, value.dtype), out=spare)
                join = np.subtract if maximize else np.add
                grad = join(spare, grad, out=spare)
            elif maximize:
                grad = np.negative(grad, out=spare)
            state = {key: vector[inside] for key, vector in run.state.items()}
            yield Block(value, grad, scratch, spare, state)

    def _number(self, value: float) -> FloatArray:
        return number(value, self._arena.dtype)

    def _prepare(self, group: Mapping[str, Any], run: Run) -> None:
        starts = self._starts(group)
        if starts.keys() <= run.state.keys():
            return
        run.fresh = run.fresh or not run.state
        for key in self.state_names:  # in their order: that of a set differs between processes
            if key in starts and key not in run.state:
                run.state[key] = self._started(len(run), starts[key])

    def _started(self, size: int, start: float) -> FloatArray:
        vector = new_array(size, self._arena.dtype)
        if start:
            vector.fill(start)
        return vector

    def _check_arena(self, group: Mapping[str, Any]) -> None:
        if any(parameter.arena is not self._arena for parameter in group["params"]):
            raise RuntimeError(
                f"{type(self).__name__}.step: the parameters have moved; "
                "make the optimizer after the model"
            )

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        """Update values and state in place; the number of the step is ``run.steps``, from 1."""
        raise NotImplementedError

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise InputError if a hyperparameter of the group is out of range."""
        raise NotImplementedError

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:
        """Return which vectors of `state_names` the group needs, and what they are filled with."""
        raise NotImplementedError

    def _penalty(self, group: Mapping[str, Any]) -> float:
        """Return how much of the value joins the gradient."""
        decay: float = 0.0 if group.get("decoupled_weight_decay") else group["weight_decay"]
        return decay

    def _check_parameters(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Raise InputError unless all groups together can be updated by this optimizer."""
        _check_parameters([parameter for group in groups for parameter in group["params"]])

    def _complete(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """Return a group with all hyperparameters, checked."""
        check_mapping("params", group)
        complete = {key: as_plain(value) for key, value in {**self.defaults, **group}.items()}
        unknown = sorted(group.keys() - self.defaults.keys() - SCHEDULE_KEYS - {"params"})
        if unknown:
            raise InputError("params", f"group keys among {sorted(self.defaults)}", f"{unknown}")
        self._check(complete)
        return complete

    def _divided(self, parameters: Iterable[Parameter]) -> list[Run]:
        return [Run(run, self.first_numbers) for run in neighbours(parameters)]

    def _make_scratch(self) -> None:
        longest = max((len(run) for runs in self._runs for run in runs), default=0)
        size = min(longest, _BLOCK)
        self._scratch: FloatArray = new_array(size, self._arena.dtype)
        self._spare: FloatArray = new_array(size, self._arena.dtype)

    def _entries(self, run: Run, parameter: Parameter) -> dict[str, Any]:
        entries: dict[str, Any] = {"step": run.steps} if self.counts_steps else {}
        entries |= run.numbers
        return entries | {key: view.copy() for key, view in _views(run, parameter).items()}

    def _loaded_groups(self, loaded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        expected = [[parameter.name for parameter in g["params"]] for g in self.param_groups]
        if not isinstance(loaded, list | tuple):
            raise InputError("param_groups", f"the groups {expected}", describe(loaded))
        found = [
            check_mapping(f"param_groups[{number}]", group, "params")["params"]
            for number, group in enumerate(loaded)
        ]
        if not all(map(_are_names, found)) or [list(names) for names in found] != expected:
            raise InputError("param_groups", f"the groups {expected}", describe(found))
        groups = []
        for group, own in zip(loaded, self.param_groups, strict=True):
            if group.keys() - SCHEDULE_KEYS != own.keys() - SCHEDULE_KEYS:
                raise InputError("param_groups", f"the keys {sorted(own)}", f"{sorted(group)}")
            self._check(group)
            plain = {key: as_plain(value) for key, value in group.items()}
            groups.append({**plain, "params": own["params"]})
        return groups

    def _check_names(self, state: Mapping[str, Any]) -> None:
        names = {parameter.name for group in self.param_groups for parameter in group["params"]}
        unknown = sorted(check_mapping("state", state).keys() - names)
        if unknown:
            raise InputError("state", f"entries for {sorted(names)}", f"{unknown}")
        for name, entries in state.items():
            check_mapping(f"state[{name!r}]", entries)

    def _loaded_run(self, group: Mapping[str, Any], run: Run, loaded: Mapping[str, Any]) -> Run:
        """Return a run like this one, with the state that is loaded."""
        new = Run(run.parameters, self.first_numbers)
        named = [parameter for parameter in run.parameters if parameter.name in loaded]
        if not named:
            return new
        numbers = {**({"step": 0.0} if self.counts_steps else {}), **self.first_numbers}
        required = self._starts(group).keys() | numbers.keys()
        # What a group does not use at the moment may be there from when it did.
        allowed = required | set(self.state_names)
        first = loaded[named[0].name].keys()
        keys = set(first) if required <= first <= allowed else required
        for parameter in run.parameters:
            entries = loaded.get(parameter.name, {})
            if entries.keys() != keys:
                name = f"state[{parameter.name!r}]"
                raise InputError(name, f"the keys {sorted(keys)}", f"{sorted(entries)}")
        for key in numbers:
            numbers[key] = _equal_numbers(key, run.parameters, loaded)
        for key in (key for key in self.state_names if key in keys):
            vector = new.state[key] = new_array(len(run), self._arena.dtype)
            for parameter in run.parameters:
                name = f"state[{parameter.name!r}][{key!r}]"
                array = as_float_array(name, loaded[parameter.name][key], vector.dtype)
                check_shape(name, array, parameter.shape)
                vector[run.part(parameter)] = array.ravel(order="F")
        new.steps = int(numbers.pop("step", 1))
        new.numbers, new.fresh = numbers, False
        return new


def _equal_numbers(
    key: str, parameters: Sequence[Parameter], state: Mapping[str, Mapping[str, Any]]
) -> float:
    """Return an entry that is one number for all parameters."""
    numbers: list[float] = []
    for parameter in parameters:
        name = f"state[{parameter.name!r}][{key!r}]"
        numbers.append(check_number(name, state[parameter.name][key]))
        if numbers[-1] != numbers[0]:
            raise InputError(name, f"{numbers[0]:g}, as before", f"{numbers[-1]:g}")
    return numbers[0]


# What can be iterated over and is no list of parameters.
_NO_LISTS: tuple[type, ...] = (Parameter, Mapping, str, bytes)


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _as_groups(params: Parameters) -> list[dict[str, Any]]:
    if isinstance(params, _NO_LISTS) or not isinstance(params, Iterable):
        raise InputError("params", "an iterable of parameters or groups", describe(params))
    entries: list[Any] = list(params)
    if entries and all(isinstance(entry, Mapping) for entry in entries):
        groups = [dict(entry) for entry in entries if isinstance(entry, Mapping)]
    else:
        groups = [{"params": entries}]
    for group in groups:
        check_mapping("params", group, "params")
        given = group["params"]
        if not isinstance(given, Iterable) and not isinstance(given, Parameter):
            raise InputError("params", "an iterable of parameters in every group", describe(given))
        group["params"] = [given] if isinstance(given, Parameter) else list(given)
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


def neighbours(parameters: Iterable[Parameter]) -> list[list[Parameter]]:
    """Return parameters of one arena as they stand there, neighbours together."""
    runs: list[list[Parameter]] = []
    for parameter in sorted(parameters, key=lambda parameter: parameter.offset):
        if runs and runs[-1][-1].slice.stop == parameter.offset:
            runs[-1].append(parameter)
        else:
            runs.append([parameter])
    return runs
