"""All samples of a class from one database, run and counted."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from parity_tests.torch_samples.databases import SOURCES, Sample, kinds, samples
from parity_tests.torch_samples.rules import RULES, rule_for
from parity_tests.torch_samples.running import run

DTYPES = (torch.float64, torch.float32)


@dataclass
class Result:
    """What became of a class's samples from one database in one precision.

    Attributes
    ----------
    total, passed : int
        Samples there are, and those that were run and agreed.
    left_out : dict of str to int
        Those left out, by reason.
    failures : list of str
        One text for every sample that failed.
    """

    total: int = 0
    passed: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        """Add the counts and failures of another one."""
        self.total += other.total
        self.passed += other.passed
        self.failures += other.failures
        for reason, count in other.left_out.items():
            self.left_out[reason] = self.left_out.get(reason, 0) + count


@functools.cache
def result(kind: type, source: str, dtype: torch.dtype) -> Result:
    """Run all samples of a class that a database has in one precision."""
    found = Result()
    for sample in samples(kind, source, dtype):
        found.total += 1
        rule = rule_for(sample)
        if rule is not None:
            found.left_out[rule.reason] = found.left_out.get(rule.reason, 0) + 1
            continue
        problem = _problem_of(sample)
        if problem is None:
            found.passed += 1
        else:
            found.failures.append(f"{sample}: {problem}")
    return found


def _problem_of(sample: Sample) -> str | None:
    """Return what is wrong with a sample's result, or None."""
    try:
        comparisons = run(sample)
    except Exception as error:  # whatever it is, it is reported with the sample, and the rest runs
        return f"{type(error).__name__}: {error}"
    over = [str(comparison) for comparison in comparisons if not comparison.passed]
    return "\n    ".join(["", *over]) if over else None


def all_results() -> Iterator[tuple[type, str, Result]]:
    """Yield what became of the samples of every class from every database, in both precisions."""
    for source in SOURCES:
        for kind in kinds(source):
            both = Result()
            for dtype in DTYPES:
                both.add(result(kind, source, dtype))
            yield kind, source, both


def stale_rules() -> list[str]:
    """Return the reasons of rules that leave nothing out."""
    used = {reason for _, _, found in all_results() for reason in found.left_out}
    return [rule.reason for rule in RULES if rule.reason not in used]


def table() -> str:
    """Return the counts as Markdown tables."""
    lines = ["| class | database | samples | passed | left out |", "|---|---|---:|---:|---:|"]
    whole = Result()
    for kind, source, found in all_results():
        if found.total:
            out = sum(found.left_out.values())
            lines.append(f"| {kind.__name__} | {source} | {found.total} | {found.passed} | {out} |")
            whole.add(found)
    out = sum(whole.left_out.values())
    lines.append(f"| all | | {whole.total} | {whole.passed} | {out} |")
    lines += ["", "| left out because | samples |", "|---|---:|"]
    lines += [f"| {reason} | {count} |" for reason, count in whole.left_out.items()]
    return "\n".join(lines)
