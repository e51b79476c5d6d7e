"""Finding and loading what somebody has written."""

import builtins
import json
import linecache
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity_tests.kit.loading.loader import (
    Loader,
    as_declared,
    propose,
    split,
)
from parity_tests.kit.loading.sources import LoadError
from parity_tests.kit.loading.stand_in import StandIn
from parity_tests.kit.network import Network, Rule

DECLARATION = """
from parity_tests.kit.network import Network
network = Network(make=lambda: [1], parameters=lambda net: net, forward=lambda net, x: x)
"""


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def notebook(path: Path, *cells: str) -> str:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    text = {"cell_type": "markdown", "source": ["x = (", "\n"]}
    return write(path, json.dumps({"cells": [text, *code], "nbformat": 4}))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a/b.py:Name", ("a/b.py", "Name")),
        ("a/b.py:Name.part", ("a/b.py", "Name.part")),
        ("a.b:Name", ("a.b", "Name")),
        ("a/b.py", ("a/b.py", "")),
        ("C:Name", ("C:Name", "")),
        ("C:\\a.py:Name", ("C:\\a.py", "Name")),
    ],
)
def test_split(target: str, expected: tuple[str, str]) -> None:
    assert split(target) == expected


def test_names_in_files_modules_and_folders(tmp_path: Path) -> None:
    file = write(tmp_path / "nets" / "one.py", "class Net:\n    size = 3\nother = 1\n")
    write(tmp_path / "nets" / "two.py", "from one import Net\n")
    for target in (f"{file}:Net", f"{tmp_path}:Net", "nets.one:Net"):
        with Loader(tmp_path) as loader:
            assert loader.load(target).value.size == 3
    with Loader(tmp_path) as loader:
        assert loader.load(f"{file}:Net.size").value == 3
    with Loader(tmp_path) as loader:
        assert loader.load(file).value["other"] == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none.py:Net", "no file, module or folder 'none.py'"),
        ("none:Net", "no file, module or folder 'none'"),
        ("{}/one.py:Other", "one.py does not define Other"),
        ("{}/one.py:Net.other", "Net has no other"),
        ("{}:Net", "several files define Net .one.py, two.py."),
        ("{}:Other", "no file in .* defines Other"),
        ("{}", "say what to look for"),
        ("{}/old.py:Net", rf"old.py is no Python 3, as Python 3.{sys.version_info.minor} reads it"),
        ("{}/not.ipynb:Net", "not.ipynb is no Python 3: not a notebook"),
    ],
)
def test_targets_that_are_not_there(tmp_path: Path, target: str, message: str) -> None:
    for name in ("one.py", "two.py"):
        write(tmp_path / name, "class Net: pass\n")
    write(tmp_path / "old.py", "print 'x'\n")
    write(tmp_path / "not.ipynb", "[]")
    with Loader(tmp_path) as loader, pytest.raises(LoadError, match=message):
        loader.load(target.format(tmp_path))


def test_what_is_loaded_leaves_no_trace(tmp_path: Path) -> None:
    write(tmp_path / "beside.py", "x = 1")
    target = write(tmp_path / "net.py", "import beside\nimport not_there\nNet = beside.x\n")
    path, modules = list(sys.path), set(sys.modules)
    with Loader() as loader:
        assert loader.load(f"{target}:Net").value == 1
        assert "beside" in sys.modules
    assert (sys.path, set(sys.modules)) == (path, modules)
    assert "int" not in np.__dict__


def test_main_is_not_executed(tmp_path: Path) -> None:
    text = "class Net: pass\nif __name__ == '__main__':\n    raise SystemExit\n"
    with Loader() as loader:
        loader.load(write(tmp_path / "net.py", text) + ":Net")
    assert loader.notes == []


@pytest.mark.parametrize("failing", ["open('data.csv')", "raise SystemExit", "1 / 0"])
def test_after_a_failure_definitions_are_executed(tmp_path: Path, failing: str) -> None:
    text = f"""
import numpy as np
calls = []
{failing}
calls.append(1)
size = 3
W = np.zeros((size, size)) + [float(i) for i in range(size)]
X = open('data.csv')
read = lambda file: open(file)
class Net:
    weights = W
"""
    with Loader() as loader:
        loaded = loader.load(write(tmp_path / "net.py", text) + ":Net")
    assert loaded.namespace["calls"] == []
    assert "X" not in loaded.namespace
    assert callable(loaded.namespace["read"])
    assert loaded.value.weights.shape == (3, 3)
    assert len(loader.notes) == 1
    assert loader.notes[0].startswith("net.py, line 4: ")


