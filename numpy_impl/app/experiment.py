"""The command ``experiment``: from a question to a table and a picture."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from numpy_impl.app.figures import png
from numpy_impl.app.json_data import json_bytes
from numpy_impl.app.progress import download_progress
from numpy_impl.app.run_folder import RunFolder
from numpy_impl.app.seeding import generators
from numpy_impl.data import load
from numpy_impl.errors import MissingExtraError
from numpy_impl.experiments import QUESTIONS, Experiment, find

if TYPE_CHECKING:
    from numpy_impl.experiments.result import Result

# Small enough for a picture in a page.
_DPI = 90

# With --small so many samples are used at most.
_SMALL_TRAIN, _SMALL_TEST = 1000, 500


@dataclass(frozen=True)
class Settings:
    """Which experiment, on what, and how.

    Attributes
    ----------
    name : str
        A key of `QUESTIONS`.
    dataset : str
        Name for `numpy_impl.data.load`.
    folder : Path or None
        Where the files of the data set are.
    download : bool
        Whether missing files may be fetched.
    seeds : int or None
        How many trainings of each kind; None for the experiment's own number.
    seed : int
        The first of their seeds.
    small : bool
        A few samples and epochs, to see whether it runs.
    output : Path or None
        Folder for the results; None for ``runs/experiments``.
    overwrite : bool
        Whether that may hold results of the same experiment.
    """

    name: str
    dataset: str = "auto"
    folder: Path | None = None
    download: bool = True
    seeds: int | None = None
    seed: int = 0
    small: bool = False
    output: Path | None = None
    overwrite: bool = False


def overview() -> str:
    """Return the names of the experiments and their questions, one a line."""
    width = max(map(len, QUESTIONS))
    return "\n".join(f"{name:<{width}}  {question}" for name, question in QUESTIONS.items())


def run(settings: Settings, *, report: Callable[[str], None]) -> None:
    """Run an experiment, write its table, figures and picture, and print the table.

    Parameters
    ----------
    settings : Settings
    report : callable
        Takes a line of text after each part of the experiment.

    Raises
    ------
    InputError
        If the data cannot be read or are none of pictures, or the folder cannot be used.
    DivergenceError
        If a training diverges where that is no answer. Nothing is left in the folder.
    OSError
        If a file cannot be written.
    """
    from numpy_impl.experiments.samples import from_dataset

    name, experiment = settings.name, find(settings.name)
    dataset = load(
        settings.dataset,
        folder=settings.folder,
        rng=generators(settings.seed).data,
        download=settings.download,
        report=report,
        progress=download_progress(),
    )
    data = from_dataset(dataset)
    print(dataset.source, flush=True)
    if settings.small:
        data = data.first(_SMALL_TRAIN, _SMALL_TEST)
    count = experiment.seeds if settings.seeds is None else settings.seeds
    seeds = range(settings.seed, settings.seed + count)
    with RunFolder(
        settings.output or Path("runs") / "experiments",
        overwrite=settings.overwrite,
        names=(f"{name}.png", f"{name}.md", f"{name}.json"),
        shared=True,
    ) as folder:
        result = experiment.run(
            data, seeds, experiment.small if settings.small else experiment.full, report
        )
        figures = {
            "experiment": name,
            "dataset": dataset.name,
            "seeds": list(seeds),
            "small": settings.small,
            "tables": [asdict(table) for table in result.tables],
            "figures": result.figures,
        }
        folder.write(f"{name}.json", json_bytes(figures, indent=None))
        folder.write(f"{name}.md", result.markdown().encode())
        _stage_picture(folder, name, experiment, result)
        paths = folder.commit()
    print("\n".join(["", result.text(), "", *(f"wrote  {path}" for path in paths)]), flush=True)


def _stage_picture(folder: RunFolder, name: str, experiment: Experiment, result: "Result") -> None:
    try:
        picture = png(experiment.draw(result), dpi=_DPI)
    except MissingExtraError as error:
        print(f"no picture: {error}")
        return
    folder.write(f"{name}.png", picture)
