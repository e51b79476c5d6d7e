"""Sphinx configuration."""

from sphinx.application import Sphinx

from numpy_impl import __version__
from parity_tests.guide import left_out_table, operations_table

project = "numpy-mlp"
copyright = "the numpy-mlp authors"  # noqa: A001 - the name Sphinx looks for
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown"}
exclude_patterns: list[str] = []

myst_enable_extensions = ["dollarmath"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say shapes as well
default_role = "code"
napoleon_use_rtype = False
# Sphinx takes the words of "ndarray of shape (batch, features)" for names to link to.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"numpy-mlp {release}"


def fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put tables that are made from the registry where a page asks for them."""
    for name, table in (("operations", operations_table), ("left-out", left_out_table)):
        marker = f"<!-- table: {name} -->"
        if marker in source[0]:
            source[0] = source[0].replace(marker, table())


def setup(app: Sphinx) -> None:
    """Register what fills in the tables."""
    app.connect("source-read", fill_in)
