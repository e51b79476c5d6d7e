"""A report as plain text, Markdown, a page and JSON."""

from parity_tests.kit.rendering.html import to_fragment, to_html
from parity_tests.kit.rendering.markdown import to_markdown
from parity_tests.kit.rendering.schema import from_json, to_json_text
from parity_tests.kit.rendering.text import to_text

__all__ = [
    "from_json",
    "to_fragment",
    "to_html",
    "to_json_text",
    "to_markdown",
    "to_text",
]
