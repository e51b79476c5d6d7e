"""Run the Python in README.md and in the pages beside this file, each page from its beginning."""

from pathlib import Path

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

ROOT = Path(__file__).parent.parent

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()], path=str(ROOT), patterns=["README.md", "docs/*.md"]
).pytest()
