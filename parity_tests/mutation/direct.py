"""A pytest plugin that runs checks without collecting the suite.

mutmut runs some tests for every mutant, by their ids, in a process of its own. For a suite of
thousands of parametrized tests, finding those ids takes pytest longer than the tests themselves.
Here they are found in a dictionary that was made before the processes parted. Everything else is
left to pytest.
"""

import os
import warnings
from functools import cache

import pytest

from parity_tests.checks import Check, all_checks

_PREFIX, _SUFFIX = "parity_tests/parity/test_checks.py::test_check[", "]"


@cache
def _checks() -> dict[str, Check]:
    return {check.id: check for check in all_checks()}


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Run the checks among the tests that were asked for; leave the rest of them to pytest."""
    checks = _checks()
    named = [argument for argument in config.args if argument.startswith(_PREFIX)]
    # While mutmut notes which test reaches which function, it listens to pytest's own hooks.
    if not named or os.environ.get("MUTANT_UNDER_TEST") == "stats":
        return None
    for argument in named:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                checks[argument.removeprefix(_PREFIX).removesuffix(_SUFFIX)].run()
            except BaseException as error:
                print(f"{argument}: {error}")
                return int(pytest.ExitCode.TESTS_FAILED)
    config.args = [argument for argument in config.args if not argument.startswith(_PREFIX)]
    return None if config.args else int(pytest.ExitCode.OK)
