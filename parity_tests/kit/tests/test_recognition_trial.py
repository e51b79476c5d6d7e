"""Tries of a declaration ask what has been drawn already."""

import numpy as np
import pytest

from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.recognition.trial import Shapes, begin, begin_alike

FIELDS = {"parameters": "'W b'", "forward": "lambda net, x: x"}


def made(width: int, dtype: str = "float64") -> dict[str, np.ndarray]:
    return {"W": np.ones((12, width), dtype), "b": np.ones(width, dtype)}


@pytest.mark.parametrize(("other", "is_alike"), [("9", True), ("8", False), ("9, 'f4'", False)])
def test_parameters_are_drawn_once_for_their_shapes(other: str, is_alike: bool) -> None:
    scope = {"make": made}
    drawn: dict[Shapes, Inquiry] = {}
    fields = [{**FIELDS, "make": f"lambda: make({text})"} for text in ("9", other)]
    first, second = (begin_alike(own, scope, drawn) for own in fields)
    assert first is not None
    assert second is not None
    assert len(drawn) == 2 - is_alike
    assert (second.batches is first.batches) == is_alike
    # They are what would have been drawn for it alone.
    alone = begin(fields[1], scope)
    assert alone is not None
    np.testing.assert_array_equal(second.layers[0].weight, alone.layers[0].weight)
