"""The names of what may be wrong with an optimizer, each with what to look at."""

from collections.abc import Mapping

from parity_tests.kit.causes.cause import Cause

OPTIMIZER_CAUSES: Mapping[str, Cause] = {
    # Momentum
    "momentum-average": Cause(
        "momentum is a moving average of the gradients",
        "the factor 1 - momentum in front of the gradient, which PyTorch does not have",
    ),
    "momentum-dampened": Cause(
        "momentum is a moving average whose first step is the whole gradient",
        "PyTorch's dampening, which is the same with dampening = momentum",
    ),
    "momentum-corrected": Cause(
        "momentum is a moving average that is corrected for its start from zero, as Adam's is",
        "the division by 1 - momentum^t, which PyTorch's momentum does not have",
    ),
    "momentum-without-effect": Cause(
        "momentum has no effect",
        "where the velocity is kept: the step after has to find it again; if each step is a call "
        "of fit, the velocity may be new in each",
    ),
    "state-without-effect": Cause(
        "what steps keep of those before has no effect on any",
        "what the update subtracts: the velocity or the moments, and not the gradient itself",
    ),
    "nesterov-is-momentum": Cause(
        "Nesterov's momentum is plain momentum",
        "the look ahead: the step is gradient + momentum x velocity",
    ),
    "nesterov-velocity-twice": Cause(
        "the step is (1 + momentum) x the velocity",
        "the look ahead: the step is gradient + momentum x velocity",
    ),
    "nesterov-velocity-turned": Cause(
        "the step adds momentum x the velocity before, where it should take that back",
        "the sign: (1 + momentum) x the velocity - momentum x that of the step before",
    ),
    "nesterov-velocity-whole": Cause(
        "the step is the gradient and the whole velocity, and not momentum x the velocity",
        "the look ahead: the step is gradient + momentum x velocity",
    ),
    "nesterov-gradient-ahead": Cause(
        "Nesterov's gradient is taken at the place ahead, as the textbooks have it",
        "PyTorch keeps the place ahead in the parameters: the same descent, seen elsewhere",
    ),
    "nesterov-ahead-kept": Cause(
        "momentum is applied twice: the parameters stay at the place ahead, and the velocity is "
        "added there once more",
        "the look ahead: it is for the gradient alone, and the step starts from where the "
        "parameters were",
    ),
    "nesterov-look-behind": Cause(
        "Nesterov's gradient is taken behind the parameters and not ahead of them",
        "the sign of the look ahead: it goes where the velocity takes the parameters",
    ),
    "momentum-of-last-gradient": Cause(
        "momentum has the last gradient alone and none before it",
        "what is kept for the step after: the velocity, which has the earlier ones in it",
    ),
    "momentum-times-rate": Cause(
        "the velocity that is kept is multiplied by the learning rate",
        "what is written over the velocity: the learning rate is for the step alone, or for the "
        "gradient alone",
    ),
    "momentum-begins-elsewhere": Cause(
        "momentum begins with parameters in it, and not from rest",
        "what is kept before the first step: where it is the weights of the step before, it begins "
        "as a copy of the weights and not as zeros; a velocity begins as zeros and not as a copy",
    ),
    # Moments
    "adam-no-bias-correction": Cause(
        "the moments are not corrected for their start from zero",
        "the divisions by 1 - beta1^t and 1 - beta2^t; without them the first step is "
        "(1 - beta1) / sqrt(1 - beta2) times as long",
    ),
    "adam-first-correction-only": Cause(
        "only the first moment is corrected for its start from zero",
        "the division of the second moment by 1 - beta2^t",
    ),
    "adam-second-correction-only": Cause(
        "only the second moment is corrected for its start from zero",
        "the division of the first moment by 1 - beta1^t",
    ),
    "adam-correction-of-product": Cause(
        "a moment is corrected by 1 - beta * t, and not by 1 - beta^t",
        "the power: beta ** t, and not beta * t",
    ),
    "adam-correction-without-power": Cause(
        "one moment is divided by 1 - beta, without the power of t",
        "the correction: 1 - beta^t; the same numbers come if that moment is a sum without the "
        "factor 1 - beta, and is not corrected",
    ),
    "adam-correction-unrooted": Cause(
        "the correction of the second moment is applied after the root",
        "the order: divide by 1 - beta2^t first and take the root then",
    ),
    "adam-step-from-two": Cause(
        "the step is counted from 2", "where t is raised: once a step, before it is used"
    ),
    "adam-step-from-zero": Cause(
        "the step is counted from 0, and 1 - beta^0 is zero",
        "where t is raised: before it is used",
    ),
    "adam-step-lagging": Cause(
        "the step is counted 1, 1, 2, ...", "where t is raised: before it is used"
    ),
    "adam-step-per-tensor": Cause(
        "the step is counted once for every parameter",
        "where t is raised: once a step, outside the loop over the parameters",
    ),
    "adam-step-per-layer": Cause(
        "the step is counted once for every layer",
        "where t is raised: once a step, outside the loop over the layers",
    ),
    "adam-step-constant": Cause(
        "the count of steps is not raised by steps",
        "what t counts: steps, not epochs and not samples, and it has to be kept",
    ),
    "first-moment-summed": Cause(
        "the first moment is a sum and not a mean", "the factor 1 - beta1 of the gradient"
    ),
    "moment-not-decayed": Cause(
        "a moment takes in its share of the gradient and loses nothing of what it was",
        "the factor beta of the moment of the step before: beta m + (1 - beta) g",
    ),
    "second-moment-from-one": Cause(
        "the mean of squares begins with 1 and not with 0",
        "what it begins with: first steps are shorter than PyTorch's",
    ),
    "second-moment-summed": Cause(
        "the second moment is a sum and not a mean",
        "the factor 1 - beta2 (or 1 - alpha) of the squared gradient",
    ),
    "moments-begin-whole": Cause(
        "a running mean begins with its first value and not with zero",
        "where the moments begin: from zero, which the correction is for",
    ),
    "moments-kept-corrected": Cause(
        "the corrected moments are kept for the step after",
        "the names: the correction is of this step's moments alone, and the means go on without it",
    ),
    "second-moment-corrected": Cause(
        "the mean of squares is corrected for its start from zero, as Adam's is",
        "the division by 1 - alpha^t, which PyTorch's RMSprop does not have",
    ),
    "second-moment-by-beta1": Cause(
        "the second moment decays by beta1", "what the second moment of the step before is times"
    ),
    "squares-by-beta1": Cause(
        "the second moment takes the squares in by 1 - beta1",
        "what the square of the gradient is times: 1 - beta2",
    ),
    "first-moment-by-beta2": Cause(
        "the first moment is a mean by beta2",
        "what the first moment of the step before and the gradient are times: beta1 and 1 - beta1",
    ),
    "adam-correction-of-other-betas": Cause(
        "the moments are corrected by 0.9 and 0.999, which are not the betas that they decay by",
        "numbers in the corrections: 1 - beta^t, with the beta of that moment",
    ),
    "adam-correction-of-other-moment": Cause(
        "a moment is corrected by the beta of the other one",
        "the corrections: 1 - beta1^t for the mean of gradients, 1 - beta2^t for that of squares",
    ),
    "second-moment-of-first": Cause(
        "the second moment is a mean of squares of the first one, and not of gradients",
        "what is squared: the gradient",
    ),
    "second-moment-of-magnitudes": Cause(
        "the absolute values of gradients stand where their squares should",
        "what is kept under the root: the square of the gradient",
    ),
    "second-moment-scalar": Cause(
        "one number stands for the squared gradients of a whole array",
        "the square: every entry has its own, without a sum or a norm",
    ),
    "root-left-out": Cause(
        "the root of the second moment is not taken", "the denominator of the step"
    ),
    "amsgrad-without-maximum": Cause(
        "the maximum of the second moments is not taken", "np.maximum with what was kept before"
    ),
    "amsgrad-of-corrected": Cause(
        "the maximum is taken of the corrected second moments",
        "the order of maximum and correction: PyTorch corrects afterwards",
    ),
    "nadam-constant-momentum": Cause(
        "the momentum of NAdam does not grow with the steps",
        "PyTorch's momentum_decay; with it the momentum starts at about half of beta1",
    ),
    # Epsilon
    "epsilon-inside-root": Cause(
        "eps is added under the root",
        "gradients as small as eps: there the step is much shorter than PyTorch's",
    ),
    "epsilon-uncorrected": Cause(
        "eps is added to the root of the uncorrected second moment",
        "gradients as small as eps; PyTorch's form is m_hat / (sqrt(v_hat) + eps)",
    ),
    "epsilon-inside-uncorrected": Cause(
        "eps is added under the root of the uncorrected second moment",
        "gradients as small as eps; PyTorch's form is m_hat / (sqrt(v_hat) + eps)",
    ),
    "epsilon-of-ratio": Cause(
        "eps is added elsewhere than in PyTorch", "gradients as small as eps"
    ),
    "epsilon-missing": Cause(
        "there is no eps", "parameters whose gradient is zero: 0 / 0 makes them NaN"
    ),
    # State
    "state-recreated": Cause(
        "every step is a first one: nothing is kept of those before",
        "where what is kept between steps is initialized, if anything is: once, not in the step",
    ),
    "state-overwritten": Cause(
        "what is kept of the squared gradients is overwritten by the step",
        "what is stored last: the sum or mean of squares, and not the update",
    ),
    "state-shared": Cause(
        "parameters of the same shape share what is kept between steps",
        "the keys: every parameter needs moments of its own",
    ),
    "biases-by-plain-descent": Cause(
        "the optimizer steps the matrices alone, and the biases go by plain descent",
        "the line that updates the biases: they need a state of their own and the same formula",
    ),
    "matrices-by-plain-descent": Cause(
        "the optimizer steps the biases alone, and the matrices go by plain descent",
        "the line that updates the matrices: they need a state of their own and the same formula",
    ),
    "rules-apart": Cause(
        "parameters are stepped by different formulas",
        "the lines that update them: every parameter needs the same formula, with a state of its "
        "own",
    ),
    "plain-step-added": Cause(
        "the step of plain descent is taken as well",
        "what else updates the parameters: lr x gradient is no part of the optimizer's step",
    ),
    "optimizer-state-kept": Cause(
        "a new optimizer starts from what another has left",
        "class attributes and default arguments that are lists or dicts",
    ),
    # Hyperparameters
    "betas-swapped": Cause("beta1 and beta2 are swapped", "the order of the arguments"),
    "mean-weights-exchanged": Cause(
        "what is kept in a mean has the weight of what is new",
        "which of the two the decay multiplies: decay x mean + (1 - decay) x gradient",
    ),
    "another-hyperparameter": Cause(
        "a hyperparameter has another value than declared", "numbers that are fixed in the code"
    ),
    "another-optimizer": Cause("it is another optimizer than declared", "the formula of the step"),
    # Weight decay
    "decay-not-scaled": Cause(
        "weight decay is not multiplied by the learning rate",
        "the line that shrinks the parameters: 1 - lr x weight_decay",
    ),
    "decay-twice": Cause(
        "weight decay is applied twice", "the gradient and the step: only one has the penalty"
    ),
    "decay-coupled": Cause(
        "weight decay joins the gradient, where AdamW takes it apart",
        "the line that adds it to the gradient: AdamW shrinks the parameters by themselves",
    ),
    "decay-decoupled": Cause(
        "weight decay shrinks the parameters by themselves, as AdamW does and Adam does not",
        "the line that shrinks the parameters, or the name",
    ),
    "decay-after-step": Cause(
        "the parameters shrink after the step and not before",
        "the order of the two lines; the difference is lr x weight_decay of a step",
    ),
    "decay-sign": Cause(
        "weight decay has the wrong sign, and makes parameters grow",
        "the sign in front of it: it joins the gradient, or is taken away from the parameters",
    ),
    "decay-missing": Cause("weight decay has no effect", "where weight_decay is used"),
    "decay-matrices-only": Cause(
        "weight decay leaves the biases out", "whether that is meant; PyTorch decays them too"
    ),
    # What is done to gradient and learning rate
    "lr-decay": Cause(
        "the learning rate falls from step to step", "the schedule inside the optimizer"
    ),
    "lr-decay-in-velocity": Cause(
        "the learning rate falls from step to step, inside of the velocity",
        "PyTorch's scheduler is for the whole step: there the earlier gradients get the new rate",
    ),
    "lr-decay-per-layer": Cause(
        "the learning rate falls within a step, from layer to layer",
        "where the counter is raised: once a step, outside the loop over the layers",
    ),
    "lr-decay-per-tensor": Cause(
        "the learning rate falls within a step, from parameter to parameter",
        "where the counter is raised: once a step, outside the loop over the parameters",
    ),
    "step-clipped": Cause(
        "gradients are clipped before the step", "whether the clipping is meant to be always on"
    ),
    "gradient-normalized": Cause(
        "gradients are divided by their norm before the step",
        "whether that is meant: steps are as long for small gradients as for large ones",
    ),
    "norm-limited": Cause(
        "a step shortens weights that are longer than a largest norm",
        "whether that is meant: it is no part of the gradient, and of no optimizer",
    ),
    "momentum-sign": Cause(
        "the velocity of the step before is taken away, and not added",
        "the sign in front of the momentum, in all lines: one of the minus signs is too many",
    ),
    "velocity-without-rate": Cause(
        "what is kept of earlier gradients is in the step without the learning rate",
        "what is stored for the next step: lr x gradient, where the step adds momentum x that to "
        "its own lr x gradient",
    ),
    "gradient-late": Cause(
        "the step takes the gradient of the step before",
        "the order: gradient first, then the step",
    ),
    "gradient-of-first-step": Cause(
        "every step takes the gradient of the first",
        "what the optimizer is given once: gradients that a backward pass makes anew have to be "
        "handed over before every step",
    ),
    "step-of-accumulated": Cause(
        "the step takes the sum of all gradients so far",
        "where the gradients are set to zero: before every backward pass",
    ),
    "step-without-effect": Cause(
        "steps change nothing",
        "p = p - ..., which gives a new array to the name alone: write into the array, p -= ..., "
        "or put the new one where the network has it",
    ),
    "step-sign": Cause("the step goes up and not down", "the sign of the update"),
    "step-scaled": Cause(
        "every step is the same multiple of what was expected",
        "what the learning rate is multiplied with, and the gradient where a moment takes it in",
    ),
    "rate-without-effect": Cause(
        "the learning rate has no effect on steps",
        "where the learning rate is multiplied: behind the division by the root of the squares, "
        "not before it",
    ),
    "parameters-of-integers": Cause(
        "parameters are arrays of integers, to which a step cannot add fractions",
        "how they are made: np.zeros(n) is of floats, and np.zeros(n, dtype=int) or "
        "np.array([0, 0]) is not",
    ),
    "parameter-reshaped": Cause(
        "a step leaves a parameter in another shape",
        "the shapes in the update: NumPy repeats a row or a column of the parameter where the "
        "gradient has more of them, as p - y has if one of the two is a vector",
    ),
    "rate-twice": Cause(
        "the learning rate is in the step twice",
        "where the learning rate is multiplied: with the gradient or in the update, not in both",
    ),
    "step-without-rate": Cause(
        "a parameter is updated without the learning rate",
        "the line that updates it: lr x gradient, as for the others",
    ),
    # Arguments
    "gradient-written-to": Cause(
        "the step writes to the gradients that it is given",
        "operations in place such as grad += weight_decay * param",
    ),
    "gradient-kept": Cause(
        "the optimizer keeps the gradient arrays that it is given",
        "what is kept of the first gradient: it has to be a copy",
    ),
}
