"""Files from servers: fetched whole and checked, or not at all.

A server may break off, send a byte a minute, send for ever, or send something else. A file is
written under a temporary name and gets its own only after its SHA-256 was compared, so a part of it
is never taken for the whole, whatever happens and however many processes fetch at once.
"""

import functools
import hashlib
import http.client
import io
import os
import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from numpy_impl.errors import DataError
from numpy_impl.untrusted import one_line

_CHUNK = 1 << 16  # bytes
# What a response may have beside the file: headers, and the pages of redirections.
_BESIDE = 1 << 20  # bytes
# Another process may be at work on a younger temporary file.
_STALE = 3600.0  # seconds


class DownloadError(DataError):
    """A server did not give the file that was asked for."""


@dataclass(frozen=True)
class Limits:
    """What a server is granted.

    Attributes
    ----------
    timeout : float
        Seconds to wait for a connection, and for each piece of data.
    deadline : float
        Seconds for a whole file, with all redirections and attempts.
    max_bytes : int
        Size of the largest file.
    attempts : int
        Connections for one file. Another one is made only if the last brought something.
    """

    timeout: float = 10.0
    deadline: float = 300.0
    max_bytes: int = 1 << 24
    attempts: int = 5


class Transfer(NamedTuple):
    """How far a download is.

    Attributes
    ----------
    name : str
        Of the file.
    received : int
        Bytes so far.
    total : int or None
        Bytes in all, where the server says so.
    ended : bool
        Whether nothing follows: the file is there, or the download failed.
    """

    name: str
    received: int
    total: int | None
    ended: bool


Progress = Callable[[Transfer], None]


class _BrokenError(Exception):
    """A connection failed or brought something else; perhaps the next one does better."""


def download(
    url: str,
    target: Path,
    checksum: str,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> None:
    """Fetch a file over HTTP; it appears under its name whole and checked, or not at all.

    After a broken connection the download goes on where it stopped, if the server has an ETag or a
    date for the file and grants ranges, and begins anew otherwise. Temporary files that a killed
    process left behind are removed when they are older than an hour and than the deadline.

    Parameters
    ----------
    url : str
        Address, http or https.
    target : Path
        Where the file goes. Its folder must be there.
    checksum : str
        Its SHA-256, in hexadecimal digits.
    limits : Limits, optional
        Others than the usual ones.
    progress : callable, optional
        Takes a `Transfer` at the beginning, after every piece, and at the end.

    Raises
    ------
    DownloadError
        If the server does not give the file within the limits, or gives another one.
    OSError
        If the file cannot be written.

    References
    ----------
    https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
    """
    limits = limits or Limits()
    _remove_stale(target, max(_STALE, limits.deadline))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            fetching = _Fetching(url, target.name, file, limits, progress or (lambda _: None))
            fetching.run()
            file.flush()
            os.fsync(file.fileno())
        found = fetching.digest.hexdigest()
        if found != checksum:
            got = f"{found}, which is {fetching.received} bytes of {fetching.kind}"
            raise DownloadError(url, f"SHA-256 {checksum}", got)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


class _Fetching:
    """One file on its way, over one connection after the other."""

    def __init__(
        self, url: str, name: str, file: BinaryIO, limits: Limits, progress: Progress
    ) -> None:
        self.received = 0
        self.digest = hashlib.sha256()
        self.kind = "an unknown type"
        self._url, self._name, self._file = url, name, file
        self._limits, self._progress = limits, progress
        self._end = time.monotonic() + limits.deadline
        self._total: int | None = None
        # Bytes over the newest connection.
        self._arrived = 0
        # What a server recognizes the same file by; without it nothing is resumed.
        self._validator: str | None = None

    def run(self) -> None:
        """Write the file."""
        self._tell(ended=False)
        try:
            for left in reversed(range(self._limits.attempts)):
                resumed, self._arrived = self._validator is not None, 0
                try:
                    self._attempt()
                    return
                except _BrokenError as error:
                    hopeless = not self._arrived and not resumed
                    if hopeless or not left or time.monotonic() > self._end:
                        raise DownloadError(self._url, "the file", str(error)) from None
                    if not self._arrived:
                        self._validator = None
        finally:
            self._tell(ended=True)

    def _attempt(self) -> None:
        with _open(self._url, self._headers(), self._limits, self._end) as response:
            self._begin(response)
            for piece in _pieces(response):
                self.received += len(piece)
                self._arrived += len(piece)
                if self.received > self._limits.max_bytes:
                    raise DownloadError(self._url, self._at_most, "more")
                self.digest.update(piece)
                self._file.write(piece)
                self._tell(ended=False)
        if self._total is not None and self.received < self._total:
            raise _BrokenError(f"{self.received} of {self._total} bytes")

    def _headers(self) -> dict[str, str]:
        if self._validator is None:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self._validator}

    def _begin(self, response: http.client.HTTPResponse) -> None:
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            place = response.headers.get("Content-Range", "nothing")
            if self._validator is None or not place.startswith(f"bytes {self.received}-"):
                raise _BrokenError(f"another part of it: {place}")
        else:
            self.received, self.digest = 0, hashlib.sha256()
            self._file.seek(0)
            self._file.truncate()
        etag = response.headers.get("ETag", "")
        # A weak ETag may stand for other bytes.
        self._validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        self.kind = response.headers.get_content_type()
        self._total = None if response.length is None else self.received + response.length
        if self._total is not None and self._total > self._limits.max_bytes:
            raise DownloadError(self._url, self._at_most, f"a promise of {self._total}")

    @property
    def _at_most(self) -> str:
        return f"at most {self._limits.max_bytes} bytes"

    def _tell(self, *, ended: bool) -> None:
        self._progress(Transfer(self._name, self.received, self._total, ended))


