"""``python -m parity_tests check TARGET``, ``inspect`` and ``golden``: the kit's command line."""

import argparse
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy_impl import InputError
from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import confirm
from parity_tests.kit.child import MEMORY, TIMEOUT, examine_apart, inspect_apart
from parity_tests.kit.golden import load, make
from parity_tests.kit.rendering import to_html, to_json_text, to_markdown, to_text
from parity_tests.kit.spec import LOSSES
from parity_tests.kit.verdicts import ASPECTS, DIFFERS, Report

_FORMS: dict[str, Callable[[Report], str]] = {
    "json": to_json_text,
    "html": to_html,
    "markdown": to_markdown,
}


def add_commands(subparsers: Any) -> None:
    """Add ``check``, ``inspect`` and ``golden`` to the commands of a parser.

    Parameters
    ----------
    subparsers : object
        What `argparse.ArgumentParser.add_subparsers` returns. A parsed command has ``run``, which
        is called with the arguments and returns the exit code.
    """
    check = subparsers.add_parser(
        "check",
        help="say what is wrong with a network that is written in NumPy",
        description="Its code runs in a process of its own. The exit code is 0 if nothing "
        "differs, 1 if something does, 2 if nothing does but the forward pass or the gradient "
        "could not be checked, the loss or the step raises, the steps are of no optimizer that is "
        "known, a network or a loss of the file was not asked, or the process was ended before all "
        "was asked.",
    )
    _add_target(check)
    check.set_defaults(run=_check)

    inspect = subparsers.add_parser(
        "inspect",
        help="propose the declaration of a network, and say how sure each part of it is",
        description="Its code runs in a process of its own.",
    )
    _add_place(inspect)
    inspect.add_argument("--json", action="store_true", help="print it as JSON")
    inspect.set_defaults(run=_inspect)

    golden = subparsers.add_parser(
        "golden",
        help="check with expected values from a file, where PyTorch is not installed",
        description="The values are made once, with PyTorch in float64.",
    )
    actions = golden.add_subparsers(dest="action", required=True)
    make = actions.add_parser("make", help="write the expected values of a network")
    make.add_argument("file", type=Path, help="an .npz")
    make.add_argument("--sizes", type=int, nargs="+", required=True, help="such as 784 128 10")
    make.add_argument("--hidden", nargs="*", default=["relu"], help="one for all, or one each")
    make.add_argument("--output", default="softmax", help="default: softmax")
    make.add_argument("--loss", default="cross_entropy", help=f"one of {', '.join(LOSSES)}")
    make.add_argument("--seed", type=int, default=0, help="of parameters and batches")
    make.set_defaults(run=_make_golden)
    verify = actions.add_parser("verify", help="check a network with the values of a file")
    verify.add_argument("file", type=Path, help="what `golden make` has written")
    _add_target(verify)
    verify.set_defaults(run=_verify_golden)


def _add_target(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    for form in _FORMS:
        name = {"json": "JSON", "html": "a page", "markdown": "Markdown"}[form]
        parser.add_argument(
            f"--{form}", metavar="FILE", help=f"write the report as {name}; - prints it"
        )
    parser.add_argument("--only", default="", metavar="ASPECT", help=f"one of {', '.join(ASPECTS)}")
    parser.add_argument("--seed", type=int, default=0, help="of what it is asked (default: 0)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        help="FILE.py:Name, FILE.ipynb:Name, module:Name or FOLDER:Name; Name is a Network "
        "declaration, a Rule, LayerUnderTest or LossUnderTest, a function that returns one, a "
        "class or an object",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        help=f"seconds after which its process is ended (default: {TIMEOUT:g})",
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=MEMORY,
        help=f"limit of its memory in MB (default: {MEMORY})",
    )


def _inspect(arguments: argparse.Namespace) -> int:
    proposal, report = inspect_apart(arguments.target, arguments.timeout, arguments.memory)
    if proposal is None:
        print(to_text(report))
        return 2
    text = proposal.pop("text")
    print(json.dumps(proposal, indent=1) if arguments.json else text)
    return 0


def _make_golden(arguments: argparse.Namespace) -> int:
    hidden = arguments.hidden[0] if len(arguments.hidden) == 1 else arguments.hidden
    make(arguments.file, arguments.sizes, hidden, arguments.output, arguments.loss, arguments.seed)
    print(f"{arguments.file}: {'-'.join(map(str, arguments.sizes))}, {arguments.loss}")
    return 0


def _verify_golden(arguments: argparse.Namespace) -> int:
    _check_printed(arguments)
    load(arguments.file)  # its faults are the caller's, and not those of the network
    report = examine_apart(
        arguments.target,
        arguments.seed,
        arguments.only,
        arguments.timeout,
        arguments.memory,
        arguments.file,
    )
    return _told(report, arguments)


def _check(arguments: argparse.Namespace) -> int:
    _check_printed(arguments)
    report = examine_apart(
        arguments.target, arguments.seed, arguments.only, arguments.timeout, arguments.memory
    )
    arbiter = pytorch()
    if arbiter is not None:
        confirm(report, arbiter)
    return _told(report, arguments)


def _check_printed(arguments: argparse.Namespace) -> None:
    printed = [form for form in _FORMS if getattr(arguments, form) == "-"]
    if len(printed) > 1:
        raise InputError(f"--{printed[1]}", "one report to be printed", "two")


def _told(report: Report, arguments: argparse.Namespace) -> int:
    """Write and print a report; return the exit code."""
    printed = [form for form in _FORMS if getattr(arguments, form) == "-"]
    report = with_commands(report, arguments)
    for form, write in _FORMS.items():
        file = getattr(arguments, form)
        if file not in (None, "-"):
            Path(file).write_text(write(report) + "\n", encoding="utf-8")
    print(_FORMS[printed[0]](report) if printed else to_text(report))
    return report.exit_code


def with_commands(report: Report, arguments: argparse.Namespace) -> Report:
    """Return a report in which every verdict that differs has the command that shows it again."""
    limits = ""
    if arguments.timeout != TIMEOUT:
        limits += f" --timeout {arguments.timeout:g}"
    if arguments.memory != MEMORY:
        limits += f" --memory {arguments.memory}"
    verdicts = [
        replace(
            verdict,
            reproduce=f"python -m parity_tests check {shlex.quote(report.target)} "
            f"--only {shlex.quote(verdict.aspect)} --seed {arguments.seed}{limits}",
        )
        if verdict.status == DIFFERS
        else verdict
        for verdict in report.verdicts
    ]
    return replace(report, verdicts=verdicts)
