"""What may be typed: the commands of the command line and their arguments."""

import argparse
from pathlib import Path
from typing import NoReturn

from numpy_impl import __version__
from numpy_impl.app import arguments, baselines, boundary, experiment, export, lab, train
from numpy_impl.app.presets import PRESETS
from numpy_impl.data import NAMES
from numpy_impl.experiments import QUESTIONS

PROG = "numpy-mlp"

# Wide enough for any use, and narrow enough that sizes in bytes stay representable.
_WIDEST = 1_000_000


class UsageError(Exception):
    """What was typed is not a command."""


class _Parser(argparse.ArgumentParser):
    """A parser that leaves it to `main` to report errors, in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message.removeprefix("argument "))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; what it parses has the name of the command."""
    parser = _Parser(
        prog=PROG,
        description="Train, judge and use multi-layer perceptrons in pure NumPy.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_train(_add_command(commands, "train", "train a network and save it in a folder"))
    _add_evaluate(_add_command(commands, "evaluate", "measure a saved network on test data"))
    _add_predict(_add_command(commands, "predict", "classify pictures and arrays in files"))
    _add_inspect(_add_command(commands, "inspect", "show what is in a saved network"))
    _add_export(_add_command(commands, "export", "write a saved network for other programs"))
    _add_lab(_add_command(commands, "lab", "judge a file with a network as the course lab does"))
    _add_baselines(_add_command(commands, "baselines", "hold a network against what it must beat"))
    _add_boundary(
        _add_command(commands, "boundary", "draw how a decision boundary changes in training")
    )
    _add_experiment(
        _add_command(commands, "experiment", "answer a question about training by an experiment")
    )
    return parser


def _add_command(
    commands: "argparse._SubParsersAction[_Parser]", name: str, summary: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        allow_abbrev=False,
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    defaults = train.Settings()
    _add_data(parser, default=defaults.dataset, default_text=defaults.dataset)
    parser.add_argument(
        "--epochs",
        type=arguments.integer(1),
        metavar="N",
        help=f"passes through the training data (default: {_by_name(train.DEFAULT_EPOCHS)})",
    )
    parser.add_argument(
        "--batch-size",
        type=arguments.integer(1),
        default=defaults.batch_size,
        metavar="N",
        help="samples per step (default: %(default)s)",
    )
    parser.add_argument(
        "--lr",
        type=arguments.positive_number,
        metavar="RATE",
        help=f"learning rate (default: {_by_name(train.DEFAULT_LR)})",
    )
    parser.add_argument(
        "--optimizer",
        type=arguments.one_of(list(train.DEFAULT_LR)),
        default=defaults.optimizer,
        metavar="NAME",
        help=f"{', '.join(train.DEFAULT_LR)} (default: %(default)s)",
    )
    parser.add_argument(
        "--hidden",
        type=arguments.integer(1, _WIDEST),
        nargs="+",
        default=defaults.hidden,
        metavar="WIDTH",
        help=f"widths of the hidden layers (default: {' '.join(map(str, defaults.hidden))})",
    )
    parser.add_argument(
        "--workers",
        type=arguments.integer(1),
        default=defaults.workers,
        metavar="N",
        help="processes that train together; at most one per core is of use (default: %(default)s)",
    )
    _add_seed(parser)
    parser.add_argument(
        "--preset",
        type=arguments.one_of(list(PRESETS)),
        metavar="NAME",
        help="a training tuned as a whole, which decides on all that is not data, epochs, seed and "
        f"output: {', '.join(PRESETS)}",
    )
    parser.add_argument(
        "--raw-pixels",
        action="store_true",
        help="train on pixels from 0 to 255 instead of 0 to 1",
    )
    parser.add_argument(
        "--output",
        type=arguments.path,
        metavar="DIR",
        help="folder for the results (default: runs/DATASET-seedSEED)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the results of an earlier run in that folder",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=arguments.integer(1),
        metavar="N",
        help="write a checkpoint into the folder checkpoints there after every N steps",
    )
    parser.add_argument(
        "--keep",
        type=arguments.integer(1),
        default=defaults.keep,
        metavar="N",
        help="how many checkpoints are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint there, if there is one; with the same other options",
    )


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    _add_data(parser, default=None, default_text="that of the training")
    _add_json(parser)


def _add_predict(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "files",
        type=arguments.path,
        nargs="+",
        metavar="FILE",
        help="a picture, made grey and as large as the network's input; or a .npy array of one "
        "sample or several, floating-point numbers as they are or uint8 pixels",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="for dark writing on a light ground; networks learn from light on dark",
    )
    _add_json(parser)


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    _add_json(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument(
        "output",
        type=arguments.path,
        metavar="OUT",
        help=f"the file to write; its name ends in {' or '.join(export.FORMATS)}",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there")


def _add_lab(parser: argparse.ArgumentParser) -> None:
    defaults = lab.Settings(Path())
    parser.add_argument(
        "target",
        type=arguments.path,
        metavar="FILE",
        help="a file with a class NeuralNetwork, or FILE:ClassName; it is executed",
    )
    _add_data(parser, default=defaults.dataset, default_text=defaults.dataset)
    parser.add_argument(
        "--seeds",
        type=arguments.integer(1),
        default=defaults.seeds,
        metavar="N",
        help="trainings (default: %(default)s)",
    )
    _add_seed(parser, "seed of the first, the others count on")
    parser.add_argument(
        "--seconds",
        type=arguments.positive_number,
        default=defaults.seconds,
        metavar="S",
        help="limit of wall time for each training (default: %(default)g)",
    )
    parser.add_argument(
        "--memory",
        type=arguments.integer(256),
        default=defaults.memory,
        metavar="MB",
        help="limit of memory for each training (default: %(default)s)",
    )
    _add_json(parser)


def _add_baselines(parser: argparse.ArgumentParser) -> None:
    default = train.Settings().dataset
    _add_data(parser, default=default, default_text=default)
    _add_seed(parser)
    _add_json(parser)
    parser.add_argument(
        "--output",
        type=arguments.path,
        metavar="DIR",
        help=f"folder for {baselines.RESULTS} and {baselines.PICTURE}, which are replaced there",
    )


def _add_boundary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        type=arguments.one_of(boundary.DATASETS),
        default=boundary.DATASETS[0],
        metavar="NAME",
        help=f"{', '.join(boundary.DATASETS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=arguments.integer(1),
        default=100,
        metavar="N",
        help="passes through the training data (default: %(default)s)",
    )
    _add_seed(parser)
    parser.add_argument(
        "--output",
        type=arguments.path,
        metavar="FILE",
        help="the picture, replaced if it is there (default: runs/boundary-DATASET-seedSEED.png)",
    )


def _add_seed(
    parser: argparse.ArgumentParser, meaning: str = "seed of everything that is drawn"
) -> None:
    parser.add_argument(
        "--seed",
        type=arguments.integer(0),
        default=train.Settings().seed,
        metavar="N",
        help=f"{meaning} (default: %(default)s)",
    )


def _add_experiment(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"experiments:\n{experiment.overview()}"
    defaults = experiment.Settings("")
    parser.add_argument(
        "name",
        type=arguments.one_of(list(QUESTIONS)),
        metavar="NAME",
        help="one of those below; NAME.md, NAME.json and NAME.png are written",
    )
    _add_data(parser, default=defaults.dataset, default_text=defaults.dataset)
    parser.add_argument(
        "--seeds",
        type=arguments.integer(1),
        metavar="N",
        help="trainings of each kind (default: what the experiment needs)",
    )
    _add_seed(parser, "the first of their seeds")
    parser.add_argument(
        "--small",
        action="store_true",
        help="a few samples and epochs, which answer nothing, to see that it runs",
    )
    parser.add_argument(
        "--output",
        type=arguments.path,
        metavar="DIR",
        help="folder for the results (default: runs/experiments)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the results of this experiment in that folder",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=arguments.path,
        metavar="MODEL",
        help="a folder of train, a .npz file, or a .safetensors file of export",
    )


def _add_data(parser: argparse.ArgumentParser, *, default: str | None, default_text: str) -> None:
    parser.add_argument(
        "--dataset",
        type=arguments.one_of(NAMES),
        metavar="NAME",
        default=default,
        help=f"{', '.join(NAMES)} (default: {default_text})",
    )
    parser.add_argument(
        "--data",
        dest="folder",
        type=arguments.path,
        metavar="DIR",
        help="folder with the files of the data set",
    )
    parser.add_argument(
        "--no-download",
        dest="download",
        action="store_false",
        help="fail where files are missing, instead of fetching them",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", dest="as_json", action="store_true", help="print JSON instead of text"
    )


def _by_name(values: dict[str, int] | dict[str, float]) -> str:
    return ", ".join(f"{value:g} for {name}" for name, value in values.items())
