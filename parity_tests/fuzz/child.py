"""A process that reads files, and may die of it; `run_target` starts it."""

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from parity_tests.faults.fault import planted
from parity_tests.fuzz.planted import PLANTED
from parity_tests.fuzz.targets import TARGETS
from parity_tests.fuzz.trying import try_files

# Far above what a target is granted: for what no other limit stops.
_ADDRESS_SPACE = 8 << 30


def main(argv: Sequence[str] | None = None) -> None:
    """Read files and print what became of them, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("seed", type=int)
    parser.add_argument("inputs", type=int)
    parser.add_argument("limit", type=float)
    parser.add_argument("folder", type=Path)
    parser.add_argument("current", type=Path)
    parser.add_argument("--fault")
    options = parser.parse_args(argv)
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.ExitStack() as stack:
        if options.fault:
            stack.enter_context(planted(PLANTED[options.fault].fault))
        count = try_files(
            TARGETS[options.target],
            options.seed,
            iter(range(options.inputs)),
            options.folder,
            options.current,
            options.limit,
        )
    json.dump(vars(count), sys.stdout)


if __name__ == "__main__":
    main()
