"""The command line, ``python -m parity_tests.fuzz``: a table, and 1 if anything was found."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from numpy_impl import InputError
from numpy_impl.arrays import check_int, check_number, check_positive_int
from parity_tests.fuzz.running import run_target
from parity_tests.fuzz.targets import TARGETS
from parity_tests.fuzz.trying import Count

_ROW = "{:<12} {:>9} {:>9} {:>9} {:>9} {:>9}"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of this command line."""
    parser = argparse.ArgumentParser(prog="python -m parity_tests.fuzz", description=__doc__)
    parser.add_argument(
        "--target", action="append", choices=sorted(TARGETS), help="only this one; may be repeated"
    )
    parser.add_argument(
        "--inputs", type=int, default=10_000, help="files for each (default: 10000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds for a file (default: 5)")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time (default: 1)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("build/fuzz"),
        help="where the files of findings go (default: build/fuzz)",
    )
    return parser


def table(counts: dict[str, Count]) -> list[str]:
    """Return what became of the files, as lines."""
    lines = [_ROW.format("target", "inputs", "seconds", "right", "refused", "findings")]
    for name, count in counts.items():
        numbers = (count.inputs, f"{count.seconds:.1f}", count.right, count.refused)
        lines.append(_ROW.format(name, *numbers, len(count.findings)))
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if nothing was found, 1 if something was, 2 on bad input."""
    options = make_parser().parse_args(argv)
    names = options.target or sorted(TARGETS)
    try:
        run = partial(
            run_target,
            inputs=check_positive_int("--inputs", options.inputs),
            seed=int(check_number("--seed", check_int("--seed", options.seed))),
            limit=check_number("--limit", options.limit, exclude_low=True),
            folder=options.output.absolute(),
        )
        with ThreadPoolExecutor(check_positive_int("--jobs", options.jobs)) as pool:
            counts = dict(zip(names, pool.map(run, names), strict=True))
    except InputError as error:
        print(f"parity_tests.fuzz: error: {error}", file=sys.stderr)
        return 2
    print("\n".join(table(counts)))
    found = [finding for count in counts.values() for finding in count.findings]
    for finding in found:
        print(f"{options.output / finding.file}: {finding.kind}: {finding.place} {finding.what}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
