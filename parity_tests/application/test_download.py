"""Downloads, from servers that do whatever servers do."""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

import numpy_impl
from numpy_impl.app.progress import DownloadBar, download_progress
from numpy_impl.data.download import DownloadError, Limits, Transfer, download
from parity_tests.application.mirror import (
    Answer,
    Mirror,
    Request,
    broken,
    not_found,
    page,
    send_head,
    serving,
    whole,
)

CONTENT = bytes(range(256)) * 1000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
NAME = "file.gz"

LIMITS = Limits(timeout=10, deadline=60, max_bytes=10**6)

Serve = Callable[[Answer], Mirror]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as running:
        yield lambda answer: running.enter_context(serving(answer, {NAME: CONTENT}))


def _fetch(mirror: Mirror, folder: Path, limits: Limits = LIMITS) -> list[Transfer]:
    transfers: list[Transfer] = []
    try:
        download(mirror.url + NAME, folder / NAME, CHECKSUM, limits, transfers.append)
    finally:
        assert transfers[-1].ended
        assert not any(transfer.ended for transfer in transfers[:-1])
    assert (folder / NAME).read_bytes() == CONTENT
    assert _names(folder) == [NAME]
    return transfers


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _resumable(
    *, first: int, etag: str = '"a"', shift: int = 0, honest: bool = True
) -> tuple[Answer, list[str | None]]:
    """Return an answer that breaks off once, and a list that gets every ``If-Range``."""
    conditions: list[str | None] = []

    def answer(request: Request, content: bytes) -> None:
        conditions.append(request.headers["If-Range"])
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers["Range"] or "")
        if asked and honest and conditions[-1] == etag:
            start = int(asked[1])
            rest = content[start:]
            place = f"bytes {start + shift}-{len(content) - 1}/{len(content)}"
            send_head(
                request,
                HTTPStatus.PARTIAL_CONTENT,
                Content_Length=len(rest),
                Content_Range=place,
                ETag=etag,
            )
            request.wfile.write(rest)
            return
        send_head(request, HTTPStatus.OK, Content_Length=len(content), ETag=etag)
        request.wfile.write(content[:first] if len(conditions) == 1 else content)

    return answer, conditions


def test_progress_counts_bytes(serve: Serve, tmp_path: Path) -> None:
    transfers = _fetch(serve(whole), tmp_path)
    received = [transfer.received for transfer in transfers]
    assert received == sorted(received)
    assert (received[0], received[-1]) == (0, len(CONTENT))
    assert {transfer.total for transfer in transfers[1:]} == {len(CONTENT)}
    assert {transfer.name for transfer in transfers} == {NAME}


def test_a_broken_connection_is_taken_up_again(serve: Serve, tmp_path: Path) -> None:
    answer, conditions = _resumable(first=100_000)
    mirror = serve(answer)
    transfers = _fetch(mirror, tmp_path)
    assert mirror.ranges == [None, "bytes=100000-"]
    assert conditions == [None, '"a"']
    received = [transfer.received for transfer in transfers]
    assert received == sorted(received), "what had arrived was fetched again"
    assert transfers[-1].total == len(CONTENT)


def test_a_file_without_a_mark_is_begun_anew(serve: Serve, tmp_path: Path) -> None:
    def answer(request: Request, content: bytes) -> None:
        (whole if len(mirror.requests) > 1 else broken)(request, content)

    mirror = serve(answer)
    _fetch(mirror, tmp_path)
    assert mirror.ranges == [None, None]


def test_a_weak_mark_is_none(serve: Serve, tmp_path: Path) -> None:
    mirror = serve(_resumable(first=1000, etag='W/"a"')[0])
    _fetch(mirror, tmp_path)
    assert mirror.ranges == [None, None]


def test_a_server_without_ranges_sends_all_again(serve: Serve, tmp_path: Path) -> None:
    mirror = serve(_resumable(first=1000, honest=False)[0])
    _fetch(mirror, tmp_path)
    assert mirror.ranges == [None, "bytes=1000-"]


