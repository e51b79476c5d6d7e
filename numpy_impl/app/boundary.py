"""The command ``boundary``: how a network bends its decision boundary while it learns."""

from collections.abc import Iterator
from pathlib import Path

from numpy_impl.app.evaluate import BATCH_SIZE, score
from numpy_impl.app.figures import new_figure, png
from numpy_impl.app.pictures import draw_boundary
from numpy_impl.app.run_folder import RunFolder
from numpy_impl.app.seeding import generators
from numpy_impl.app.text import percent
from numpy_impl.app.train import Settings, prepare
from numpy_impl.data import load
from numpy_impl.data.loader import DataLoader
from numpy_impl.errors import InputError
from numpy_impl.losses import CrossEntropyLoss
from numpy_impl.metrics import accuracy

DATASETS = ("moons", "xor")

_COLUMNS = 3
_DPI = 100
# Points drawn into a small plot: all of them would hide the boundary.
_POINTS = 150


def milestones(epochs: int) -> list[int]:
    """Return 0, 1, 3, 10, 30, ... as far as `epochs`, and `epochs` itself."""
    return [*_below(epochs), epochs]


def run(*, dataset: str, epochs: int, seed: int, output: Path | None = None) -> None:
    """Train a network as ``train`` does by default, and draw its boundary on the way.

    The loss is the mean cross-entropy. It and the accuracy are of all test points, of which the
    first 150 are drawn.

    Parameters
    ----------
    dataset : str
        One of `DATASETS`.
    epochs : int
        At least 1.
    seed : int
        As for ``train``: the last plot shows the network that it would train.
    output : Path, optional
        The picture, replaced if it is there; by default ``runs/boundary-<dataset>-seed<seed>.png``.

    Raises
    ------
    InputError
        If the file cannot be written to, or is not named as a PNG file.
    MissingExtraError
        If matplotlib is not installed.
    OSError
        If the picture cannot be written.
    """
    path = output or Path("runs") / f"boundary-{dataset}-seed{seed}.png"
    if path.suffix.lower() != ".png" or path.is_dir():
        raise InputError("--output", "a file whose name ends in .png", f"{str(path)!r}")
    with RunFolder(path.parent, overwrite=True, names=(path.name,)) as folder:
        folder.write(path.name, _picture(dataset, epochs, seed))
        folder.commit()
    print(f"wrote {path}", flush=True)


def _below(epochs: int) -> Iterator[int]:
    power = 1
    yield 0
    while power < epochs:
        yield power
        if 3 * power < epochs:
            yield 3 * power
        power *= 10


def _picture(dataset: str, epochs: int, seed: int) -> bytes:
    shown = milestones(epochs)
    rows = -(-len(shown) // _COLUMNS)
    figure = new_figure(2.9 * _COLUMNS, 2.7 * rows)
    random = generators(seed)
    data = load(dataset, rng=random.data)
    print(data.source, flush=True)
    trainer, batches = prepare(Settings(), data, random)
    test = DataLoader(data.test_images, data.test_labels, batch_size=BATCH_SIZE)
    loss = CrossEntropyLoss()
    done = 0
    with trainer.session(batches) as train_epoch:
        for position, epoch in enumerate(shown, start=1):
            for _ in range(epoch - done):
                train_epoch()
            done = epoch
            scores = score(trainer.model, test)
            figures = (
                f"loss {loss(scores.logits, scores.labels):.4f}",
                percent(accuracy(scores.logits, scores.labels)),
            )
            print(
                f"epoch {epoch:>{len(str(epochs))}}/{epochs}  {'  test '.join(figures)}", flush=True
            )
            axes = figure.add_subplot(rows, _COLUMNS, position)
            few = scores._replace(logits=scores.logits[:_POINTS], labels=scores.labels[:_POINTS])
            draw_boundary(axes, trainer.model, data.test_images[:_POINTS], few, size=14)
            axes.set_title(f"epoch {epoch}\n{', '.join(figures)} right", fontsize=10)
            axes.tick_params(labelsize=8)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return png(figure, dpi=_DPI)
