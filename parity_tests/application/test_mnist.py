"""Finding MNIST, and fetching it from a server on this machine."""

import contextlib
import gzip
import hashlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from numpy_impl import DataError, InputError
from numpy_impl.data import MnistUnavailableError, load, load_mnist
from numpy_impl.data.mnist import FILES, Remote, cache_folder
from parity_tests.application.idx_files import idx_bytes, write_mnist

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


# Downloads.

Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


def whole(request: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    """Send the file."""
    _head(request, 200, len(content))
    request.wfile.write(content)


def not_found(request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
    """Send 404."""
    _head(request, 404, 0)


def page(request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
    """Send what a proxy sends: a page, and all is well."""
    whole(request, b"<html>Please log in</html>")


def broken(request: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    """Promise the file, send half of it and hang up."""
    _head(request, 200, len(content))
    request.wfile.write(content[: len(content) // 2])


def trickle(request: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    """Send a byte every 20 ms, never so slowly that a single read times out."""
    _head(request, 200, len(content))
    for byte in content[:200]:
        request.wfile.write(bytes([byte]))
        request.wfile.flush()
        time.sleep(0.02)


def silence(request: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    """Promise the file and send nothing for a while."""
    _head(request, 200, len(content))
    time.sleep(0.5)


def _head(request: http.server.BaseHTTPRequestHandler, status: int, length: int) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(length))
    request.end_headers()


@dataclass
class Server:
    """A mirror on this machine.

    Attributes
    ----------
    url : str
        Its address.
    files : dict of str to bytes
        What it has.
    requests : list of str
        What it was asked for.
    """

    url: str
    files: dict[str, bytes]
    requests: list[str] = field(default_factory=list)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of its files."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Answer], Server]]:
    source = tmp_path / "source"
    source.mkdir()
    write_mnist(source)
    files = {name: (source / name).read_bytes() for name in NAMES}
    running: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Answer) -> Server:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                server.requests.append(name)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    answer(self, server.files[name])

            def log_message(self, *_: object) -> None:
                pass

        http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http_server.daemon_threads = False
        thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
        thread.start()
        running.append((http_server, thread))
        server = Server(f"http://127.0.0.1:{http_server.server_port}/", files)
        return server

    yield start
    for http_server, thread in running:
        http_server.shutdown()
        thread.join()
        http_server.server_close()


def _remote(*servers: Server) -> Remote:
    mirrors = [server.url for server in servers]
    return Remote(mirrors, servers[0].checksums, timeout=0.2, deadline=0.4)


def _cached() -> list[str]:
    return sorted(path.name for path in cache_folder().glob("*"))


def test_fetches_once(serve: Callable[[Answer], Server]) -> None:
    server, lines = serve(whole), []
    data = load_mnist(remote=_remote(server), report=lines.append)
    np.testing.assert_array_equal(data.train_images[:, 0], data.train_labels)
    assert _cached() == sorted(NAMES)
    assert server.requests == list(NAMES)
    assert len(lines) == 4
    load_mnist(remote=_remote(server))
    assert server.requests == list(NAMES)


def test_a_damaged_cache_is_fetched_again(serve: Callable[[Answer], Server]) -> None:
    server = serve(whole)
    load_mnist(remote=_remote(server))
    (cache_folder() / NAMES[2]).write_bytes(server.files[NAMES[2]][:-1])
    load_mnist(remote=_remote(server))
    assert server.requests == [*NAMES, NAMES[2]]


@pytest.mark.parametrize("fault", [not_found, page, broken, trickle, silence])
def test_a_bad_mirror_leaves_nothing_behind(
    serve: Callable[[Answer], Server], fault: Answer
) -> None:
    bad = serve(fault)
    with pytest.raises(MnistUnavailableError) as caught:
        load_mnist(remote=_remote(bad))
    assert "\n" not in str(caught.value)
    assert _cached() == []
    assert bad.requests == [NAMES[0]], "a mirror that failed was asked again"


@pytest.mark.parametrize("fault", [not_found, page, broken])
def test_the_next_mirror_is_asked(serve: Callable[[Answer], Server], fault: Answer) -> None:
    bad, good = serve(fault), serve(whole)
    data = load_mnist(remote=_remote(bad, good))
    assert len(data.train_images) == 300
    assert _cached() == sorted(NAMES)
    assert (bad.requests, good.requests) == ([NAMES[0]], list(NAMES))


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
