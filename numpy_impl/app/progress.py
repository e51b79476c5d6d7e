"""What is shown while training, and while data are fetched."""

import sys
import time
from collections.abc import Callable
from typing import Any

from numpy_impl.app.text import percent
from numpy_impl.callbacks import Callback, History
from numpy_impl.data.download import Progress, Transfer
from numpy_impl.errors import MissingExtraError

# Seconds between two updates of the bar: drawing it costs more than a training step.
_PERIOD = 0.1


def progress_callback() -> Callback:
    """Return a live bar if standard output is a terminal and rich is there, else plain lines."""
    if sys.stdout is not None and sys.stdout.isatty():
        try:
            return ProgressBar()
        except MissingExtraError:
            pass
    return EpochLines(lambda line: print(line, flush=True))


def download_progress() -> Progress | None:
    """Return what shows a bar on standard error, if that is a terminal and rich is there."""
    if sys.stderr is not None and sys.stderr.isatty():
        try:
            return DownloadBar()
        except MissingExtraError:
            pass
    return None


def epoch_line(history: History, epochs: int) -> str:
    """Return a line on the last epoch of a history, of so many in all."""
    return (
        f"epoch {history.epoch[-1]:>{len(str(epochs))}}/{epochs}"
        f"  loss {history.train_loss[-1]:.4f}"
        f"  train {percent(history.train_accuracy[-1])}"
        f"  test {percent(history.test_accuracy[-1])}"
        f"  {history.seconds[-1]:.1f} s"
    )


class EpochLines(Callback):
    """Write a line after every epoch.

    Parameters
    ----------
    write : callable
        Takes the line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._epochs = 0

    def on_fit_begin(self, epochs: int, steps: int) -> None:  # noqa: ARG002 - only epochs are shown
        """Note the number of epochs."""
        self._epochs = epochs

    def on_epoch_end(self, history: History) -> None:
        """Write the line."""
        self._write(epoch_line(history, self._epochs))


def _bar(columns: Callable[[Any], tuple[Any, ...]], *, stderr: bool = False) -> Any:
    """Return rich's bar, with the columns that a function makes of its module behind it."""
    try:
        from rich import console, progress
    except ImportError:
        raise MissingExtraError("rich", "cli", "the progress bar") from None
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=None),
        *columns(progress),
        console=console.Console(stderr=True) if stderr else None,
        # Without a thread of its own the bar takes no time from training between updates.
        auto_refresh=False,
        expand=True,
        transient=True,
    )


class ProgressBar(Callback):
    """Show a bar that moves with the steps, below the lines of the epochs.

    Raises
    ------
    MissingExtraError
        If rich is not installed.
    """

    def __init__(self) -> None:
        self._progress = _bar(
            lambda rich: (
                rich.TextColumn("{task.percentage:>3.0f} %  loss {task.fields[loss]:.4f}"),
                rich.TimeRemainingColumn(),
            )
        )
        self._epochs = self._steps = 0
        self._next_update = 0.0

    def on_fit_begin(self, epochs: int, steps: int) -> None:
        """Show the empty bar."""
        self._epochs, self._steps = epochs, steps
        self._task = self._progress.add_task("training", total=epochs * steps, loss=float("nan"))
        self._progress.start()

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:
        """Move the bar, unless that was done a moment ago."""
        now = time.perf_counter()
        if now < self._next_update:
            return
        self._next_update = now + _PERIOD
        self._progress.update(
            self._task,
            description=f"epoch {epoch}/{self._epochs}",
            completed=(epoch - 1) * self._steps + step,
            loss=loss,
        )
        self._progress.refresh()

    def on_epoch_end(self, history: History) -> None:
        """Write the line of the epoch above the bar."""
        self._progress.console.print(
            epoch_line(history, self._epochs), highlight=False, markup=False, soft_wrap=True
        )

    def on_fit_end(self, history: History) -> None:  # noqa: ARG002 - nothing is left to be shown
        """Take the bar away."""
        self._progress.stop()


class DownloadBar:
    """Show a bar that grows with a file on its way, and take it away when nothing follows.

    Raises
    ------
    MissingExtraError
        If rich is not installed.
    """

    def __init__(self) -> None:
        self._progress = _bar(
            lambda rich: (rich.DownloadColumn(), rich.TransferSpeedColumn()), stderr=True
        )
        self._next_update = 0.0

    def __call__(self, transfer: Transfer) -> None:
        """Show how far the download is, unless that was done a moment ago."""
        if not self._progress.tasks:
            self._progress.add_task(transfer.name, total=None)
            self._progress.start()
        now = time.perf_counter()
        if transfer.ended or now >= self._next_update:
            self._next_update = now + _PERIOD
            task = self._progress.tasks[0].id
            self._progress.update(task, completed=transfer.received, total=transfer.total)
            self._progress.refresh()
        if transfer.ended:
            self._progress.stop()
            self._progress.remove_task(self._progress.tasks[0].id)
