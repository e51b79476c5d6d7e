"""Check a network in a process of its own, which it may crash, hang or fill as it likes.

Strangers' code is kept from doing by accident what it was not started for: it reaches no network,
starts no programs, asks nobody for input, opens no window, and writes to its own temporary folder
alone. This is no protection against code that means harm.
"""

import json
import os
import random
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl import InputError
from numpy_impl.app.apart import Answer, answering, run_apart, set_limits
from parity_tests.kit.aspects.gradient.aspect import NOT_DECLARED
from parity_tests.kit.check import examine
from parity_tests.kit.evidence import Evidence
from parity_tests.kit.golden import Golden, GoldenError, load
from parity_tests.kit.loading.loader import Loader, LoadError, as_declared, propose, split
from parity_tests.kit.network import Network
from parity_tests.kit.part import KINDS, Part, examine_part
from parity_tests.kit.recognition.proposal import Convention
from parity_tests.kit.rendering.schema import from_json, to_json_text
from parity_tests.kit.verdicts import UNCHECKED, Report, Verdict, wanted

TIMEOUT, MEMORY = 120.0, 2048
_LEAST_MEMORY = 256
# What statements that are no definitions may take: seconds, and as a part of the time in all.
_LOADING, _LOADING_SHARE = 10.0, 0.25
_EVIDENCE = "evidence.npz"


@dataclass(frozen=True)
class Request:
    """What is to be checked, and how.

    Attributes
    ----------
    target : str
        See `parity_tests.kit.loading.loader.Loader.load`.
    folder : str
        Where modules are looked for.
    seed : int
    only : str
        An aspect, or empty for all.
    seconds : float
        Limit of time, from start to end.
    memory : int
        Limit of memory, in MB.
    golden : str
        A file of golden values that are asked and expected; empty if there is none.
    inspect : bool
        Whether a declaration is to be proposed, and nothing is to be asked.
    """

    target: str
    folder: str
    seed: int = 0
    only: str = ""
    seconds: float = TIMEOUT
    memory: int = MEMORY
    golden: str = ""
    inspect: bool = False


# The parent's side


def examine_apart(
    target: str,
    seed: int = 0,
    only: str = "",
    timeout: float = TIMEOUT,
    memory: int = MEMORY,
    golden: Path | None = None,
) -> Report:
    """Return what was found about a network, asked in a process of its own.

    No arbiter but the golden values has been asked; what one needs is in the report's evidence.

    Parameters
    ----------
    target : str
        ``FILE.py:Name``, ``FILE.ipynb:Name``, ``module:Name`` or ``FOLDER:Name``.
    seed : int, default 0
        Of everything it is asked with.
    only : str, optional
        One of `parity_tests.kit.verdicts.ASPECTS`.
    timeout : float, default 120
        Seconds after which the process is ended.
    memory : int, default 2048
        Limit of its memory in MB, where the system has one (not on Windows and macOS).
    golden : Path, optional
        A file of golden values that are asked and expected.

    Raises
    ------
    InputError
        For limits that make no sense, and for an aspect that is not known.
    """
    wanted(only)
    if not timeout > 0:
        raise InputError("timeout", "a positive number of seconds", repr(timeout))
    if memory < _LEAST_MEMORY:
        raise InputError("memory", f"at least {_LEAST_MEMORY} MB", repr(memory))
    if seed < 0:
        raise InputError("seed", "an integer of at least 0", repr(seed))
    file = "" if golden is None else str(golden.resolve())
    request = Request(_whole(target), str(Path.cwd()), seed, only, timeout, memory, file)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report, _ = _ask(request, Path(folder))
    report.target = target
    return report


