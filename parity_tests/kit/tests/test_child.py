"""Networks in a process of their own, whatever they do there."""

import re
import sys
import time
from pathlib import Path

import pytest

from numpy_impl import InputError, lab
from parity_tests.kit.child import examine_apart
from parity_tests.kit.rendering.wording import headline
from parity_tests.kit.verdicts import EQUAL, UNCHECKED, Report

NETWORK = """
import numpy as np
from parity_tests.kit.network import Network

class Net:
    def __init__(self):
        self.W, self.b = np.random.randn(5, 3), np.zeros(3)

    def forward(self, x):
        return np.maximum(x @ self.W + self.b, 0)

network = Network(make=Net, parameters="W b", forward="forward")
"""


def check(folder: Path, text: str, **options: float) -> Report:
    file = folder / "net.py"
    file.write_text(text, encoding="utf-8")
    return examine_apart(f"{file}:network", only="forward", **options)  # type: ignore[arg-type]


def statuses(report: Report) -> list[tuple[str, str]]:
    return [(verdict.aspect, verdict.status) for verdict in report.verdicts]


def test_a_network_is_asked(tmp_path: Path) -> None:
    report = check(tmp_path, NETWORK)
    assert statuses(report) == [("forward", EQUAL)]
    assert report.spec["sizes"] == [5, 3]
    assert report.evidence is not None
    assert report.evidence.layers[0].weight.shape == (3, 5)
    assert "loading" not in report.spec
    assert report.target == f"{tmp_path / 'net.py'}:network"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.py"]


def test_a_class_without_a_declaration(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        NETWORK.partition("network =")[0].replace("__init__(self)", "__init__(self, n=5)")
    )
    report = examine_apart(f"{file}:Net", only="forward")
    assert statuses(report) == [("forward", EQUAL)]
    names = {part["name"] for part in report.spec["recognized"]}
    assert "forward" in names


def test_the_labs_network_is_right() -> None:
    report = examine_apart(f"{lab.__file__}:PlainNetwork")
    assert {verdict.status for verdict in report.verdicts} == {EQUAL}
    assert {verdict.aspect for verdict in report.verdicts} >= {"gradient", "optimizer"}


def test_the_labs_network_with_inverted_weights(tmp_path: Path) -> None:
    text = Path(lab.__file__).read_text(encoding="utf-8")
    inverted = text.replace("* np.sqrt(\n            2 /", "/ np.sqrt(\n            2 /")
    (tmp_path / "net.py").write_text(inverted, encoding="utf-8")
    report = examine_apart(f"{tmp_path / 'net.py'}:PlainNetwork")
    found = [(v.aspect, v.cause, v.factor) for v in report.failures]
    assert found == [
        ("initialization", "initialization-scale-inverted", pytest.approx(12 / 2, rel=0.03))
    ]


def test_torch_is_not_imported(tmp_path: Path) -> None:
    seen = "        import sys\n        assert False, 'torch' in sys.modules\n"
    report = check(tmp_path, NETWORK.replace("        self.W,", seen + "        self.W,"))
    assert [v.message for v in report.verdicts] == ["make: AssertionError: False"]


def test_what_it_prints_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    report = check(tmp_path, "print('{\"report\": {}}')\n" + NETWORK)
    assert statuses(report) == [("forward", EQUAL)]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("input('How many layers? ')", "it asks for input ('How many layers?')"),
        ("import urllib.request as r; r.urlopen('http://a.invalid/x')", "the network (a.invalid)"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "the network (127.0.0.1)"),
        ("import subprocess; subprocess.run(['wget', 'x'])", "it starts a program (wget)"),
        ("import os; os.system('wget x')", "it starts a program"),
        ("import os; os.fork()", "it starts a program"),
        ("import matplotlib.pyplot as plt; plt.show()", "it opens a plot window"),
        ("open({elsewhere!r}, 'w')", "it changes files elsewhere"),
        ("import os; os.remove({kept!r})", "it changes files elsewhere"),
        ("import shutil; shutil.rmtree({folder!r})", "it changes files elsewhere"),
    ],
)
def test_what_is_refused_is_told(tmp_path: Path, statement: str, told: str) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("kept")
    places = {"elsewhere": tmp_path / "new.txt", "kept": kept, "folder": tmp_path}
    statement = statement.format(**{name: str(path) for name, path in places.items()})
    report = check(tmp_path, statement + "\n" + NETWORK)
    assert statuses(report) == [("forward", EQUAL), ("side effects", UNCHECKED)]
    assert told in report.verdicts[1].message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.txt", "net.py"]


def test_its_own_folder_may_be_written_to(tmp_path: Path) -> None:
    text = "import tempfile\nopen('x.txt', 'w').close()\ntempfile.mkdtemp()\n" + NETWORK
    report = check(tmp_path, text)
    assert statuses(report) == [("forward", EQUAL)]
    assert "loading" not in report.spec


def test_modules_from_elsewhere_are_not_compiled_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    own.mkdir()
    elsewhere.mkdir()
    (elsewhere / "helper_of_net.py").write_text("x = 1\n")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    report = check(own, "import helper_of_net\n" + NETWORK)
    assert statuses(report) == [("forward", EQUAL)]
    assert [path.name for path in elsewhere.iterdir()] == ["helper_of_net.py"]


