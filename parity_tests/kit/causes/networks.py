"""What may be wrong with a forward pass, a loss and a gradient."""

from collections.abc import Mapping

from parity_tests.kit.causes.cause import Cause

NETWORK_CAUSES: Mapping[str, Cause] = {
    # Forward
    "another-activation": Cause(
        "another activation than declared", "the function that the hidden layer calls"
    ),
    "function-without-brackets": Cause(
        "brackets are left out of the formula of an activation",
        "the denominator: 1 / (1 + exp(-z)), where 1 / 1 + exp(-z) is 1 + exp(-z)",
    ),
    "sigmoid-of-negative": Cause(
        "sigmoid is taken of the negated argument", "the sign of the exponent: 1 / (1 + exp(-z))"
    ),
    "tan-for-tanh": Cause(
        "the tangent is taken for the hyperbolic tangent",
        "the function's name: np.tanh, not np.tan",
    ),
    "activation-twice": Cause(
        "an activation is applied twice",
        "whether a layer applies it, and the forward pass of the network applies it once more",
    ),
    "activation-shifted": Cause(
        "the largest pre-activation is subtracted, though the activation is no softmax",
        "the shift z - max(z): softmax does not change by it, and what acts on single entries does",
    ),
    "activation-scaled": Cause(
        "a constant is multiplied in an activation, which is not in the one declared",
        "what multiplies the hidden layer in the forward pass; with dropout, its factor is for "
        "training alone",
    ),
    "another-output": Cause(
        "another function of the last layer than declared", "the end of the forward pass"
    ),
    "bias-left-out": Cause("a bias is not added", "the line that multiplies with the matrix"),
    "bias-outside-activation": Cause(
        "a bias is added after the activation and not before",
        "the brackets: f(x W + b), where f(x W) + b moves what the function returns",
    ),
    "bias-subtracted": Cause(
        "a bias is subtracted, as a threshold is",
        "the sign before it, and that of its gradient: d(W a - b)/db is -1",
    ),
    "forward-transposed": Cause(
        "a square matrix is used transposed", "the product in the forward pass"
    ),
    "inputs-scaled": Cause(
        "the network scales its inputs itself", "whether the data are scaled before as well"
    ),
    "softmax-over-samples": Cause(
        "softmax is taken over the samples and not over the classes",
        "the axis of the maximum and of the sum in softmax",
    ),
    "softmax-over-batch": Cause(
        "softmax divides by the sum over the whole batch",
        "the sum in softmax, which needs an axis and keepdims; with one sample it does not show",
    ),
    "softmax-shifted-by-class": Cause(
        "softmax subtracts the largest logit of each class, over the samples, and not that of each "
        "sample",
        "the axis of the maximum in softmax",
    ),
    "softmax-negated": Cause("softmax of the negated logits", "the sign in the exponential"),
    "softmax-twice": Cause(
        "softmax is taken twice",
        "whether a layer takes softmax, and the forward pass or the loss takes it once more",
    ),
    "softmax-not-normalized": Cause("exponentials are not divided by their sum", "softmax"),
    "softmax-sum-shifted": Cause(
        "a number is added to the sum that softmax divides by, so that probabilities add up to "
        "less than 1",
        "the denominator of softmax: the sum of the exponentials alone, or with 1e-8 at most",
    ),
    "softmax-without-exponential": Cause(
        "logits themselves are divided by their sum, and not their exponentials",
        "softmax: exp(z) / sum(exp(z)); without the exponential it may be negative or infinite",
    ),
    "layer-fed-with-inputs": Cause(
        "a layer gets the network's inputs and not the values of the layer before",
        "what the product is taken of, as in a loop: a = f(a @ W + b), not f(x @ W + b)",
    ),
    "activation-not-passed-on": Cause(
        "a function that the backward pass has is not passed on by the forward pass",
        "what the next layer is given in the forward pass: a = f(z), and not z, where both are "
        "kept. f(z) and f'(z) in the backward pass are right then",
    ),
    "forward-random": Cause(
        "two forward passes differ",
        "whether predictions go through it: dropout and noise have to be switched off there",
    ),
    # Loss
    "backward-of-another-output": Cause(
        "the backward pass takes another function of the last layer than the forward pass",
        "which function the last layer is meant to have: it must be the same in both",
    ),
    "labels-broadcast": Cause(
        "outputs and labels are of two shapes, such as (n, 1) and (n,): each meets every other",
        "the shapes of both where they meet, which must be the same: reshape(-1, 1) makes a column "
        "of a vector, and .T makes one of a row",
    ),
    "forward-of-its-own": Cause(
        "the backward pass computes a forward pass of its own, and that is another one",
        "the two: compute it once, and keep for the backward pass what it needs",
    ),
    "gradient-of-another-loss": Cause(
        "the gradient is that of another loss than the one reported",
        "which of the two is meant: the loss function, or the first line of the backward pass",
    ),
    "labels-left-out": Cause(
        "the labels are not subtracted: the output alone goes back",
        "the first line of the backward pass: p - y",
    ),
    "output-left-out": Cause(
        "the labels alone go back, without the output that they are subtracted from",
        "the first line of the backward pass: p - y",
    ),
    "logits-for-outputs": Cause(
        "the labels are subtracted from the pre-activations, and not from the outputs",
        "the first line of the backward pass: p - y, where p is what the last layer's function "
        "gives",
    ),
    "derivative-on-labels": Cause(
        "the derivative of the last layer's function is taken at the labels, not at the outputs",
        "what the derivative is given in the first line of the backward pass: the output, or the "
        "pre-activation",
    ),
    "labels-written": Cause(
        "the error is -1 at the labels, where the output less 1 is meant",
        "the first line of the backward pass: d[rows, y] -= 1, where d[rows, y] = -1 writes over "
        "the output",
    ),
    "error-without-sign": Cause(
        "the error goes back without its sign",
        "the first line of the backward pass: p - y, and not its absolute value or the root of its "
        "square; of the binary cross-entropy, the signs of -y / p and (1 - y) / (1 - p), which "
        "are not the same",
    ),
    "error-centred": Cause(
        "the mean over the samples is taken away from the error of the outputs",
        "what is subtracted from p - y: nothing is, and a bias has no gradient without its mean",
    ),
    "error-of-another-form": Cause(
        "the error of the outputs is of another form",
        "the first line of the backward pass: p - y for softmax with cross entropy, sigmoid with "
        "binary cross entropy, and half the squared error of plain numbers",
    ),
    "loss-not-squared": Cause("a root is taken that is not squared again", "the norm in the loss"),
    "loss-without-log": Cause("the logarithm is missing", "the loss function"),
    "loss-sign": Cause("the sign is missing", "the minus in front of the loss"),
    "loss-arguments-exchanged": Cause(
        "the loss takes the labels for outputs, and the outputs for labels",
        "the order of the arguments where the loss is called: the logarithm is that of outputs",
    ),
    "loss-not-reduced": Cause(
        "the loss is an array and not a number", "the sum or the mean in the loss function"
    ),
    "loss-without-parameters": Cause(
        "the loss does not depend on the parameters that are declared",
        "which arrays the loss is computed from: those that are trained, not others beside them",
    ),
    # Factors
    "factor-batch": Cause(
        "a factor of the batch size",
        "where the sum over the samples is divided by their number: once, in loss and gradient",
    ),
    "factor-classes": Cause(
        "a factor of the number of outputs",
        "a mean over all entries, where the other side divides by the samples alone",
    ),
    "factor-features": Cause(
        "a factor of the number of inputs", "which dimension the code takes for the batch"
    ),
    "factor-width": Cause(
        "a factor of each layer's own widths",
        "the axis whose length divides: the samples are meant, and not the units",
    ),
    "factor-two": Cause(
        "a factor of two",
        "a 2 or 1/2 that one of loss and gradient has, as of a square and of its derivative",
    ),
    "factor-nominal-batch": Cause(
        "divided by the nominal batch size and not by the number of samples",
        "short batches: divide by the number of rows that came",
    ),
    "divisor-of-first-batch": Cause(
        "divided by the number of samples of the first batch, which is kept",
        "where the number of samples is taken: from every batch that comes",
    ),
    "factor-constant": Cause("a constant factor", "scalars in the backward pass"),
    "sign": Cause(
        "the sign is turned", "whether the update adds where it should subtract, or p - y"
    ),
    # Backward
    "output-derivative-missing": Cause(
        "the derivative of the last layer's function is left out",
        "the first line of the backward pass: p - y is the whole gradient only for softmax or "
        "sigmoid with their own cross-entropy",
    ),
    "inner-derivative-missing": Cause(
        "the derivative of the function that softmax is taken of is left out",
        "what the last layer does before softmax: p - y is the gradient of softmax's own inputs, "
        "and that function comes next on the way back, if it is meant at all",
    ),
    "activation-derivative-missing": Cause(
        "the derivative of the activation is left out, or is one everywhere",
        "the line after the product with the transposed matrix, and whether its mask is ever zero",
    ),
    "derivative-on-activation": Cause(
        "the derivative is evaluated on the activation and not on the pre-activation",
        "what the derivative is given: f'(z), not f'(f(z))",
    ),
    "derivative-on-preactivation": Cause(
        "a derivative that is written for the activation is given the pre-activation",
        "what the derivative is given: a (1 - a) wants a = f(z)",
    ),
    "derivative-of-another-function": Cause(
        "the derivative is that of another function", "which function the forward pass uses"
    ),
    "derivative-of-another-layer": Cause(
        "the derivative is evaluated on another layer's values", "the index of the cached values"
    ),
    "derivative-without-bias": Cause(
        "the derivative is evaluated without the bias",
        "what the forward pass caches: the product with the weights, before the bias is added",
    ),
    "derivative-on-gradient": Cause(
        "the derivative is evaluated on the gradient that comes in and not on the layer's values",
        "the mask: it belongs to z, not to the gradient",
    ),
    "derivative-twice": Cause("the derivative is applied twice", "both places that multiply it"),
    "derivative-times-activation": Cause(
        "the derivative has the activation in it once more",
        "the product: a (1 - a) for sigmoid, and nothing of a besides",
    ),
    "derivative-arguments-exchanged": Cause(
        "the derivative is taken of the gradient and multiplied with the pre-activation",
        "the order of the two arguments where the derivative is called",
    ),
    "half-precision": Cause(
        "the gradient has been float16 for a while, and three digits of it are left",
        "types: astype, dtype= and arrays that are filled",
    ),
    "derivative-inverted": Cause(
        "the derivative is turned round",
        "the comparison in a mask, or the sign in an exponent: it is 1 minus what is meant",
    ),
    "derivative-formula": Cause(
        "the formula of the derivative is written wrongly",
        "where the square and the brackets stand: 1 - a^2 for tanh, a (1 - a) for sigmoid; of a "
        "leaky rectifier or ELU, what each side of zero has: 1 above it, alpha or a + alpha below",
    ),
    "hinge-margin-missing": Cause(
        "the derivative of the hinge has no margin",
        "its condition: an output counts until it is 1 on its side, and not only until it is there",
    ),
    "hinge-mask-missing": Cause(
        "the derivative of the hinge is taken of margins that are kept, too",
        "its condition: where the loss is zero, its derivative is",
    ),
    "hinge-own-class": Cause(
        "the class that is meant does not get what all others get together, with a minus",
        "what is written to the derivative at the labels: minus the number of margins missed",
    ),
    "loss-as-gradient": Cause(
        "the square of p - y is carried back, as a squared error has it, and no derivative",
        "the first line of the backward pass: p - y and not its square",
    ),
    "times-preactivation": Cause(
        "the gradient is multiplied by the pre-activation itself", "the derivative's function"
    ),
    "times-activation": Cause(
        "the gradient is multiplied by the activation itself",
        "the derivative's function, and what is multiplied on the way back through the matrix",
    ),
    "softmax-jacobian-diagonal": Cause(
        "only the diagonal of softmax's Jacobian is used",
        "p (1 - p): outputs depend on the other logits too; with cross-entropy it is p - y in all",
    ),
    "softmax-jacobian-twice": Cause(
        "softmax's Jacobian is applied twice",
        "p - y has it already; do not multiply by the derivative of softmax again",
    ),
    "weight-transposed": Cause(
        "the error is carried back through the matrix the wrong way round", "the transpose"
    ),
    "weight-missing": Cause(
        "the error is carried back without the matrix", "the product with the next layer's weights"
    ),
    "weight-of-another-layer": Cause(
        "the error is carried back through the matrix of another layer",
        "the index of the matrix: dz of a layer goes back through that layer's own W",
    ),
    "weight-of-one-unit": Cause(
        "the error is carried back to all units through the weights of one of them",
        "the index of the unit in the product with the next layer's weights",
    ),
    "carried-through-gradient": Cause(
        "the error is carried back through the matrix's gradient",
        "what is multiplied with it: W of the next layer, and not dW",
    ),
    "error-without-derivative": Cause(
        "the output's error is carried back without the derivative of the layers above",
        "what is carried back: the gradient of the pre-activation, not p - y itself",
    ),
    "update-order": Cause(
        "the error is carried back through a matrix that has been updated already",
        "the order: all gradients first, then all updates",
    ),
    "forward-after-update": Cause(
        "the forward pass is computed anew for it, with layers that have been updated already",
        "the order: all values of the forward pass are kept, all gradients taken, and then updated",
    ),
    "wrong-input": Cause(
        "the gradient of the matrix is taken with other values than went into the layer",
        "what the backward pass multiplies: the layer's own input",
    ),
    "bias-carried-back": Cause(
        "the bias is carried back in the place of a unit",
        "which row or column of the matrix is left out on the way back: that of the bias",
    ),
    "gradient-transposed": Cause("the gradient is transposed", "the order of the product"),
    "gradient-of-another-parameter": Cause(
        "the gradient is that of another parameter",
        "the number of the layer where gradients are taken, and which one each update is given",
    ),
    "units-reordered": Cause(
        "the gradient has its units in another order than the parameter",
        "what turns or rolls arrays, as [::-1], and the indices of loops over units",
    ),
    "gradient-shape": Cause(
        "the gradient has another shape than its parameter", "what the product is taken of"
    ),
    "weights-replaced": Cause(
        "the step replaces the parameters instead of changing them",
        "the update: `=-` and `=` assign, `-=` subtracts",
    ),
    "labels-shifted": Cause(
        "labels are taken for the class beside theirs",
        "what is added to labels, or taken from them, before they are made one-hot, and from which "
        "number classes are counted",
    ),
    "labels-of-whole-batch": Cause(
        "every sample has the labels of the whole batch",
        "what labels index: rows and columns together, as [range(n), y], where [:, y] takes all "
        "rows with each label",
    ),
    "loss-log-base": Cause(
        "a logarithm of another base", "np.log2 or np.log10 in the place of np.log"
    ),
    "gradient-clipped": Cause("the gradient is clipped", "clipping that is always on"),
    "product-of-sums": Cause(
        "sums or means over the samples are multiplied, where products are summed",
        "what is summed before the product: the gradient of a matrix is one product over the batch",
    ),
    "gradient-sign": Cause("only the sign of the gradient is kept", "the update"),
    "bias-collapsed": Cause(
        "the bias gradient is one number for all units",
        "the axis of the sum or the mean: over the samples, and not over the units as well",
    ),
    "bias-not-summed": Cause(
        "the bias gradient is not summed over the samples", "np.sum over the samples' axis"
    ),
    "bias-of-one-sample": Cause(
        "the bias gradient is that of one sample", "np.sum over the samples' axis"
    ),
    "bias-wrong-axis": Cause("the bias gradient is summed over the units", "the axis of np.sum"),
    "bias-scaled": Cause(
        "bias and matrix of a layer have different factors", "the mean in one and the sum in other"
    ),
    "gradient-constant": Cause(
        "the gradient is one number, whatever the samples are",
        "what the update takes: the derivative of z by its bias is 1, and what is meant is the "
        "error times that, summed over the samples",
    ),
    "samples-left-out": Cause(
        "samples of the batch are left out of the gradient",
        "where slices and loops over the samples begin and end",
    ),
    "classes-weighted": Cause(
        "samples count by their class in the gradient, and all alike in the loss",
        "factors that belong to classes or labels: loss and gradient have the same",
    ),
    "batch-raises": Cause(
        "it takes one sample only", "products and shapes that do not allow for a batch"
    ),
    "batch-size-fixed": Cause(
        "it takes a batch of one size only",
        "numbers of samples that are written into the code, where len(x) is the number that came, "
        "and matrices that are not transposed",
    ),
    "not-updated": Cause("it is never updated", "whether every parameter gets its gradient"),
    "penalty-as-gradient": Cause(
        "the penalty's value is used in the place of its gradient",
        "the derivative of a sum of squares: it is a multiple of the weights, the same for all",
    ),
    "penalty-of-magnitudes": Cause(
        "a multiple of the weights without their signs is added, which is no penalty's derivative",
        "the penalty's line: lambda * W for squares, lambda * sign(W) for absolute values",
    ),
    "decay-of-gradient": Cause(
        "a multiple of the gradient is added where one of the weights is meant",
        "the penalty's line: dW += lambda * W, and not lambda * dW",
    ),
    "penalty-sign": Cause(
        "the penalty has the wrong sign, and makes parameters grow",
        "the sign in front of it: it is added to the loss, and its derivative to the gradient. A "
        "minus before a bracket, -(a + b), takes both off",
    ),
    "parameters-added": Cause(
        "a step adds a large share of the parameters themselves, and makes them grow",
        "the update: momentum multiplies the velocity of the step before, and not the parameters",
    ),
    "weight-decay": Cause(
        "gradient and loss differ in their penalty, or nothing says which one is meant",
        "the penalty in loss and gradient",
    ),
}
