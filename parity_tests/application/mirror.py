"""A mirror on this machine that answers as it is told."""

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

Request = http.server.BaseHTTPRequestHandler
Answer = Callable[[Request, bytes], None]


@dataclass
class Mirror:
    """A server.

    Attributes
    ----------
    url : str
        Its address.
    files : mapping of str to bytes
        What it has.
    requests : list of str
        What it was asked for.
    ranges : list of str or None
        The ``Range`` of each request.
    """

    url: str
    files: Mapping[str, bytes]
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of its files."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}


@contextlib.contextmanager
def serving(answer: Answer, files: Mapping[str, bytes]) -> Iterator[Mirror]:
    """Run a server while the context lasts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            mirror.requests.append(name)
            mirror.ranges.append(self.headers["Range"])
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                answer(self, mirror.files[name])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    mirror = Mirror(f"http://127.0.0.1:{server.server_port}/", files)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send_head(request: Request, status: int, **headers: object) -> None:
    """Send a status and headers, whose names have ``_`` for ``-``."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()


def whole(request: Request, content: bytes) -> None:
    """Send the file."""
    send_head(request, HTTPStatus.OK, Content_Length=len(content))
    request.wfile.write(content)


def not_found(request: Request, _: bytes) -> None:
    """Send 404."""
    send_head(request, HTTPStatus.NOT_FOUND, Content_Length=0)


def page(request: Request, _: bytes) -> None:
    """Send what a proxy sends: a page, and all is well."""
    content = b"<html>Please log in</html>"
    send_head(request, HTTPStatus.OK, Content_Length=len(content), Content_Type="text/html")
    request.wfile.write(content)


def broken(request: Request, content: bytes) -> None:
    """Promise the file, send half of it and hang up."""
    send_head(request, HTTPStatus.OK, Content_Length=len(content))
    request.wfile.write(content[: len(content) // 2])
