"""``python -m benchmarks.cold_start CONTENDER FILE``: from nothing to the first prediction.

Each function here is a whole program as one would write it to deploy the network; `FILES` makes
what it loads.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cores import keep_to_cores

if TYPE_CHECKING:
    from benchmarks.work import Work

_DIGIT = [[0.5] * 784]


def numpy(path: str) -> int:
    """Predict with the library."""
    from numpy_impl import load_model

    return int(load_model(path).model.predict(_DIGIT).argmax())


def pytorch(path: str) -> int:
    """Predict with PyTorch."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    model.load_state_dict(torch.load(path, weights_only=True))
    with torch.inference_mode():
        return int(model(torch.tensor(_DIGIT)).argmax())


def onnx(path: str) -> int:
    """Predict with ONNX Runtime."""
    import numpy
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return int(session.run(None, {"x": numpy.array(_DIGIT, numpy.float32)})[0].argmax())


def scikit(path: str) -> int:
    """Predict with scikit-learn."""
    import pickle

    return int(pickle.loads(Path(path).read_bytes()).predict(_DIGIT)[0])


PROGRAMS: dict[str, Callable[[str], int]] = {
    "NumPy": numpy,
    "PyTorch eager": pytorch,
    "ONNX Runtime": onnx,
    "scikit-learn": scikit,
}


def write_files(work: "Work", folder: Path, names: list[str]) -> dict[str, Path]:
    """Write what each of these programs loads, and return where."""
    paths = {name: folder / f"{PROGRAMS[name].__name__}.model" for name in names}
    if "NumPy" in paths:
        from benchmarks.contenders.ours import network
        from numpy_impl import save_model

        save_model(paths["NumPy"], network(work))
    if "PyTorch eager" in paths:
        import torch

        state = {name: torch.tensor(value) for name, value in work.state_dict().items()}
        torch.save(state, paths["PyTorch eager"])
    if "ONNX Runtime" in paths:
        from benchmarks.contenders.with_onnx import graph

        paths["ONNX Runtime"].write_bytes(graph(work).SerializeToString())
    if "scikit-learn" in paths:
        import pickle

        from benchmarks.contenders.scikit import classifier_of

        paths["scikit-learn"].write_bytes(pickle.dumps(classifier_of(work)))
    return paths


if __name__ == "__main__":
    keep_to_cores()
    print(PROGRAMS[sys.argv[1]](sys.argv[2]))
