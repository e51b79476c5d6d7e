"""The command line: runs the command that was typed, and says what became of it.

Exit codes: 0 done, 1 the training diverged or the lab does not accept a network, 2 bad input,
130 interrupted, 141 nobody reads on, 143 terminated.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from typing import TypeVar

from numpy_impl.app import (
    baselines,
    boundary,
    evaluate,
    experiment,
    export,
    inspect,
    lab,
    predict,
    train,
)
from numpy_impl.app.parser import PROG, UsageError, make_parser
from numpy_impl.errors import DivergenceError, InputError, MissingExtraError, WorkerError

DIVERGED = 1
REJECTED = 1
BAD_INPUT = 2
SIGNALLED = 128
INTERRUPTED = SIGNALLED + signal.SIGINT
BROKEN_PIPE = 141

Settings = TypeVar("Settings", train.Settings, lab.Settings, experiment.Settings)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Raises
    ------
    SystemExit
        With code 0, after ``--help`` and ``--version``.
    """
    try:
        return _run(make_parser().parse_args(argv))
    except BrokenPipeError:
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except DivergenceError as error:
        _complain(str(error))
        return DIVERGED
    except MemoryError as error:
        _complain(f"memory: expected enough for this, got {error or 'too little'}")
    except (UsageError, InputError, MissingExtraError, WorkerError, OSError) as error:
        _complain(str(error))
    finally:
        _finish_output()
    return BAD_INPUT


def _run(options: argparse.Namespace) -> int:
    code = 0
    if options.command == "train":
        if signum := train.run(_settings(train.Settings, options), report=_note):
            code = SIGNALLED + signum
    elif options.command == "evaluate":
        evaluate.run(
            options.model,
            dataset=options.dataset,
            folder=options.folder,
            download=options.download,
            as_json=options.as_json,
            report=_note,
        )
    elif options.command == "experiment":
        experiment.run(_settings(experiment.Settings, options), report=_note)
    elif options.command == "predict":
        predict.run(options.model, options.files, invert=options.invert, as_json=options.as_json)
    elif options.command == "export":
        export.run(options.model, options.output, overwrite=options.overwrite)
    elif options.command == "lab":
        if not lab.run(_settings(lab.Settings, options), report=_note):
            code = REJECTED
    elif options.command == "baselines":
        baselines.run(
            options.dataset,
            folder=options.folder,
            download=options.download,
            seed=options.seed,
            as_json=options.as_json,
            output=options.output,
            report=_note,
        )
    elif options.command == "boundary":
        boundary.run(
            dataset=options.dataset,
            epochs=options.epochs,
            seed=options.seed,
            output=options.output,
        )
    else:
        inspect.run(options.model, as_json=options.as_json)
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _settings(kind: type[Settings], options: argparse.Namespace) -> Settings:
    """Return the settings of a command, whose fields have the names of its options."""
    return kind(**{field.name: getattr(options, field.name) for field in fields(kind)})


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _complain(text: str) -> None:
    # Reasons given by the system and by file formats may hold line breaks.
    print(f"{PROG}: error: {' '.join(text.split())}", file=sys.stderr)


def _finish_output() -> None:
    """Write out what is left; where nobody takes it, keep the interpreter from trying again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
