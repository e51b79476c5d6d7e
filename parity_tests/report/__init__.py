"""The report: every operation in every form, NumPy's errors beside PyTorch's.

``pytest parity_tests --parity-report DIR`` writes ``report.json``, ``report.md`` and
``report.html``, which is one file that needs nothing else.
"""

from parity_tests.report.collector import Collector
from parity_tests.report.writing import write_report

__all__ = ["Collector", "write_report"]