def _remove_stale(target: Path, age: float) -> None:
    for path in target.parent.glob(f".{target.name}.*.part"):
        # Another process may have been quicker.
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > age:
                path.unlink()


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        # read1 returns what has arrived; read would wait for a whole chunk, however slow.
        while piece := response.read1(_CHUNK):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return a short line: part of the text may be the server's."""
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        text = str(error.reason)
    else:
        text = str(error) or type(error).__name__
    return one_line(text)


def _open(
    url: str, headers: dict[str, str], limits: Limits, end: float
) -> http.client.HTTPResponse:
    handler = _Handler(limits, end)
    opener = urllib.request.OpenerDirector()
    # Those of urllib's usual ones that have to do with HTTP: no redirection leads to a file here.
    for other in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        handler,
    ):
        opener.add_handler(other)
    try:
        request = urllib.request.Request(url, headers=headers)
        response: http.client.HTTPResponse = opener.open(request, timeout=limits.timeout)
    # Addresses that make no sense are ValueErrors, and may come from a redirection.
    except (OSError, http.client.HTTPException, ValueError) as error:
        for opened in handler.opened:
            opened.close()
        raise _BrokenError(_reason(error)) from None
    return response


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens connections that are read through a `_Watch`, and remembers the responses."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, limits: Limits, end: float) -> None:
        super().__init__()
        opened: list[http.client.HTTPResponse] = []
        self.opened = opened

        class Response(http.client.HTTPResponse):
            def __init__(self, connected: socket.socket, *args: Any, **options: Any) -> None:
                super().__init__(connected, *args, **options)
                self.fp = io.BufferedReader(_Watch(connected, self.fp.detach(), limits, end))
                opened.append(self)

        self._response_class = Response

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(self._connect, http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(self._connect, http.client.HTTPSConnection), request)

    def _connect(
        self, kind: type[http.client.HTTPConnection], host: str, **options: Any
    ) -> http.client.HTTPConnection:
        connection = kind(host, **options)
        connection.response_class = self._response_class
        return connection


class _Watch(io.RawIOBase):
    """What a socket sends, headers included, until a time and up to a number of bytes.

    A timeout of the socket is for each read alone, and urllib reads headers and the pages of
    redirections by itself, to whatever end.
    """

    def __init__(
        self, connected: socket.socket, stream: io.RawIOBase, limits: Limits, end: float
    ) -> None:
        super().__init__()
        self._end, self._limits = end, limits
        self._socket, self._stream = connected, stream
        self._left = limits.max_bytes + _BESIDE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError(f"not finished after {self._limits.deadline:g} s")
        if self._left <= 0:
            raise OSError(f"more than {self._limits.max_bytes} bytes")
        self._socket.settimeout(min(self._limits.timeout, seconds))
        count = self._stream.readinto(buffer)
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
