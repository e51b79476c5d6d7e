"""Sphinx configuration."""

import pkgutil
import re
from importlib import import_module

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
# Tables, which the page of experiments includes.
exclude_patterns = ["pictures/*.md"]

myst_enable_extensions = ["dollarmath"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say shapes as well
default_role = "code"
napoleon_use_rtype = False
napoleon_use_ivar = True  # what a class documents as attributes stands there once
# Sphinx takes the words of "ndarray of shape (batch, features)" for names to link to.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"numpy-mlp {release}"


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


def fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put what is made from the registry and from the packages where a page asks for it."""
    for name, table in (("operations", operations_table), ("left-out", left_out_table)):
        marker = f"<!-- table: {name} -->"
        if marker in source[0]:
            source[0] = source[0].replace(marker, table())
    source[0] = re.sub(
        "<!-- package: (.*) -->", lambda found: package_reference(found[1]), source[0]
    )


def setup(app: Sphinx) -> None:
    """Register what fills in the tables."""
    app.connect("source-read", fill_in)