def test_a_file_that_changed_is_not_mixed(serve: Serve, tmp_path: Path) -> None:
    def answer(request: Request, content: bytes) -> None:
        if len(mirror.requests) == 1:
            # More of the old one than there is of the new one.
            send_head(request, HTTPStatus.OK, Content_Length=2 * len(content), ETag='"old"')
            request.wfile.write(b"x" * (len(content) + 1000))
        else:
            assert request.headers["If-Range"] == '"old"'
            whole(request, content)

    mirror = serve(answer)
    _fetch(mirror, tmp_path)


def test_another_part_than_asked_for(serve: Serve, tmp_path: Path) -> None:
    mirror = serve(_resumable(first=1000, shift=7)[0])
    _fetch(mirror, tmp_path)
    assert mirror.ranges == [None, "bytes=1000-", None]


def test_a_range_that_is_refused(serve: Serve, tmp_path: Path) -> None:
    def answer(request: Request, content: bytes) -> None:
        if request.headers["Range"]:
            send_head(request, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, Content_Length=0)
        else:
            send_head(request, HTTPStatus.OK, Content_Length=len(content), ETag='"a"')
            request.wfile.write(content[: 1000 if len(mirror.requests) == 1 else None])

    mirror = serve(answer)
    _fetch(mirror, tmp_path)
    assert mirror.ranges == [None, "bytes=1000-", None]


def test_attempts_are_counted(serve: Serve, tmp_path: Path) -> None:
    mirror = serve(broken)
    with pytest.raises(DownloadError, match="the file, got 128000 of 256000 bytes"):
        _fetch(mirror, tmp_path)
    assert len(mirror.requests) == LIMITS.attempts
    assert _names(tmp_path) == []


def redirect(request: Request, content: bytes) -> None:
    """Send the file from another address."""
    if request.path.startswith("/elsewhere"):
        whole(request, content)
    else:
        send_head(request, HTTPStatus.FOUND, Location=f"/elsewhere/{NAME}", Content_Length=0)


def redirect_for_ever(request: Request, _: bytes) -> None:
    """Send to the same address."""
    send_head(request, HTTPStatus.FOUND, Location=request.path, Content_Length=0)


def redirect_to_a_file(request: Request, _: bytes) -> None:
    """Send to a file of the client."""
    send_head(request, HTTPStatus.FOUND, Location="file:///etc/hostname", Content_Length=0)


def redirect_to_nonsense(request: Request, _: bytes) -> None:
    """Send to what is no address."""
    send_head(request, HTTPStatus.FOUND, Location="http://[::1/", Content_Length=0)


def redirect_with_an_endless_page(request: Request, _: bytes) -> None:
    """Send to another address, with a page that does not end."""
    send_head(request, HTTPStatus.FOUND, Location="/elsewhere")
    while True:
        request.wfile.write(bytes(1 << 16))


def endless(request: Request, _: bytes) -> None:
    """Send without promising an end."""
    send_head(request, HTTPStatus.OK)
    while True:
        request.wfile.write(bytes(1 << 16))


def endless_chunks(request: Request, _: bytes) -> None:
    """Send chunk after chunk."""
    send_head(request, HTTPStatus.OK, Transfer_Encoding="chunked")
    while True:
        request.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")


def a_terabyte(request: Request, content: bytes) -> None:
    """Promise 1 TB."""
    send_head(request, HTTPStatus.OK, Content_Length=10**12)
    request.wfile.write(content)


def silence(request: Request, content: bytes) -> None:
    """Promise the file and send nothing for a while."""
    send_head(request, HTTPStatus.OK, Content_Length=len(content))
    time.sleep(0.5)


def no_answer(request: Request, _: bytes) -> None:
    """Hang up."""
    request.close_connection = True


def no_http(request: Request, _: bytes) -> None:
    """Speak another language."""
    request.wfile.write(b"220 ready\r\n")


def no_chunks(request: Request, content: bytes) -> None:
    """Promise chunks and send none."""
    send_head(request, HTTPStatus.OK, Transfer_Encoding="chunked")
    request.wfile.write(b"zz\r\n" + content)


