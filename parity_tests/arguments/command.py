"""The command that prints the tables."""

import argparse
from collections.abc import Iterator

from numpy_impl.arrays import check_int
from parity_tests.arguments.entries import all_entries
from parity_tests.arguments.table import errors_table, findings, summary_table
from parity_tests.arguments.trying import Outcome, tries


def run(arguments: argparse.Namespace) -> int:
    """Try everything, print a table and what must not be, and return the exit status."""
    outcomes = list(_outcomes(arguments.only, check_int("--examples", arguments.examples)))
    wrong = findings(outcomes)
    print(summary_table(outcomes))
    print(f"\n{len(outcomes)} inputs tried, {len(wrong)} findings")
    print(*wrong, sep="\n")
    if arguments.markdown is not None:
        tables = (summary_table(outcomes), errors_table(outcomes))
        arguments.markdown.write_text("\n\n".join(tables) + "\n", "utf-8")
    return int(bool(wrong) or not outcomes)


def _outcomes(only: str, examples: int) -> Iterator[Outcome]:
    for entry in all_entries():
        if not entry.name.startswith(only):
            continue
        yield from tries(entry)
        if examples > 0:
            from parity_tests.arguments.made import made_tries

            yield from made_tries(entry, examples)
