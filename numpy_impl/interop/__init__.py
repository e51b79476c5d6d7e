"""Models in the formats of other programs, by the packages of the extra ``interop``."""

from numpy_impl.interop.onnx import export_onnx
from numpy_impl.interop.safetensors import load_safetensors, save_safetensors

__all__ = ["export_onnx", "load_safetensors", "save_safetensors"]