def other(request: Request, content: bytes) -> None:
    """Send another file."""
    whole(request, content[::-1])


def truncated(request: Request, content: bytes) -> None:
    """Send part of the file without saying that it is one."""
    whole(request, content[:-1])


def too_few(request: Request, _: bytes) -> None:
    """Send nothing."""
    whole(request, b"")


def unasked_part(request: Request, content: bytes) -> None:
    """Send a part that was not asked for."""
    send_head(
        request,
        HTTPStatus.PARTIAL_CONTENT,
        Content_Length=10,
        Content_Range=f"bytes 0-9/{len(content)}",
    )
    request.wfile.write(content[:10])


def test_a_redirection_is_followed(serve: Serve, tmp_path: Path) -> None:
    mirror = serve(redirect)
    _fetch(mirror, tmp_path)
    assert len(mirror.requests) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (not_found, "HTTP Error 404"),
        (page, "SHA-256 .* 26 bytes of text/html"),
        (other, "SHA-256 .* 256000 bytes of"),
        (truncated, "SHA-256 .* 255999 bytes of"),
        (too_few, "SHA-256 .* 0 bytes of"),
        (redirect_for_ever, "infinite loop"),
        (redirect_to_a_file, "not allowed"),
        (redirect_to_nonsense, "Invalid IPv6 URL"),
        (redirect_with_an_endless_page, "more than 1000000 bytes"),
        (endless, "at most 1000000 bytes, got more"),
        (endless_chunks, "at most 1000000 bytes, got more"),
        (a_terabyte, "at most 1000000 bytes, got a promise of 1000000000000"),
        (no_answer, "closed connection without response"),
        (no_http, "220 ready"),
        (no_chunks, "IncompleteRead"),
        (unasked_part, "another part of it: bytes 0-9/256000"),
    ],
)
def test_a_bad_server(serve: Serve, tmp_path: Path, answer: Answer, message: str) -> None:
    mirror = serve(answer)
    with pytest.raises(DownloadError, match=message) as caught:
        _fetch(mirror, tmp_path)
    assert mirror.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert _names(tmp_path) == []


def test_no_server(tmp_path: Path) -> None:
    with serving(whole, {}) as mirror:
        pass
    with pytest.raises(DownloadError, match="refused"):
        _fetch(mirror, tmp_path)


def _slowly(request: Request, data: bytes) -> None:
    for byte in data:
        request.wfile.write(bytes([byte]))
        time.sleep(0.02)


def trickling_content(request: Request, content: bytes) -> None:
    """Send a byte every 20 ms, never so slowly that a single read times out."""
    send_head(request, HTTPStatus.OK, Content_Length=len(content))
    _slowly(request, content[:200])


def trickling_headers(request: Request, _: bytes) -> None:
    """Send the headers so."""
    _slowly(request, b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 200)


def trickling_chunks(request: Request, _: bytes) -> None:
    """Send the length of a chunk so."""
    send_head(request, HTTPStatus.OK, Transfer_Encoding="chunked")
    _slowly(request, b"0" * 200)


def trickling_redirection(request: Request, _: bytes) -> None:
    """Send to another address, with a page that comes so."""
    send_head(request, HTTPStatus.FOUND, Location="/elsewhere")
    _slowly(request, b"x" * 200)


@pytest.mark.parametrize(
    "answer", [trickling_content, trickling_headers, trickling_chunks, trickling_redirection]
)
def test_a_trickle_ends_at_the_deadline(serve: Serve, tmp_path: Path, answer: Answer) -> None:
    mirror = serve(answer)
    begin = time.monotonic()
    with pytest.raises(DownloadError, match=r"not finished after 0.4 s|timed out"):
        _fetch(mirror, tmp_path, Limits(timeout=0.3, deadline=0.4))
    # The trickle itself takes at least 4 s.
    assert time.monotonic() - begin < 3
    assert _names(tmp_path) == []


@pytest.mark.parametrize("limits", [Limits(timeout=0.1), Limits(deadline=0.1)])
def test_silence(serve: Serve, tmp_path: Path, limits: Limits) -> None:
    mirror = serve(silence)
    with pytest.raises(DownloadError, match="timed out"):
        _fetch(mirror, tmp_path, limits)
    assert len(mirror.requests) == 1, "a server that sends nothing was asked again"


