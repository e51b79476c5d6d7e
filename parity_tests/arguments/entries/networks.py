"""Networks, parameters, and what is made of them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.arguments.entries.common import (
    DTYPE,
    FALSE,
    FLOAT32,
    GENERATOR,
    TRUE,
    G,
    X,
    always,
    atomic,
    count,
    floats,
    last,
    model,
    numbers,
    rng,
    thing,
)
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN


def network_entries() -> Iterator[Entry]:
    """Yield the entry points of networks and their parts."""
    dtype = FLOAT32
    x = floats(X, fits=last(FEATURES), dtype=dtype)
    logits = Argument("out", lambda: np.zeros((BATCH, CLASSES), dtype), optional=True)
    workspace = thing(lambda: ours.Workspace(model(), 64, FEATURES), optional=True)

    def forward(method: str, x: Any, **given: Any) -> Any:
        return getattr(model(), method)(x, **given)

    yield Entry("Sequential.forward", partial(forward, "forward"), {"x": x})
    yield Entry(
        "Sequential.forward",
        partial(forward, "forward"),
        {
            "x": replace(
                x, fits=lambda s: None if len(s) == 2 and s[0] > 64 else last(FEATURES)(s)
            ),
            "workspace": workspace,
        },
    )
    yield Entry("Sequential.forward", partial(forward, "forward", X), {"out": logits})
    yield Entry("Sequential.__call__", partial(forward, "__call__", X), {"out": logits})
    two = floats(
        X, fits=lambda s: len(s) == 2 and s[1] == FEATURES, dtype=dtype, also=("in_features",)
    )
    yield Entry(
        "Sequential.predict", partial(forward, "predict"), {"x": two, "batch_size": count(3)}
    )
    yield Entry("Sequential.predict", partial(forward, "predict", X), {"out": logits})
    yield Entry("Sequential.__call__", partial(forward, "__call__"), {"x": x})
    blocks = ours.Sequential(
        ours.Linear(FEATURES, HIDDEN, rng=rng()),
        ours.BatchNorm1d(HIDDEN),
        ours.GELU(),
        ours.Dropout(rng=rng()),
        ours.Residual(ours.LayerNorm(HIDDEN), ours.Linear(HIDDEN, HIDDEN, rng=rng())),
        ours.Linear(HIDDEN, CLASSES, rng=rng()),
        ours.LogSoftmax(-1),
    )
    yield Entry(
        "Sequential.predict",
        lambda **given: blocks.predict(**given),
        {"x": two, "batch_size": count(3)},
    )

    def backward(**given: Any) -> Any:
        network = model()
        network.forward(X)
        result = network.backward(**given)
        return [result, network.arena.grads]

    grad = floats(G, dtype=dtype)
    out = Argument("out", lambda: np.zeros_like(X), optional=True)
    yield Entry(
        "Sequential.backward",
        backward,
        {
            "grad_output": grad,
            "out": out,
            "need_input_grad": TRUE,
            "accumulate": FALSE,
            "workspace": workspace,
        },
    )
    yield Entry(
        "Sequential.widths",
        lambda in_features: model().widths(in_features),
        {"in_features": count(FEATURES)},
    )

    def loaded(state_dict: Any) -> Any:
        network = model()
        return atomic(network, network.load_state_dict, state_dict, lambda n: n.arena.values)

    yield Entry(
        "Sequential.load_state_dict",
        loaded,
        {"state_dict": Argument("state", lambda: model(3).state_dict())},
    )

    def of_layers(kind: Any, layers: Any) -> Any:
        return using(lambda: kind(layers, ours.Tanh()), lambda n: n.forward(X))

    linear = thing(lambda: ours.Linear(FEATURES, FEATURES, rng=rng()))
    for kind in (ours.Sequential, ours.Residual):
        yield Entry(kind.__name__, partial(of_layers, kind), {"layers": linear})
    yield Entry(
        "mlp",
        lambda **given: using(lambda: ours.mlp(**given), lambda m: m.forward(X.astype(m.dtype))),
        {"sizes": thing(lambda: [FEATURES, HIDDEN, CLASSES]), "rng": GENERATOR, "dtype": DTYPE},
    )
    for position in range(3):

        def sized(size: Any, position: int = position) -> Any:
            sizes = [FEATURES, HIDDEN, CLASSES]
            sizes[position] = size
            return using(lambda: ours.mlp(sizes, rng=rng()), lambda m: m.forward(X))

        yield Entry(
            "mlp",
            sized,
            {
                "size": count(
                    (FEATURES, HIDDEN, CLASSES)[position],
                    also=("sizes", "in_features", "out_features"),
                )
            },
        )
    yield Entry(
        "Workspace",
        lambda **given: [a.shape for a in ours.Workspace(**given).outputs],
        {"model": thing(model), "batch_size": count(BATCH), "in_features": count(FEATURES)},
    )
    yield Entry(
        "Workspace.first",
        lambda rows: [a.shape for a in ours.Workspace(model(), 9, FEATURES).first(rows)[0]],
        {"rows": count(5, also=("x",))},
    )
    yield Entry(
        "ParameterArena",
        lambda **given: using(lambda: ours.ParameterArena(**given), lambda a: [a.values, a.grads]),
        {"size": count(5), "dtype": DTYPE},
    )

    def parameter(**given: Any) -> Any:
        return using(lambda: ours.Parameter(**given), lambda p: [p.name, p.data, p.grad])

    arena = thing(lambda: ours.ParameterArena(20))
    yield Entry(
        "Parameter",
        parameter,
        {
            "name": Argument("object", always("weight"), taken=("string",)),
            "shape": thing(lambda: (3, 2), taken=("list",)),
            "arena": arena,
            "offset": count(4),
        },
    )

    def made() -> ours.Parameter:
        return ours.Parameter("weight", (3, 2), ours.ParameterArena(20), 4)

    yield Entry(
        "Parameter.of",
        lambda vector: made().of(vector),
        {"vector": Argument("vector", always(numbers(20)))},
    )
    yield Entry(
        "Parameter.move_to",
        lambda arena, offset: [made().move_to(arena, offset), arena.values],
        {"arena": arena, "offset": count(4)},
    )
    for name in ("data", "grad"):

        def assigned(weight: Any, name: str = name) -> Any:
            parameter = made()
            setattr(parameter, name, weight)
            return [parameter.data, parameter.grad]

        yield Entry("Parameter", assigned, {"weight": floats(numbers(3, 2), dtype=dtype)})
