"""The names that people give to things. They say what is tried first; behaviour decides."""

import re
from collections.abc import Sequence

# Each in the order in which it is tried; the first that fits the whole name counts.
_ROLES = (
    (
        "lr",
        r"((init|initial|base|start)_?)?(lr|learning_?rate|alpha|eta|step_?size|rate)"
        r"_?(0|init|initial|base)?",
    ),
    ("epochs", r"((n|num|max|train(ing)?)_?)?(epochs?|iters?|iterations?|passes)(_?num)?"),
    ("batch_size", r"(mini_?)?batch_?size|bs"),
    (
        "zero",
        r"l1|l2|l2_?\w+|reg\w*|lambda\w*|lambd\w*|lmbda|lam|weight_?decay|decay|wd|momentum|mu",
    ),
    ("zero", r"dropout\w*"),
    (
        "quiet",
        r"verbose|print\w*|plot\w*|debug|show\w*|(is_?)?(train|training|test)(_?(mode|flg|flag))?"
        r"|((is|use|init|all|with)_?)?zeros?(_?(init|start|weights?|flag))?",
    ),
    ("count", r"m|n|nb|(n|num)_?(samples?|examples?|data)|batch|total"),
    ("delta", r"d_?(z|y|a|x|out|l|values?|outputs?|loss|upper|next)\d*\w?|d(loss|l|j)_?d\w+"),
    (
        "delta",
        r"g|grads?|grad_?(out|output|outputs|y|z|loss|in|input)|(upstream|output|loss)_?grad\w*",
    ),
    ("delta", r"delta\w*|errors?|(output|loss)_?errors?|upstream\w*|gradients?|accum\w*grad\w*"),
    ("output", r"(x|img|images?|inputs?|data)_?(hat|pred\w*|rec|recon\w*|out|tilde|prime)"),
    ("labels", r"outputs?_(list|data|vector|targets?)|train(ing)?_(y|outputs?|targets?|labels?)"),
    ("inputs", r"train(ing)?_(x|inputs?|features?|samples?)"),
    (
        "output",
        r"y_?(pred|hat|out|prob)\w*|pred\w*|outputs?|out|prob\w*|al|a_?out|logits?|scores?|yh",
    ),
    (
        "activation",
        r"act|activ(ation)?|act(ivation)?_?(f|fn|func|function|name|type)|non_?lin\w*"
        r"|(hidden_?)?activation(_?hidden)?|transfer_?\w*",
    ),
    ("cache", r"caches?|memory|stored?|intermediates?|context|activations?|history"),
    ("parameters", r"params?|parameters|model|network|nn|net|theta|weights_?biases"),
    ("labels", r"y\w*|t|targets?\w*|labels?\w*|expected\w*|desired\w*|truth|one_?hot\w*|answers?"),
    ("inputs", r"x\w*|inputs?\w*|data|features?|images?\w*|samples?|a|a0|a_?prev|h|img|p"),
)

FORWARD = (
    r"forward|feed_?forward|forward_?(pass|prop|propagation|propagate)|f_?prop|propagate",
    r"predict_?proba\w*|__call__|query|compute_?output|run|forward\w*|\w*forward(_?(pass|prop\w*))?",
    r"predict\w*|evaluate\w*|output|test|think|activate|infer\w*|model",
    # What comes before probabilities is taken where nothing gives these.
    r"((get|calc|calculate|compute)_?)?(class_?)?(scores|logits)",
)
# What switches dropout and the like off, without an argument.
EVALUATION = (r"eval", r"(set_?|to_?)?(eval(uation)?|inference|test(ing)?)_?mode|set_?eval")
BACKWARD = (
    r"backward|back_?prop|back_?(pass|propagation|propagate)|backward_?(pass|prop|propagation)",
    r"(compute_?|calc\w*_?|get_?)?(grad|grads|gradients?)|forward_?backward\w*|\w*backward\w*",
    r"\w*back_?prop\w*|\w*gradients?|b_?prop",
)
TRAIN = (
    r"(train|fit|sgd|gradient|grad|update)_?(step|(mini_?)?batch|one|on_?batch|single|sample)|step"
    r"|train_?step",
    r"train|fit|learn|train\w*|fit\w*|gradient_?descent|sgd|\w*_train|backward\w*|back_?prop\w*",
)
UPDATE = (
    r"update|update_?(params?|parameters|weights|network|layers?)\w*|step|apply_?grad\w*",
    r"optimi[sz]e\w*|sgd|gradient_?descent_?step|update\w*",
)
LOSS = (
    r"loss|(compute|calc|calculate|get|calculate)_?(loss|cost)|cost|loss_?(fn|func|function)",
    r"(categorical_?|softmax_?)?cross_?entropy\w*|\w*loss|\w*cost|loss\w*|cost\w*",
    r"(binary_?)?cross_?entropy\w*|mse\w*|bce\w*|nll\w*|mean_?squared\w*|\w*error\w*|objective"
    r"|mae\w*|mean_?absolute\w*|huber\w*|(squared_?)?hinge\w*|log_?cosh\w*|focal\w*",
)
INITIALIZE = (
    r"init_?(params?|parameters|weights|network|model)\w*|initiali[sz]e_?\w*|init",
    r"(make|create|build|get)_?(params?|parameters|network|model|net|weights|bias)\w*|init\w*",
    r"\w*init(iali[sz]\w*)?|\w*_init\w*|(random|new|setup|set_?up|xavier|he|glorot)_?\w*",
)
_DERIVATIVE = re.compile(r".*(grad|deriv|prime|backward|backprop|delta|numerical).*")
_SLOPE = re.compile(r"_?(grad(ient)?s?|deriv(ative)?|prime|backward|backprop|delta)(?![a-z])")
_NETWORK = re.compile(r".*(net|nn|mlp|model|perceptron|classifier|brain|dnn|ann)\w*", re.I)
_STATE = re.compile(
    r"(v|m|s|vel|cache|velocity|velocities|moment|prev|last|mean|var|sum|acc|best|running|x|z|a|mask"
    r"|state)(_?(w|b|weight|bias|d)\w*)?s?|\w*(momentum|velocity|cache|moment)\w*"
    # Weights of the output layer are parameters.
    r"|(h|input|out|output)(_?d\w*)?s?"
)
_GRADIENT = re.compile(
    r"d|d_?(w|b)\w*|d(l|j|c|loss|cost)_?_?d_?\w+|d_?(weights?|bias\w*|gamma|beta)\w*|\w*grads?\w*"
    r"|(nabla|delta|del|update)_?\w*|\w*_?(nabla|prime|delta)|dJ\w*"
)


