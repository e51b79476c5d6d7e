"""Let pytest run the Python in README.md and in docs, each page from its beginning."""

from importlib.util import find_spec

# The parity suite runs without the extra that reads pages.
if find_spec("sybil"):
    from sybil import Sybil
    from sybil.parsers.myst import PythonCodeBlockParser

    pytest_collect_file = Sybil(
        parsers=[PythonCodeBlockParser()], patterns=["README.md", "docs/*.md", "docs/guide/*.md"]
    ).pytest()
