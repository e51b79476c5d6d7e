"""Networks with nothing wrong, in all shapes and conventions that occur."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from parity_tests.kit.catalogue import declarations
from parity_tests.kit.catalogue.planting import planted
from parity_tests.kit.network import Network


@dataclass(frozen=True)
class Correct:
    """A network that is right.

    Attributes
    ----------
    name : str
        What is told of it.
    file : str
        Its file in ``networks``, without the ending.
    declare : callable
        ``f(code)`` returning the declaration, from what the file defines.
    """

    name: str
    file: str
    declare: Callable[[SimpleNamespace], Network]

    @property
    def network(self) -> Network:
        """The declaration of the network as it is."""
        return self.planted()

    def planted(self, old: str = "", new: str = "") -> Network:
        """Return the declaration of the network with a piece of its text replaced.

        Raises
        ------
        ValueError
            If `old` does not occur exactly once.
        """
        return replace(self.declare(planted(self.file, old, new)), name=self.name)


def _of(name: str, file: str, weights: str | None = None, **choices: Any) -> Correct:
    declare = getattr(declarations, file)
    return Correct(name, file, lambda code: replace(declare(code, **choices), weights=weights))


_DEEP = (12, 9, 8, 10)
_WIDE = (12, 9, 9, 10)
_SQUARE = (9, 9, 9)
_DEEPER = (12, 9, 8, 6, 10)
_RELU = declarations.CLASSIFIER

CORRECT: tuple[Correct, ...] = (
    # Layers that keep their gradients
    _of("layers relu", "layer_objects", spec=declarations.LOGITS),
    _of("layers sigmoid", "layer_objects", hidden="Sigmoid"),
    _of("layers tanh", "layer_objects", hidden="Tanh"),
    _of("layers leaky relu deep", "layer_objects", hidden="LeakyReLU", sizes=_DEEP),
    _of("layers linear", "layer_objects", sizes=(12, 10)),
    _of("column layers sigmoid", "column_layers"),
    _of("column layers tanh deep", "column_layers", hidden="tanh", sizes=_DEEP),
    _of("column layers relu tanh", "column_layers", hidden="relu", output="tanh"),
    _of("jacobian layers", "jacobian_layers"),
    _of("jacobian layers deep", "jacobian_layers", sizes=_DEEP),
    _of("jacobian layers square", "jacobian_layers", sizes=_SQUARE, weights="in_out"),
    _of("closures adamw", "closures"),
    _of("closures nesterov deep", "closures", sizes=_DEEP, optimizer="Nesterov"),
    # Functions
    _of("dict functions", "dict_functions", spec=_RELU),
    _of("dict functions wide", "dict_functions", sizes=_WIDE, spec=_RELU),
    _of("dict functions deep", "dict_functions", sizes=_DEEPER),
    _of("dict functions penalty", "dict_functions", lambd=0.7),
    _of("positional", "positional"),
    _of("positional updates", "positional", updates=True),
    _of("binary columns", "binary_columns"),
    _of("fixed sizes", "fixed_sizes"),
    # Network classes with gradients
    _of("stored gradients sgd", "stored_gradients"),
    _of("stored gradients momentum", "stored_gradients", momentum=0.9),
    _of("stored gradients penalty", "stored_gradients", reg=0.3, weight_decay=0.01),
    _of("stored gradients lasso", "stored_gradients", lasso=0.02),
    _of("stored gradients ridge", "stored_gradients", ridge=0.05),
    _of("stored gradients rmsprop", "stored_gradients", optimizer="RMSProp"),
    _of("binary classifier", "binary_classifier"),
    _of("binary classifier soft labels", "binary_classifier", labels="soft"),
    _of("folded bias", "folded_bias"),
    _of("folded bias deep", "folded_bias", sizes=_DEEP),
    _of("folded columns", "folded_columns"),
    _of("float32", "single_precision", spec=_RELU),
    _of("deep relu", "deep_network", spec=_RELU),
    _of("deep wide", "deep_network", sizes=_WIDE, spec=_RELU),
    _of("deep square", "deep_network", sizes=_SQUARE, activation="tanh", weights="out_in"),
    _of("deep sigmoid", "deep_network", activation="sigmoid", sizes=_DEEPER),
    _of("deep tanh", "deep_network", activation="tanh"),
    _of("deep elu", "deep_network", activation="elu"),
    _of("deep softplus", "deep_network", activation="softplus"),
    _of("deep silu", "deep_network", activation="silu"),
    _of("logits softmax", "logits"),
    _of("logits binary", "logits", loss="binary_loss", labels="one_hot"),
    _of("logits one output", "logits", loss="binary_loss", labels="one_hot", sizes=(12, 9, 8, 1)),
    _of("logits squared", "logits", loss="mse_loss", labels="targets", slope=0.2),
    _of("logits hinge", "logits", loss="hinge_loss"),
    _of("logits huber", "logits", loss="huber_loss", labels="targets"),
    _of("logits absolute", "logits", loss="absolute_loss", labels="targets"),
    _of("log-probabilities", "log_probabilities", sizes=_DEEP),
    _of("log-probabilities updates", "log_probabilities", updates=True),
    _of("euclidean error", "criteria", loss="euclidean_error", labels="targets"),
    _of("categorical hinge", "criteria", loss="categorical_hinge", labels="one_hot"),
    _of("sum loss", "sum_loss"),
    _of("sum loss deep", "sum_loss", sizes=_DEEP),
    _of("regression", "regression"),
    # Those that update themselves
    _of("regression updates", "regression", updates=True),
    _of("lesson", "lesson", spec=_RELU),
    _of("lesson undeclared", "lesson"),
    _of("updating layers relu", "updating_layers"),
    _of("updating layers tanh deep", "updating_layers", hidden="tanh", sizes=_DEEP),
    _of("updating columns", "updating_columns"),
    _of("updating columns deep", "updating_columns", sizes=_DEEP),
    _of("fit only", "fit_only"),
    _of("fit only penalty", "fit_only", l2=0.2),
    _of("fit only one by one", "fit_only", batch_size=1),
    _of("summed updates", "summed_updates"),
    _of("dropout", "dropout_network"),
    _of("dropout reported", "dropout_network", training=True),
    _of("own adam", "own_optimizer"),
    _of("own adam decay", "own_optimizer", decay=0.05),
    _of("own rmsprop", "own_optimizer", rule="rmsprop"),
    _of("own momentum", "own_optimizer", rule="momentum"),
    _of("own momentum decay", "own_optimizer", rule="momentum", decay=0.1),
    # One sample at a time
    _of("sample lists quadratic", "sample_lists"),
    _of("sample lists cross-entropy deep", "sample_lists", cost="cross-entropy", sizes=_DEEP),
    _of("sample lists updates", "sample_lists", updates=True),
    _of("sample layers", "sample_layers"),
    _of("sample vectors", "sample_vectors"),
    _of("sample vectors updates", "sample_vectors", updates=True),
    _of("row vectors", "row_vectors"),
    _of("query", "query_network"),
)
