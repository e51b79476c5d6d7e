"""The names of what may be wrong about initialization, stability, side effects and data."""

from parity_tests.kit.causes.cause import Cause

ASPECT_CAUSES: dict[str, Cause] = {
    # Initialization
    "initialization-zeros": Cause(
        "weights begin at zero, so that the units of a hidden layer stay alike for ever",
        "the weights: draw them at random; only biases may be zero",
    ),
    "initialization-alike": Cause(
        "the units of a hidden layer begin alike and get the same gradient, so they stay alike",
        "the weights: draw every entry by itself",
    ),
    "initialization-one-signed": Cause(
        "weights have one sign, and many inputs add up instead of cancelling",
        "the draw: take the mean away, as in rand() - 0.5",
    ),
    "initialization-scale-inverted": Cause(
        "the scale is divided by where it should be multiplied with",
        "the line of the draw: randn(...) * sqrt(2 / n), or randn(...) / sqrt(n / 2)",
    ),
    "initialization-fan-multiplied": Cause(
        "the number of inputs is multiplied with under the root, and not divided by",
        "the fraction under the root: sqrt(2 / n), and not sqrt(2 * n)",
    ),
    "initialization-fan-missing": Cause(
        "the number under the root is not divided by the number of inputs",
        "the fraction under the root: sqrt(2 / n), and not sqrt(2)",
    ),
    "initialization-root-of-number": Cause(
        "the root is taken of the number alone, and not of the fraction",
        "the brackets of the root: sqrt(2 / n), and not sqrt(2) / n",
    ),
    "initialization-fans-swapped": Cause(
        "the number of outputs is taken for the number of inputs",
        "the axis of the matrix from which n is taken",
    ),
    "initialization-wrong-fan": Cause(
        "the scale is that of another number of inputs", "what n is: the layer's own inputs"
    ),
    "initialization-factor-two": Cause(
        "the variance is off by a factor of two", "the number under the root: 2 / n or 1 / n"
    ),
    "initialization-root-missing": Cause(
        "the variance is taken for the standard deviation", "the square root in the scale"
    ),
    "initialization-root-twice": Cause(
        "the square root of the scale is taken twice", "the square roots in the scale: one only"
    ),
    "initialization-without-brackets": Cause(
        "brackets are left out of the sum of inputs and outputs",
        "the fraction under the root: 2 / (n_in + n_out), or (n_in + n_out) / 2",
    ),
    "initialization-bound-for-std": Cause(
        "the bound of a uniform distribution and a standard deviation are taken for each other",
        "the scale: a uniform distribution on (-b, b) has the standard deviation b / sqrt(3)",
    ),
    "initialization-another-scheme": Cause(
        "the scale is that of another scheme than the one declared", "the formula of the scale"
    ),
    "initialization-scaled": Cause(
        "all weights are the same multiple of the scheme declared", "the number in the scale"
    ),
    "initialization-multiplied": Cause(
        "the scale goes with the layers' widths, and is more than three times that of any scheme",
        "the number in the scale: sqrt(2 / n) is to keep the size of a signal, and a factor before "
        "it multiplies that in every layer",
    ),
    "initialization-exploding": Cause(
        "weights are so large that every layer multiplies the signal many times",
        "the scale of the draw",
    ),
    "initialization-vanishing": Cause(
        "weights are so small that nothing of the signal is left after a layer",
        "the scale of the draw",
    ),
    # Any
    "call-raises": Cause(
        "the code raises where it is called as declared",
        "the line that raises, and whether the declaration calls it as it is meant",
    ),
    # Stability
    "softmax-no-shift": Cause(
        "softmax takes exponentials with no maximum subtracted, and these overflow from exp(710) "
        "on, in float32 from exp(89) on",
        "softmax: subtract the maximum of each sample first; the result is the same",
    ),
    "softmax-global-shift": Cause(
        "softmax subtracts one maximum for the whole batch, so that samples far below it get 0 / 0",
        "the maximum in softmax: one for each sample, with an axis and keepdims",
    ),
    "step-loss-not-finite": Cause(
        "the loss that a training step reports is not a finite number",
        "arrays that are edited in place before the loss is taken of them, such as probabilities "
        "from which the labels are taken away",
    ),
    "sigmoid-overflow": Cause(
        "sigmoid is exp(z) / (1 + exp(z)), which is infinity over infinity for large z",
        "sigmoid: 1 / (1 + exp(-z)), or one form for each sign",
    ),
    "tanh-overflow": Cause(
        "tanh is made of exponentials that overflow, infinity over infinity",
        "tanh: np.tanh has no such limit",
    ),
    "exponential-overflow": Cause(
        "an exponential overflows where the function itself is finite",
        "the activation: write it so that no exponential of a large number is taken",
    ),
    "derivative-overflow": Cause(
        "the derivative of an activation overflows where the activation does not",
        "the derivative: write it by the activation, as a (1 - a) for the sigmoid's",
    ),
    "log-of-zero": Cause(
        "the logarithm of a probability that has become 0",
        "the loss: take it from the logits (log-softmax), or keep the probability above 0",
    ),
    "log-of-zero-rate": Cause(
        "the logarithm of a rate that has become 0",
        "the loss: take the last pre-activation for the logarithm of the rate, which is its "
        "exponential, or keep the rate above 0",
    ),
    "gradient-divides-by-zero": Cause(
        "the gradient divides by a probability that has become 0",
        "the first line of the backward pass: softmax or sigmoid and cross-entropy together give "
        "p - y, without any division",
    ),
    # Side effects
    "inputs-changed": Cause(
        "the caller's inputs are written to", "operations in place: x /= 255, x -= x.mean(), x[...]"
    ),
    "labels-changed": Cause(
        "the caller's labels are written to",
        "operations in place: y -= p, y[...] -= 1; copy the array first",
    ),
    "output-changed": Cause(
        "an output that the forward pass has returned is written to",
        "operations in place on probabilities: p -= y, p[range(n), labels] -= 1; copy them first, "
        "or whoever takes the loss or the accuracy of them afterwards has other numbers",
    ),
    "parameters-changed": Cause(
        "a call that should only compute changes the parameters", "assignments to the weights"
    ),
    "gradient-updates": Cause(
        "the call that gives the gradients updates the parameters as well",
        "whether backward is meant to take the step, too",
    ),
    "gradient-accumulated": Cause(
        "the gradient is added to that of the call before",
        "+= on the stored gradients: set them to zero before every batch",
    ),
    "gradient-stale": Cause(
        "the gradient is that of the batch before", "values kept from an earlier call"
    ),
    "activations-kept": Cause(
        "activations of a batch before are kept, and gradients of later ones are made of them",
        "lists that grow, and caches that are filled once or behind their use: every forward pass "
        "must replace them",
    ),
    "batch-size-kept": Cause(
        "it raises for a batch of another size than the one before",
        "arrays that are made once, with the size of the first batch",
    ),
    "second-call-raises": Cause(
        "it raises when it is asked for the gradients of a batch a second time",
        "lists that grow, and what is kept from the call before: every forward pass begins anew",
    ),
    "one-sample-raises": Cause(
        "it raises for a batch of one sample", "np.squeeze, and shapes that lose an axis"
    ),
    "gradient-aliases-parameter": Cause(
        "a gradient is the same memory as a parameter",
        "the backward pass: it must not write where the weights are",
    ),
    # Data
    "one-hot-by-largest-label": Cause(
        "one-hot labels have as many columns as the largest label seen asks for",
        "the number of classes: give it, do not take it from max(labels) + 1",
    ),
    "one-hot-by-labels-present": Cause(
        "one-hot labels have a column for each label seen only",
        "the number of classes: give it, do not take it from the labels that are there",
    ),
    "one-hot-shifted": Cause(
        "one-hot labels are off by a number of classes", "the index: classes count from 0"
    ),
    "one-hot-others": Cause(
        "one-hot labels have those of other samples as well",
        "the index: [np.arange(n), labels], and not [:, labels]",
    ),
    "one-hot-wrong": Cause("one-hot labels do not have their 1 at the class", "the index"),
    "batches-overlap": Cause(
        "batches overlap: samples come in several of them",
        "the step of the loop: range(0, n, batch_size)",
    ),
    "batches-leftover-appended": Cause(
        "the last batch begins where the one before it began, so that those samples come twice",
        "the index after the loop: what is left starts at whole * batch_size",
    ),
    "batches-drop-samples": Cause(
        "samples never come in an epoch", "the ends of the slices: start : start + batch_size"
    ),
    "batches-empty": Cause(
        "an epoch has a batch without samples",
        "the end of the loop: a last batch that is not full is there only if samples are left",
    ),
    "shuffled-apart": Cause(
        "inputs and labels are shuffled apart, so that samples have the labels of others",
        "the shuffle: one permutation for both",
    ),
}
