"""Data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl import data, experiments
from numpy_impl.data.augment import RandomAffine
from parity_tests.arguments.entries.common import (
    FALSE,
    GENERATOR,
    a_function,
    always,
    clean,
    count,
    labels,
    number,
    rng,
)
from parity_tests.arguments.entries.files import scratch_folder
from parity_tests.arguments.trying import Argument, Entry, using


def data_entries() -> Iterator[Entry]:
    """Yield what data come from."""
    for function in (data.make_moons, data.make_xor):
        yield Entry(
            function.__name__,
            function,
            {"samples": count(7), "noise": number(0.5), "rng": GENERATOR},
        )
    for load in (data.load_moons, data.load_xor):
        yield Entry(
            load.__name__, lambda rng, load=load: load(rng).train_images, {"rng": GENERATOR}
        )  # type: ignore[misc]
    yield Entry(
        "load",
        lambda **given: data.load(**given).train_images,
        {
            "name": Argument("text", always("xor"), also=("--dataset",)),
            "rng": GENERATOR,
            "folder": Argument("object", always(None), optional=True, also=("--data",)),
            "download": FALSE,
            "report": a_function(None, optional=True),
        },
    )
    images, some = rng().integers(0, 256, (6, 4)).astype(np.uint8), rng().integers(0, 3, 6)

    def made(**given: Any) -> Any:
        return using(
            lambda: data.Dataset(name="a", source="b", **given), lambda d: d.inputs(images)
        )

    others = ("train_labels", "test_labels", "train_images", "test_images")
    pixels = Argument("numbers", always(images), fits=clean, taken=("list", "tuple"), also=others)
    yield Entry(
        "Dataset",
        made,
        {
            "train_images": pixels,
            "train_labels": labels(some, fits=clean, also=others),
            "test_images": pixels,
            "test_labels": labels(some, fits=clean, also=others),
            "classes": count(3, also=("train_labels", "test_labels")),
            "scale": number(0.5, optional=True, also=("train_images", "test_images")),
        },
    )
    whole = {
        "train_images": images,
        "train_labels": some,
        "test_images": images,
        "test_labels": some,
    }

    def inputs(images: Any) -> Any:
        dataset = data.Dataset("a", "b", **whole, classes=3, scale=0.5)
        return dataset.inputs(images)

    yield Entry(
        "Dataset.inputs",
        inputs,
        {"images": Argument("numbers", always(images), fits=clean)},
    )
    sides = {"side": count(28), "group": count(64)}
    amounts = {name: number(0.25) for name in ("angle", "stretch", "slant", "shift")}
    pictures = rng().random((3, 784)).astype(np.float32)

    def changed(transform: RandomAffine) -> Any:
        batch = pictures.copy()
        transform(batch, rng())
        return batch

    yield Entry(
        "RandomAffine",
        lambda **given: using(lambda: RandomAffine(**given), changed),
        {**sides, **amounts},
    )

    def in_place(pictures: Any, rng: Any) -> Any:
        RandomAffine()(pictures, rng)
        return np.asarray(pictures)

    tensor = Argument("pictures", always(pictures), written=True)
    yield Entry("RandomAffine.__call__", in_place, {"pictures": tensor, "rng": GENERATOR})
    yield Entry(
        "read_idx",
        data.read_idx,
        {"path": Argument("path", _idx_file, also=()), "max_bytes": count(1000)},
    )
    yield Entry(
        "load_mnist",
        lambda folder: data.load_mnist(folder, download=False).train_images.shape,
        {"folder": Argument("path", scratch_folder, optional=True, also=("--data",))},
    )
    yield Entry(
        "find",
        lambda name: experiments.find(name).seeds,
        {"name": Argument("text", always("epochs"))},
    )


def _idx_file() -> Path:
    path = scratch_folder() / "a.idx"
    path.write_bytes(b"\0\0\x08\x01\0\0\0\x03abc")
    return path
