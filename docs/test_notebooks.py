"""The notebooks are clean, and run from their first cell to the last, on their small setting."""

import asyncio
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HERE = Path(__file__).parent
FOLDER = HERE / "notebooks"
PAGE = (HERE / "notebooks.md").read_text(encoding="utf-8")
NAMES = ("first_network", "gradients", "mnist_99")
WAIT = 120  # seconds for a cell

Run = nbformat.NotebookNode | BaseException


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def test_page_leads_to_every_notebook() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)
    for name in NAMES:
        assert f"{{download}}`{name}.ipynb <notebooks/{name}.ipynb>`" in PAGE


@pytest.mark.parametrize("name", NAMES)
def test_is_clean(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NAMES)
def test_begins_with_what_is_learnt_and_with_installing(name: str) -> None:
    first, install, small = read(name).cells[:3]
    assert first.cell_type == "markdown"
    assert "**What you learn:**" in first.source
    assert "**How long it takes:**" in first.source
    assert "%pip install" in install.source
    assert 'SMALL = os.environ.get("NOTEBOOK_SMALL") == "1"' in small.source


def test_code_is_as_ruff_wants_it() -> None:
    pytest.importorskip("ruff")
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, FOLDER], check=True, timeout=60)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    home = tmp_path_factory.mktemp("notebooks")
    settings = {
        "NOTEBOOK_SMALL": "1",
        # The code of this folder, whatever is installed.
        "PYTHONPATH": str(HERE.parent),
        # More threads would wait for each other.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }

    async def run_all() -> list[Run]:
        clients = (
            NotebookClient(read(name), timeout=WAIT, resources={"metadata": {"path": FOLDER}})
            for name in NAMES
        )
        return await asyncio.gather(*(c.async_execute() for c in clients), return_exceptions=True)

    with pytest.MonkeyPatch.context() as patch:
        for variable, value in settings.items():
            patch.setenv(variable, value)
        return dict(zip(NAMES, asyncio.run(run_all()), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str, runs: dict[str, Run]) -> None:
    notebook = runs[name]
    if isinstance(notebook, BaseException):
        raise notebook
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    # Warnings go there.
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
