"""Formulas as MathML, which browsers draw themselves: nothing is fetched, and no script runs."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger
from sphinx.writers.html5 import HTML5Translator

# The name of a function, such as log, before its argument; where it has limits, it is an operator.
_NAME = re.compile(r"(?<!<msub>)(?<!<msup>)(<mi>[a-z]{2,}</mi>)(?=<m(?!o))")
_SPACE = r'\1<mspace width="0.167em" />'


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that stands in a line of text."""
    translator.body.append(_mathml(node, node.astext(), "inline"))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands by itself; ``&`` and line ends align it, as in amsmath."""
    latex = node.astext().strip()
    if not latex.startswith(r"\begin") and ("&" in latex or r"\\" in latex):
        latex = rf"\begin{{split}}{latex}\end{{split}}"
    translator.body.append(f'<div class="math">{_mathml(node, latex, "block")}</div>\n')
    raise nodes.SkipNode


def _mathml(node: nodes.Element, latex: str, display: str) -> str:
    mathml: str = _NAME.sub(_SPACE, convert(latex, display=display).replace(r"\_", "_"))
    # What the converter does not know it passes on as it is.
    if "\\" in mathml or "&<" in mathml:
        getLogger(__name__).warning("not converted: %s", latex, location=node)
    return mathml


def setup(app: Sphinx) -> None:
    """Register the renderer; ``html_math_renderer = "mathml"`` chooses it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
