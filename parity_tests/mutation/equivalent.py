"""Changes that no test can notice, each with the reason."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from parity_tests.mutation.mutants import Mutant


@dataclass(frozen=True)
class Equivalent:
    """A change after which functions do the same.

    Attributes
    ----------
    where : str
        Pattern for module and function: ``layers.*.backward_into``.
    old : str
        Text of one occurrence.
    new : tuple of str
        What it is replaced by.
    reason : str
        Why nothing observable changes.
    """

    where: str
    old: str
    new: tuple[str, ...]
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether the mutant is this change."""
        place = f"{mutant.module}.{mutant.function}"
        return fnmatchcase(place, self.where) and any(
            mutant.is_change(self.old, new) for new in self.new
        )


_MEMORY = "the result is in another array of its own; the numbers are the same"
_SAME_AT_ZERO = "both branches give the same number at 0"
_SAME_AT_EDGE = "both branches give the same number there"
_UNUSED = "the argument is taken for the constructor's sake and not used"
_NOT_READ = "this field is not read on this way"
_FLOAT64 = "None is float64 for NumPy"
_ONE_LENGTH = "a guard against a mistake in this library: the lengths were made or checked equal"
_EITHER = "an inferred size: NumPy takes any negative number for -1"
_NONE_IS_FALSE = "None is as false as False"
_SAME_CASE = "NumPy takes the letter in either case"
_TIMES_ZERO = "what is put in place of a zero is then multiplied by that zero, or not selected"

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent(
        "*.backward_into",
        "accumulate: bool = False,  # noqa: ARG002",
        ("accumulate: bool = True,  # noqa: ARG002",),
        "a layer without parameters has nothing to add to",
    ),
    Equivalent(
        "*",
        ", strict=True)",
        (", strict=None)", ", )", ", strict=False)"),
        _ONE_LENGTH,
    ),
    Equivalent(
        "*._check_like",
        "(value, own, strict=True)",
        ("(value, own, strict=None)", "(value, own, )", "(value, own, strict=False)"),
        _ONE_LENGTH,
    ),
    Equivalent(
        "losses.likelihood._spread",
        ", strict=False)",
        (", strict=None)", ", )"),
        _NONE_IS_FALSE,
    ),
    *(
        Equivalent(where, f", out={name})", (", out=None)", ", )"), _MEMORY)
        for where, name in (
            ("activations.*", "y"),
            ("activations.sigmoid._falling", "t"),
            ("activations.sigmoid._log1p_falling", "t"),
            ("optimizers.*._update", "scratch"),
            ("losses.cross_entropy.*", "exponentials"),
            ("losses.cross_entropy.*", "kept.losses"),
        )
    ),
    *(
        Equivalent("activations.*", old, (new,), _SAME_AT_ZERO)
        for old, new in (
            ("np.where(x < 0,", "np.where(x <= 0,"),
            ("np.where(x > 0,", "np.where(x >= 0,"),
            ("negative = x < 0", "negative = x <= 0"),
        )
    ),
    Equivalent(
        "activations.exponential.*",
        "np.minimum(x, 0.0)",
        ("np.minimum(x, 1.0)",),
        "positive entries are not selected",
    ),
    *(
        Equivalent("activations.softmax.*.out_features", "((0, in", (new,), "no entry is looked at")
        for new in ("((1, in",)
    ),
    Equivalent(
        "layers.shape.Flatten.out_features",
        "(2, in_features)",
        ("(3, in_features)",),
        "the shape of any batch of more than one sample",
    ),
    Equivalent("activations.rectifiers._by_channel", "(-1, *", ("(-2, *",), _EITHER),
    Equivalent("activations.softmax._by_distribution", "shape = -1,", ("shape = -2,",), _EITHER),
    *(
        Equivalent(
            "activations.rectifiers._by_channel",
            old,
            (new,),
            "one slope broadcasts in this shape as well",
        )
        for old, new in (
            ("if len(weight) == 1 else", "if (len(weight) == 1) and False else"),
            ("if len(weight) == 1 else", "if len(weight) == 2 else"),
            ("weight.reshape(())", "weight.reshape(None)"),
        )
    ),
    *(
        Equivalent("*.state_shapes", old, (new,), _UNUSED)
        for old, new in (
            ("eps: float = 1e-5,", "eps: float = 1.00001,"),
            ("momentum: float | None = 0.1,", "momentum: float | None = 1.1,"),
            ("init: float = 0.25)", "init: float = 1.25)"),
        )
    ),
    *(
        Equivalent("layers.normalization.*", old, (new,), reason)
        for old, new, reason in (
            ("is None or self", "is None and self", "both are None, or neither is"),
            (".astype(np.float64)", ".astype(None)", _FLOAT64),
            ("Moments(mean, variance,", "Moments(mean, None,", _NOT_READ),
            ('target.shape), casting="same_kind")', "target.shape), )", "the default"),
            ("self.normalized_shape, self.eps,", "self.normalized_shape, None,", _UNUSED),
            ("centered=False", "centered=None", _NONE_IS_FALSE),
            ("elementwise_affine, False)", "elementwise_affine, None)", _NONE_IS_FALSE),
        )
    ),
    *(
        Equivalent("activations.softmax._by_distribution", old, new, reason)
        for old, new, reason in (
            (".astype(np.float64, copy=False)", (".astype(None, copy=False)",), _FLOAT64),
            (
                ".astype(np.float64, copy=False)",
                (
                    ".astype(np.float64, copy=None)",
                    ".astype(np.float64, )",
                    ".astype(np.float64, copy=True)",
                ),
                _MEMORY,
            ),
        )
    ),
    *(
        Equivalent("losses.*", old, new, reason)
        for old, new, reason in (
            (
                "input.dtype, copy=False)",
                ("input.dtype, copy=None)", "input.dtype, )", "input.dtype, copy=True)"),
                _MEMORY,
            ),
            ("np.ones((), input.dtype)", ("np.ones((), None)", "np.ones((), )"), _SAME_AT_EDGE),
            ("np.where(q > 0, q, 1.0)", ("np.where(q > 0, q, 2.0)",), _TIMES_ZERO),
            ("(target == 0, 1.0,", ("(target == 0, 2.0,",), _TIMES_ZERO),
            ("(total == 0, 1.0,", ("(total == 0, 2.0,",), "all shares are zero there"),
            ("-np.inf, 0.0, top)", ("-np.inf, 1.0, top)",), "it is taken from infinities alone"),
            ("target <= 1, 1.0,", ("target < 1, 1.0,",), _SAME_AT_EDGE),
            ("target <= 1, 1.0,", ("target <= 1, 2.0,",), _TIMES_ZERO),
            ("distance < ", ("distance <= ",), _SAME_AT_EDGE),
            ("tuple[int, ...] = ()", ("tuple[int, ...] = None",), "forward sets it before"),
            ("batch.arrays[0].dtype", ("batch.arrays[1].dtype",), "all are of the input's type"),
            ('"iub"', ('"XXiubXX"',), "no array is of kind X"),
            ('"iu"', ('"XXiuXX"',), "no array is of kind X"),
            ('float("nan")', ('float("NAN")',), _SAME_CASE),
            ("derivative(input, target,", ("derivative(None, target,",), "the slope is without it"),
            ("labels, counted, weight)", ("labels, None, weight)",), "all of its labels count"),
            (".reshape(-1", (".reshape(-2",), _EITHER),
            (".astype(np.float64)", (".astype(None)",), _FLOAT64),
        )
    ),
    *(
        Equivalent("optimizers.*", old, new, reason)
        for old, new, reason in (
            ('order="F"', ('order="f"',), _SAME_CASE),
            ("full_matrices=False", ("full_matrices=None",), _NONE_IS_FALSE),
            ("factor >= 1", ("factor > 1",), "a factor of 1 changes nothing"),
            (".astype(np.float64)", (".astype(None)",), _FLOAT64),
            ("was_at_end = False", ("was_at_end = None",), _NONE_IS_FALSE),
            ("at_end = False", ("at_end = None",), _NONE_IS_FALSE),
            ('{"step": 0.0}', ('{"step": 1.0}',), "what is loaded takes its place"),
            ('.pop("step", 1)', ('.pop("step", 2)',), "only whether there was a step is looked at"),
            ("max(initial=0.0) for", ("max(initial=None) for",), "no gradient is empty"),
            ("share > _MOST", ("share >= _MOST",), "at one half both ways are the midpoint"),
        )
    ),
    Equivalent(
        "optimizers.averaging.*.load_state_dict",
        ", average.dtype)",
        (", None)", ", )"),
        "it is converted where it is written to",
    ),
    *(
        Equivalent("schedulers.*", old, new, reason)
        for old, new, reason in (
            ("1 - self.T_max)", ("1 + self.T_max)",), "alike modulo 2 T_max"),
            ("initial=False)", ("initial=None)", "initial=True)"), "not used by these schedules"),
            ("(self.last_epoch, initial", ("(None, initial",), "not used by this schedule"),
            ("position <= ", ("position < ",), _SAME_AT_EDGE),
            ("step <= leg", ("step < leg",), _SAME_AT_EDGE),
            ("if times else", ("if (times) or True else",), "gamma to the power of 0 is 1"),
            ('= "rel"', ('= "XXrelXX"', '= "REL"'), "whatever is not abs"),
            ("threshold * sign", ("threshold / sign",), "the sign is 1 or -1"),
            ("margin = 0.0", ("margin = 1.0",), "it is taken from infinity"),
            ("optimizer is None else", ("(optimizer is None) or True else",), "it is the same one"),
        )
    ),
)
