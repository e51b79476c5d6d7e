"""Twins of losses that PyTorch has no class for, or whose class is not finite where they are."""

import torch
from torch.nn.functional import logsigmoid, softplus


class FocalLoss(torch.nn.Module):
    """The focal loss of labels, from logits, composed of operations that autograd knows.

    Parameters
    ----------
    gamma : float, default 2
        Exponent.
    weight : Tensor of shape (classes,), optional
        Weights of the classes.
    reduction : {"none", "mean", "sum"}, default "mean"
        The mean divides by the sum of the samples' weights.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, https://arxiv.org/abs/1708.02002
    """

    weight: torch.Tensor | None

    def __init__(
        self, gamma: float = 2.0, weight: torch.Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", weight)
        self.reduction = reduction

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits, whose second or only axis is that of the classes."""
        axis = min(1, logits.ndim - 1)
        labels = target.unsqueeze(axis)
        # The logarithm of 1 - p is that of all other probabilities together: nothing cancels.
        right = torch.zeros_like(logits, dtype=torch.bool).scatter(axis, labels, True)
        rest = logits.masked_fill(right, -torch.inf)
        # The derivative of logsumexp is exp(rest - its value): precise if the value is small.
        top = rest.detach().amax(axis, keepdim=True)
        top = top.masked_fill(top == -torch.inf, 0.0)
        apart = (rest - top).logsumexp(axis) + (top - logits.gather(axis, labels)).squeeze(axis)
        # Softplus, and not -logsigmoid(-apart), whose second derivative PyTorch gets from p - 1;
        # beyond 40 it is its argument in every precision.
        losses = (self.gamma * logsigmoid(apart)).exp() * softplus(apart, threshold=40.0)
        weights = torch.ones_like(losses) if self.weight is None else self.weight[target]
        losses = losses * weights
        if self.reduction == "mean":
            return losses.sum() / weights.sum()
        return _reduced(losses, self.reduction)


class SigmoidFocalLoss(torch.nn.Module):
    """The focal loss of every entry, composed of operations that autograd knows.

    It is that of torchvision, with p and 1 - p as exponentials of logarithms, so that neither they
    nor their slopes cancel where the other is nearly 1.

    Parameters
    ----------
    alpha : float, default 0.25
        What a yes weighs, and 1 - alpha a no; with -1 both weigh 1.
    gamma : float, default 2
        Exponent.
    reduction : {"none", "mean", "sum"}, default "mean"
        torchvision's default is "none".

    References
    ----------
    https://docs.pytorch.org/vision/stable/generated/torchvision.ops.sigmoid_focal_loss.html
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean") -> None:
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma
        self.reduction = reduction

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits and targets of one shape."""
        log_yes, log_no = logsigmoid(logits), logsigmoid(-logits)
        entropy = -target * log_yes - (1 - target) * log_no
        wrong = target * log_no.exp() + (1 - target) * log_yes.exp()
        losses = wrong**self.gamma * entropy
        if self.alpha >= 0:
            losses = losses * (self.alpha * target + (1 - self.alpha) * (1 - target))
        return _reduced(losses, self.reduction)


class ExactBCEWithLogits(torch.nn.Module):
    """As ``torch.nn.BCEWithLogitsLoss``, without its differences of infinities.

    Parameters
    ----------
    weight : Tensor, optional
        What the loss of each entry is multiplied by.
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses.
    pos_weight : Tensor, optional
        What a yes weighs more than a no.
    """

    weight: torch.Tensor
    pos_weight: torch.Tensor

    def __init__(
        self,
        weight: torch.Tensor | None = None,
        reduction: str = "mean",
        pos_weight: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(()) if weight is None else weight)
        self.register_buffer("pos_weight", torch.ones(()) if pos_weight is None else pos_weight)
        self.reduction = reduction

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits and targets of one shape."""
        yes = self.pos_weight * target * logsigmoid(logits)
        losses = -self.weight * (yes + (1 - target) * logsigmoid(-logits))
        return _reduced(losses, self.reduction)


class ExactSoftMargin(torch.nn.Module):
    """As ``torch.nn.SoftMarginLoss``, without its overflow.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of scores and targets of one shape."""
        return _reduced(-logsigmoid(target * scores), self.reduction)


def _reduced(losses: torch.Tensor, reduction: str) -> torch.Tensor:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a reduction")
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses
