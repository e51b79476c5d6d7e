"""The PyTorch twin of anything in `numpy_impl`; used by tests and benchmarks, never by the library.

The mapping table is `torch_ref.twins.TWINS`: each class of `numpy_impl` and what makes its twin.
"""

from torch_ref.autograd import Autograd, differentiate
from torch_ref.models import arena_vector, from_torch, load_weights, to_torch
from torch_ref.twins import TWINS, twin_of, twin_of_optimizer

__all__ = [
    "TWINS",
    "Autograd",
    "arena_vector",
    "differentiate",
    "from_torch",
    "load_weights",
    "to_torch",
    "twin_of",
    "twin_of_optimizer",
]
