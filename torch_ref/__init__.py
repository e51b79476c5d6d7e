"""The PyTorch twin of anything in `numpy_impl`; used by tests and benchmarks, never by the library.

See `torch_ref.twins` for how a twin is found.
"""

from torch_ref.autograd import Autograd, differentiate
from torch_ref.models import arena_vector, from_torch, load_weights, to_torch
from torch_ref.twins import pytorch_class, twin_class, twin_of, twin_of_optimizer

__all__ = [
    "Autograd",
    "arena_vector",
    "differentiate",
    "from_torch",
    "load_weights",
    "pytorch_class",
    "to_torch",
    "twin_class",
    "twin_of",
    "twin_of_optimizer",
]
