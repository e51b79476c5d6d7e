"""What is public: found from the lists in the package, so that nothing new is left out."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy_impl

MODULES = ("", ".data", ".data.augment", ".initializers", ".baselines", ".lab", ".experiments")
"""The modules whose names are public, beneath the package."""

INSIDE = {
    "function": "defined by a subclass; it is given blocks that were checked",
    "derivative": "as `function`",
    "derivative_var": "as `function`",
    "infer_into": "checks nothing: a model calls it, see `Layer`",
    "forward_into": "as `infer_into`",
    "backward_into": "as `infer_into`",
}
"""Methods that only the library itself calls, with the reason why they check nothing."""


EXCUSED = {
    "Layer": "its methods are tried in every layer",
    "Loss": "its methods are tried in every loss",
    "Optimizer": "its methods are tried in every optimizer",
    "LRScheduler": "its methods are tried in every schedule",
    "Classifier": "its methods are tried in every baseline",
    "Callback": "its methods do nothing; the trainer calls them",
    "Scheduled.on_": "the trainer calls it",
    "Averaged.on_": "the trainer calls it",
    "History": "the trainer keeps it",
    "*.over": "for the workers of a training, which know what they have",
    "*.copy_steps": "as `over`",
    "*.state_of": "as `over`",
    "LBFGS.add_param_group": "it has one group, and refuses a second",
    "PlainNetwork": "NumPy refuses what is no size; the lab makes it without arguments",
    "NeuralNetwork": "as `PlainNetwork`",
    "PlainNetwork.update": "`backward` calls it with what `gradients` returns",
    "NeuralNetwork.update": "as `PlainNetwork.update`",
}
"""Entry points that are not tried, with the reason: those that begin so, where ``*`` is any class.

A class without a base class stands for its constructor alone.
"""

BASES = ("Layer", "Loss", "Optimizer", "LRScheduler", "Classifier", "Callback", "History")
"""Classes whose methods are excused with them."""


def excuse(name: str) -> str | None:
    """Return the name in `EXCUSED` under which an entry point is excused, or None."""
    kind, _, method = name.partition(".")
    for excused in EXCUSED:
        if excused in (name, f"*.{method}") or (excused in BASES and excused == kind):
            return excused
        if excused.endswith("_") and name.startswith(excused):
            return excused
    return None


def entry_points() -> Iterator[str]:
    """Yield the name of every public function, class and method that takes an argument."""
    seen = set()
    for module in MODULES:
        home: Any = importlib.import_module(numpy_impl.__name__ + module)
        for name in getattr(home, "__all__", None) or _functions(home):
            thing = getattr(home, name)
            if not callable(thing) or thing in seen:
                continue
            seen.add(thing)
            if not inspect.isclass(thing):
                yield from [name] * _takes(thing)
            elif not issubclass(thing, Exception):
                yield from [name] * _takes(thing.__init__, 1)
                for method in dir(thing):
                    yield from [f"{name}.{method}"] * _is_method(thing, method)


def _functions(home: Any) -> list[str]:
    return [
        name
        for name, thing in vars(home).items()
        if inspect.isfunction(thing)
        and thing.__module__ == home.__name__
        and not name.startswith("_")
    ]


def _is_method(kind: type, name: str) -> bool:
    if (name.startswith("_") and name != "__call__") or name in INSIDE:
        return False
    method = inspect.getattr_static(kind, name)
    return inspect.isfunction(method) and _takes(method, 1)


def _takes(function: Any, bound: int = 0) -> bool:
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    # What every object takes, without an `__init__` of its own.
    generic = [p.kind for p in parameters] == [
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    ]
    return bool(parameters) and not generic