def test_what_has_the_targets_name_is_always_executed(tmp_path: Path) -> None:
    text = "def build():\n    return 5\n1 / 0\nother = build()\nnet = build()\n"
    with Loader() as loader:
        loaded = loader.load(write(tmp_path / "net.py", text) + ":net")
    assert loaded.value == 5
    assert "other" not in loaded.namespace


@pytest.mark.parametrize("body", ["pass", "\n        try: x = 1\n        except: pass"])
def test_loops_at_module_level_come_to_an_end(tmp_path: Path, body: str) -> None:
    text = f"while True:\n    for _ in range(10):{' ' if body == 'pass' else ''}{body}\nNet = 1\n"
    start = time.monotonic()
    with Loader(seconds=0.2) as loader:
        assert loader.load(write(tmp_path / "net.py", text) + ":Net").value == 1
    assert time.monotonic() - start < 10
    assert "line 1: took longer" in loader.notes[0]


def test_modules_beside_are_executed_alike(tmp_path: Path) -> None:
    write(tmp_path / "layers.py", "open('data.csv')\nclass Linear: pass\n")
    text = "from layers import Linear\nclass Net(Linear): pass\n"
    with Loader() as loader:
        assert loader.load(write(tmp_path / "net.py", text) + ":Net").value.__mro__[1].__name__ == (
            "Linear"
        )
    assert "layers.py, line 1" in loader.notes[0]


def test_a_file_beside_that_is_not_found_is_told_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(tmp_path / "code" / "data" / "x.csv", "1")
    write(tmp_path / "above.csv", "1")
    told = {
        "data/x.csv": "lies beside the code",
        "above.csv": f"lies in {tmp_path.name}",
        "no.csv": "",
    }
    for name, where in told.items():
        file = write(tmp_path / "code" / "net.py", f"open({name!r})\nNet = 1\n")
        with Loader() as loader:
            loader.load(f"{file}:Net")
        [note] = loader.notes
        assert "FileNotFoundError" in note
        assert where in note
        assert ("not shown to it" in note) == bool(where)


def test_packages(tmp_path: Path) -> None:
    write(tmp_path / "net" / "layers" / "linear.py", "from ..base import Base\nLinear = Base\n")
    write(tmp_path / "net" / "base.py", "Base = 4\n")
    # A file of its package's own name, and one that is found from further up.
    text = "from net.base import Base\nfrom .layers.linear import Linear\nNet = Base + Linear\n"
    file = write(tmp_path / "net" / "net.py", text)
    with Loader() as loader:
        assert loader.load(f"{file}:Net").value == 8
    assert loader.notes == []
    file = write(tmp_path / "net" / "net.py", text.replace("from .layers", "from layers"))
    write(tmp_path / "net" / "layers" / "linear.py", "Linear = 4\n")
    with Loader() as loader:
        assert loader.load(f"{file}:Net").value == 8
    assert loader.notes == []


def test_files_that_import_each_other(tmp_path: Path) -> None:
    write(tmp_path / "tools.py", "from net import size\n")
    # As a script it is another module than the one that is imported by its name.
    file = write(tmp_path / "net.py", "import tools\nsize = 3\nNet = tools.size\n")
    with Loader() as loader:
        assert loader.load(f"{file}:Net").value == 3


def test_missing_modules_are_replaced(tmp_path: Path) -> None:
    text = """
import not_there.at_all as nt
import tkinter
from not_there import Base, jit
from tqdm import tqdm, trange
class Data(Base): pass
@jit
def plain(x: nt.Array[int] | None = None): return x
@nt.compiled(fast=True)
class Net:
    def fit(self, x):
        for _ in tqdm(x, desc="fit"): yield _
        yield from trange(2)
    def wrong(self, x):
        return nt.sigmoid(x) * 2
"""
    told: list[str] = []
    with Loader(tell=told.append) as loader:
        loaded = loader.load(write(tmp_path / "net.py", text) + ":Net")
        net = loaded.value()
        assert list(net.fit([7, 8])) == [7, 8, 0, 1]
        assert loaded.namespace["plain"](3) == 3
        assert isinstance(loaded.namespace["tkinter"], StandIn)
        assert not isinstance(net, loaded.namespace["Base"])
        # A stand-in is never taken for a number.
        with pytest.raises(TypeError):
            net.wrong(np.ones(3))
        loaded.namespace["nt"].show()
    assert told == ["it opens a plot window (not_there.at_all.show)"]
    files, names = zip(*(note.split(" ")[:2] for note in loader.notes), strict=True)
    assert set(files) == {"net.py:"}
    assert {"not_there", "tkinter"} <= {*names} <= {"not_there", "tkinter", "tqdm"}


