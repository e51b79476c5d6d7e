"""The command ``train``: from a data set to a run folder."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from numpy_impl.app.evaluate import BATCH_SIZE, Scores, score
from numpy_impl.app.json_data import json_bytes, plain
from numpy_impl.app.memory import peak_rss_mb
from numpy_impl.app.models import architecture
from numpy_impl.app.pictures import draw
from numpy_impl.app.presets import PRESETS
from numpy_impl.app.progress import download_progress, progress_callback
from numpy_impl.app.run_folder import CHECKPOINTS, HISTORY, SUMMARY, WEIGHTS, RunFolder
from numpy_impl.app.seeding import Generators, generators
from numpy_impl.app.text import percent
from numpy_impl.blas import blas_threads
from numpy_impl.callbacks import Callback, History
from numpy_impl.checkpoint import save_model
from numpy_impl.checkpoint_folder import CheckpointFolder
from numpy_impl.data import Dataset, load
from numpy_impl.data.loader import DataLoader
from numpy_impl.errors import InputError, MissingExtraError
from numpy_impl.losses import CrossEntropyLoss
from numpy_impl.metrics import accuracy
from numpy_impl.model import Sequential, mlp
from numpy_impl.optimizers import SGD, Adam, AdamW, Optimizer
from numpy_impl.training import Trainer

DEFAULT_EPOCHS = {"mnist": 10, "digits": 40, "moons": 100, "xor": 100}
DEFAULT_LR = {"sgd": 0.1, "adam": 1e-3, "adamw": 1e-3}

# What a training on one ordinary machine may cost: seconds, and MB of 10^6 bytes.
BUDGET_SECONDS = 120
BUDGET_MB = 2048

# Train accuracy is measured on so many samples at most: all of MNIST would cost a tenth of the
# training.
_TRAIN_SAMPLE = 10_000

_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


@dataclass(frozen=True)
class Settings:
    """What is trained, on what, and how.

    Attributes
    ----------
    dataset : str
        Name for `numpy_impl.data.load`.
    folder : Path or None
        Where the files of the data set are.
    download : bool
        Whether missing files may be fetched.
    epochs : int or None
        None for the data set's default.
    batch_size : int
        Samples per step.
    lr : float or None
        Learning rate; None for the optimizer's default.
    optimizer : str
        A key of `DEFAULT_LR`.
    hidden : tuple of int
        Widths of the hidden layers.
    workers : int
        Processes that train together.
    seed : int
        Of everything that is drawn.
    raw_pixels : bool
        Train on pixels from 0 to 255 as they are.
    preset : str or None
        A key of `numpy_impl.app.presets.PRESETS`, which decides on all that is not data, epochs,
        seed and output.
    output : Path or None
        Run folder; None for ``runs/<dataset>-seed<seed>``.
    overwrite : bool
        Whether that may hold an earlier run.
    checkpoint_every : int or None
        After how many steps a checkpoint is written into the folder `CHECKPOINTS` there; None for
        none, or after every epoch with `resume`.
    keep : int
        How many checkpoints are kept.
    resume : bool
        Go on from the newest of them.
    """

    dataset: str = "auto"
    folder: Path | None = None
    download: bool = True
    epochs: int | None = None
    batch_size: int = 64
    lr: float | None = None
    optimizer: str = "adam"
    hidden: tuple[int, ...] = (128,)
    workers: int = 1
    seed: int = 0
    raw_pixels: bool = False
    preset: str | None = None
    output: Path | None = None
    overwrite: bool = False
    checkpoint_every: int | None = None
    keep: int = 3
    resume: bool = False


class Costs(NamedTuple):
    """What a training took: seconds of wall time, and the peak memory in MB if it is known."""

    seconds: float
    peak_rss_mb: float | None

    @property
    def within_budget(self) -> bool:
        """Whether neither is above its budget."""
        return self.seconds <= BUDGET_SECONDS and (self.peak_rss_mb or 0) <= BUDGET_MB


class Outcome(NamedTuple):
    """What a training gave."""

    network: Sequential
    history: History
    scores: Scores
    interrupted_by: int | None
    costs: Costs

    @property
    def test_accuracy(self) -> float:
        """Share of right answers on the test samples, from 0 to 1."""
        return accuracy(self.scores.logits, self.scores.labels)


def run(settings: Settings, *, report: Callable[[str], None] | None = None) -> int | None:
    """Train a network, show the progress, and write the run folder.

    Train accuracy is measured on the first 10000 training samples, or on all if there are fewer.
    After an interrupt (Ctrl-C) or SIGTERM what was trained so far is saved: the weights, and the
    rest if an epoch was finished.

    Parameters
    ----------
    settings : Settings
    report : callable, optional
        Takes messages on the way to the data; as for `numpy_impl.data.load`.

    Returns
    -------
    int or None
        The number of the signal that ended the training early; None if all was done.

    Raises
    ------
    InputError
        If the data cannot be read, do not fit the settings, or the folder cannot be used.
    DivergenceError
        If a loss or gradient is NaN or infinite. Nothing but checkpoints is left in the folder.
    OSError
        If a file cannot be written.
    """
    start = time.perf_counter()
    random = generators(settings.seed)
    data = load(
        settings.dataset,
        folder=settings.folder,
        rng=random.data,
        download=settings.download,
        report=report,
        progress=download_progress(),
    )
    print(data.source, flush=True)
    settings = settle(settings, data)
    path = settings.output or Path("runs") / f"{data.name}-seed{settings.seed}"
    checkpoints = _checkpoints(settings, path / CHECKPOINTS, report)
    with RunFolder(path, overwrite=settings.overwrite or settings.resume) as folder:
        outcome = _train(settings, data, random, start, checkpoints)
        if outcome.interrupted_by:
            epochs = len(outcome.history.epoch)
            print(f"interrupted after {epochs} whole epochs; saving what was trained so far")
        _stage(folder, settings, data, outcome)
        drawn = not outcome.history.epoch or _stage_pictures(folder, data, outcome)
        paths = folder.commit()
    print(_closing_lines(outcome, paths), flush=True)
    return outcome.interrupted_by or (None if drawn else signal.SIGINT)


def _checkpoints(
    settings: Settings, folder: Path, report: Callable[[str], None] | None
) -> CheckpointFolder | None:
    """Return the folder of the checkpoints, if there are any to write or to read."""
    checkpoints = CheckpointFolder(
        folder,
        every=settings.checkpoint_every,
        keep=settings.keep,
        resume=settings.resume,
        report=report or (lambda _: None),
    )
    there = checkpoints.paths()
    if settings.resume:
        print(f"going on from {there[-1]}" if there else f"no checkpoint in {folder}: beginning")
        return checkpoints
    if there:
        raise InputError(
            "--output", "a folder without checkpoints, or --resume", f"{str(there[-1])!r} in it"
        )
    return checkpoints if settings.checkpoint_every else None


def prepare(
    settings: Settings, data: Dataset, random: Generators, callbacks: Sequence[Callback] = ()
) -> tuple[Trainer, DataLoader]:
    """Return a trainer of a new network, and the batches to train it on.

    Parameters
    ----------
    settings : Settings
        As `settle` returns them.
    data : Dataset
    random : Generators
    callbacks : sequence of Callback
        Of the trainer, before those of a preset.

    Raises
    ------
    InputError
        If the data do not fit the settings.
    """
    network = mlp([data.features, *settings.hidden, data.classes], rng=random.weights)
    preset = PRESETS[settings.preset] if settings.preset else None
    transform = preset.transform() if preset else None
    batches = DataLoader(
        data.train_images,
        data.train_labels,
        # A larger batch would only make the buffers larger.
        batch_size=min(settings.batch_size, len(data.train_images)),
        shuffle=True,
        rng=random.order,
        scale=_scale(settings, data),
        transform=transform,
        prefetch=preset.prefetch if preset else 0,
    )
    if preset and transform:
        optimizer = preset.optimizer(network)
        steps = _epochs(settings, data) * len(batches)
        callbacks = [*callbacks, *preset.callbacks(network, optimizer, transform, steps)]
    else:
        optimizer = _OPTIMIZERS[settings.optimizer](network.parameters(), lr=_lr(settings))
    trainer = Trainer(network, CrossEntropyLoss(), optimizer, callbacks, workers=settings.workers)
    return trainer, batches


def _train(
    settings: Settings,
    data: Dataset,
    random: Generators,
    start: float,
    checkpoints: CheckpointFolder | None,
) -> Outcome:
    trainer, train = prepare(settings, data, random, [progress_callback()])
    scale = _scale(settings, data)
    test = DataLoader(data.test_images, data.test_labels, batch_size=BATCH_SIZE, scale=scale)
    epochs = _epochs(settings, data)
    if settings.preset:
        # The test images are left for the end; and the other core makes the pictures.
        with blas_threads(1):
            history = trainer.fit(train, None, epochs, checkpoints=checkpoints)
    else:
        sample = DataLoader(
            data.train_images[:_TRAIN_SAMPLE],
            data.train_labels[:_TRAIN_SAMPLE],
            batch_size=BATCH_SIZE,
            scale=scale,
        )
        history = trainer.fit(train, test, epochs, train_sample=sample, checkpoints=checkpoints)
    costs = Costs(time.perf_counter() - start, peak_rss_mb())
    scores = score(trainer.model, test)
    return Outcome(trainer.model, history, scores, trainer.interrupted_by, costs)


def settle(settings: Settings, data: Dataset) -> Settings:
    """Return the settings with what their preset says.

    Raises
    ------
    InputError
        If another setting was made beside the preset, or the data are no pictures of 28 x 28.
    """
    if settings.preset is None:
        return settings
    preset, defaults = PRESETS[settings.preset], Settings()
    for name in ("batch_size", "lr", "optimizer", "hidden", "workers", "raw_pixels"):
        value = getattr(settings, name)
        if value != getattr(defaults, name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(option, f"none beside --preset {settings.preset}", f"{value}")
    side = preset.transform().side
    if data.scale is None or data.features != side**2:
        raise InputError("--preset", f"pictures of {side} x {side} for it", data.name)
    return replace(
        settings,
        batch_size=preset.batch_size,
        lr=preset.lr,
        optimizer="adamw",
        hidden=preset.hidden,
        epochs=settings.epochs or preset.epochs,
    )


def _epochs(settings: Settings, data: Dataset) -> int:
    return settings.epochs or DEFAULT_EPOCHS[data.name]


def _scale(settings: Settings, data: Dataset) -> float | None:
    if not settings.raw_pixels:
        return data.scale
    if data.scale is None:
        raise InputError("--raw-pixels", "a data set of pictures", data.name)
    return 1.0


def _lr(settings: Settings) -> float:
    return DEFAULT_LR[settings.optimizer] if settings.lr is None else settings.lr


def _stage(folder: RunFolder, settings: Settings, data: Dataset, outcome: Outcome) -> None:
    metadata = {
        "dataset": data.name,
        "classes": data.classes,
        "scale": _scale(settings, data),
        "seed": settings.seed,
        "test_accuracy": outcome.test_accuracy,
    }
    save_model(folder.stage(WEIGHTS), outcome.network, metadata)
    if outcome.history.epoch:
        folder.write(HISTORY, json_bytes(plain(outcome.history.to_dict())))
        folder.write(SUMMARY, json_bytes(_summary(settings, data, outcome)))


def _summary(settings: Settings, data: Dataset, outcome: Outcome) -> dict[str, Any]:
    return {
        "dataset": data.name,
        "source": data.source,
        "architecture": architecture(outcome.network),
        "parameters": len(outcome.network.arena),
        "optimizer": settings.optimizer,
        "lr": _lr(settings),
        "batch_size": settings.batch_size,
        "epochs": len(outcome.history.epoch),
        "workers": settings.workers,
        "seed": settings.seed,
        "raw_pixels": settings.raw_pixels,
        "preset": settings.preset,
        "resumed": settings.resume,
        "test_accuracy": outcome.test_accuracy,
        **outcome.costs._asdict(),
        "budget": {
            "seconds": BUDGET_SECONDS,
            "peak_rss_mb": BUDGET_MB,
            "within": outcome.costs.within_budget,
        },
    }


def _stage_pictures(folder: RunFolder, data: Dataset, outcome: Outcome) -> bool:
    """Draw the pictures if that is possible; return False if an interrupt came between."""
    try:
        pictures = draw(outcome.network, data, outcome.scores, outcome.history)
    except MissingExtraError as error:
        print(f"no pictures: {error}")
        return True
    except KeyboardInterrupt:
        # The training is worth more than its pictures.
        print("interrupted; saving without pictures")
        return False
    for name, content in pictures.items():
        folder.write(name, content)
    return True


def _closing_lines(outcome: Outcome, paths: list[Path]) -> str:
    seconds, peak = outcome.costs
    lines = [
        f"test accuracy  {percent(outcome.test_accuracy)}",
        f"time           {seconds:.1f} s, {seconds / BUDGET_SECONDS:.0%} of {BUDGET_SECONDS} s",
        "peak memory    not known on this system"
        if peak is None
        else f"peak memory    {peak:.0f} MB, {peak / BUDGET_MB:.0%} of {BUDGET_MB} MB",
    ]
    return "\n".join(lines + [f"wrote          {path}" for path in paths])
