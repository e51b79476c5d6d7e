"""Finding MNIST, and fetching it from a server on this machine."""

import contextlib
import errno
import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from numpy_impl import DataError, InputError
from numpy_impl.data import MnistUnavailableError, load, load_mnist
from numpy_impl.data.download import Limits, Transfer
from numpy_impl.data.mnist import FILES, Remote, cache_folder
from parity_tests.application.idx_files import idx_bytes, write_mnist
from parity_tests.application.mirror import Answer, Mirror, broken, not_found, page, serving, whole

NAMES = tuple(FILES)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_pictures_and_labels_belong_together(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    data = load_mnist(tmp_path)
    assert (data.train_images.shape, data.test_images.shape) == ((300, 784), (100, 784))
    assert (data.classes, data.features, data.scale) == (10, 784, 1 / 255)
    np.testing.assert_array_equal(data.train_images[:, 0], data.train_labels)
    np.testing.assert_array_equal(data.test_images[:, 0], data.test_labels)
    assert len(np.unique(data.train_labels)) == 10


def test_unpacked_files_will_do(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=False)
    assert len(load_mnist(tmp_path).train_images) == 300


def test_order_of_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "variable").mkdir()
    write_mnist(tmp_path / "named", train=11)
    write_mnist(tmp_path / "variable", train=13)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "variable"))
    assert len(load_mnist(tmp_path / "named").train_images) == 11
    assert len(load_mnist().train_images) == 13
    monkeypatch.setenv("MNIST_DIR", "")
    with pytest.raises(MnistUnavailableError):
        load_mnist(download=False)


@pytest.mark.parametrize("damage", ["missing", "truncated", "swapped", "mismatched", "shape"])
def test_a_named_folder_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    write_mnist(tmp_path)
    images, labels = (tmp_path / name for name in NAMES[:2])
    if damage == "missing":
        labels.unlink()
    elif damage == "truncated":
        images.write_bytes(images.read_bytes()[:100])
    elif damage == "swapped":
        content = images.read_bytes()
        images.write_bytes(labels.read_bytes())
        labels.write_bytes(content)
    elif damage == "mismatched":
        labels.write_bytes(gzip.compress(idx_bytes(np.zeros(299, np.uint8))))
    else:
        images.write_bytes(gzip.compress(idx_bytes(np.zeros((300, 27, 28), np.uint8))))
    with pytest.raises(DataError):
        load_mnist(tmp_path)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    with pytest.raises(DataError):
        load("auto", rng=np.random.default_rng(0))


def test_a_label_outside_the_classes(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    bad = np.zeros(300, np.uint8)
    bad[7] = 10
    (tmp_path / NAMES[1]).write_bytes(gzip.compress(idx_bytes(bad)))
    with pytest.raises(DataError, match="train_labels: expected labels from 0 to 9, got 10"):
        load_mnist(tmp_path)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data: expected a folder"):
        load_mnist(tmp_path / "nothing")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Answer], Mirror]]:
    source = tmp_path / "source"
    source.mkdir()
    write_mnist(source)
    files = {name: (source / name).read_bytes() for name in NAMES}
    with contextlib.ExitStack() as running:
        yield lambda answer: running.enter_context(serving(answer, files))


def _remote(*mirrors: Mirror) -> Remote:
    addresses = [mirror.url for mirror in mirrors]
    return Remote(addresses, mirrors[0].checksums, Limits(timeout=10, deadline=60))


def _cached() -> list[str]:
    return sorted(path.name for path in cache_folder().glob("*"))


def test_fetches_once(serve: Callable[[Answer], Mirror]) -> None:
    mirror, lines = serve(whole), []
    data = load_mnist(remote=_remote(mirror), report=lines.append)
    np.testing.assert_array_equal(data.train_images[:, 0], data.train_labels)
    assert _cached() == sorted(NAMES)
    assert mirror.requests == list(NAMES)
    assert len(lines) == 4
    load_mnist(remote=_remote(mirror))
    assert mirror.requests == list(NAMES)


def test_progress_names_every_file(serve: Callable[[Answer], Mirror]) -> None:
    transfers: list[Transfer] = []
    load_mnist(remote=_remote(serve(whole)), progress=transfers.append)
    assert [transfer.name for transfer in transfers if transfer.ended] == list(NAMES)


def test_a_damaged_cache_is_fetched_again(serve: Callable[[Answer], Mirror]) -> None:
    mirror = serve(whole)
    load_mnist(remote=_remote(mirror))
    (cache_folder() / NAMES[2]).write_bytes(mirror.files[NAMES[2]][:-1])
    load_mnist(remote=_remote(mirror))
    assert mirror.requests == [*NAMES, NAMES[2]]


@pytest.mark.parametrize("fault", [not_found, page, broken])
def test_the_next_mirror_is_asked(serve: Callable[[Answer], Mirror], fault: Answer) -> None:
    bad, good = serve(fault), serve(whole)
    data = load_mnist(remote=_remote(bad, good))
    assert len(data.train_images) == 300
    assert _cached() == sorted(NAMES)
    assert set(bad.requests) == {NAMES[0]}, "a mirror that failed was asked for another file"
    assert good.requests == list(NAMES)


def test_no_mirror_has_it(serve: Callable[[Answer], Mirror]) -> None:
    bad = serve(not_found)
    with pytest.raises(MnistUnavailableError, match="404") as caught:
        load_mnist(remote=_remote(bad))
    assert "\n" not in str(caught.value)
    assert _cached() == []
    assert bad.requests == [NAMES[0]], "a file that is not there was asked for again"


def test_where_nothing_can_be_written_no_other_mirror_is_asked(
    serve: Callable[[Answer], Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = serve(whole), serve(whole)
    original = Path.open

    def read_only(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "x" in mode or "w" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        return original(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(
        MnistUnavailableError, match=r"a cache to write to, .*Read-only file system"
    ):
        load_mnist(remote=_remote(first, second))
    assert (first.requests, second.requests) == ([], [])


def test_a_read_only_cache_that_is_whole_will_do(
    serve: Callable[[Answer], Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = _remote(serve(whole))
    load_mnist(remote=remote)

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "unlink", "replace"):
        monkeypatch.setattr(Path, name, refuse)
    assert len(load_mnist(remote=remote).train_images) == 300


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(MnistUnavailableError, match="a cache to write to"):
        load_mnist(remote=Remote(["http://127.0.0.1:9/"]))


def test_auto_falls_back_on_digits_and_says_so() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    data = load("auto", rng=np.random.default_rng(0), download=False)
    assert data.name == "digits"
    assert "no MNIST" in data.source
    with pytest.raises(MnistUnavailableError):
        load("mnist", rng=np.random.default_rng(0), download=False)


def test_names_and_folders_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--dataset: expected one of auto, mnist"):
        load("minst", rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="--data: expected no folder with --dataset xor"):
        load("xor", folder=tmp_path, rng=np.random.default_rng(0))
