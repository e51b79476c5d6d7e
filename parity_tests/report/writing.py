"""The report as JSON, as Markdown and as a page."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from numpy_impl import __version__
from parity_tests.cases.catalogue import Declared
from parity_tests.report.collector import Outcome
from parity_tests.report.rows import Row, make_rows, totals

FORMAT = 1


def write_report(
    folder: Path, outcomes: Sequence[Outcome], declared: Iterable[Declared]
) -> dict[str, Any]:
    """Write ``report.json``, ``report.md`` and ``report.html`` into a folder; make that if needed.

    Returns
    -------
    dict
        What is in ``report.json``.
    """
    report = make_report(make_rows(outcomes, declared))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.md").write_text(to_markdown(report), encoding="utf-8")
    (folder / "report.html").write_text(to_html(report), encoding="utf-8")
    return report


def make_report(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the report as plain data."""
    return {
        "format": FORMAT,
        "environment": environment(),
        "totals": totals(rows),
        "rows": [row.to_dict() for row in rows],
    }


def environment() -> dict[str, str | int | None]:
    """Return what the figures depend on: versions, BLAS, threads, machine."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "numpy_impl": __version__,
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS"),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def summary_lines(total: dict[str, Any]) -> list[str]:
    """Return the totals in words."""
    share = total["float32_at_most_pytorch"] / max(total["float32_comparisons"], 1)
    return [
        f"{total['operations']} operations in {total['variants']} forms: "
        f"{total['checks']} checks, {total['failed']} failed; "
        f"{total['comparisons']} tensors compared.",
        f"In float32 NumPy's error is at most PyTorch's in {100 * share:.1f} % of "
        f"{total['float32_comparisons']} comparisons. "
        f"Of {total['operations_compared']} operations, its median is at most PyTorch's in "
        f"{total['operations_with_median_error_at_most_pytorch']}, its worst in "
        f"{total['operations_with_worst_error_at_most_pytorch']}, and its worst is at most twice "
        f"PyTorch's in {total['operations_with_worst_error_at_most_twice_pytorch']}.",
    ]


def to_markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = ["# Parity with PyTorch", "", *summary_lines(report["totals"]), ""]
    lines += [f"- {name}: {value}" for name, value in report["environment"].items()]
    lines += [
        "",
        "Errors are from the float64 truth, in units of eps times the condition: worst, and median "
        "in parentheses. In float64 the truth is PyTorch's own result.",
        "",
        "| operation | form | checks | forward: NumPy | PyTorch "
        "| gradient or step: NumPy | PyTorch | float64: NumPy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        cells = [row["operation"], row["variant"], f"{row['checks']}"]
        if row["failed"]:
            cells[-1] += f" (**{row['failed']} failed**)"
        # An operation has a gradient or is a step, never both.
        quantities = [row.get("forward", {}), row.get("gradient") or row.get("step", {})]
        for figures in quantities:
            judged = figures.get("float32", {})
            cells += [_cell(judged.get(side)) for side in ("numpy", "pytorch")]
        exact = [figures.get("float64") for figures in quantities]
        worst = [float(f["numpy"]["worst"]) for f in exact if f]
        cells.append(f"{max(worst):.2g}" if worst else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(spread: dict[str, Any] | None) -> str:
    if spread is None:
        return ""
    return f"{float(spread['worst']):.2g} ({float(spread['median']):.2g})"


def to_html(report: dict[str, Any]) -> str:
    """Return the report as one page that needs no other file."""
    page = files("parity_tests.report").joinpath("page.html").read_text(encoding="utf-8")
    # Within a script element, "</" would end it.
    data = json.dumps(report, separators=(",", ":")).replace("</", "<\\/")
    summary = " ".join(summary_lines(report["totals"]))
    return page.replace("<!--summary-->", summary).replace("/*report*/null", data)
