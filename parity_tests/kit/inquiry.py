"""What is known of a network while it is asked, aspect by aspect."""

import copy
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit import probe
from parity_tests.kit.evidence import Answer, Evidence
from parity_tests.kit.forward import Form
from parity_tests.kit.losses import OF_ONE_OUTPUT, Guard, smoothed_targets
from parity_tests.kit.penalties import Penalized
from parity_tests.kit.scales import Scale
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Batch, Layers, Subject, SubjectError
from parity_tests.kit.told_by_share import FactorsApart, ToldByShare
from parity_tests.kit.verdicts import Edge, Verdict

Array = NDArray[Any]

# How far a recomputed tensor may be from the observed one, relative to its norm. Networks in
# float64 agree to about 1e-15, those that cast to float32 inside to 1e-7.
EXACT, CLOSE = 1e-9, 2e-5

# What is known once the gradient was asked.
_OF_GRADIENT = (
    *("gradient_loss", "gradient_scale", "is_gradient_known", "is_gradient_faulty"),
    *("is_entrywise", "slopes_show", "first_share", "steps_tolerance", "steps_explain"),
    *("possible_shares", "factors_apart", "decays_told", "share_of_steps"),
    *("without_rate", "with_rate", "rate_powers", "constant_parts", "of_limits", "beginnings"),
    "edges",
)


