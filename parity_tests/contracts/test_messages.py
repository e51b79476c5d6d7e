"""Every error of bad input says what was expected and what came, and says it as before.

``messages.txt`` has the messages of all refusals, by operation. What is not in there is only asked
for words. ``python -m parity_tests.contracts.test_messages`` writes the file anew.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import numpy_impl as ours
from parity_tests.checks import all_checks
from parity_tests.contracts.test_doors import DOORS, EXCUSED, test_every_argument_is_checked

FILE = Path(__file__).with_name("messages.txt")

REFUSED: dict[str, Callable[[], object]] = {
    check.id: check.run for check in all_checks() if check.family == "refusal"
}
REFUSED |= {
    f"object/{door.replace('.', '/')}": lambda door=door: test_every_argument_is_checked(door)
    for door in sorted(DOORS.keys() - EXCUSED.keys())
}


def operation_of(name: str) -> str:
    """``refusal/Linear/in_features-0`` -> ``Linear``."""
    return name.split("/")[1]


OPERATIONS = sorted(set(map(operation_of, REFUSED)))


@contextmanager
def noted() -> Iterator[list[ours.InputError]]:
    """Collect every InputError that is made."""
    errors: list[ours.InputError] = []
    original = ours.InputError.__init__

    def init(self: ours.InputError, argument: str, expected: str, got: str) -> None:
        errors.append(self)
        original(self, argument, expected, got)

    ours.InputError.__init__ = init  # type: ignore[method-assign]
    try:
        yield errors
    finally:
        ours.InputError.__init__ = original  # type: ignore[method-assign]


def messages(operation: str) -> list[str]:
    """Return what the errors of an operation say, in order, each once."""
    with noted() as errors:
        for name, call in REFUSED.items():
            if operation_of(name) == operation:
                call()
    return sorted(set(map(_words, errors)))


def _words(error: ours.InputError) -> str:
    for part in (error.argument, error.expected, error.got):
        assert isinstance(part, str), f"not in words: {error}"
        assert part.strip(), f"not in words: {error}"
    # Where an object is in memory is another place every time.
    return re.sub(r" at 0x[0-9a-f]+", "", str(error))


def known() -> dict[str, list[str]]:
    """Return the messages in the file, by operation."""
    found: dict[str, list[str]] = {}
    for line in FILE.read_text("utf-8").splitlines():
        operation, _, message = line.partition(": ")
        found.setdefault(operation, []).append(message)
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_messages(operation: str) -> None:
    now = messages(operation)
    missing = [message for message in known().get(operation, []) if message not in now]
    assert not missing


def test_no_message_is_stale() -> None:
    assert known().keys() <= set(OPERATIONS)


if __name__ == "__main__":
    FILE.write_text(
        "".join(f"{name}: {message}\n" for name in OPERATIONS for message in messages(name)),
        "utf-8",
    )
