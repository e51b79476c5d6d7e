"""Somebody's network, recognized without any adapter."""

from parity_tests.kit.recognition.followed import followed
from parity_tests.kit.recognition.globals import global_arrays, with_globals
from parity_tests.kit.recognition.making import uninitialized
from parity_tests.kit.recognition.proposal import Convention, Proposal
from parity_tests.kit.recognition.search import RecognitionError, recognize

__all__ = [
    "Convention",
    "Proposal",
    "RecognitionError",
    "followed",
    "global_arrays",
    "recognize",
    "uninitialized",
    "with_globals",
]
