"""One training of somebody's network, as the course lab does it, in the process that it is for."""

import importlib.util
import inspect
import json
import math
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.app.apart import Answer, answering, set_limits
from numpy_impl.app.lab_start import look
from numpy_impl.app.memory import peak_rss_mb

EPOCHS, LR = 8, 0.01
_FIRST = 500  # pictures that the untrained network is looked at with

Pixels = NDArray[np.float32]
Labels = NDArray[np.int64]


class SubmissionError(Exception):
    """The network is not what the lab asks for; the text says in what."""


@dataclass(frozen=True)
class Request:
    """What is to be trained.

    Attributes
    ----------
    file : str
        Path of the file with the class.
    name : str
        Of the class.
    images : str
        Path of an ``.npz`` file with the arrays of `Images`.
    batch_size, classes, seed, memory : int
        ``memory`` is the limit in MB.
    """

    file: str
    name: str
    images: str
    batch_size: int
    classes: int
    seed: int
    memory: int


@dataclass(frozen=True)
class Images:
    """Pictures as rows of pixels from 0 to 1, and their labels, for each purpose."""

    train_x: Pixels
    train_y: Labels
    validation_x: Pixels
    validation_y: Labels
    score_x: Pixels
    score_y: Labels


def find_class(file: str, name: str) -> type:
    """Execute a file and return its class of this name.

    Raises
    ------
    SubmissionError
        If it has none.
    """
    spec = importlib.util.spec_from_file_location("submission", file)
    if spec is None or spec.loader is None:
        raise SubmissionError(f"{Path(file).name} is no file of Python (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        found = [n for n, v in vars(module).items() if isinstance(v, type)]
        others = f"; its classes are {', '.join(found)}" if found else ""
        raise SubmissionError(f"{Path(file).name} has no class {name}{others}")
    return kind


def make(kind: Callable[..., Any], seed: int) -> Any:
    """Return a network of the class, whose weights depend on the seed and nothing else.

    If its constructor takes `rng`, it is given a generator; if not, it draws from the global ones.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what strangers draw from
    options = {}
    if "rng" in inspect.signature(kind).parameters:
        options["rng"] = np.random.default_rng(seed)
    return kind(input_size=784, hidden_size=128, output_size=10, lr=LR, **options)


def train(
    network: Any, images: Images, *, batch_size: int, classes: int, seed: int, answer: Answer
) -> float:
    """Train a network for `EPOCHS` epochs, answer with a line for each, and return its score.

    Parameters
    ----------
    network : object
        With ``train_step(X, y) -> loss``, ``forward(X) -> probs`` and ``predict(X) -> labels``.
    images : Images
    batch_size, classes : int
    seed : int
        Of the order of the batches.
    answer : callable
        Gets a dictionary after every epoch: mean loss of the batches, and loss and accuracy on the
        validation images.

    Raises
    ------
    SubmissionError
        If a result has another shape or is not finite.
    """
    rng = np.random.default_rng([seed, 1])
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(len(images.train_y))
        losses = []
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            # Indexing by numbers copies: whatever is written into a batch stays there.
            loss = network.train_step(images.train_x[rows], images.train_y[rows])
            step = first // batch_size + 1
            losses.append(_finite_loss(loss, f"in epoch {epoch}, step {step}"))
        probs = _probabilities(network, images.validation_x, classes)
        right = probs[np.arange(len(probs)), images.validation_y]
        answer(
            {
                "epoch": epoch,
                "train_loss": float(np.mean(losses)),
                "validation_loss": cross_entropy(right),
                "validation_accuracy": _accuracy(network, images.validation_x, images.validation_y),
            }
        )
    return _accuracy(network, images.score_x, images.score_y)


def cross_entropy(right: NDArray[np.floating]) -> float:
    """Return the mean of -log p over the probabilities of the right classes.

    One that is 0 counts as the smallest number above it, so that the mean stays finite.
    """
    return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).mean())


def _finite_loss(loss: object, where: str) -> float:
    try:
        value = float(loss)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise SubmissionError(f"train_step returns {_kind(loss)} {where}, not a number") from None
    if not math.isfinite(value):
        raise SubmissionError(f"train_step returns a loss of {value} {where}")
    return value


def _probabilities(network: Any, x: Pixels, classes: int) -> NDArray[np.float64]:
    probs = np.asarray(network.forward(x.copy()))
    if probs.shape != (len(x), classes) or probs.dtype.kind != "f":
        raise SubmissionError(
            f"forward returns {_kind(probs)} for pictures {x.shape}, "
            f"not probabilities of shape {(len(x), classes)}"
        )
    if not np.isfinite(probs).all():
        raise SubmissionError("forward returns NaN or infinity")
    wrong = np.abs(probs.sum(axis=1) - 1).max()
    if wrong > 1e-3 or probs.min() < 0:
        raise SubmissionError(
            f"forward returns rows that are no probabilities: a sum is off by {wrong:.3g}"
        )
    return probs.astype(np.float64)


def _accuracy(network: Any, x: Pixels, y: Labels) -> float:
    labels = np.asarray(network.predict(x.copy()))
    if labels.shape != y.shape:
        raise SubmissionError(f"predict returns {_kind(labels)}, not labels of shape {y.shape}")
    return float(np.mean(labels == y))


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__


def _answer_with(request: Request, answer: Answer) -> None:
    with np.load(request.images) as arrays:
        images = Images(**arrays)
    begin = time.perf_counter()
    try:
        answer({"stage": "the file is executed"})
        kind = find_class(request.file, request.name)
        answer({"stage": "the network is made"})
        network = make(kind, request.seed)
        answer({"stage": "its first output is looked at"})
        x, y = images.train_x[:_FIRST], images.train_y[:_FIRST]
        _probabilities(network, x, request.classes)
        start = look(make(kind, request.seed), x, y)
        start["first_loss"] = _finite_loss(start["first_loss"], "in its first step")
        answer({"start": start})
        answer({"stage": "it trains"})
        score = train(
            network,
            images,
            batch_size=request.batch_size,
            classes=request.classes,
            seed=request.seed,
            answer=answer,
        )
    except SubmissionError as error:
        answer({"fault": str(error)})
    except MemoryError:
        answer({"memory": True})
    # SystemExit too: a file that ends the process has not been judged.
    except BaseException as error:
        traceback.print_exc()
        answer({"raised": _line(request.file, error)})
    else:
        answer({"score": score, "seconds": time.perf_counter() - begin})
    answer({"peak_rss_mb": peak_rss_mb()})


def _line(file: str, error: BaseException) -> str:
    """Return what was raised, and the last line of the file that it went through."""
    text = f"{type(error).__name__}: {error}".strip().rstrip(":")
    frames = traceback.extract_tb(error.__traceback__)
    places = [f for f in frames if Path(f.filename) == Path(file)]
    if places:
        text += f" ({Path(file).name}:{places[-1].lineno}: {places[-1].line})"
    return text


def main() -> None:
    """Answer the request that is the only argument."""
    request = Request(**json.loads(sys.argv[1]))
    sys.argv[1:] = []
    set_limits(request.memory)
    with answering() as answer:
        _answer_with(request, answer)
    # Threads and exit handlers of strangers are not waited for.
    os._exit(0)


def request_json(request: Request) -> str:
    """Return a request as the argument that `main` takes."""
    return json.dumps(asdict(request))


if __name__ == "__main__":
    main()
