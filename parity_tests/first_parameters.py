"""A plugin for pytest: of every test function, the first of its parameters alone.

``pytest -p parity_tests.first_parameters --pyargs parity_tests`` tells in a minute whether
everything is where it should be, in a wheel for instance.
"""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out all but the first parameters of every test function."""
    firsts: dict[str, pytest.Item] = {}
    for item in items:
        firsts.setdefault(item.nodeid.partition("[")[0], item)
    chosen = set(firsts.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = firsts.values()
