"""Networks whose parameters come with a call: of what initializes them, or of a training."""

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from parity_tests.kit.paths import arrays
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import bindings, parameters_of
from parity_tests.kit.recognition.hosts import Host, Named, is_large_enough, methods, own_functions
from parity_tests.kit.recognition.making import arguments
from parity_tests.kit.recognition.settings import kept_numbers
from parity_tests.kit.recognition.trial import made
from parity_tests.kit.recognition.widths import Widths

_MOST_MADE, _MOST_CALLS, _MOST_NETWORKS = 4, 4, 3
# Samples with which a network begins, enough for all classes; and how long that may take, in
# seconds of the processor.
_SAMPLES, _LONGEST = 20, 0.1
_INITIALIZE = (*names.INITIALIZE, r"build|compile|reset(_\w+)?")
_FIT = (r"fit", r"train|learn|train_?model")


def begun(scope: Mapping[str, Any], name: str, cls: type, widths: Widths) -> Iterator[Host]:
    """Yield objects of a class that have no matrices before one of its methods is called.

    A training is told to go through its samples not at all; if matrices come with the first time
    only, they are not what the network begins with.

    Parameters
    ----------
    scope : mapping
        The names of its module.
    """
    count = 0
    for text in islice(arguments(cls, scope, widths), _MOST_MADE):
        own = f"{name}({text})"
        net = made(f"lambda: {own}", scope)
        if net is None or is_large_enough(net):
            continue
        for call, is_trained in _calls(net, scope, widths):
            make = f"lambda: (lambda net: ({call}, net)[-1])({own})"
            start = time.process_time()
            net = made(make, scope)
            if time.process_time() - start > _LONGEST or not _has_outputs(net, widths):
                continue
            make = f"uninitialized({make})" if is_trained else make
            yield Host(make, "object", methods(net), own_functions(scope))
            count += 1
            if count >= _MOST_NETWORKS:
                return


def _has_outputs(net: Any, widths: Widths) -> bool:
    """Whether a matrix of an object has as many outputs as are wanted."""
    return any(widths.outputs in one.array.shape for one in arrays(net) if one.array.ndim == 2)


def _calls(net: Any, scope: Mapping[str, Any], widths: Widths) -> Iterator[tuple[str, bool]]:
    """Yield calls after which an object may have parameters, and whether these are trained."""
    own = Host("", "object", methods(net))
    for one in own.ranked(_INITIALIZE):
        for text in islice(_arguments(one, scope, widths, 0), _MOST_CALLS):
            yield f"{one.code}({text})", False
    kept = kept_numbers(net, "epochs")
    for one in own.ranked(_FIT):
        kinds = {names.role(p.name) for p in parameters_of(one.function) or []}
        # One that cannot be told how long may take any time, and what it is given comes from files.
        if "inputs" not in kinds or not (kept or "epochs" in kinds):
            continue
        for rounds in (0, 1):
            sets = [f"setattr(net, {name!r}, {rounds})" for name in kept]
            for text in islice(_arguments(one, scope, widths, rounds), _MOST_CALLS):
                yield ", ".join([*sets, f"{one.code}({text})"]), rounds > 0


def _arguments(one: Named, scope: Mapping[str, Any], widths: Widths, rounds: int) -> Iterator[str]:
    """Yield argument lists of a method: samples and labels, or else widths."""
    kinds = names.roles([parameter.name for parameter in parameters_of(one.function) or []])
    if "inputs" not in kinds:
        yield from arguments(one.function, scope, widths)
        return
    for samples, labels in _data(widths):
        roles = {
            "inputs": [samples],
            "labels": [labels],
            "epochs": [str(rounds)],
            "batch_size": [str(_SAMPLES)],
            "quiet": ["False"],
            "lr": ["0.1"],
        }
        yield from islice(bindings(one.function, {}, roles, frozenset({"epochs", "quiet"})), 1)


def _data(widths: Widths) -> Iterator[tuple[str, str]]:
    """Yield code of samples and of labels of all classes, in rows and in columns."""
    rows = f"np.random.randn({_SAMPLES}, {widths.inputs})"
    classes = f"np.arange({_SAMPLES}) % {max(widths.outputs, 2)}"
    if widths.outputs > 1:
        one_hot = f"np.eye({widths.outputs})[{classes}]"
        yield from ((rows, one_hot), (rows, classes), (f"{rows}.T", f"{one_hot}.T"))
    else:
        column = f"({classes}).reshape(-1, 1)"
        yield from ((rows, column), (rows, classes), (f"{rows}.T", f"{column}.T"))
