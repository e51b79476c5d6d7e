"""Sphinx configuration."""

import os
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path

# The figures of the guide are measured with one thread, as in the tests; both libraries read the
# number when they are loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))  # for the extension beside this file

from numpy_impl import __version__
from parity_tests.guide import left_out_table, lockstep_table, operations_table, parity_table

project = "numpy-mlp"
copyright = "the numpy-mlp authors"  # noqa: A001 - the name Sphinx looks for
release = __version__

extensions = [
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown"}
# Tables, which the page of experiments includes.
exclude_patterns = ["pictures/*.md"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say shapes as well
default_role = "code"
napoleon_use_rtype = False
napoleon_use_ivar = True  # what a class documents as attributes stands there once
# Sphinx takes the words of "ndarray of shape (batch, features)" for names to link to.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"numpy-mlp {release}"
# The reference has its modules in the order of the data; nobody looks for them by letter.
html_domain_indices = False
# For browsers on systems without a font for formulas; matplotlib has one that may be passed on.
html_static_path = ["_static", f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSerif.ttf"]
html_css_files = ["guide.css"]
# Fetching pages for extracts, which a browser refuses where the site is opened from a disk.
html_show_search_summary = False


def package_reference(name: str) -> str:
    """Return the directives that document a package and all its modules."""
    names = [
        name,
        *(f"{name}.{m.name}" for m in pkgutil.iter_modules(import_module(name).__path__)),
    ]
    blocks = [f"```{{eval-rst}}\n.. automodule:: {names[0]}\n```"]
    for module in names[1:]:
        directive = f".. automodule:: {module}\n   :members:\n   :show-inheritance:"
        blocks.append(f"### {module}\n\n```{{eval-rst}}\n{directive}\n```")
    return "\n\n".join(blocks)


def measured(operations: str) -> str:
    """Return what the tests measure of some operations, now, and how to read it."""
    table = parity_table(operations.split(", "))
    if "PyTorch" not in table:
        return table
    return (
        f"{table}\n\nErrors in [units of eps times the condition]"
        "(/parity.md): the worst and, in parentheses, the median. In float32 they are from the "
        "result in float64, in float64 from PyTorch's. Measured when this page was built."
    )


TABLES = {
    "lockstep": lockstep_table,
    "operations": operations_table,
    "left-out": left_out_table,
}
MAKERS = {
    "table": lambda name: TABLES[name](),
    "parity": measured,
    "package": package_reference,
}


def fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put what is made from the registry and from the packages where a page asks for it."""
    source[0] = re.sub(
        f"<!-- ({'|'.join(MAKERS)}): (.*) -->",
        lambda found: MAKERS[found[1]](found[2]),
        source[0],
    )


def setup(app: Sphinx) -> None:
    """Register what fills in the tables."""
    app.connect("source-read", fill_in)
