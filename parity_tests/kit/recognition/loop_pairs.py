"""Functions that are given samples with their labels, and go through them pair by pair."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

# What samples with their labels are called; parameters come in pairs, too.
_SAMPLES = re.compile(
    r"((train(ing)?|test|val(id\w*)?|mini)_?)?(data\w*|batch(es)?|set|pairs|samples|examples|points)"
)


def takes_pairs(function: Callable[..., Any]) -> bool:
    """Whether a function has a loop like ``for x, y in batch`` over samples that it is given."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    given = {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}
    return any(
        isinstance(loop, (ast.For, ast.comprehension))
        and isinstance(loop.target, ast.Tuple)
        and len(loop.target.elts) == 2
        and isinstance(loop.iter, ast.Name)
        and loop.iter.id in given
        and _SAMPLES.fullmatch(loop.iter.id.lower())
        for loop in ast.walk(tree)
    )