def test_the_deadline_holds_for_the_caller_too(serve: Serve, tmp_path: Path) -> None:
    def slow(transfer: Transfer) -> None:
        if not transfer.ended:
            time.sleep(0.3)

    mirror = serve(whole)
    with pytest.raises(DownloadError, match=r"not finished after 0.2 s"):
        download(mirror.url + NAME, tmp_path / NAME, CHECKSUM, Limits(deadline=0.2), slow)


PROGRAM = """
import sys
from pathlib import Path
from numpy_impl.data.download import Limits, download
print("ready", flush=True)
sys.stdin.readline()
try:
    download(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Limits(deadline=60))
except OSError as error:
    print(error.strerror)
"""


def _start(mirror: Mirror, target: Path, program: str = PROGRAM) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", program, mirror.url + NAME, str(target), CHECKSUM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(numpy_impl.__file__).parents[1])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_at_once(serve: Serve, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=30)

    def together(request: Request, content: bytes) -> None:
        send_head(request, HTTPStatus.OK, Content_Length=len(content))
        for start in range(0, len(content), 1000):
            both.wait()
            request.wfile.write(content[start : start + 1000])

    mirror = serve(together)
    processes = [_start(mirror, tmp_path / NAME) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in processes] == [("", None)] * 2
    assert [process.returncode for process in processes] == [0, 0]
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert _names(tmp_path) == [NAME]
    assert len(mirror.requests) == 2


def test_a_killed_process_leaves_no_file(serve: Serve, tmp_path: Path) -> None:
    killed = threading.Event()

    def answer(request: Request, content: bytes) -> None:
        send_head(request, HTTPStatus.OK, Content_Length=len(content))
        request.wfile.write(content[:-1])
        killed.wait(60)

    mirror = serve(answer)
    process = _start(mirror, tmp_path / NAME)
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    end = time.monotonic() + 30
    while not any(path.stat().st_size for path in tmp_path.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    killed.set()
    (left,) = tmp_path.iterdir()
    assert left.name != NAME

    # Another process might be at work on it; an hour later that cannot be.
    good = serve(whole)
    download(good.url + NAME, tmp_path / NAME, CHECKSUM, LIMITS)
    assert _names(tmp_path) == sorted([NAME, left.name])
    hour_ago = time.time() - 3601
    os.utime(left, (hour_ago, hour_ago))
    _fetch(good, tmp_path)


def test_an_interrupt_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    def interrupt(transfer: Transfer) -> None:
        if transfer.received:
            raise KeyboardInterrupt

    mirror = serve(whole)
    with pytest.raises(KeyboardInterrupt):
        download(mirror.url + NAME, tmp_path / NAME, CHECKSUM, LIMITS, interrupt)
    assert _names(tmp_path) == []


def test_no_space(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="files cannot be limited here")
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    (tmp_path / NAME).write_bytes(b"the old one")
    mirror = serve(whole)
    out, _ = _start(mirror, tmp_path / NAME, limited + PROGRAM).communicate("go\n", timeout=60)
    assert out == "File too large\n"
    assert len(mirror.requests) == 1, "a full disk was taken for a broken connection"
    assert _names(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == b"the old one"


@pytest.mark.parametrize("terminal", [True, False])
def test_bar(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    progress = download_progress()
    if not terminal:
        assert progress is None
        return
    assert isinstance(progress, DownloadBar)
    for name, total in (("first", 4000), ("second", None)):
        for received in (0, 2000, 4000):
            progress(Transfer(name, received, total, ended=False))
        progress(Transfer(name, 4000, total, ended=True))
    out, err = capsys.readouterr()
    assert out == ""
    assert "first" in err
    assert "second" in err
    assert "4.0/4.0 kB" in err
    # The cursor is shown again after every file.
    assert err.count("\x1b[?25h") == err.count("\x1b[?25l") == 2


def test_no_bar_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert download_progress() is None
