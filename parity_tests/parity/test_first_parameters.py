"""Which tests are chosen where one of every function is enough."""

from types import SimpleNamespace
from typing import Any

from parity_tests.first_parameters import pytest_collection_modifyitems

IDS = ["a.py::test_one[relu-3]", "a.py::test_one[tanh-[3]", "a.py::test_two", "b.py::test_one[0]"]


class _Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_the_first_parameters_of_every_function_are_chosen() -> None:
    items: list[Any] = [_Item(nodeid) for nodeid in IDS]
    left: list[Any] = []
    hook = SimpleNamespace(pytest_deselected=lambda items: left.extend(items))
    config: Any = SimpleNamespace(hook=hook)
    pytest_collection_modifyitems(config, items)
    assert [item.nodeid for item in items] == [IDS[0], IDS[2], IDS[3]]
    assert [item.nodeid for item in left] == [IDS[1]]
