"""Say what became of the mutants: ``python -m parity_tests.mutation build/mutation/mutants``."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from parity_tests.mutation import EQUIVALENT, Equivalent, Mutant, read_mutants

# The least share of mutants that the suite must notice.
_REQUIRED = 0.95

_COLUMNS = ("killed", "timed out", "wording", "equivalent", "open")


def kind_of(mutant: Mutant, declared: Iterable[Equivalent]) -> str:
    """Return which column of the table a mutant belongs to."""
    if mutant.detected:
        return mutant.status
    if mutant.status == "survived" and mutant.wording:
        return "wording"
    if mutant.status == "survived" and any(entry.covers(mutant) for entry in declared):
        return "equivalent"
    return "open"


def table(mutants: Sequence[Mutant], declared: Sequence[Equivalent]) -> list[str]:
    """Return the figures by module, as lines of Markdown."""
    lines = [
        f"| module | mutants | {' | '.join(_COLUMNS)} | detected |",
        "| --- |" + " ---: |" * (len(_COLUMNS) + 2),
    ]
    modules = sorted({mutant.module for mutant in mutants})
    rows = [(name, [m for m in mutants if m.module == name]) for name in modules]
    for name, members in [*rows, ("all", list(mutants))]:
        kinds = Counter(kind_of(mutant, declared) for mutant in members)
        counts = " | ".join(str(kinds[column]) for column in _COLUMNS)
        lines.append(f"| {name} | {len(members)} | {counts} | {share(members):.1%} |")
    return lines


def share(mutants: Sequence[Mutant]) -> float:
    """Return the share that the suite noticed."""
    return sum(mutant.detected for mutant in mutants) / max(len(mutants), 1)


def survivors(mutants: Sequence[Mutant], declared: Sequence[Equivalent]) -> list[str]:
    """Return the declared changes that were made, with their reasons, as lines of Markdown."""
    lines: list[str] = []
    for entry in declared:
        covered = [m for m in mutants if not m.detected and entry.covers(m)]
        if covered:
            where = sorted({f"{mutant.module}.{mutant.function}" for mutant in covered})
            new = " or ".join(f"`{text}`" for text in entry.new)
            lines.append(f"- `{entry.old}` → {new} in {', '.join(where)}: {entry.reason}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; return 1 for a mutant that nothing accounts for, or too few detected."""
    parser = argparse.ArgumentParser(prog="python -m parity_tests.mutation")
    parser.add_argument("folder", type=Path, help="the folder called mutants")
    parser.add_argument("--all", action="store_true", help="print the equivalent ones too")
    options = parser.parse_args(arguments)
    made = read_mutants(options.folder)
    mutants = [mutant for mutant in made if mutant.status != "unchecked"]
    print("\n".join(table(mutants, EQUIVALENT)))
    if options.all:
        print("\n".join(("", *survivors(mutants, EQUIVALENT))))
    left = [mutant for mutant in mutants if kind_of(mutant, EQUIVALENT) == "open"]
    for mutant in left:
        print(f"\n{mutant.status}: {mutant.key}\n- {mutant.removed}\n+ {mutant.added}")
    modules = {mutant.module for mutant in mutants}
    # What is declared may survive where nothing was run.
    stale = [
        entry
        for entry in EQUIVALENT
        if mutants == made and not any(entry.covers(m) and not m.detected for m in mutants)
    ]
    for entry in stale:
        print(f"\nno such survivor: {entry.old!r} -> {entry.new} in {entry.where}")
    detected = share(mutants)
    print(f"\n{len(mutants)} mutants in {len(modules)} modules, {detected:.1%} detected")
    return int(bool(left) or bool(stale) or detected < _REQUIRED)


if __name__ == "__main__":
    sys.exit(main())