def inspect_apart(
    target: str, timeout: float = TIMEOUT, memory: int = MEMORY
) -> tuple[dict[str, Any] | None, Report]:
    """Return a proposal for the declaration of a network, worked out in a process of its own.

    Parameters
    ----------
    target, timeout, memory
        As for `examine_apart`.

    Returns
    -------
    proposal : dict or None
        As of `parity_tests.kit.recognition.Proposal.to_json`, and ``"text"``.
    report : Report
        Why there is none, if there is none.
    """
    request = Request(_whole(target), str(Path.cwd()), seconds=timeout, memory=memory, inspect=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report, proposal = _ask(request, Path(folder))
    report.target = target
    return proposal, report


def _whole(target: str) -> str:
    """Return a target that is the same in another folder."""
    place, name = split(target)
    if Path(place).exists():
        place = str(Path(place).resolve())
    return f"{place}:{name}" if name else place


def _ask(request: Request, folder: Path) -> tuple[Report, dict[str, Any] | None]:
    ending = run_apart(
        "parity_tests.kit.child", json.dumps(asdict(request)), folder, request.seconds
    )
    told = ending.answers
    reports = [entry["report"] for entry in told if "report" in entry]
    proposal = next((entry["proposal"] for entry in told if "proposal" in entry), None)
    if reports:
        report = from_json(reports[-1])
        if (folder / "work" / _EVIDENCE).exists():
            report.evidence = Evidence.load(folder / "work" / _EVIDENCE)
        return report, proposal
    stage = next((e["stage"] for e in reversed(told) if "stage" in e), "the process starts")
    refused = [entry["refused"] for entry in told if "refused" in entry]
    message = f"{ending.describe(request.seconds)} while {stage}"
    if ending.printed:
        message += f". The last that it printed: {ending.printed}"
    found = [entry["found"] for entry in told if "found" in entry]
    report = from_json(found[-1]) if found else Report(request.target, {}, planned=1)
    report.spec["ended"] = message
    report.verdicts.append(Verdict(request.only or _asked(told), UNCHECKED, message))
    report.verdicts += map(_refusal, dict.fromkeys(refused))
    return report, None


def _asked(told: Sequence[Mapping[str, Any]]) -> str:
    """Return the aspect about which a network was asked last."""
    return next((entry["aspect"] for entry in reversed(told) if "aspect" in entry), "forward")


def _refusal(what: str) -> Verdict:
    return Verdict("side effects", UNCHECKED, f"{what}: refused while it is checked")


# The child's side


class _Guard:
    """Refuses what code is not to do, by Python's audit events.

    Parameters
    ----------
    folder : Path
        Where it may write.
    tell : callable
        Gets told in a sentence what was refused.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.folder = os.path.realpath(folder)
        self.tell = tell
        self._refusals: dict[str, Callable[[str, tuple[Any, ...]], None]] = {
            **dict.fromkeys(
                ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
                self._network,
            ),
            **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname"), self._network),
            **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec"), self._program),
            **dict.fromkeys(("os.posix_spawn", "os.spawn", "os.startfile"), self._program),
            **dict.fromkeys(("os.fork", "os.forkpty", "webbrowser.open"), self._program),
            **dict.fromkeys(("os.remove", "os.rename", "os.rmdir", "os.mkdir"), self._path),
            **dict.fromkeys(("os.truncate", "os.link", "os.symlink", "os.chmod"), self._path),
            **dict.fromkeys(("shutil.rmtree", "shutil.move", "shutil.copyfile"), self._path),
            "open": self._open,
            "os.kill": self._kill,
            "builtins.input": self._input,
        }

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise what the caller would get if it could not be done, or return."""
        refuse = self._refusals.get(event)
        if refuse is not None:
            refuse(event, arguments)

    def _network(self, event: str, arguments: tuple[Any, ...]) -> None:
        # getaddrinfo and gethostbyname begin with the host, the others with the socket.
        address = arguments[0] if "host" in event or "info" in event else arguments[-1]
        host = address[0] if isinstance(address, tuple) and address else address
        self.tell(f"it reaches for the network ({host})")
        raise ConnectionRefusedError("there is no network here")

    def _program(self, event: str, arguments: tuple[Any, ...]) -> None:
        program = f" ({arguments[0]})" if arguments else ""
        what = "opens a browser" if event == "webbrowser.open" else "starts a program"
        self.tell(f"it {what}{program}")
        raise PermissionError(f"nothing is started here{program}")

    def _input(self, _event: str, arguments: tuple[Any, ...]) -> None:
        self.tell(f"it asks for input ({str(arguments[0]).strip()!r})")
        raise EOFError("nobody is there to answer")

    def _kill(self, _event: str, arguments: tuple[Any, ...]) -> None:
        if arguments[0] != os.getpid():
            raise PermissionError("no other process is sent signals here")

    def _open(self, _event: str, arguments: tuple[Any, ...]) -> None:
        path, _mode, flags = arguments
        writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        if isinstance(path, str | bytes) and isinstance(flags, int) and flags & writes:
            self._path("open", (path,))

    def _path(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Copies may come from anywhere.
        for path in arguments[1:2] if event == "shutil.copyfile" else arguments[:2]:
            if not isinstance(path, str | bytes | os.PathLike):
                continue
            real = os.path.realpath(os.fsdecode(path))
            if not real.startswith((self.folder + os.sep, os.devnull)):
                self.tell(f"it changes files elsewhere ({real})")
                raise PermissionError(f"{real}: nothing is written outside {self.folder}")


def _answer(request: Request, answer: Answer) -> Report:
    """Return what was found, whatever happens short of the end of the process."""
    refused: dict[str, None] = {}

    def tell(what: str) -> None:
        if what not in refused:
            refused[what] = None
            answer({"refused": what})

    # The generators that strangers use. Nothing is restored: the process is theirs alone.
    random.seed(request.seed)
    np.random.seed(request.seed)  # noqa: NPY002
    folder = Path.cwd()
    sys.addaudithook(_Guard(folder, tell))
    seconds = min(_LOADING, _LOADING_SHARE * request.seconds)
    with Loader(request.folder, seconds, tell) as loader:
        answer({"stage": f"{Path(split(request.target)[0]).name} is executed"})
        try:
            loaded = loader.load(request.target)
            answer({"stage": "it is recognized"})
            if request.inspect:
                proposal = propose(loaded)
                answer({"proposal": {"text": str(proposal), **proposal.to_json()}})
                return Report(request.target, {})
            golden = load(Path(request.golden)) if request.golden else None
            declaration, conventions = as_declared(loaded, golden and golden.questions.sizes)
            if isinstance(declaration, Network):
                answer({"stage": "the network is asked"})
                report = _of_network(declaration, conventions, request, golden, answer)
            else:
                what, aspect = KINDS[type(declaration)]
                answer({"stage": f"the {what} is asked", "aspect": aspect})
                report = _of_part(declaration, what, request)
            if report.evidence is not None:
                report.evidence.save(folder / _EVIDENCE)
        except (LoadError, InputError, GoldenError, OSError) as error:
            report = _unchecked(request, str(error))
        except Exception as error:  # a fault of the kit, or of a network that breaks it
            traceback.print_exc()
            report = _unchecked(request, f"the check failed: {type(error).__name__}: {error}")
    if loader.notes:
        report.spec = {**report.spec, "loading": loader.notes}
    if request.only and not report.verdicts:
        report.verdicts.append(Verdict(request.only, UNCHECKED, "nothing was asked about it"))
    report.verdicts += map(_refusal, refused)
    return report


def _of_network(
    network: Network,
    conventions: Sequence[Convention],
    request: Request,
    golden: Golden | None,
    answer: Answer,
) -> Report:
    """Return what was found about a network, and tell in between what was found so far."""

    def tell_found(aspect: str, report: Report) -> None:
        answer({"stage": f"the network is asked: {aspect}", "aspect": aspect})
        text = to_json_text(_with_conventions(report, conventions), indent=None)
        answer({"text": f'{{"found": {text}}}'})

    report = examine(network, request.seed, request.only, golden=golden, tell=tell_found)
    return _with_conventions(report, conventions)


def _of_part(part: Part, what: str, request: Request) -> Report:
    """Return what was found about an optimizer, a layer or a loss by itself."""
    if request.golden:
        raise LoadError(f"this {what} by itself has no golden values: it is checked without them")
    found = examine_part(part, request.seed)
    return Report.of_part(
        request.target, [own for own in found if request.only in ("", own.aspect)]
    )


def _with_conventions(report: Report, conventions: Sequence[Convention]) -> Report:
    """Return a report with what was recognized, if anything had to be."""
    if not conventions:
        return report
    recognized = [asdict(convention) for convention in conventions]
    spec = {**report.spec, "recognized": recognized}
    return replace(report, spec=spec, verdicts=_with_reason(report.verdicts, conventions))


def _with_reason(verdicts: list[Verdict], conventions: Sequence[Convention]) -> list[Verdict]:
    """Say of a gradient that nobody has declared why it was not recognized either."""
    whys = [own.why for own in conventions if (own.name, own.value) == ("gradients", "not found")]
    return [
        replace(verdict, message=f"it was not recognized: {whys[0]}")
        if whys and verdict.message == NOT_DECLARED
        else verdict
        for verdict in verdicts
    ]


def _unchecked(request: Request, message: str) -> Report:
    return Report(request.target, {}, [Verdict("forward", UNCHECKED, message)], planned=1)


def main() -> None:
    """Answer the request that is the only argument."""
    request = Request(**json.loads(sys.argv[1]))
    sys.argv[1:] = []
    set_limits(request.memory)
    with answering() as answer:
        report = _answer(request, answer)
        answer({"text": f'{{"report": {to_json_text(report, indent=None)}}}'})
    # Threads and exit handlers of strangers are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