@pytest.mark.parametrize(
    "use", [bool, list, float, lambda s: s + 1, lambda s: np.dot(s, np.ones(3)), lambda s: s < 1]
)
def test_a_stand_in_is_no_value(use: Callable[[StandIn], object]) -> None:
    with pytest.raises(TypeError):
        use(StandIn("x", print))


def test_imports_that_code_can_do_without_stay_missing(tmp_path: Path) -> None:
    text = """
try:
    import tkinter
except ImportError:
    tkinter = None
try:
    import not_there as xp
except ImportError:
    import numpy as xp
Net = xp.ones(3), tkinter
"""
    with Loader() as loader:
        ones, left_out = loader.load(write(tmp_path / "net.py", text) + ":Net").value
    assert (ones.sum(), left_out, loader.notes) == (3, None, [])


def test_names_that_numpy_and_python_have_removed(tmp_path: Path) -> None:
    text = "import numpy as np\nfrom collections import Iterable\nNet = np.float(np.int(2))\n"
    with Loader() as loader:
        assert loader.load(write(tmp_path / "net.py", text) + ":Net").value == 2.0
    assert len(loader.notes) == 3
    assert "net.py, line 2: collections has no Iterable; it is taken as it was" in loader.notes
    for name in ("int", "float"):
        assert f"net.py, line 3: numpy {np.__version__} has no {name}; it is taken as it was" in (
            loader.notes
        )


def test_names_of_python_2(tmp_path: Path) -> None:
    text = """
import cPickle
from itertools import izip, count
size = xrange(3)
def long(reduce):
    return reduce
Net = [sum(pair) for pair in izip(size, count())], unicode(1)
"""
    with Loader() as loader:
        assert loader.load(write(tmp_path / "net.py", text) + ":Net").value == ([0, 2, 4], "1")
    told = {note.partition(" has no ")[2].partition(";")[0] for note in loader.notes}
    assert told - {""} == {"xrange", "izip", "unicode"}
    assert "net.py, line 4: Python 3 has no xrange; it is taken as it was" in loader.notes
    assert not hasattr(builtins, "xrange")


@pytest.mark.parametrize(
    "line",
    [
        "from mpl_toolkits.mplot3d import Axes3D, axes3d",
        "from json import dumps, not_there",
        "import xml.not_there, json",
    ],
)
def test_a_library_that_breaks_is_replaced_and_the_rest_executed(tmp_path: Path, line: str) -> None:
    # The last statement is no definition.
    text = f"import matplotlib.pyplot as plt\n{line}\nNet = 'a b'.split()\n"
    with Loader() as loader:
        loaded = loader.load(write(tmp_path / "net.py", text))
    assert loaded.namespace["Net"] == ["a", "b"]
    assert any("a stand-in takes its place" in note for note in loader.notes)
    last = line.rpartition(" ")[2]
    assert (last == "json") != isinstance(loaded.namespace[last], StandIn)
    assert not isinstance(loaded.namespace.get("dumps"), StandIn)


def test_a_file_beside_that_breaks_ends_the_execution(tmp_path: Path) -> None:
    write(tmp_path / "other.py", "Net = 1\n")
    file = write(tmp_path / "net.py", "from other import nothing\nx = 'a b'.split()\n")
    with Loader() as loader:
        assert "x" not in loader.load(file).namespace


def test_what_numpy_has_is_no_news(tmp_path: Path) -> None:
    text = "import numpy as np\nclass Mine:\n    NaN = 1.0\nNet = np.nan_to_num(Mine.NaN)\n"
    with Loader() as loader:
        assert loader.load(write(tmp_path / "net.py", text) + ":Net").value == 1.0
    assert loader.notes == []