@pytest.mark.parametrize("statement", ["open('data.csv')", "import sys; sys.exit(3)"])
def test_what_fails_at_module_level_is_passed_over(tmp_path: Path, statement: str) -> None:
    report = check(tmp_path, f"{statement}\n{NETWORK}")
    assert statuses(report) == [("forward", EQUAL)]
    assert "net.py, line 1" in report.spec["loading"][0]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("import os; os._exit(7)", "it ended by itself (exit code 7) while net.py is executed"),
        pytest.param(
            "print('the last words', flush=True); import faulthandler; faulthandler._sigsegv()",
            "it crashed (SIGSEGV) while net.py is executed. The last that it printed: the last",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals"),
        ),
    ],
)
def test_a_crash_is_reported(tmp_path: Path, statement: str, told: str) -> None:
    report = check(tmp_path, f"{statement}\n{NETWORK}")
    assert statuses(report) == [("forward", UNCHECKED)]
    assert told in report.verdicts[0].message
    assert (report.run, report.exit_code) == (0, 2)


def test_a_hang_is_reported_with_what_was_refused_before(tmp_path: Path) -> None:
    asks = "        try: input()\n        except EOFError: pass\n"
    text = NETWORK.replace(
        "        return np", asks + "        while True: pass\n        return np"
    )
    report = check(tmp_path, text, timeout=3)
    assert statuses(report) == [("forward", UNCHECKED), ("side effects", UNCHECKED)]
    told = "it took more than 3 s and was ended while the network is asked"
    assert told in report.verdicts[0].message
    assert "it asks for input" in report.verdicts[1].message


STEPPING = """
import numpy as np
from parity_tests.kit.network import Network

class Net:
    def __init__(self):
        self.W, self.b = np.random.randn(5, 3), np.zeros(3)

    def forward(self, x):
        return x @ self.W + self.b

    def gradients(self, x, y):
        d = self.forward(x) - y
        return [x.T @ d, d.sum(axis=0) * {factor}]

    def step(self, x, y, lr):
        while {hangs}: pass
        for p, g in zip((self.W, self.b), self.gradients(x, y)):
            p -= lr * g

{function}
network = Network(
    make=Net, parameters="W b", forward="forward", gradients="gradients",
    step=lambda net, x, y, lr: net.step(x, y, lr), loss=lambda net, x, y: loss(net, x, y)
)
"""
LOSS = "def loss(net, x, y): return float(np.sum((net.forward(x) - y) ** 2) / 2)"


@pytest.mark.parametrize(
    ("factor", "told"),
    [("1", ["forward", "loss", "gradient"]), ("np.arange(3)", ["forward", "loss"])],
)
def test_what_was_answered_before_the_end_is_reported(
    tmp_path: Path, factor: str, told: list[str]
) -> None:
    file = tmp_path / "net.py"
    text = STEPPING.replace("{factor}", factor).replace("{function}", LOSS)
    file.write_text(text.replace("{hangs}", "True"), encoding="utf-8")
    report = examine_apart(f"{file}:network", timeout=8)
    # What the steps may account for is left open.
    assert [verdict.aspect for verdict in report.verdicts] == [*told, "optimizer"]
    assert "ended while the network is asked: optimizer" in report.verdicts[-1].message
    assert report.spec["sizes"] == [5, 3]
    assert (report.run, report.planned, report.exit_code) == (len(told), 8, 2)
    assert headline(report).startswith("It was ended before all was asked.")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    starts = (
        "        import multiprocessing as m, time\n"
        "        other = m.get_context('spawn').Process(target=time.sleep, args=(60,))\n"
        "        other.start()\n"
        "        import sys; print('started', other.pid, file=sys.__stdout__, flush=True)\n"
        "        while True: pass\n"
    )
    report = check(
        tmp_path, NETWORK.replace("        return np", starts + "        return np"), timeout=6
    )
    started = re.search(r"started (\d+)", report.verdicts[0].message)
    assert started is not None
    process = Path("/proc") / started[1] / "cmdline"
    # What is left of it is a zombie at most, without a command.
    limit = time.monotonic() + 10
    while process.exists() and process.read_bytes() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not process.exists() or not process.read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone limits memory")
def test_memory_is_limited(tmp_path: Path) -> None:
    text = NETWORK.replace("        return np", "        np.ones(2**26)\n        return np")
    assert statuses(check(tmp_path, text)) == [("forward", EQUAL)]
    report = check(tmp_path, text, memory=512)
    assert statuses(report) == [("forward", UNCHECKED)]
    assert "MemoryError" in report.verdicts[0].message


def test_an_exit_handler_does_not_hold_it_up(tmp_path: Path) -> None:
    text = "import atexit, time\natexit.register(time.sleep, 60)\n" + NETWORK
    start = time.monotonic()
    assert statuses(check(tmp_path, text, timeout=20)) == [("forward", EQUAL)]
    assert time.monotonic() - start < 15


def test_a_target_that_is_not_there() -> None:
    report = examine_apart("not_there.py:Net")
    assert statuses(report) == [("forward", UNCHECKED)]
    assert "no file, module or folder 'not_there.py'" in report.verdicts[0].message


def test_an_aspect_that_is_not_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(NETWORK)
    report = examine_apart(f"{file}:network", only="loss")
    assert statuses(report) == [("loss", UNCHECKED)]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"only": "speed"}, "only"),
        ({"timeout": 0.0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"memory": 100}, "memory"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input(options: dict[str, object], name: str) -> None:
    with pytest.raises(InputError, match=name):
        examine_apart("net.py:Net", **options)  # type: ignore[arg-type]
