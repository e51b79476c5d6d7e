"""The command line, ``python -m parity_tests``.

``check`` says what is wrong with somebody's network, and ``golden`` does so without PyTorch.
``lockstep`` trains in NumPy and in PyTorch side by side; ``operations`` lists all operations;
``seeds`` runs every check with many seeds; ``kills`` kills trainings and lets them go on;
``arguments`` gives everything wrong arguments.
"""

import os

# One thread each, so that the two do not get in each other's way and their times compare; both
# libraries read the number when they are loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from numpy_impl import InputError, MissingExtraError
from numpy_impl.arrays import check_number, check_positive_int
from parity_tests.kit.command import add_commands
from parity_tests.kit.golden import GoldenError


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of this command line."""
    parser = argparse.ArgumentParser(prog="python -m parity_tests", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_commands(commands)
    run = commands.add_parser(
        "lockstep",
        help="train in NumPy and in PyTorch on the same batches from the same weights",
        description="Distances are from the same training in PyTorch and float64, relative.",
    )
    run.add_argument("--data", type=Path, help="folder with the MNIST files")
    run.add_argument("--dtype", default="float32", help="float32 (default) or float64")
    run.add_argument("--optimizer", default="adam", help="sgd, adam (default) or adamw")
    run.add_argument("--lr", type=float, help="default: 0.001, and 0.1 for sgd")
    run.add_argument("--epochs", type=int, default=1, help="default: 1")
    run.add_argument("--batch-size", type=int, default=64, help="default: 64")
    run.add_argument("--hidden", type=int, nargs="+", default=[128], help="default: 128")
    run.add_argument("--seed", type=int, default=0, help="default: 0")
    run.set_defaults(run=_lockstep)

    table = commands.add_parser(
        "operations", help="print all operations and what PyTorch takes beside, as Markdown"
    )
    table.set_defaults(run=_operations)

    seeds = commands.add_parser(
        "seeds",
        help="run every check with many seeds, and count false alarms",
        description="Inputs are drawn anew for each seed; every check must pass with all of them.",
    )
    seeds.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    seeds.add_argument("--count", type=int, default=10, help="how many (default: 10)")
    seeds.add_argument("--only", default="", help="only checks whose id contains this")
    seeds.set_defaults(run=_seeds)

    kills = commands.add_parser(
        "kills", help="kill trainings at random moments, and see whether their checkpoints survive"
    )
    kills.add_argument("--count", type=int, default=500, help="how many (default: 500)")
    kills.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    kills.set_defaults(run=_kills)

    arguments = commands.add_parser(
        "arguments",
        help="give every public function and class wrong arguments, and print what comes of it",
        description="Exit status 1 if anything but a right result or a clear error comes back.",
    )
    arguments.add_argument("--markdown", type=Path, help="write the tables to this file")
    arguments.add_argument(
        "--examples",
        type=int,
        default=0,
        help="arrays that hypothesis makes for each argument (default: 0)",
    )
    arguments.add_argument("--only", default="", help="only entry points that begin with this")
    arguments.set_defaults(run=_arguments)
    return parser


# What needs PyTorch is imported by the commands that do: `check` runs without.


def _lockstep(arguments: argparse.Namespace) -> int:
    from parity_tests.lockstep_command import run

    return run(arguments)


def _operations(_arguments: argparse.Namespace) -> int:
    from parity_tests.guide import left_out_table, operations_table

    print(operations_table(), left_out_table(), sep="\n\n")
    return 0


def _arguments(arguments: argparse.Namespace) -> int:
    from parity_tests.arguments.command import run

    return run(arguments)


def _seeds(arguments: argparse.Namespace) -> int:
    from parity_tests.checks import all_checks

    first = int(check_number("--first", arguments.first))
    count = check_positive_int("--count", arguments.count)
    run = failed = 0
    for seed in range(first, first + count):
        for check in all_checks(seed):
            if arguments.only not in check.id:
                continue
            run += 1
            try:
                check.run()
            except Exception as error:  # whatever it is, the check did not pass
                failed += 1
                print(f"seed {seed}: {check.id}: {type(error).__name__}: {error}", flush=True)
        print(f"seed {seed}: {run} checks so far, {failed} failed", flush=True)
    if not run:
        raise InputError("--only", "part of the id of a check", repr(arguments.only))
    return int(failed > 0)


def _kills(arguments: argparse.Namespace) -> int:
    from parity_tests.kills import run

    count = check_positive_int("--count", arguments.count)
    seed = int(check_number("--seed", arguments.seed))
    outcome = run(count, seed, report=lambda line: print(line, flush=True))
    print(outcome, *outcome.faults, sep="\n")
    return int(bool(outcome.faults))


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if all is well, 1 on a drift beyond rounding or a failed check, 2 on bad input."""
    arguments = make_parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        return status
    except (InputError, MissingExtraError, GoldenError, OSError) as error:
        print(f"parity_tests: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