def test_notebooks(tmp_path: Path) -> None:
    file = notebook(
        tmp_path / "net.ipynb",
        "%matplotlib inline\nimport numpy as np",
        "%%bash\nrm -rf x",
        "%%time\nsize = 3\nfiles = !ls\nif size:\n    !pip install x\nsize?",
        "this is no python",
        "x = (7\n  % 4)\nclass Net:\n    weights = np.ones(size) * x",
    )
    with Loader() as loader:
        assert loader.load(f"{file}:Net").value.weights.tolist() == [3, 3, 3]
    with Loader() as loader:
        assert loader.load(f"{tmp_path}:Net").value.weights.tolist() == [3, 3, 3]


def test_lines_of_a_notebook_are_those_of_its_cells(tmp_path: Path) -> None:
    file = notebook(
        tmp_path / "net.ipynb",
        "no python",
        "import numpy as np\n\nx = np.float(1)\ndef net(a):\n    return 1 / a",
        "y = 1\n1 / 0",
    )
    with Loader() as loader:
        net = loader.load(f"{file}:net").value
    where = f"numpy {np.__version__} has no float; it is taken as it was"
    assert f"net.ipynb, code cell 2, line 3: {where}" in loader.notes
    assert any(n.startswith("net.ipynb, code cell 3, line 2: ZeroDiv") for n in loader.notes)
    with pytest.raises(ZeroDivisionError) as raised:
        net(0)
    last = raised.traceback[-1]
    assert (last.frame.code.raw.co_filename, last.lineno + 1) == (f"{file}, code cell 2", 5)
    assert linecache.getline(f"{file}, code cell 2", 5) == "    return 1 / a"


def test_annotations_from_the_future(tmp_path: Path) -> None:
    text = "from __future__ import annotations\ndef net(x: not_defined = 1): return x\n"
    with Loader() as loader:
        assert loader.load(write(tmp_path / "net.py", text) + ":net").value() == 1


@pytest.mark.parametrize(
    "after",
    ["", "def build():\n    return network\n", "def build(*, seed=0):\n    return network\n"],
)
def test_declarations(tmp_path: Path, after: str) -> None:
    file = write(tmp_path / "net.py", DECLARATION + after)
    targets = [file, f"{file}:network", *([f"{file}:build"] if after else [])]
    for target in targets:
        with Loader() as loader:
            network, conventions = as_declared(loader.load(target))
        assert isinstance(network, Network)
        assert conventions == ()


def test_more_than_one_declaration(tmp_path: Path) -> None:
    file = write(tmp_path / "net.py", DECLARATION + "other = Network(list, 'W', 'f')\n")
    with (
        Loader() as loader,
        pytest.raises(LoadError, match=r"several declarations .network, other."),
    ):
        as_declared(loader.load(file))


def test_a_rule_of_a_file_is_taken_where_no_network_is_declared(tmp_path: Path) -> None:
    rule = "from parity_tests.kit.network import Rule\nrule = Rule(list, max)\n"
    alone = write(tmp_path / "rule.py", rule)
    beside = write(tmp_path / "net.py", DECLARATION + rule)
    with Loader() as loader:
        assert isinstance(as_declared(loader.load(alone))[0], Rule)
        assert isinstance(as_declared(loader.load(f"{beside}:rule"))[0], Rule)
        assert isinstance(as_declared(loader.load(beside))[0], Network)
        with pytest.raises(LoadError, match="declaration already"):
            propose(loader.load(f"{alone}:rule"))


def test_a_function_that_raises(tmp_path: Path) -> None:
    file = write(tmp_path / "net.py", "def build():\n    return 1 / 0\n")
    with Loader() as loader, pytest.raises(LoadError, match=r"build.*ZeroDivisionError"):
        as_declared(loader.load(f"{file}:build"))


def test_a_class_that_could_not_be_imported(tmp_path: Path) -> None:
    file = write(tmp_path / "net.py", "from not_there import Net\n")
    with Loader() as loader, pytest.raises(LoadError, match=r"not_there.Net could not be imported"):
        as_declared(loader.load(f"{file}:Net"))


def test_what_is_recognized(tmp_path: Path) -> None:
    text = """
import numpy as np
class Net:
    def __init__(self, ins=5, outs=3):
        self.W, self.b = np.random.randn(ins, outs), np.zeros(outs)
    def forward(self, x):
        return np.maximum(x @ self.W + self.b, 0)
def build():
    return Net()
"""
    file = write(tmp_path / "net.py", text)
    for name in ("Net", "build"):
        with Loader() as loader:
            network, conventions = as_declared(loader.load(f"{file}:{name}"))
        assert callable(network.forward)
        assert conventions


