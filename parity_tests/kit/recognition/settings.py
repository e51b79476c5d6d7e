"""What a network keeps of how it trains: in how many rounds, and on how many samples at a time.

A step of such a network is several updates, where it is given more samples than it takes at a
time; and where it draws their order, another one each time, which shows no gradient.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from parity_tests.kit.aspects import observing
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.proposal import LIKELY, Convention
from parity_tests.kit.recognition.trial import FAILURES, Fields, begin
from parity_tests.kit.subject.subject import flat

# Two orders of seven samples are hardly ever one and the same, nor those of two batches of them.
_TIMES = 4
_SET = re.compile(r"setattr\(net, '(\w+)', (?:len\(x\)|x\.shape\[1\])\)")


def behind(settings: Sequence[str], code: str) -> str:
    """Return code that sets attributes first, and gives what some other code gives."""
    return f"({', '.join(settings)}, {code})[-1]" if settings else code


def one_round(net: Any) -> list[str]:
    """Return code by which a network goes through its samples once; empty if it does so anyway."""
    return [
        f"setattr(net, {name!r}, 1)" for name in kept_numbers(net, "epochs") if vars(net)[name] != 1
    ]


def all_at_once(net: Any, count: str) -> list[str]:
    """Return code by which a network takes as many samples at a time as it is given.

    Parameters
    ----------
    count : str
        Code for the number of samples.
    """
    return [f"setattr(net, {name!r}, {count})" for name in kept_numbers(net, "batch_size")]


def told(step: str) -> Iterator[Convention]:
    """Yield that a step takes all samples at once, which the network alone would divide."""
    for name in _SET.findall(step):
        if names.role(name) == "batch_size":
            why = "with its own, samples come in an order that it draws; that is not judged"
            yield Convention(name, "as many samples as are given", LIKELY, why)


def kept_numbers(net: Any, role: str) -> list[str]:
    """Return the attributes of a role that are whole numbers."""
    kept = vars(net) if hasattr(net, "__dict__") else {}
    return [n for n, v in kept.items() if names.role(n) == role and isinstance(v, int | np.integer)]


def is_another_each_time(fields: Fields, scope: Mapping[str, Any], forward: Forward) -> bool:
    """Whether a step on the same samples leads elsewhere the next time, from the same parameters.

    Updates in an order of their own do not, and tell more of how samples are divided than one.
    """
    inquiry = begin(fields, scope, forward.inquiry)
    if inquiry is None:
        return False
    batch = inquiry.batches[0]
    try:
        first, *others = (flat(observing.observe(inquiry, batch)[0]) for _ in range(_TIMES))
    except FAILURES:
        return False
    return any(not np.array_equal(first, other, equal_nan=True) for other in others)
