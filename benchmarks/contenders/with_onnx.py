"""ONNX Runtime, on the network as a graph of three operators per layer."""

from collections.abc import Callable
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from benchmarks.cores import threads
from benchmarks.work import Work


def graph(work: Work) -> onnx.ModelProto:
    """Return the network in ONNX's format."""
    nodes, initializers, name = [], [], "x"
    for key, value in work.state_dict().items():
        initializers.append(numpy_helper.from_array(value, key))
    for number in range(len(work.weights)):
        layer = str(2 * number)
        inputs = [name, f"{layer}.weight", f"{layer}.bias"]
        nodes.append(helper.make_node("Gemm", inputs, [f"z{layer}"], transB=1))
        name = f"z{layer}"
        if number < len(work.weights) - 1:
            nodes.append(helper.make_node("Relu", [name], [f"a{layer}"]))
            name = f"a{layer}"
    floats = onnx.TensorProto.FLOAT
    ends = (
        [helper.make_tensor_value_info("x", floats, ["batch", work.sizes[0]])],
        [helper.make_tensor_value_info(name, floats, ["batch", work.sizes[-1]])],
    )
    opset = [helper.make_opsetid("", 17)]
    network = helper.make_graph(nodes, "mlp", *ends, initializers)
    return helper.make_model(network, opset_imports=opset, ir_version=9)


def make_predict(work: Work) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the inference; see `benchmarks.contenders`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(
        graph(work).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def predict(x: NDArray[Any]) -> NDArray[Any]:
        result: NDArray[Any] = session.run(None, {"x": x})[0]
        return result

    return predict