def test_what_is_not_recognized(tmp_path: Path) -> None:
    file = write(tmp_path / "net.py", "class Net: pass\n")
    with Loader() as loader, pytest.raises(LoadError, match=r"Write a Network declaration"):
        as_declared(loader.load(f"{file}:Net"))


LAYERS = """
import numpy as np
class Dense:
    def __init__(self, ins, outs):
        self.W, self.b = np.random.randn(ins, outs), np.zeros(outs)
    def forward(self, x):
        return x @ self.W + self.b
class Tanh:
    def forward(self, x):
        return np.tanh(x)
    def backward(self, grad):
        return grad
"""
CONTAINER = """
class Network:
    def __init__(self, layers):
        self.layers = layers
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
"""


@pytest.mark.parametrize("name", ["", ":Network"])
@pytest.mark.parametrize("place", ["layers.py", "parts/layers.py", "parts/__init__.py"])
def test_layers_in_files_beside_are_found(tmp_path: Path, name: str, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    write(tmp_path / place, LAYERS)
    write(tmp_path / "train.py", "'\\d'\nraise SystemExit('executed')\n")
    file = write(tmp_path / "model.py", CONTAINER)
    with Loader() as loader, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        proposal = propose(loader.load(f"{file}{name}"))
    assert not warned
    module = place.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    assert proposal.fields["make"] == "lambda: Network([Dense(12, 9), Tanh(), Dense(9, 10)])"
    assert proposal.imports == (f"from {module} import Dense", f"from {module} import Tanh")
    assert f"from {module} import Dense\n" in proposal.to_source()
    beside = next(c for c in proposal.conventions if c.name == "beside the file")
    assert beside.value == f"from {module} import Dense; from {module} import Tanh"


def test_layers_beside_do_not_stand_for_those_of_the_file(tmp_path: Path) -> None:
    # Its own are made without their inputs, and nobody says when.
    own = """
class Late:
    def __init__(self, units):
        self.units = units
    def build(self, inputs):
        self.w = np.random.randn(inputs, self.units)
    def forward(self, x):
        return x @ self.w
"""
    write(tmp_path / "layers.py", LAYERS)
    file = write(tmp_path / "model.py", f"import numpy as np\n{own}{CONTAINER}")
    with Loader() as loader, pytest.raises(LoadError):
        propose(loader.load(f"{file}:Network"))


@pytest.mark.parametrize("imports", ["", "from layers import Dense\n", "import layers\n"])
def test_layers_beside_stand_for_no_file_that_has_nothing_to_do_with_them(
    tmp_path: Path, imports: str
) -> None:
    write(tmp_path / "layers.py", LAYERS)
    own = "def forward(x):\n    return x @ unknown\n"
    file = write(tmp_path / "net.py", f"{imports}{own}")
    with Loader() as loader:
        loaded = loader.load(file)
        if imports:
            assert "Dense(12, 9)" in propose(loaded).fields["make"]
            return
        with pytest.raises(LoadError, match="no forward pass was found"):
            propose(loaded)


def test_a_function_with_arguments_stands_for_its_file(tmp_path: Path) -> None:
    text = """
import numpy as np
def params_init(input_size, output_size):
    return np.random.randn(input_size, output_size), np.zeros(output_size)
def forward(W, b, X):
    return np.tanh(X @ W + b)
"""
    file = write(tmp_path / "net.py", text)
    fields = []
    for name in ("", ":params_init", ":forward"):
        with Loader() as loader:
            assert as_declared(loader.load(f"{file}{name}"))[1]
            fields.append(propose(loader.load(f"{file}{name}")).fields)
    assert fields[0] == fields[1] == fields[2]
    assert fields[0]["make"].startswith("lambda: params_init(")


def test_what_is_proposed_beside_declarations(tmp_path: Path) -> None:
    container = CONTAINER.replace("Network", "Sequence")
    text = LAYERS + container + DECLARATION + "other = Network(list, 'W', 'f')\n"
    file = write(tmp_path / "net.py", text)
    with Loader() as loader:
        assert propose(loader.load(str(file))).fields["make"].startswith("lambda: Sequence(")
        with pytest.raises(LoadError, match="a declaration already"):
            propose(loader.load(f"{file}:network"))
