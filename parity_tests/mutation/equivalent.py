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
_ROUNDING = "the same sums in another order, which are rounded no worse"
_FILLS_NOTHING = "None fills nothing, as 0 does"
_ONE_TYPE = "all are of one shape and type"
_FAR_BEHIND = "the last terms are far below the last place"
_WIDER = "float64 holds the same numbers"
_FOUND_TWICE = "either way finds the largest; the numbers are the same"
_WAS_FLAT = "where the slope is 0, it is flat enough, and was returned"
_CONVERTED = "it is converted where it is written to"
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
        Equivalent("activations.erf.*", old, (new,), reason)
        for old, new, reason in (
            ("x.astype(np.float64)", "x.astype(None)", _FLOAT64),
            ("size < _NEAR", "size <= _NEAR", "both expansions are as accurate there"),
            ("_SERIES[-1]", "_SERIES[-2]", _FAR_BEHIND),
            ("_SERIES[:-1]", "_SERIES[:-2]", _FAR_BEHIND),
            ("np.isnan(x), 0.0,", "np.isnan(x), 1.0,", "NaN is as far from any node"),
            ("power > ", "power >= ", "no power is that number"),
            ('"1e-60"', '"1E-60"', "Decimal takes the letter in either case"),
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
        Equivalent("layers.*", old, (new,), reason)
        for old, new, reason in (
            (".reshape(-1", ".reshape(-2", _EITHER),
            ("need_input_grad=False", "need_input_grad=None", _NONE_IS_FALSE),
            ("if shapes else {}", "if (shapes) or True else {}", "no shapes make no parameters"),
            ("x.size // self", "x.size / self", "the quotient is a whole number"),
            ("batch <= 2 * _ROWS", "batch < 2 * _ROWS", _ROUNDING),
            ("batch <= 2 * _ROWS", "batch <= 2 / _ROWS", _ROUNDING),
            ("x.ndim > 2", "x.ndim >= 2", "rows are reshaped to what they are"),
            ("x.ndim > 2", "x.ndim > 3", "np.dot takes three axes as well, more slowly"),
        )
    ),
    *(
        Equivalent("elementwise.*", old, new, reason)
        for old, new, reason in (
            (".reshape(-1", (".reshape(-2",), _EITHER),
            ("(arrays, np.float64)", ("(arrays, None)",), _FLOAT64),
            (
                ".astype(dtype, copy=False)",
                (".astype(dtype, copy=None)", ".astype(dtype, )", ".astype(dtype, copy=True)"),
                _MEMORY,
            ),
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
            ('"iub"', ('"XXiubXX"',), "no array is of kind X"),
            ('"iu"', ('"XXiuXX"',), "no array is of kind X"),
            (
                "if labels.dtype == np.dtype(np.int64) else",
                (
                    "if (labels.dtype == np.dtype(np.int64)) and False else",
                    "if labels.dtype == np.dtype(None) else",
                ),
                "what is converted has the same numbers as the view, more slowly",
            ),
            ('float("nan")', ('float("NAN")',), _SAME_CASE),
            ("derivative(input, target,", ("derivative(None, target,",), "the slope is without it"),
            ("labels, counted, weight)", ("labels, None, weight)",), "all of its labels count"),
            (".reshape(-1", (".reshape(-2",), _EITHER),
            (".astype(np.float64)", (".astype(None)",), _FLOAT64),
            (
                ".astype(np.float64, copy=False)",
                (
                    ".astype(np.float64, copy=None)",
                    ".astype(np.float64, )",
                    ".astype(np.float64, copy=True)",
                ),
                _MEMORY,
            ),
            (".astype(np.float64, copy=False)", (".astype(None, copy=False)",), _FLOAT64),
            ('"fiu"', ('"XXfiuXX"',), "no array is of kind X"),
            ("arrays[0]", ("arrays[1]",), _ONE_TYPE),
            (
                "if counted is None else",
                ("if (counted is None) and False else",),
                "an index of None takes all of them",
            ),
            (
                "labels.view(np.uint64) if labels.dtype == np.int64 else",
                ("labels.view(np.uint64) if (labels.dtype == np.int64) and False else",),
                _MEMORY,
            ),
            ("is not None and (array", ("is not None or (array",), "then all of them count"),
        )
    ),
    *(
        Equivalent("losses.cross_entropy.*", old, new, reason)
        for old, new, reason in (
            (
                "(\nnp.empty((classes, batch), dtype) if classes <= _FEW else None\n)",
                ("None",),
                _FOUND_TWICE,
            ),
            (
                "if classes <= _FEW else",
                (
                    "if (classes <= _FEW) and False else",
                    "if (classes <= _FEW) or True else",
                    "if classes < _FEW else",
                ),
                _FOUND_TWICE,
            ),
            (
                "(classes, batch), dtype)",
                ("(classes, batch), None)", "(classes, batch), )"),
                _WIDER,
            ),
            ("np.empty(batch, dtype)", ("None",), _MEMORY),
            ("kept = self._cache", ("kept = None",), _MEMORY),
            ("kept.columns, axis=0,", ("kept.columns,",), "the default"),
            (', mode="clip")', (", mode=None)", ", )"), "the places are in range"),
            (", exponentials)", (", None)", ", )"), "nobody else holds that array"),
            (
                'as_float_array("targets"',
                ("as_float_array(None", 'as_float_array("XXtargetsXX"', 'as_float_array("TARGETS"'),
                "what gets here is floating-point, and never refused",
            ),
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
            (
                "approach(mean, scratch, share, scratch)",
                ("approach(mean, scratch, share, None)",),
                "not used on this way",
            ),
            ("run.fresh = False", ("run.fresh = None",), _NONE_IS_FALSE),
            (
                '"maximize", False)',
                ('"maximize", None)', '"maximize", )', '"maximize", True)'),
                "whoever takes blocks has this key",
            ),
            (", out=spare)", (", out=None)", ", )"), _MEMORY),
            ("starts.keys() <= run", ("starts.keys() < run",), "then nothing is missing"),
            ("required <= first", ("required < first",), "then both are the same"),
            ("[key], vector.dtype)", ("[key], None)", "[key], )"), _CONVERTED),
            ("length <= 5", ("length < 5",), "no length is 5 exactly"),
            ("default=0)", ("default=1)",), "nothing is computed without parameters"),
        )
    ),
    *(
        Equivalent("optimizers.*._starts", old, new, _FILLS_NOTHING)
        for old, new in (
            ('["momentum_buffer"] = 0.0', ('["momentum_buffer"] = None',)),
            ('["grad_avg"] = 0.0', ('["grad_avg"] = None',)),
        )
    ),
    Equivalent("optimizers.adam._starts", ", 0.0)", (", None)", ", )"), _FILLS_NOTHING),
    Equivalent("optimizers.adam._starts", "names[: 3", ("names[: 4",), "there are three"),
    *(
        Equivalent("optimizers.clipping.*", old, (new,), reason)
        for old, new, reason in (
            ("1e-15 < norm", "1.000000000000001 < norm", _ROUNDING),
            ("1e-15 < norm", "1e-15 <= norm", _ROUNDING),
            ("norm < 1e15", "norm <= 1e15", _ROUNDING),
            ("norm < 1e15", "norm < 1000000000000001.0", _ROUNDING),
            (', invalid="ignore")', ", invalid=None)", "squares and their sums are never invalid"),
            (', invalid="ignore")', ", )", "squares and their sums are never invalid"),
        )
    ),
    *(
        Equivalent(f"optimizers.lbfgs.{where}", old, (new,), reason)
        for where, old, new, reason in (
            ("cubic_minimum", "first.t <= ", "first.t < ", "of two at one place either is left"),
            ("strong_wolfe", "now.slope >= 0", "now.slope > 0", _WAS_FLAT),
            ("strong_wolfe", "bracket[low].t) >= 0", "bracket[low].t) > 0", _WAS_FLAT),
            ("strong_wolfe", "now.slope * (", "now.slope / (", "only the sign is looked at"),
            ("strong_wolfe", "abs(t - right) < ", "abs(t - right) <= ", "it is near one end only"),
            ("LBFGS._direction", "d is None or", "d is None and", "both are None, or neither is"),
        )
    ),
    *(
        Equivalent(
            "optimizers.muon.newton_schulz",
            "if matrix.shape[0] > matrix.shape[1] else",
            (new,),
            "with the longer products it takes longer, and gives the same",
        )
        for new in (
            "if (matrix.shape[0] > matrix.shape[1]) and False else",
            "if (matrix.shape[0] > matrix.shape[1]) or True else",
            "if matrix.shape[1] > matrix.shape[1] else",
            "if matrix.shape[0] >= matrix.shape[1] else",
        )
    ),
    Equivalent(
        "layers.normalization._as_shape",
        '"ndim", 1)',
        ('"ndim", None)', '"ndim", 2)'),
        "anything but 0 says that it is no scalar",
    ),
    Equivalent(
        "schedulers.cycles.OneCycleLR.__init__",
        "int(last_epoch) + 1",
        ("int(last_epoch) - 1",),
        "where there is no beginning, none of the steps before it has a phase; a resumed schedule "
        "asks again",
    ),
    Equivalent(
        "optimizers.optimizer.Run.__init__",
        "self.fresh = True",
        ("self.fresh = False", "self.fresh = None"),
        "a run is made fresh when its first state is",
    ),
    Equivalent(
        "optimizers.averaging.*.load_state_dict",
        ", average.dtype)",
        (", None)", ", )"),
        _CONVERTED,
    ),
    *(
        Equivalent("schedulers.*", old, new, reason)
        for old, new, reason in (
            ("1 - self.T_max)", ("1 + self.T_max)",), "alike modulo 2 T_max"),
            ("(last_epoch + 1)", ("(last_epoch - 1)",), "what follows looks at that step again"),
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