# What Python puts before the name of a private member: that of its class.
_MANGLED = re.compile(r"^_[A-Za-z]\w*?__(?=\w)")


# What is called so is the input where nothing else is, and else what came out of the network.
_EITHER = re.compile(r"a|h|p")


def role(name: str) -> str | None:
    """Return what an argument of this name mostly is, or None."""
    plain = name.lower().strip("_")
    return next((role for role, pattern in _ROLES if re.fullmatch(pattern, plain)), None)


def roles(arguments: Sequence[str]) -> list[str | None]:
    """Return what the arguments of one function mostly are, beside each other."""
    found = [role(name) for name in arguments]
    either = [is_either(name) for name in arguments]
    sure = any(kind == "inputs" and not open_ for kind, open_ in zip(found, either, strict=True))
    return ["output" if open_ and sure else kind for kind, open_ in zip(found, either, strict=True)]


def is_either(name: str) -> bool:
    """Return whether an argument of this name is an input as often as an output."""
    return _EITHER.fullmatch(name.lower().strip("_")) is not None


def rank(name: str, patterns: tuple[str, ...]) -> int | None:
    """Return how well a name fits, 0 for best; None if it does not."""
    own = _MANGLED.sub("", name)
    plain = name if name == "__call__" else own.lower().strip("_")
    return next((n for n, pattern in enumerate(patterns) if re.fullmatch(pattern, plain)), None)


def is_loss(name: str) -> bool:
    """Return whether a function of this name may be a loss, and not its derivative."""
    return rank(name, LOSS) is not None and not _DERIVATIVE.fullmatch(name.lower())


def is_derivative(name: str) -> bool:
    """Return whether a function of this name is a derivative."""
    return _DERIVATIVE.fullmatch(name.lower()) is not None


def is_slope_of_loss(name: str) -> bool:
    """Return whether a function of this name may be the derivative of a loss."""
    plain = name.lower()
    rest = _SLOPE.sub("", plain).strip("_")
    return is_derivative(plain) and any(rank(own, LOSS) is not None for own in (plain, rest))


def is_network(name: str) -> bool:
    """Return whether a class of this name is mostly a network."""
    return _NETWORK.fullmatch(name) is not None


def is_state(name: str) -> bool:
    """Return whether an array of this name is mostly no parameter."""
    return _STATE.fullmatch(name.lower().strip("_")) is not None or is_gradient(name)


def is_gradient(name: str) -> bool:
    """Return whether an array of this name is mostly a gradient."""
    return _GRADIENT.fullmatch(name.lower().strip("_")) is not None


def stem(name: str) -> str:
    """Return a name without what makes it a gradient: w1 for ``dW1``, ``grad_W1``, ``W1_grad``."""
    plain = name.lower().strip("_")
    plain = re.sub(r"^d(l|j|c|loss|cost)_+d_?", "", plain)
    plain = re.sub(r"_?(grads?|gradients?|nabla|prime|delta|update)_?", "", plain)
    plain = re.sub(r"^(d|del)_?(?=[wbgh]|theta)", "", plain)
    plain = plain.replace("weights", "w").replace("weight", "w")
    return plain.replace("biases", "b").replace("bias", "b").replace("_", "")
