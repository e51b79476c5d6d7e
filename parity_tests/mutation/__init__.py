"""Mutation testing: what mutmut changed in the library, and what the suite said to it.

mutmut changes one operator, number, name or argument after the other in every function and runs
the tests that reach the function. A change that no test notices is a gap in the suite, unless the
changed function does the same: those are declared in `equivalent`, each with the reason.
``python -m parity_tests.mutation`` reads what mutmut left behind, and fails for a change that
neither a test nor a declaration accounts for.
"""

from parity_tests.mutation.equivalent import EQUIVALENT, Equivalent
from parity_tests.mutation.mutants import Mutant, read_mutants

__all__ = ["EQUIVALENT", "Equivalent", "Mutant", "read_mutants"]
