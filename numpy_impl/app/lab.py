"""The command ``lab``: judge a file with a network as the course lab does."""

import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl.app.apart import Ending, run_apart
from numpy_impl.app.json_data import plain
from numpy_impl.app.lab_child import EPOCHS, LR, Images, Request, request_json
from numpy_impl.app.lab_start import remarks
from numpy_impl.app.progress import download_progress
from numpy_impl.app.text import percent, table
from numpy_impl.data import Dataset, load
from numpy_impl.errors import InputError

# The lab's limits for one training, and the score from which it accepts a network.
SECONDS, MEMORY_MB = 120.0, 2048
ACCEPTED = 0.85

# The lab does not say which pictures it takes, and how many a step. With these the lesson's network
# gives the losses, the accuracies and the score that the lesson prints.
BATCH_SIZE = 32
_TRAIN = slice(54_500, 58_750)  # of MNIST's training images
_VALIDATION = slice(5_500, 6_000)  # of its test images
_SCORE = slice(6_000, 7_000)


@dataclass(frozen=True)
class Settings:
    """What is judged, and how.

    Attributes
    ----------
    target : str
        A file, or ``FILE:Name`` for another class than ``NeuralNetwork``.
    dataset, folder, download
        As for `numpy_impl.data.load`.
    seeds : int
        Trainings, with seeds from `seed` on.
    seed : int
        The first.
    seconds : float
        Limit of the wall time of a training.
    memory : int
        Limit of its memory, in MB.
    as_json : bool
        Print JSON instead of text.
    """

    target: Path
    dataset: str = "auto"
    folder: Path | None = None
    download: bool = True
    seeds: int = 1
    seed: int = 0
    seconds: float = SECONDS
    memory: int = MEMORY_MB
    as_json: bool = False


