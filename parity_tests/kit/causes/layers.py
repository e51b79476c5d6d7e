"""The names of what may be wrong with a single layer, a loss or a gradient on its own."""

from collections.abc import Mapping

from parity_tests.kit.causes.cause import Cause

LAYER_CAUSES: Mapping[str, Cause] = {
    # Normalization
    "eps-outside-root": Cause(
        "eps is added to the standard deviation and not to the variance",
        "the bracket of the square root: 1 / sqrt(variance + eps)",
    ),
    "eps-left-out": Cause(
        "eps is left out", "the denominator: a feature that is constant gives 0 / 0"
    ),
    "eps-of-another-size": Cause("eps has another size than declared", "the constructor's default"),
    "variance-unbiased": Cause(
        "the batch is normalized by the unbiased variance",
        "the variance: normalizing divides by n, running averages take n - 1",
    ),
    "divided-by-variance": Cause(
        "the difference from the mean is divided by the variance", "the missing square root"
    ),
    "normalized-over-wrong-axis": Cause(
        "mean and variance are taken over the wrong axis",
        "the axis: batch norm is over the samples, layer norm over the features",
    ),
    "normalized-over-whole-batch": Cause(
        "mean and variance are taken over the whole array", "mean and variance, which need an axis"
    ),
    "affine-left-out": Cause(
        "the scale or the shift behind the normalization is left out", "the end of the forward pass"
    ),
    "running-mean-in-training": Cause(
        "a running average of the mean is used in training",
        "the mean in the forward pass: training takes that of the batch",
    ),
    "mean-taken-for-constant": Cause(
        "the backward pass takes the mean for a constant",
        "the term that subtracts the mean of the gradient",
    ),
    "variance-taken-for-constant": Cause(
        "the backward pass takes the variance for a constant",
        "the term with the mean of gradient times normalized input",
    ),
    "moments-taken-for-constants": Cause(
        "the backward pass takes mean and variance for constants",
        "the two terms by which the input moves the mean and the variance of its batch",
    ),
    "scale-left-out-of-backward": Cause(
        "the gradient of the input is without the scale", "the product of the gradient with gamma"
    ),
    "scale-behind-derivative": Cause(
        "gamma is multiplied after the derivative of the normalization and not before",
        "the order on the way back: gamma times the gradient first, as the features mix then",
    ),
    "running-mean-for-variance": Cause(
        "evaluation divides by the root of the running mean",
        "the line for evaluation: the root is that of the running variance",
    ),
    "scale-and-shift-swapped": Cause(
        "the gradients of scale and shift are swapped",
        "which is the sum of the gradient (shift), and which that of its product with the "
        "normalized input (scale)",
    ),
    "scale-by-raw-input": Cause(
        "the gradient of the scale is taken with the input as it came or centred",
        "the product: the gradient with the normalized input",
    ),
    "parameters-by-downstream-gradient": Cause(
        "the gradient of scale or shift is taken with the gradient that is handed on",
        "what is summed: the gradient that comes in, before gamma and the normalization",
    ),
    "running-variance-biased": Cause(
        "the running variance averages biased variances",
        "the variance that is averaged: PyTorch takes n - 1",
    ),
    "running-variance-from-zero": Cause(
        "the running variance starts at 0 and not at 1",
        "the first value of the running variance: from 0 it is too small for many batches",
    ),
    "running-statistics-start": Cause(
        "a running statistic starts at another number than 0 for the mean and 1 for the variance",
        "the first values of the running statistics",
    ),
    "running-standard-deviation": Cause(
        "standard deviations are averaged and not variances", "what is added to the running average"
    ),
    "momentum-turned-round": Cause(
        "momentum is the weight of the new batch where it should be that of the old average, or "
        "the other way round",
        "the two factors: PyTorch's momentum, 0.1, is the weight of the new batch",
    ),
    "momentum-of-another-size": Cause(
        "momentum has another size than declared", "the constructor's default"
    ),
    "running-statistics-not-averaged": Cause(
        "the running statistics are those of the last batch", "the average over batches"
    ),
    "running-statistics-not-updated": Cause(
        "the running statistics never change", "the update in training mode"
    ),
    "batch-statistics-in-evaluation": Cause(
        "evaluation normalizes by the batch's own mean and variance",
        "the branch for evaluation: it takes the running averages",
    ),
    "running-statistics-updated-in-evaluation": Cause(
        "evaluation updates the running statistics", "the branch for evaluation"
    ),
    # Dropout
    "dropout-not-inverted": Cause(
        "what dropout keeps is not divided by 1 - p",
        "the mask in training: without the division, evaluation has larger values than training",
    ),
    "dropout-scaled-in-evaluation": Cause(
        "dropout multiplies by 1 - p in evaluation", "where the mean is kept: training or here"
    ),
    "dropout-scaled-twice": Cause(
        "dropout scales in training and in evaluation", "the factor: it belongs to one of the two"
    ),
    "dropout-scale": Cause(
        "dropout scales by another factor than 1 / (1 - p)", "the scalar in the mask"
    ),
    "dropout-keep-probability": Cause(
        "p is the probability to keep and not to drop", "the comparison with the random numbers"
    ),
    "dropout-mask-normal": Cause(
        "the mask is drawn from the normal distribution",
        "the random numbers: rand(), uniform between 0 and 1, and not randn()",
    ),
    "dropout-not-in-backward": Cause(
        "the backward pass does not apply dropout's mask", "the backward pass: grad * mask"
    ),
    "dropout-backward-scale": Cause(
        "the backward pass scales by another factor than the forward pass",
        "the scalar: the backward pass multiplies by the mask as the forward pass does",
    ),
    "dropout-new-mask": Cause(
        "the backward pass draws a new mask", "whether the mask is kept from the forward pass"
    ),
    "dropout-inactive": Cause("nothing is dropped in training", "mode, p and the comparison"),
    "dropout-active-in-evaluation": Cause(
        "dropout is active in evaluation", "the branch for evaluation"
    ),
    "dropout-mask-kept": Cause(
        "every forward pass has the same mask", "where the mask is drawn: in every forward pass"
    ),
    "dropout-mask-shared": Cause(
        "all samples share one mask", "the shape of the random numbers: that of the input"
    ),
    # Any layer
    "input-edited": Cause(
        "the layer writes into the array that it is given",
        "in-place operations on x (x[...] =, x *=, out=x): whoever else holds the array has it "
        "changed",
    ),
    "gradient-edited": Cause(
        "the backward pass writes into the gradient that it is given",
        "in-place operations on the upstream gradient",
    ),
    "state-kept": Cause(
        "the second batch is computed with what was left from the first",
        "what is cached: every forward pass must replace it",
    ),
    "softmax-jacobian-axis": Cause(
        "the sum in softmax's Jacobian is over the wrong axis", "the sum of gradient times softmax"
    ),
    "softmax-one-shift": Cause(
        "softmax subtracts one maximum for the whole batch: a row far below it becomes 0 / 0",
        "the maximum, which needs an axis and keepdims",
    ),
    "overflow": Cause(
        "large inputs give infinities or NaN", "exponentials of large arguments, and what divides"
    ),
    # Losses and gradients
    "loss-one-term": Cause("the loss has the term of the ones only", "the term (1 - t) log(1 - p)"),
    "another-loss": Cause("the value is that of another loss", "which function is meant"),
    "target-not-subtracted": Cause(
        "the gradient is without the target", "the first line of the gradient: p - t"
    ),
    "gradient-zero": Cause("the gradient is zero", "whether it is ever computed"),
}
