"""What all schedules share: the optimizer's groups, the number of the epoch, the state."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from numpy_impl.arrays import check_int, check_mapping, check_number, describe
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Optimizer

# What PyTorch's state has beside, for its warnings.
_IGNORED = {"_step_count", "_is_initial", "_get_lr_called_within_step"}


class LRScheduler:
    """A learning-rate schedule over the groups of an optimizer.

    Making a schedule sets the learning rates of epoch 0. Each call of `step` then moves on by one
    epoch, or by one batch if it is called after each batch. The learning rates are those that
    PyTorch computes, bit for bit: where it multiplies the present learning rate, so that changes
    from elsewhere stay, so does this; the formula without recursion stands beside as a function.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``param_groups`` are scheduled. A schedule keeps what it starts from in each group,
        as ``initial_lr``.

    Attributes
    ----------
    last_epoch : int
        Number of the present epoch, from 0.
    base_lrs : list of float
        What each group starts from.

    Raises
    ------
    InputError
        If `optimizer` is not an Optimizer.

    Notes
    -----
    A subclass computes learning rates in `_next_lr`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
    """

    # Attributes that make up the state, under PyTorch's names, and those that are functions.
    _saved: tuple[str, ...] = ("base_lrs", "last_epoch", "_last_lr")
    _functions: tuple[str, ...] = ()

    last_epoch: int
    base_lrs: list[float]

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise InputError("optimizer", "an Optimizer", describe(optimizer))
        self.optimizer = optimizer
        self._last_lr = self._lrs()

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch, or of a given one.

        Parameters
        ----------
        epoch : int, optional
            Number of an epoch, at least 0. The learning rates then come from the formula without
            recursion, where there is one, and changes from elsewhere are lost.

        Raises
        ------
        InputError
            If `epoch` is not such a number.
        """
        self._update(None if epoch is None else check_count("epoch", epoch))

    def get_last_lr(self) -> list[float]:
        """Return the learning rate that was set last, of each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of settings and progress: numbers, strings, and lists of them.

        The keys are PyTorch's. Functions are not among the values; where there are some, None
        stands in their place. The learning rates belong to the state of the optimizer.
        """
        state = {key: copy.deepcopy(vars(self)[key]) for key in self._saved}
        for key in self._functions:
            functions = vars(self)[key]
            state[key] = [None] * len(functions) if isinstance(functions, list) else None
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, or PyTorch's; all of it or, on an error, nothing.

        The optimizer's state is to be loaded too.

        Raises
        ------
        InputError
            If a key is missing or unknown, or a value is of another kind.
        """
        self._take(self._read("state_dict", state_dict))

    def _begin(self, last_epoch: int) -> None:
        """Set the first learning rates; the last thing that a constructor does."""
        self.base_lrs = self._checked_base_lrs(last_epoch)
        self.last_epoch = int(last_epoch)
        self._start()
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["initial_lr"] = lr

    def _checked_base_lrs(self, last_epoch: int, *needed: str) -> list[float]:
        """Return what each group starts from; InputError if nothing can be resumed."""
        if check_int("last_epoch", last_epoch) < -1:
            raise InputError("last_epoch", "-1, or an epoch to resume after", f"{last_epoch}")
        for number, group in enumerate(self.optimizer.param_groups):
            missing = [key for key in ("initial_lr", *needed) if key not in group]
            if missing and last_epoch >= 0:
                raise InputError(
                    "last_epoch",
                    f"-1 where param_groups[{number}] has no {missing[0]!r} to resume from",
                    f"{last_epoch}",
                )
        groups = self.optimizer.param_groups
        return [float(group.get("initial_lr", group["lr"])) for group in groups]

    def _start(self) -> None:
        """Take the first step, as the constructor does and `SequentialLR` once more."""
        self._update(None, initial=True)

    def _update(self, epoch: int | None, *, initial: bool = False) -> None:
        if epoch is None:
            epoch = self.last_epoch + 1
            lrs = self._next_lr(epoch, initial=initial)
        else:
            lrs = self._lr_at(epoch)
        self.last_epoch = epoch
        self._set(lrs)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:
        """Return the learning rates of an epoch, from those of the one before."""
        raise NotImplementedError

    def _lr_at(self, epoch: int) -> list[float]:
        """Return the learning rates of any epoch."""
        return self._next_lr(epoch, initial=False)

    def _lrs(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _set(self, lrs: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self._lrs()

    def _read(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries of a state after checking them; nothing is changed."""
        check_mapping(name, state)
        own = self.state_dict()
        keys = state.keys() - _IGNORED
        if keys != own.keys():
            raise InputError(name, f"the keys {sorted(own)}", f"{sorted(keys)}")
        for key in (*self._saved, *self._functions):
            _check_like(f"{name}[{key!r}]", state[key], own[key])
        return {key: copy.deepcopy(state[key]) for key in self._saved}

    def _take(self, entries: dict[str, Any]) -> None:
        vars(self).update(entries)


def _check_like(name: str, value: object, own: object) -> None:
    """Raise InputError unless a value is of the kind of our own; lists and dictionaries within."""
    if isinstance(own, list):
        if not isinstance(value, list) or len(value) != len(own):
            raise InputError(name, f"a list of {len(own)}", describe(value))
        for position, pair in enumerate(zip(value, own, strict=True)):
            _check_like(f"{name}[{position}]", *pair)
    elif isinstance(own, dict):
        if not isinstance(value, dict) or value.keys() != own.keys():
            raise InputError(name, f"a dictionary of {sorted(own)}", describe(value))
        for key in own:
            _check_like(f"{name}[{key!r}]", value[key], own[key])
            # Names of what a phase goes from and to.
            if isinstance(own[key], str) and value[key] != own[key]:
                raise InputError(f"{name}[{key!r}]", repr(own[key]), repr(value[key]))
    # A number without a fraction may have lost its point on the way.
    elif type(value) is not type(own) and not (type(own) is float and type(value) is int):
        raise InputError(name, type(own).__name__, describe(value))
    elif isinstance(value, float) and math.isnan(value):
        raise InputError(name, "a number", "nan")


def check_count(name: str, value: object) -> int:
    """Return `value` as an int if it is an integer of at least 0; raise InputError otherwise."""
    count = check_int(name, value)
    if count < 0:
        raise InputError(name, "an integer of at least 0", f"{count}")
    return count


def check_share(name: str, value: object) -> float:
    """Return `value` as a float if it is a number from 0 to 1; raise InputError otherwise."""
    share = check_number(name, value)
    if share > 1:
        raise InputError(name, "a number of at most 1", repr(share))
    return share


def per_group(
    name: str, value: object, optimizer: Optimizer, check: Callable[[str, object], Any]
) -> list[Any]:
    """Return a checked value for each group, from one for all or from a list or tuple of them."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [check(name, value)] * count
    if len(value) != count:
        raise InputError(name, f"{count} entries, one for each group", f"{len(value)}")
    return [check(f"{name}[{position}]", entry) for position, entry in enumerate(value)]


def as_number(name: str, value: object) -> float:
    """Return what a caller's function gave as a float; InputError unless it is a finite number."""
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise InputError(name, "a function that returns finite numbers", describe(value))
    return float(value)