@dataclass
class Run:
    """One training, and what became of it.

    Attributes
    ----------
    seed : int
    verdict : str
        ``scored``; or ``too slow``, ``out of memory``, ``crashed``, ``raised``, ``wrong result``.
    message : str
        What happened, unless it was scored.
    score : float or None
        Share of right labels, from 0 to 1.
    seconds, peak_rss_mb : float or None
        Of the training and of its process.
    epochs : list of dict
        ``train_loss``, ``validation_loss`` and ``validation_accuracy`` of each.
    remarks : list of str
        What its initial weights told; see `numpy_impl.app.lab_start`.
    start : dict
        The figures for that.
    """

    seed: int
    verdict: str
    message: str = ""
    score: float | None = None
    seconds: float | None = None
    peak_rss_mb: float | None = None
    epochs: list[dict[str, float]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    start: dict[str, Any] = field(default_factory=dict)


def run(settings: Settings, *, report: Callable[[str], None] | None = None) -> bool:
    """Train a stranger's network, each time in a process of its own, and print its scores.

    Parameters
    ----------
    settings : Settings
    report : callable, optional
        As for `numpy_impl.data.load`.

    Returns
    -------
    bool
        Whether all trainings were scored, and their mean is at least `ACCEPTED`.

    Raises
    ------
    InputError
        If there is no such file, or the data cannot be had.
    """
    file, name = _split(settings.target)
    data = load(
        settings.dataset,
        folder=settings.folder,
        rng=np.random.default_rng(settings.seed),
        download=settings.download,
        report=report,
        progress=download_progress(),
    )
    images = lab_images(data)
    if not settings.as_json:
        print(f"{file.name}:{name} on {data.source}")
        print(_conditions(images), flush=True)
    runs = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        np.savez(Path(folder) / "images.npz", **vars(images))
        for seed in range(settings.seed, settings.seed + settings.seeds):
            request = Request(
                str(file),
                name,
                str(Path(folder) / "images.npz"),
                BATCH_SIZE,
                data.classes,
                seed,
                settings.memory,
            )
            place = Path(folder) / f"seed{seed}"
            place.mkdir()
            ending = run_apart(
                "numpy_impl.app.lab_child", request_json(request), place, settings.seconds
            )
            runs.append(judged(seed, ending, settings, data.classes))
            if not settings.as_json:
                print(_line(runs[-1]), flush=True)
    accepted = _accepted(runs)
    if settings.as_json:
        found = _to_json(file, name, data, settings, runs, accepted)
        print(json.dumps(found, indent=2, allow_nan=False))
    else:
        print(_closing(runs, accepted))
    return accepted


def lab_images(data: Dataset) -> Images:
    """Return the pictures that the lab's training, validation and score are made with.

    Of MNIST training images 54500 to 58749, and test images 5500 to 5999 and 6000 to 6999. Of
    another set up to 4250 training images; and of the test images a third, up to 500, and then
    up to 1000 others.

    Raises
    ------
    InputError
        If they are no pictures.
    """
    if data.scale is None:
        raise InputError("--dataset", "pictures, as in mnist or digits", data.name)
    train, validation, score = _TRAIN, _VALIDATION, _SCORE
    if len(data.train_images) < train.stop or len(data.test_images) < score.stop:
        third = min(len(data.test_images) // 3, validation.stop - validation.start)
        train = slice(0, train.stop - train.start)
        validation, score = slice(0, third), slice(third, third + score.stop - score.start)

    return Images(
        data.inputs(data.train_images[train]),
        data.train_labels[train],
        data.inputs(data.test_images[validation]),
        data.test_labels[validation],
        data.inputs(data.test_images[score]),
        data.test_labels[score],
    )


def judged(seed: int, ending: Ending, settings: Settings, classes: int) -> Run:
    """Return what became of a training, from how its process ended and what it answered."""
    told: dict[str, Any] = {}
    for answer in ending.answers:
        told.update(answer)
    run = Run(seed, "scored", peak_rss_mb=told.get("peak_rss_mb"))
    run.epochs = [answer for answer in ending.answers if "epoch" in answer]
    if "start" in told:
        run.start = plain(told["start"])
        run.remarks = remarks(told["start"], classes)
    if "score" in told:
        run.score, run.seconds = told["score"], told["seconds"]
    elif "fault" in told:
        run.verdict, run.message = "wrong result", told["fault"]
    elif "raised" in told:
        run.verdict, run.message = "raised", told["raised"]
    elif "memory" in told:
        run.verdict = "out of memory"
        run.message = f"more than {settings.memory} MB were asked for"
    else:
        stage = told.get("stage", "the process starts")
        run.verdict = "too slow" if ending.code is None else "crashed"
        run.message = f"{ending.describe(settings.seconds)} while {stage}"
        if run.epochs:
            run.message += f", after {len(run.epochs)} of {EPOCHS} epochs"
        if ending.printed and ending.code is not None:
            run.message += f". The last that it printed: {ending.printed}"
    return run


def _split(target: Path) -> tuple[Path, str]:
    file, _, name = str(target).rpartition(":")
    if not file or not name.isidentifier():
        file, name = str(target), "NeuralNetwork"
    path = Path(file)
    if not path.is_file():
        raise InputError("FILE", "a file of Python, or FILE:ClassName", repr(str(target)))
    return path.resolve(), name


def _conditions(images: Images) -> str:
    return (
        f"{len(images.train_y)} pictures in batches of {BATCH_SIZE}, {EPOCHS} epochs, lr {LR}; "
        f"validation on {len(images.validation_y)}, score on {len(images.score_y)}"
    )


def _line(run: Run) -> str:
    if run.score is None:
        return f"seed {run.seed}  {run.verdict}: {run.message}"
    peak = "" if run.peak_rss_mb is None else f"  {run.peak_rss_mb:.0f} MB"
    return f"seed {run.seed}  score {run.score:.3f}  {run.seconds:.1f} s{peak}"


def _scores(runs: list[Run]) -> list[float]:
    return [run.score for run in runs if run.score is not None]


def _accepted(runs: list[Run]) -> bool:
    scores = _scores(runs)
    return len(scores) == len(runs) and statistics.fmean(scores) >= ACCEPTED


def _closing(runs: list[Run], accepted: bool) -> str:
    parts = []
    scores = _scores(runs)
    if scores:
        parts.append(_epoch_table([run for run in runs if run.score is not None]))
        spread = f", from {min(scores):.3f} to {max(scores):.3f}" if len(scores) > 1 else ""
        parts.append(f"score  {statistics.fmean(scores):.4f}{spread}")
    shown = next((run for run in runs if run.remarks), runs[0])
    if shown.start:
        parts.append(_start_table(shown))
    parts += [f"! {remark}" for remark in shown.remarks]
    parts.append(f"accepted: {'yes' if accepted else 'no'} (from {ACCEPTED} on)")
    return "\n".join(parts)


def _epoch_table(runs: list[Run]) -> str:
    rows: list[list[object]] = [["epoch", "train loss", "validation loss", "validation accuracy"]]
    for epoch in range(EPOCHS):
        seen = [run.epochs[epoch] for run in runs]
        loss, validation_loss, accuracy = (
            [entry[key] for entry in seen]
            for key in ("train_loss", "validation_loss", "validation_accuracy")
        )
        spread = f" ± {statistics.stdev(loss):.3f}" if len(loss) > 1 else ""
        rows.append(
            [
                epoch + 1,
                f"{statistics.fmean(loss):.3f}{spread}",
                f"{statistics.fmean(validation_loss):.3f}",
                percent(statistics.fmean(accuracy)),
            ]
        )
    return table(rows)


def _start_table(run: Run) -> str:
    rows: list[list[object]] = [["before it has learned", "std", "over He's", "z", "change"]]
    for layer in run.start["layers"]:
        std, z, change = (layer[key] for key in ("std", "z", "change"))
        rows.append(
            [layer["name"], f"{std:.3g}", f"{std / layer['he']:.3g}", _short(z), _short(change)]
        )
    return table(rows)


def _short(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"


def _to_json(
    file: Path, name: str, data: Dataset, settings: Settings, runs: list[Run], accepted: bool
) -> dict[str, Any]:
    scores = _scores(runs)
    return {
        "file": file.name,
        "class": name,
        "dataset": data.name,
        "source": data.source,
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "lr": LR,
        "limits": {"seconds": settings.seconds, "memory_mb": settings.memory},
        "mean_score": statistics.fmean(scores) if scores else None,
        "accepted": accepted,
        "runs": [asdict(run) for run in runs],
    }