@dataclass
class Inquiry:
    """What is known so far.

    Attributes
    ----------
    subject : Subject
        The network.
    spec : Spec
        What it is meant to compute.
    hinges : tuple of str
        Of which binary hinges its loss is declared to be one, that then is not in `spec`: labels of
        0 and 1 tell none of them. The gradient is held to slopes.
    rng : numpy.random.Generator
        Draws everything that it is asked with.
    layers : list of Layer
        Parameters that it is asked with, as it keeps them.
    batches : tuple of Batch
        Two, of different sizes.
    tolerance : float
        `EXACT`, or `CLOSE` for a network that computes in float32.
    form : Form or None
        Its forward pass, once that is known.
    reported : tuple or None
        Name and scale of the loss that it reports, with its sign where that is missing.
    loss_cause : str or None
        What is wrong about the loss that it reports, where that is none as it should be.
    is_float32 : bool
        Whether parameters or outputs are single precision.
    is_given : bool
        Whether parameters and batches are not drawn.
    is_batch_bound : bool
        Whether the network takes such batches alone as both batches are: of one size, or with all
        classes in them.
    extreme_samples : int
        How many samples stability is asked with: two, unless the network needs more.
    smoothing : float
        How much of the labels is spread over the classes in that loss.
    guard_of_loss : float
        What is beside its probabilities.
    guard : Guard or None
        What keeps the denominators of the gradient from zero.
    is_loss_unknown : bool
        Whether it reports a loss that is none of those known.
    hinge_reported : str
        Which binary hinge the loss that the network reports seems to be; empty for any other.
    huber_reported : float
        The threshold of the Huber loss that the network reports; 0 for any other loss.
    penalty : Penalized or None
        The penalty in that loss, as if it were added where it is taken off.
    gradient_loss, gradient_scale : str or None, Scale or None
        The loss whose gradient it computes, once that is known.
    loss_begins : str
        The function of the last pre-activation with which that loss begins, if that is none of the
        output.
    is_gradient_known : bool
        Whether the gradient could be reproduced, right or with a fault in it.
    is_kept_outside : bool
        Whether it is another one in every new network though nothing is drawn for it from NumPy's
        and Python's own generators, or from the network's.
    is_gradient_faulty : bool
        Whether the gradient could be reproduced with a fault in it.
    is_gradient_unturned : bool
        Whether the gradient is that of a forward pass which has no square matrix transposed, where
        it has.
    is_gradient_random : bool
        Whether the gradient of the same batch is another one each time, as with dropout.
    slopes_show : str
        Status of the gradient where it was held to slopes of the loss alone.
    first_share : float or None
        How many times the slopes the first step is, where the optimizer accounts for it.
    possible_shares : tuple of float
        As `first_share`, where the gradient is not known: what it may be by what steps keep.
    factors_apart : FactorsApart or None
        What was said of factors that some tensors have, where steps show the gradient.
    decays_told : ToldByShare or None
        The same of what is added for a penalty.
    share_of_steps : float
        How many times the gradient, with what is added for a penalty, a first step is by its rule.
    is_entrywise : bool
        Whether first steps are no multiples of a gradient, but tell its signs and little more.
    steps_tolerance : float
        As `tolerance`, for steps by the gradient as it is recomputed.
    is_one_by_one : bool
        Whether a step on a batch turned out to be one update after the other, sample by sample.
    handed_scale : Scale or None
        Of steps beside gradients that are known, the scale of these.
    is_beside : bool
        Whether it is about steps of a network that hands out its gradients besides.
    steps_explain : {"nothing", "factor", "factors", "gradient", "penalty", "decay"}
        What the optimizer of a network that updates itself accounts for, where its steps show the
        gradient: a constant factor, one that is a part of those that tensors have, all that is
        different about it, or what it has of the parameters. Beside gradients that are handed out,
        the share of a penalty, which the steps add.
    without_rate, with_rate : list of str
        Where the gradient is seen from steps: tensors whose steps are the same at every learning
        rate, and those whose steps go with it. Empty unless there are both.
    rate_powers : dict of str to int
        As above, with which power of the learning rate the steps of tensors go, where that is above
        one.
    constant_parts : dict of str to float
        As above, what of a tensor's steps is the same at every learning rate, over what goes with
        it, where there are both.
    of_limits : list of Verdict
        As above, what is said of norms that weights have at most after a step. Then the parameters
        are smaller ones.
    beginnings : dict of str to (float, float)
        As above, tensors that have parameters in their first step alone: their momentum, and how
        many times the parameters the step adds.
    evidence : Evidence
        What was asked and answered.
    edges : list of Edge
        The computation, as far as it is known.
    forms : dict
        Forms of the forward pass that were searched for, by what was searched; shared by all
        inquiries into the same network.
    """

    subject: Subject
    spec: Spec
    rng: np.random.Generator
    layers: Layers
    batches: tuple[Batch, Batch]
    tolerance: float = EXACT
    form: Form | None = None
    reported: tuple[str, Scale] | None = None
    loss_cause: str | None = None
    hinges: tuple[str, ...] = ()
    is_float32: bool = False
    is_given: bool = False
    is_batch_bound: bool = False
    extreme_samples: int = 2
    smoothing: float = 0.0
    guard_of_loss: float = 0.0
    guard: Guard | None = None
    is_loss_unknown: bool = False
    hinge_reported: str = ""
    huber_reported: float = 0.0
    penalty: Penalized | None = None
    gradient_loss: str | None = None
    gradient_scale: Scale | None = None
    loss_begins: str = ""
    is_gradient_known: bool = False
    is_kept_outside: bool = False
    is_gradient_faulty: bool = False
    is_gradient_unturned: bool = False
    is_gradient_random: bool = False
    slopes_show: str = ""
    first_share: float | None = None
    possible_shares: tuple[float, ...] = ()
    factors_apart: FactorsApart | None = None
    decays_told: ToldByShare | None = None
    share_of_steps: float = 1.0
    is_entrywise: bool = False
    steps_tolerance: float = 0.0
    is_one_by_one: bool = False
    is_beside: bool = False
    handed_scale: Scale | None = None
    steps_explain: str = "nothing"
    without_rate: list[str] = field(default_factory=list)
    with_rate: list[str] = field(default_factory=list)
    rate_powers: dict[str, int] = field(default_factory=dict)
    constant_parts: dict[str, float] = field(default_factory=dict)
    of_limits: list[Verdict] = field(default_factory=list)
    beginnings: dict[str, tuple[float, float]] = field(default_factory=dict)
    evidence: Evidence = field(init=False)
    edges: list[Edge] = field(default_factory=list)
    forms: dict[Hashable, Form | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        batches = list(self.batches)
        self.evidence = Evidence(self.layers, batches, [Answer() for _ in batches])

    @classmethod
    def begin(
        cls,
        subject: Subject,
        spec: Spec,
        seed: int,
        questions: Evidence | None = None,
        samples: Sequence[int] = (),
        *,
        all_classes: bool = False,
    ) -> "Inquiry":
        """Draw parameters and batches, and give the network the parameters.

        Parameters
        ----------
        questions : Evidence, optional
            Parameters and batches that are asked instead.
        samples : sequence of two ints, optional
            Sizes of the batches that are drawn.
        all_classes : bool, default False
            Whether every class occurs in every batch.
        """
        rng = np.random.default_rng(seed)
        drawn = questions or probe.questions(subject, spec, rng, samples, all_classes=all_classes)
        layers = subject.set(drawn.layers)
        first, second = drawn.batches
        hinges = OF_ONE_OUTPUT.get(str(spec.loss), ()) if subject.outputs == 1 else ()
        meant = replace(spec, loss=None) if hinges else spec
        inquiry = cls(subject, meant, rng, layers, (first, second), hinges=hinges)
        inquiry.is_given = questions is not None
        if any(array.dtype == np.float32 for array in subject.arrays()):
            inquiry.tolerance, inquiry.is_float32 = CLOSE, True
        return inquiry

    def into(self, subject: Subject) -> "Inquiry":
        """Begin an inquiry into another declaration of the same network, with the same questions.

        It draws on as this one would.
        """
        subject.subtracted = self.subject.subtracted
        subject.least_target = self.subject.least_target
        subject.is_of_inputs = self.subject.is_of_inputs
        subject.has_vector_targets = self.subject.has_vector_targets
        inquiry = Inquiry(
            subject, self.spec, copy.deepcopy(self.rng), subject.set(self.layers), self.batches
        )
        inquiry.tolerance, inquiry.is_float32 = self.tolerance, self.is_float32
        inquiry.forms, inquiry.hinges = self.forms, self.hinges
        return inquiry

    def before_gradient(self, subject: Subject) -> "Inquiry":
        """Return another inquiry that knows what this one did before the gradient was asked."""
        own = replace(self, subject=subject)
        for known in fields(own):
            if known.name in _OF_GRADIENT:
                is_made = known.default_factory is not MISSING
                setattr(own, known.name, known.default_factory() if is_made else known.default)
        return own

    @property
    def of_steps(self) -> float:
        """How far a recomputed step may be from the observed one."""
        return max(self.tolerance, self.steps_tolerance)

    def meant(self, batch: Batch) -> Batch:
        """Return a batch with its labels as the loss takes them, which may be smoothed."""
        if not self.smoothing or self.reported is None:
            return batch
        targets = smoothed_targets(batch.targets, self.smoothing, self.reported[0])
        return replace(batch, targets=targets)

    def enliven(self, form: Form) -> bool:
        """Draw units anew that are dead by a form of the forward pass; return whether that helps.

        What is given stays as it is.
        """
        inputs = [batch.inputs for batch in self.batches]
        dead = probe.dead_units(self.layers, form, inputs)
        if self.is_given or not dead:
            return False
        layers = probe.enlivened(self.layers, [form], inputs, self.rng)
        if probe.dead_units(layers, form, inputs) >= dead:
            return False
        self.layers = self.evidence.layers = self.subject.set(layers)
        return True

    def draw_again(self, size: float = 1.0) -> None:
        """Ask with other parameters, so many times as large; what is given stays as it is."""
        if self.is_given:
            return
        inputs = [batch.inputs for batch in self.batches]
        drawn = [layer.times(size) for layer in probe.parameters(self.subject, self.rng)]
        declared = probe.declared_form(self.subject, self.spec)
        forms = [declared] if declared else probe.likely_forms(self.subject)
        layers = probe.enlivened(drawn, forms, inputs, self.rng)
        self.layers = self.evidence.layers = self.subject.set(layers)

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Let `layers` be others for a while; what they were comes back, to the network too."""
        usual = self.layers
        try:
            yield
        finally:
            self.layers = usual
            try:
                self.restore()
            except SubjectError:
                # A step has given a parameter another shape.
                self.subject.begin(usual)

    def restore(self) -> None:
        """Give the network its parameters back."""
        self.subject.set(self.layers)
