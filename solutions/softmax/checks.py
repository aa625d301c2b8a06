"""Questions, checks, mistakes and equivalents of the assignment on softmax; 100 points in all.

Checks that name no points share what is left of their question's points equally. The bodies of
mistakes and equivalents never run here: each becomes a cell of a notebook that imports `np` and
`torch`. A number such as SM-03 in a comment is its entry in the team's list of misconceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autograder.course import (
    Forbids,
    call,
    call_twice,
    check_numpy_alone,
    check_torch,
    gradient,
    lines,
    question,
    tensor,
    value,
)

if TYPE_CHECKING:
    import torch

# Each has ordinary answers: a small beside a huge row, one large gap, all scores far below zero.
FAR_APART = np.array([[0.0, 1.0], [1000.0, 1001.0]])
ONE_PEAK = np.array([3000.0, 0.0, 0.0])
ALL_LOW = np.array([-1000.0, -1001.0])


#: Every function must leave its inputs alone; one check of each says so.
STAYS: dict[str, str] = {
    "title": "a second call gives the same answer and inputs stay as they were",
    "hint": "Compare your input before and after the call.",
}


#: What the torch questions are to be built without.
READY_MADE = Forbids(
    operators=("*softmax*", "*logsumexp*", "*logaddexp*", "*logcumsumexp*", "*cross_entropy*", "*attention*")
)
BY_HAND = "built from exp, max, sum and log, without the library's own function"

#: One check of the functions that invite a loop.
NO_LOOP: dict[str, str] = {
    "title": "no Python loop over samples",
    "hint": "Which line runs once for each row? Let one NumPy operation do all rows.",
}


def on_every_axis(rng):
    """A 3-D array with the classes on each axis, named from both ends, and on the default one."""
    x = rng.normal(size=(2, 3, 4))
    return [call(x=x), *(call(x=x, axis=axis) for axis in (0, 1, 2, -1, -2, -3))]


def in_other_dtypes(rng):
    """float32, float32 where a missing shift overflows, and integers."""
    single = [rng.normal(size=(3, 4)), np.array([[100, 101, 103]])]
    return [
        *(call(x=x.astype(np.float32)) for x in single),
        call(x=rng.integers(-3, 4, size=(2, 5))),
    ]


# Pen and paper ---------------------------------------------------------------------------------

shift_changes_output = question("shift_changes_output", points=2, kind="value")


@shift_changes_output.check(
    "the effect of adding a constant",
    hint="Write exp(x + 100) as a product. What happens to the factor?",
)
def _(rng):
    return value()


shift_changes_output.wrong(
    "a", "thinks that a shift scales the probabilities", hint="What would the sum of the probabilities be?"
)
shift_changes_output.wrong(
    "c",
    "thinks that a shift evens out the probabilities",
    hint="The gap between two scores decides. Does a shift change it?",
)
shift_changes_output.wrong(
    "d", "confuses adding with multiplying", hint="Compare [0, 1] and [100, 101]: how large are the gaps?"
)


scale_changes_output = question("scale_changes_output", points=2, kind="value")


@scale_changes_output.check(
    "the effect of multiplying by a constant",
    hint="Compute the softmax of [0, ln 2] and of [0, 3 ln 2].",
)
def _(rng):
    return value()


scale_changes_output.wrong(
    "a", "thinks that a common factor cancels", hint="exp(3 x) is exp(x) to the power 3. Does a power cancel?"
)
scale_changes_output.wrong("b", "has the direction reversed", hint="Do the gaps between the scores grow or shrink?")
scale_changes_output.wrong(
    "c", "moves the factor out of the exponential", hint="Is exp(3 x) the same as 3 exp(x)? Try x = 0."
)


largest_output_input = question("largest_output_input", points=2, kind="value")


@largest_output_input.check(
    "the input with the largest first probability",
    hint="Shift each input so that its first score is 0.",
)
def _(rng):
    return value()


largest_output_input.wrong(
    "a", "looks at the size of the scores", hint="Three equal scores: what is the probability of each?"
)
largest_output_input.wrong(
    "b",
    "overlooks that negative scores are ordinary scores",
    hint="Is it the sign of a score that counts, or its lead over the others?",
)
largest_output_input.wrong(
    "d", "overlooks the second-largest score", hint="How far is the first score ahead of the second in each input?"
)


# Softmax ---------------------------------------------------------------------------------------

softmax = question("softmax", points=14)


@softmax.check("each row of a batch sums to one", public=True, hint="Print the result's sum over axis 1.")
def _(rng):
    return call(x=rng.normal(size=(4, 5)))


@softmax.check(
    "scores around 1000 stay finite",
    public=True,
    hint="What is np.exp(1000.0)? Which change of all scores leaves the result as it is?",
)
def _(rng):
    return call(x=1000 + 3 * rng.normal(size=(3, 4)))


@softmax.check("any axis of a 3-D array can hold the classes", hint="Is `axis` used in every reduction?")
def _(rng):
    return on_every_axis(rng)


@softmax.check(
    "one sample, one class and square batches work",
    hint="Which shapes do the two sides of the division have?",
)
def _(rng):
    shapes = [(5,), (1,), (1, 1), (3, 1), (1, 4), (3, 3), (2, 1, 3)]
    return [call(x=rng.normal(size=shape)) for shape in shapes]


@softmax.check(
    "samples with very different scores do not disturb each other",
    hint="Look at each row by itself. Which numbers reach exp?",
)
def _(rng):
    far = [call(x=x) for x in (FAR_APART, ONE_PEAK, ALL_LOW)]
    return [*far, call(x=FAR_APART.T.copy(), axis=0)]


@softmax.check(
    "the gap between two scores decides, wherever they lie",
    hint="Compare the results for [0, -1], [-50, -51] and [50, 49]. Should they differ?",
)
def _(rng):
    gap = rng.uniform(0.5, 1.5)
    pairs = [[top, top - gap] for top in (-50.0, 60.0, -900.0)] + [[1000.0, 990.0]]
    return [call(x=np.array(pair)) for pair in pairs]


@softmax.check(
    "float32 stays float32, integers become float64",
    hint="Which dtype has each array that you create on the way?",
)
def _(rng):
    return in_other_dtypes(rng)


@softmax.check(**NO_LOOP)
def _(rng):
    return lines(*(call(x=rng.normal(size=(n, 3))) for n in (4, 40)))


@softmax.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)))


@softmax.mistake(  # SM-01
    "normalises over the batch",
    hint="Print `out.sum(axis=1)` for a 2x3 input. Which numbers belong to one sample?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(0))
    return e / e.sum(0)


@softmax.mistake(  # SM-02
    "normalises over the whole array",
    hint="Feed the same row twice. Should a second sample change the first one's result?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max())
    return e / e.sum()


@softmax.mistake(  # SM-03
    "subtracts no maximum",
    hint="What is `np.exp(1000.0)`? Which shift of all scores leaves the ratios unchanged?",
)
def _(x, axis=-1):
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


@softmax.mistake(  # SM-04
    "subtracts the maximum of the whole batch",
    hint="Try one tiny and one huge row in one batch. Whose maximum did you subtract?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max())
    return e / e.sum(axis, keepdims=True)


@softmax.mistake(  # SM-05
    "divides by a sum that lost its axis",
    hint="Write down the two shapes in the division. Why are square inputs dangerous?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis)


@softmax.mistake(  # SM-06
    "shifts only the numerator",
    hint="Do your outputs still add up to 1? Compare numerator and denominator.",
)
def _(x, axis=-1):
    return np.exp(x - x.max(axis, keepdims=True)) / np.exp(x).sum(axis, keepdims=True)


@softmax.mistake(  # SM-07
    "subtracts the mean instead of the maximum",
    hint="After your shift, what is the largest number that can still reach `exp`?",
)
def _(x, axis=-1):
    e = np.exp(x - x.mean(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax.mistake("modifies its input", hint="Print your input before and after the call.")  # SM-08
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    x -= x.max(axis, keepdims=True)
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


@softmax.mistake(  # SM-09
    "adds a small constant instead of a shift",
    hint="Test scores around -50. Do the outputs still sum to 1?",
)
def _(x, axis=-1):
    e = np.exp(x)
    return e / (e.sum(axis, keepdims=True) + 1e-8)


@softmax.mistake(  # SM-10
    "clips the scores", hint="Two scores, 1000 and 990: which one should win, and does it?"
)
def _(x, axis=-1):
    e = np.exp(np.clip(x, -50, 50))
    return e / e.sum(axis, keepdims=True)


@softmax.mistake(  # SM-11
    "always uses axis 1",
    hint="Which axis holds the classes when the input is 1-D, or batch x time x class?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@softmax.mistake(  # SM-12
    "writes probabilities into an integer array",
    hint="Check `out.dtype` when the scores are integers.",
)
def _(x, axis=-1):
    out = np.zeros_like(x)
    e = np.exp(x - x.max(axis, keepdims=True))
    out[:] = e / e.sum(axis, keepdims=True)
    return out


@softmax.mistake("always uses the last axis", hint="Call it with axis=0. Which sums are 1 then?")
def _(x, axis=-1):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@softmax.mistake("returns float64 for float32", hint="Compare `x.dtype` and `out.dtype` for a float32 input.")
def _(x, axis=-1):
    x = np.array(x, dtype=np.float64)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax.equivalent("shift by the maximum plus a constant")  # EQ-04
def _(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True) - 1)
    return e / e.sum(axis, keepdims=True)


@softmax.equivalent("class axis moved to the end and back")
def _(x, axis=-1):
    last = np.moveaxis(x, axis, -1)
    e = np.exp(last - last.max(-1)[..., None])
    return np.moveaxis(e / e.sum(-1)[..., None], -1, axis)


@softmax.equivalent("exponential of scores minus their log-sum-exp")
def _(x, axis=-1):
    return np.exp(x - np.logaddexp.reduce(x, axis=axis, keepdims=True))


@softmax.equivalent("one over a sum of exponentials of differences")
def _(x, axis=-1):
    x = np.moveaxis(x, axis, -1)
    with np.errstate(over="ignore"):
        y = 1 / np.exp(x[..., None, :] - x[..., :, None]).sum(-1)
    return np.moveaxis(y, -1, axis)


# Softmin ---------------------------------------------------------------------------------------

softmin = question("softmin", points=4)


@softmin.check("the smallest entry gets the largest probability", public=True, hint="Which entry should win?")
def _(rng):
    return [call(x=np.log([[1.0, 2.0, 5.0]])), call(x=rng.normal(size=(3, 4)))]


@softmin.check(
    "any axis and any number of samples",
    hint="Pass `axis` on. Which axis sums to 1 when axis=0 is asked for?",
)
def _(rng):
    return on_every_axis(rng) + [call(x=rng.normal(size=s)) for s in [(4,), (1,), (2, 1), (3, 3)]]


@softmin.check(
    "entries far from zero stay finite",
    hint="Which entry must be shifted to 0: the largest or the smallest?",
)
def _(rng):
    return [call(x=x) for x in (FAR_APART, ONE_PEAK, -ONE_PEAK, ALL_LOW)]


@softmin.check(
    "float32 stays float32, integers of any type become float64",
    hint="What is -np.array([1], dtype=np.uint8)? Convert before you compute.",
)
def _(rng):
    return [*in_other_dtypes(rng), call(x=np.array([[0, 1, 3], [2, 2, 5]], dtype=np.uint8))]


@softmin.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)))


@softmin.mistake("forgets the minus sign", hint="Which entry gets your largest probability?")
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmin.mistake("returns one minus softmax", hint="What do your results sum to with four classes?")
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(x - x.max(axis, keepdims=True))
    return 1 - e / e.sum(axis, keepdims=True)


@softmin.mistake("subtracts no extreme value", hint="What is `np.exp(-x)` for x = -1000?")
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(-x)
    return e / e.sum(axis, keepdims=True)


@softmin.mistake(
    "shifts by the wrong end",
    hint="After your shift, what is the largest exponent for the entries 0 and 2000?",
)
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(-(x - x.max(axis, keepdims=True)))
    return e / e.sum(axis, keepdims=True)


@softmin.mistake(
    "shifts by the minimum of the whole batch",
    hint="Try one tiny row and one huge row. Whose minimum did you use?",
)
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(x.min() - x)
    return e / e.sum(axis, keepdims=True)


@softmin.mistake("negates before it converts", hint="What is `-np.array([1], dtype=np.uint8)`?")
def _(x, axis=-1):
    x = -x
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmin.mistake("always uses the last axis", hint="Call it with axis=0. Which sums are 1 then?")
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(x.min(-1, keepdims=True) - x)
    return e / e.sum(-1, keepdims=True)


@softmin.equivalent("minimum minus the entries")
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    e = np.exp(x.min(axis=axis, keepdims=True) - x)
    return e / e.sum(axis=axis, keepdims=True)


@softmin.equivalent("product with -1.0 and log-sum-exp")
def _(x, axis=-1):
    z = x * np.ones((), x.dtype if x.dtype.kind == "f" else float) * -1.0
    z = z - z.max(axis, keepdims=True)
    return np.exp(z - np.log(np.exp(z).sum(axis, keepdims=True)))


# Softmax to another base -----------------------------------------------------------------------

softmax_base = question("softmax_base", points=7)


@softmax_base.check(
    "base 2 doubles with every point of score",
    public=True,
    points=1,
    hint="Powers of 2 over their sum.",
)
def _(rng):
    return [call(x=np.array([0.0, 1.0, 3.0]), base=2), call(x=rng.normal(size=(3, 4)), base=2.0)]


@softmax_base.check(
    "scores around 1000 stay finite with base 10",
    public=True,
    points=1,
    hint="What is 10.0 ** 1000? The same shift as in softmax helps.",
)
def _(rng):
    return call(x=1000 + rng.normal(size=(2, 3)), base=10.0)


@softmax_base.check("any axis and any number of samples", hint="Is `axis` used in every reduction?")
def _(rng):
    x = rng.normal(size=(2, 3, 4))
    several = [call(x=x, base=3.0, axis=axis) for axis in (0, 1, -1)]
    return several + [call(x=rng.normal(size=s), base=5.0) for s in [(4,), (1,), (2, 1), (3, 3)]]


@softmax_base.check("bases from below 1 to 10", hint="What must base 1 give? And which score wins with base 0.5?")
def _(rng):
    x = rng.normal(size=(3, 4))
    return [call(x=x, base=base) for base in (0.5, 1.0, 1.5, float(np.e), 10.0)]


@softmax_base.check(
    "far scores stay finite for bases above and below 1",
    hint="With base 0.1, which power is the largest: that of the largest or of the smallest score?",
)
def _(rng):
    large = [call(x=x, base=10.0) for x in (FAR_APART, ONE_PEAK, ALL_LOW)]
    return large + [call(x=x, base=0.1) for x in (FAR_APART, ONE_PEAK, -ONE_PEAK, ALL_LOW)]


@softmax_base.check("float32 stays float32", hint="Is one of your constants a float64 array or NumPy scalar?")
def _(rng):
    return [call(x=rng.normal(size=(3, 4)).astype(np.float32), base=base) for base in (2.0, 10)]


@softmax_base.check(
    "integer scores and an integer base give float64",
    hint="NumPy has no negative powers of integers.",
)
def _(rng):
    return [call(x=rng.integers(-3, 4, size=(2, 5)), base=base) for base in (2, 10, 0.5)]


@softmax_base.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)), base=3.0)


@softmax_base.mistake("ignores the base", hint="Call it with base 2 and with base 10. Should the results differ?")
def _(x, base, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake("takes powers without a shift", hint="What is `10.0 ** 1000`?")
def _(x, base, axis=-1):
    e = float(base) ** x
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake("swaps base and exponent", hint="Which of the two is fixed while the scores vary?")
def _(x, base, axis=-1):
    e = np.abs(x) ** base
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake(
    "divides by the logarithm of the base",
    hint="A larger base should sharpen the result. Does yours? What about base 1?",
)
def _(x, base, axis=-1):
    z = x / float(np.log(base))
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake(
    "multiplies the scores by the base",
    hint="Base e must give softmax itself. Does yours? Which function turns 10 into 2.303?",
)
def _(x, base, axis=-1):
    z = x * base
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake("uses a logarithm to base 2 or 10", hint="b ** x is exp(x times what)? Check with base e.")
def _(x, base, axis=-1):
    z = x * float(np.log2(base))
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake(
    "shifts by the largest score for a base below 1",
    hint="For base 0.1, which score has the largest power?",
)
def _(x, base, axis=-1):
    e = float(base) ** (x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake(
    "takes integer powers",
    hint="Convert the scores to float first: NumPy has no negative powers of integers.",
)
def _(x, base, axis=-1):
    shift = x.max(axis, keepdims=True) if base >= 1 else x.min(axis, keepdims=True)
    e = base ** (x - shift)
    return e / e.sum(axis, keepdims=True)


@softmax_base.mistake("always uses the last axis", hint="Call it with axis=0. Which sums are 1 then?")
def _(x, base, axis=-1):
    z = x * float(np.log(base))
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@softmax_base.equivalent("powers after a shift that fits the base")
def _(x, base, axis=-1):
    shift = x.max(axis, keepdims=True) if base >= 1 else x.min(axis, keepdims=True)
    e = float(base) ** (x - shift)
    return e / e.sum(axis, keepdims=True)


@softmax_base.equivalent("powers of 2")
def _(x, base, axis=-1):
    z = x * float(np.log2(base))
    e = np.exp2(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


# Sigmoid ---------------------------------------------------------------------------------------

sigmoid = question("sigmoid", points=8)


@sigmoid.check(
    "values between -3 and 3",
    public=True,
    points=1,
    hint="sigmoid(0) is 0.5. Is sigmoid(x) + sigmoid(-x) = 1?",
)
def _(rng):
    return [call(x=np.linspace(-3, 3, 7)), call(x=rng.normal(size=(2, 3)))]


@sigmoid.check(
    "1000 and -1000 give 1 and 0",
    public=True,
    points=1,
    hint="What is np.exp(1000.0) / np.exp(1000.0)?",
)
def _(rng):
    return call(x=np.array([1000.0, 0.3, -1000.0]))


@sigmoid.check("arrays of any shape, elementwise", hint="Does each result depend on its own entry only?")
def _(rng):
    shapes = [(), (1,), (5,), (3, 3), (2, 1, 4)]
    return [call(x=rng.normal(size=shape)) for shape in shapes]


@sigmoid.check(
    "both tails, in arrays of mixed signs",
    hint="Look at x = 30 and x = -30 separately. Which exponent is large?",
)
def _(rng):
    x = rng.uniform(5, 800, size=(3, 4)) * rng.choice([-1, 1], size=(3, 4))
    return [call(x=x), call(x=np.array([-800.0, -30.0, -22.0, 0.5, 15.0, 22.0, 30.0, 800.0]))]


@sigmoid.check(
    "float32 stays float32, also for far scores",
    hint="Which dtype has each array that you create on the way?",
)
def _(rng):
    x = rng.normal(size=(3, 4)).astype(np.float32)
    return [call(x=x), call(x=np.array([-200, -100, 0, 1, 100, 200], dtype=np.float32))]


@sigmoid.check("integers become float64", hint="Which dtype has the array that you write into?")
def _(rng):
    return [call(x=np.arange(-4, 5)), call(x=rng.integers(-3, 4, size=(2, 5)).astype(np.int32))]


@sigmoid.check(**STAYS)
def _(rng):
    return [call_twice(x=rng.normal(size=(2, 3))), call_twice(x=np.array([-800.0, 800.0]))]


@sigmoid.mistake(  # AC-11
    "divides two large exponentials",
    hint="Which of the two algebraic forms survives x = 1000, and which x = -1000?",
)
def _(x):
    return np.exp(x) / (1 + np.exp(x))


@sigmoid.mistake("has the sign of the exponent reversed", hint="Should a larger x give a larger result?")
def _(x):
    return 1 / (1 + np.exp(x))


@sigmoid.mistake("returns tanh", hint="Which values can a probability take? What is your result for 0?")
def _(x):
    return np.tanh(x)


@sigmoid.mistake(  # after BC-07
    "clips its input",
    hint="Plot your function from -30 to 30 on a logarithmic axis. Where does it become flat?",
)
def _(x):
    return 1 / (1 + np.exp(-np.clip(x, -10, 10)))


@sigmoid.mistake(  # after AC-12, BC-03
    "applies sigmoid twice", hint="What is the largest value that your function can return?"
)
def _(x):
    return 1 / (1 + np.exp(-1 / (1 + np.exp(-x))))


@sigmoid.mistake("returns the derivative", hint="What is your result for x = 0, and what should it be?")
def _(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)


@sigmoid.mistake(
    "normalises over the whole array",
    hint="Does your result for one entry change when you add another one?",
)
def _(x):
    e = np.exp(x - x.max())
    return e / (1 + e.sum())


@sigmoid.mistake(
    "decides for all entries at once",
    hint="`if` needs one truth value. What does NumPy offer for a choice per element?",
)
def _(x):
    if x >= 0:
        return 1 / (1 + np.exp(-x))
    return np.exp(x) / (1 + np.exp(x))


@sigmoid.mistake("writes into an integer array", hint="Check `out.dtype` for integer input.")
def _(x):
    out = np.zeros_like(x)
    positive = x >= 0
    out[positive] = 1 / (1 + np.exp(-x[positive]))
    out[~positive] = np.exp(x[~positive]) / (1 + np.exp(x[~positive]))
    return out


@sigmoid.mistake("modifies its input", hint="Print your input before and after the call.")
def _(x):
    x[x < -700] = -700
    return 1 / (1 + np.exp(-x))


@sigmoid.equivalent("1 / (1 + exp(-x)), which only warns")  # EQ-03
def _(x):
    return 1 / (1 + np.exp(-x))


@sigmoid.equivalent("half of one plus tanh of x / 2")  # EQ-06
def _(x):
    return 0.5 * (1 + np.tanh(x / 2))


@sigmoid.equivalent("both quotients and a choice per element")
def _(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


@sigmoid.equivalent("exponential of minus log(1 + exp(-x))")
def _(x):
    return np.exp(-np.logaddexp(0, -x))


# Elo -------------------------------------------------------------------------------------------

elo_win_probability = question("elo_win_probability", points=5)


@elo_win_probability.check(
    "leads of 0, 200 and 400 points",
    public=True,
    points=1,
    hint="A lead of 400 points gives 1 / (1 + 10 ** -1).",
)
def _(rng):
    return call(np.array([1500.0, 1700.0, 1900.0]), np.array([1500.0, 1500.0, 1500.0]))


@elo_win_probability.check("any two players", hint="Only the difference of the ratings counts. Who is ahead?")
def _(rng):
    a, b = rng.uniform(800, 2800, size=(2, 6))
    return [call(a, b), call(elo_b=b, elo_a=a), call(np.array(1650.0), np.array(1480.0))]


@elo_win_probability.check("ratings broadcast to a table", hint="Shapes (3, 1) and (4,) give a table of shape (3, 4).")
def _(rng):
    a, b = rng.uniform(800, 2800, size=(3, 1)), rng.uniform(800, 2800, size=4)
    return [call(a, b), call(a, np.array(1500.0)), call(a[:1], b[:1])]


@elo_win_probability.check(
    "ratings far outside chess", hint="Which powers of 10 appear, and can each of them overflow?"
)
def _(rng):
    a = np.array([200_000.0, 200_100.0, -200_000.0, 400_000.0, 0.0])
    return call(a, np.array([200_100.0, 200_000.0, -200_100.0, 0.0, 400_000.0]))


@elo_win_probability.check(
    "integer ratings give float64, float32 stays float32",
    hint="Is there an integer division, or a constant of type float64?",
)
def _(rng):
    a, b = rng.integers(800, 2800, size=(2, 5))
    return [call(a, b), call(a.astype(np.float32), b.astype(np.float32))]


@elo_win_probability.check(**STAYS)
def _(rng):
    return call_twice(elo_a=rng.normal(1500, 200, size=3), elo_b=rng.normal(1500, 200, size=3))


@elo_win_probability.mistake("returns the probability that B wins", hint="Who should win at 1900 against 1500?")
def _(elo_a, elo_b):
    return 1 / (1 + 10.0 ** ((elo_a - elo_b) / 400))


@elo_win_probability.mistake("uses base e", hint="A lead of 400 points should give 10 to 1. What do you get?")
def _(elo_a, elo_b):
    return 1 / (1 + np.exp(-(elo_a - elo_b) / 400))


@elo_win_probability.mistake("uses another scale than 400", hint="Evaluate a lead of 400 points by hand.")
def _(elo_a, elo_b):
    return 1 / (1 + 10.0 ** (-(elo_a - elo_b) / 200))


@elo_win_probability.mistake(
    "compares the ratings by their ratio",
    hint="Add 1000 to both ratings. Should the result change?",
)
def _(elo_a, elo_b):
    return elo_a / (elo_a + elo_b)


@elo_win_probability.mistake("divides integers without a remainder", hint="What is `-200 // 400`?")
def _(elo_a, elo_b):
    return 1 / (1 + 10.0 ** (-(elo_a - elo_b) // 400))


@elo_win_probability.mistake(
    "divides two large powers",
    hint="What is 10.0 ** (200000 / 400)? Which form needs only the difference?",
)
def _(elo_a, elo_b):
    a, b = 10.0 ** (elo_a / 400), 10.0 ** (elo_b / 400)
    return a / (a + b)


@elo_win_probability.mistake("pairs every A with every B", hint="Two arrays of shape (6,): which shape has the result?")
def _(elo_a, elo_b):
    return 1 / (1 + 10.0 ** (-np.subtract.outer(elo_a, elo_b) / 400))


@elo_win_probability.equivalent("the formula as it is written")
def _(elo_a, elo_b):
    return 1 / (1 + 10 ** (-(elo_a - elo_b) / 400))


@elo_win_probability.equivalent("hyperbolic tangent")
def _(elo_a, elo_b):
    return (1 + np.tanh((elo_a - elo_b) * (float(np.log(10)) / 800))) / 2


# Hardmax ---------------------------------------------------------------------------------------

hardmax = question("hardmax", points=6)


@hardmax.check(
    "one 1 in every row, at the largest score",
    public=True,
    points=1,
    hint="Compare with x.argmax(axis=1).",
)
def _(rng):
    return call(x=rng.normal(size=(4, 5)))


@hardmax.check(
    "the first of equal scores wins",
    public=True,
    points=1,
    hint="How many ones has your result for [2, 5, 5, 1]?",
)
def _(rng):
    return call(x=np.array([2.0, 5.0, 5.0, 1.0]))


@hardmax.check(
    "any axis of a 3-D array can hold the classes",
    hint="After one-hot encoding, where did the class axis go?",
)
def _(rng):
    return [*on_every_axis(rng), call(x=rng.normal(size=(3, 3)), axis=0)]


@hardmax.check("ties in a batch, along either axis", hint="Which entry does np.argmax choose?")
def _(rng):
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [1.0, 3.0, 0.0], [-1.0, -4.0, -1.0]])
    return [call(x=x), call(x=x, axis=0)]


@hardmax.check(
    "one sample, one class, negative and far scores",
    hint="Does a row without positive scores have a largest one?",
)
def _(rng):
    shapes = [(5,), (1,), (3, 1), (1, 4)]
    far = np.array([[-1000.0, -990.0, -1200.0], [0.0, 1e-3, -1e3], [1e6, 2e6, -1e6]])
    inputs = [rng.normal(size=shape) for shape in shapes] + [far, -1 - rng.random(size=(2, 6))]
    return [call(x=x) for x in inputs]


@hardmax.check(
    "float32 stays float32, integers become float64",
    hint="Which dtype has the array of zeros that you fill?",
)
def _(rng):
    return [
        call(x=rng.normal(size=(3, 4)).astype(np.float32)),
        call(x=rng.permuted([[1, 2, 3, 4, 5]] * 3, axis=1)),
    ]


@hardmax.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)))


@hardmax.mistake("marks every one of equal scores", hint="How many ones may a one-hot vector have?")
def _(x, axis=-1):
    out = x == x.max(axis, keepdims=True)
    return out.astype(x.dtype if x.dtype.kind == "f" else float)


@hardmax.mistake("lets the last of equal scores win", hint="Which one does `np.argmax` choose?")
def _(x, axis=-1):
    out = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else float)
    last = x.shape[axis] - 1 - np.flip(x, axis).argmax(axis, keepdims=True)
    np.put_along_axis(out, last, 1, axis)
    return out


@hardmax.mistake(
    "marks only the largest score of the whole array",
    hint="How many ones does a batch of 4 samples need?",
)
def _(x, axis=-1):
    out = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else float)
    out.flat[x.argmax()] = 1
    return out


@hardmax.mistake("returns the index", hint="Which shape should the result have?")
def _(x, axis=-1):
    return x.argmax(axis)


@hardmax.mistake("always uses the last axis", hint="Call it with axis=0. Which sums are 1 then?")
def _(x, axis=-1):
    out = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else float)
    np.put_along_axis(out, x.argmax(-1)[..., None], 1, -1)
    return out


@hardmax.mistake("leaves the one-hot axis at the end", hint="Compare the shapes of `x` and `out` for axis=0.")
def _(x, axis=-1):
    return np.eye(x.shape[axis], dtype=x.dtype if x.dtype.kind == "f" else float)[x.argmax(axis)]


@hardmax.mistake("returns integers", hint="Softmax returns floats. What is `out.dtype` here?")
def _(x, axis=-1):
    out = np.zeros(x.shape, dtype=int)
    np.put_along_axis(out, x.argmax(axis, keepdims=True), 1, axis)
    return out


@hardmax.mistake(
    "rounds softmax",
    hint="Try three scores that are nearly equal. Does any probability exceed 0.5?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.round(e / e.sum(axis, keepdims=True))


@hardmax.mistake("keeps the score instead of 1", hint="What is the sum of each row of your result?")
def _(x, axis=-1):
    out = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else float)
    best = x.argmax(axis, keepdims=True)
    np.put_along_axis(out, best, np.take_along_axis(x, best, axis), axis)
    return out


@hardmax.equivalent("rows of an identity matrix, axis moved back")
def _(x, axis=-1):
    rows = np.eye(x.shape[axis], dtype=x.dtype if x.dtype.kind == "f" else float)[x.argmax(axis)]
    return np.moveaxis(rows, -1, axis)


@hardmax.equivalent("positions compared with the best one")
def _(x, axis=-1):
    last = np.moveaxis(x, axis, -1)
    hit = np.arange(last.shape[-1]) == last.argmax(-1)[..., None]
    return np.moveaxis(hit, -1, axis).astype(x.dtype if x.dtype.kind == "f" else np.float64)


# Logsumexp -------------------------------------------------------------------------------------

logsumexp = question("logsumexp", points=8)
logsumexp.equivalent_mutant(
    "shift = np.where(np.isfinite(largest), largest, 0) -> shift = np.where(np.isfinite(largest), largest, 1)",
    reason="Any finite number may stand in for an infinite shift: the result is that infinity.",
)


@logsumexp.check(
    "one number for each sample",
    public=True,
    points=1,
    hint="Which shape has the result for shape (4, 5)?",
)
def _(rng):
    return call(x=rng.normal(size=(4, 5)))


@logsumexp.check("1000 and -1000 stay finite", public=True, points=1, hint="log(exp(a) + exp(a)) is a + log(2).")
def _(rng):
    return call(x=np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [0.0, 1.0]]))


@logsumexp.check("any axis of a 3-D array can be summed away", hint="Which axis is missing in the result?")
def _(rng):
    return [*on_every_axis(rng), call(x=rng.normal(size=(3, 3)), axis=0)]


@logsumexp.check("one sample and one class", hint="What is the log-sum-exp of a single score?")
def _(rng):
    return [call(x=1 + rng.random(size=shape)) for shape in [(5,), (1,), (3, 1), (1, 4), (2, 1, 3)]]


@logsumexp.check(
    "entries of -inf count as probability 0",
    hint="What is -inf minus -inf? Which shift suits a row of nothing but -inf?",
)
def _(rng):
    low = -np.inf
    batch = np.array([[0.0, low, 1.0], [low, low, low], [low, -2.0, low], [1.0, 2.0, 3.0]])
    return [
        call(x=batch),
        call(x=batch, axis=0),
        call(x=np.array([low, low])),
        call(x=np.array([low, 1000.0])),
    ]


@logsumexp.check(
    "samples with very different scores do not disturb each other",
    hint="Whose maximum was subtracted in each row?",
)
def _(rng):
    mixed = np.array([[-2000.0, -2001.0], [0.0, 1.0], [0.5, -0.5]])
    far = [call(x=x) for x in (FAR_APART, ONE_PEAK, ALL_LOW, mixed)]
    return [*far, call(x=mixed.T.copy(), axis=0)]


@logsumexp.check("float32 stays float32, integers become float64", hint="Which dtype has each array on the way?")
def _(rng):
    return in_other_dtypes(rng)


@logsumexp.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)))


@logsumexp.mistake("subtracts no maximum", hint="What are `np.exp(1000.0)` and `np.log(0.0)`?")
def _(x, axis=-1):
    return np.log(np.exp(x).sum(axis))


@logsumexp.mistake(  # LS-04
    "never adds the maximum back", hint="Add 10 to every score: by how much should the result grow?"
)
def _(x, axis=-1):
    return np.log(np.exp(x - x.max(axis, keepdims=True)).sum(axis))


@logsumexp.mistake("returns nan for a row of -inf", hint="What is `-np.inf - -np.inf`?")
def _(x, axis=-1):
    largest = x.max(axis, keepdims=True)
    return np.log(np.exp(x - largest).sum(axis)) + largest.squeeze(axis)


@logsumexp.mistake("replaces -inf by 0", hint="What should exp(-inf) add to the sum: 0 or 1?")
def _(x, axis=-1):
    x = np.where(np.isneginf(x), 0, x)
    largest = x.max(axis, keepdims=True)
    return np.log(np.exp(x - largest).sum(axis)) + largest.squeeze(axis)


@logsumexp.mistake("keeps the summed axis", hint="Print the shape of your result for shape (4, 5).")
def _(x, axis=-1):
    shift = np.nan_to_num(x.max(axis, keepdims=True), neginf=0)
    return np.log(np.exp(x - shift).sum(axis, keepdims=True)) + shift


@logsumexp.mistake(
    "subtracts the maximum of the whole batch",
    hint="Try one tiny row and one huge row. What is left of the tiny one?",
)
def _(x, axis=-1):
    return np.log(np.exp(x - x.max()).sum(axis)) + x.max()


@logsumexp.mistake("takes the mean instead of the sum", hint="What is the log-sum-exp of [0, 0]?")
def _(x, axis=-1):
    shift = np.nan_to_num(x.max(axis, keepdims=True), neginf=0)
    return np.log(np.exp(x - shift).mean(axis)) + shift.squeeze(axis)


@logsumexp.mistake("sums the logarithms", hint="In which order do log, sum and exp act?")
def _(x, axis=-1):
    return np.log(np.exp(x)).sum(axis)


@logsumexp.mistake(
    "uses a logarithm to base 2 or 10",
    hint="What is the log-sum-exp of [0, 0]? And its ratio to yours?",
)  # LS-05
def _(x, axis=-1):
    shift = np.nan_to_num(x.max(axis, keepdims=True), neginf=0)
    return np.log2(np.exp(x - shift).sum(axis)) + shift.squeeze(axis)


@logsumexp.mistake("always uses the last axis", hint="Call it with axis=0. Which axis should vanish?")
def _(x, axis=-1):
    shift = np.nan_to_num(x.max(-1, keepdims=True), neginf=0)
    return np.log(np.exp(x - shift).sum(-1)) + shift.squeeze(-1)


@logsumexp.equivalent("pairwise with logaddexp")
def _(x, axis=-1):
    return np.logaddexp.reduce(x, axis=axis)


@logsumexp.equivalent("the row of -inf filled in afterwards")
def _(x, axis=-1):
    largest = x.max(axis=axis)
    with np.errstate(invalid="ignore"):
        y = largest + np.log(np.exp(x - np.expand_dims(largest, axis)).sum(axis=axis))
    return np.where(largest == -np.inf, largest, y)


# Log_softmax -----------------------------------------------------------------------------------

log_softmax = question("log_softmax", points=9)


@log_softmax.check(
    "the exponentials of each row sum to one",
    public=True,
    points=1,
    hint="Print np.exp(out).sum(axis=1).",
)
def _(rng):
    return call(x=2 * rng.normal(size=(4, 5)))


@log_softmax.check(
    "the scores 0 and -1000 give 0 and -1000",
    public=True,
    points=1,
    hint="Can you avoid forming the probability?",
)
def _(rng):
    return call(x=np.array([[0.0, -1000.0], [0.0, 1.0]]))


@log_softmax.check("any axis of a 3-D array can hold the classes", hint="Is `axis` used in every reduction?")
def _(rng):
    return on_every_axis(rng)


@log_softmax.check(
    "one sample, one class and square batches work",
    hint="Which shapes do the two sides of the minus have?",
)
def _(rng):
    return [call(x=rng.normal(size=shape)) for shape in [(5,), (1,), (3, 1), (1, 4), (3, 3), (2, 1, 3)]]


@log_softmax.check(
    "improbable classes keep their exact value",
    hint="What is the smallest value that your function can return?",
)
def _(rng):
    low = np.array([[0.0, -40.0, -100.0], [-700.0, -1000.0, 0.0]])
    return [call(x=low), call(x=np.array([0.0, -800.0])), call(x=np.array([1.0, -99.0, 0.5]))]


@log_softmax.check(
    "a shift of all scores changes nothing",
    hint="Add 1000 to all scores, or to those of one sample. May the result change?",
)
def _(rng):
    x = 3 * rng.normal(size=(3, 4))
    return [call(x=x + 1000), call(x=x - 1000), call(x=x + np.array([[10], [1000], [-2000]]))]


@log_softmax.check("float32 stays float32, integers become float64", hint="Which dtype has each array on the way?")
def _(rng):
    return in_other_dtypes(rng)


@log_softmax.check(**NO_LOOP)
def _(rng):
    return lines(*(call(x=rng.normal(size=(n, 3))) for n in (4, 40)))


@log_softmax.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=(2, 3)))


@log_softmax.mistake(  # LS-01
    "takes the logarithm of the finished softmax",
    hint="What is the exact second value for [0, -1000]? Do you need the probability for it?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.log(e / e.sum(axis, keepdims=True))


@log_softmax.mistake(  # LS-02
    "adds a small constant inside the logarithm",
    hint="What is the smallest value your function can ever return?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.log(e / e.sum(axis, keepdims=True) + 1e-12)


@log_softmax.mistake(  # LS-03
    "subtracts the maximum twice",
    hint="Does `np.exp(out).sum(-1)` give 1, also if you add 10 to all scores?",
)
def _(x, axis=-1):
    return x - x.max(axis, keepdims=True) - np.log(np.exp(x).sum(axis, keepdims=True))


@log_softmax.mistake(  # LS-04
    "never adds the maximum back", hint="Log-probabilities can never be positive. Are yours?"
)
def _(x, axis=-1):
    return x - np.log(np.exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=True))


@log_softmax.mistake(  # LS-05
    "uses a logarithm to base 2 or 10",
    hint="For two equal scores the answer is -0.693. What do you get, and what is the ratio?",
)
def _(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.log2(e / e.sum(axis, keepdims=True))


@log_softmax.mistake("subtracts no maximum", hint="What is `np.log(np.exp(1000.0))`?")
def _(x, axis=-1):
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


@log_softmax.mistake(
    "subtracts the maximum of the whole batch",
    hint="Try one tiny row and one huge row. What is left of the tiny one?",
)
def _(x, axis=-1):
    z = x - x.max()
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


@log_softmax.mistake(
    "subtracts a sum that lost its axis",
    hint="Write down the two shapes in the subtraction, for a square input too.",
)
def _(x, axis=-1):
    z = x - x.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis))


@log_softmax.mistake(
    "always uses the last axis",
    hint="Call it with axis=0. Along which axis do the exponentials sum to 1?",
)
def _(x, axis=-1):
    z = x - x.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@log_softmax.mistake("modifies its input", hint="Print your input before and after the call.")
def _(x, axis=-1):
    x = x if x.dtype.kind == "f" else x.astype(float)
    x -= x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


@log_softmax.equivalent("applied twice")  # EQ-01
def _(x, axis=-1):
    for _ in range(2):
        z = x - x.max(axis, keepdims=True)
        x = z - np.log(np.exp(z).sum(axis, keepdims=True))
    return x


@log_softmax.equivalent("scores minus their log-sum-exp")
def _(x, axis=-1):
    return x - np.logaddexp.reduce(x, axis=axis, keepdims=True)


@log_softmax.equivalent("another shift, compensated")
def _(x, axis=-1):
    shift = x.max(axis, keepdims=True) + 2
    return x - (shift + np.log(np.exp(x - shift).sum(axis, keepdims=True)))


# Jacobian of softmax ---------------------------------------------------------------------------

softmax_jacobian = question("softmax_jacobian", points=6)


@softmax_jacobian.check(
    "probabilities of 1/4 and 3/4, and of 1/3 and 2/3",
    public=True,
    points=1,
    hint="Compare the first result with the worked example, entry by entry.",
)
def _(rng):
    return [call(x=np.log([1.0, 3.0])), call(x=np.log([1.0, 2.0]))]


@softmax_jacobian.check("rows and columns sum to zero", public=True, points=1, hint="Print out.sum(axis=1).")
def _(rng):
    return call(x=rng.normal(size=4))


@softmax_jacobian.check("any number of classes", hint="What is the derivative of the only probability of one class?")
def _(rng):
    return [call(x=rng.normal(size=n)) for n in (2, 3, 7)] + [call(x=np.array([0.7]))]


@softmax_jacobian.check("scores around 1000 and -1000", hint="Which function of this notebook is stable already?")
def _(rng):
    x = rng.normal(size=4)
    return [call(x=x + 1000), call(x=x - 1000), call(x=np.array([-1000.0, 0.0, 1.0]))]


@softmax_jacobian.check("float32 stays float32", hint="Which dtype has each array that you create on the way?")
def _(rng):
    return call(x=rng.normal(size=5).astype(np.float32))


@softmax_jacobian.check("integers become float64", hint="Which dtype has the array that you write into?")
def _(rng):
    return [call(x=rng.integers(-3, 4, size=5)), call(x=np.array([0, 1]))]


@softmax_jacobian.check(**STAYS)
def _(rng):
    return call_twice(x=rng.normal(size=4))


@softmax_jacobian.mistake(
    "has entries on the diagonal only", hint="If score 0 goes up, what happens to probability 1?"
)  # SM-13
def _(x):
    y = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    return np.diag(y * (1 - y))


@softmax_jacobian.mistake(
    "has the wrong sign beside the diagonal",
    hint="If one probability grows, what must the others do?",
)
def _(x):
    y = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    return np.diag(y - 2 * y * y) + np.outer(y, y)


@softmax_jacobian.mistake("uses the diagonal formula everywhere", hint="What is the Kronecker delta for i != j?")
def _(x):
    y = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    return y[:, None] * (1 - y[None, :])


@softmax_jacobian.mistake("uses the scores as probabilities", hint="The argument is x. Where is y computed?")
def _(x):
    x = x if x.dtype.kind == "f" else x.astype(float)
    return np.diag(x) - np.outer(x, x)


@softmax_jacobian.mistake("subtracts no maximum", hint="Try scores around 1000. Is there a stable softmax to build on?")
def _(x):
    y = np.exp(x) / np.exp(x).sum()
    return np.diag(y) - np.outer(y, y)


@softmax_jacobian.mistake("forgets the diagonal term", hint="What is the sum of each row? It should be 0.")
def _(x):
    y = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    return -np.outer(y, y)


@softmax_jacobian.mistake("returns float64 for float32", hint="Which dtype does `np.eye` have by default?")
def _(x):
    y = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    return y[:, None] * (np.eye(len(x)) - y)


@softmax_jacobian.equivalent("y_i (delta_ij - y_j) by broadcasting")
def _(x):
    e = np.exp(x - x.max())
    y = e / e.sum()
    return y[:, None] * (np.eye(len(x), dtype=y.dtype) - y)


@softmax_jacobian.equivalent("diagonal filled in afterwards")
def _(x):
    e = np.exp(x - x.max())
    y = e / e.sum()
    out = -y[:, None] * y
    np.fill_diagonal(out, y * (1 - y))
    return out


# Backward of softmax ---------------------------------------------------------------------------

softmax_backward = question("softmax_backward", points=8)


@softmax_backward.check("the worked example", public=True, points=1, hint="The inner sum is 0.2 here.")
def _(rng):
    return call(np.array([1.0, 0.0, 0.0]), np.array([0.2, 0.3, 0.5]))


@softmax_backward.check(
    "each row of a batch sums to zero",
    public=True,
    points=1,
    hint="Print the result's sum over axis 1.",
)
def _(rng):
    return call(grad=rng.normal(size=(4, 5)), y=rng.dirichlet(np.ones(5), size=4))


@softmax_backward.check("any axis of a 3-D array can hold the classes", hint="Is `axis` used in the sum?")
def _(rng):
    probes = []
    for axis in (0, 1, -1, -2):
        y = rng.random(size=(2, 3, 4))
        probes.append(call(grad=rng.normal(size=y.shape), y=y / y.sum(axis, keepdims=True), axis=axis))
    return probes


@softmax_backward.check(
    "the gradient of one sample does not depend on another",
    hint="Change the second row of grad. May the first result change?",
)
def _(rng):
    y = rng.dirichlet(np.ones(3), size=3)
    return [
        call(grad=rng.normal(size=(3, 3)) * [[1], [100], [0.01]], y=y),
        call(grad=np.eye(3)[[0, 0, 2]], y=y),
    ]


@softmax_backward.check("one sample and one class", hint="Which shape has the sum, and how does it line up with grad?")
def _(rng):
    flat = [call(grad=rng.normal(size=n), y=rng.dirichlet(np.ones(n))) for n in (2, 6)]
    ones = [call(grad=rng.normal(size=shape), y=np.ones(shape)) for shape in [(1,), (3, 1)]]
    return [*flat, *ones, call(grad=rng.normal(size=(1, 4)), y=rng.dirichlet(np.ones(4), size=1))]


@softmax_backward.check(
    "certain and very unlikely classes",
    hint="Which gradient reaches the scores where y is exactly 0 or 1?",
)
def _(rng):
    y = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    tiny = np.array([1e-30, 4e-30, 1.0])
    return [call(grad=rng.normal(size=(3, 3)), y=y), call(grad=np.array([3.0, -2.0, 0.0]), y=tiny)]


@softmax_backward.check(
    "float32 stays float32, integer gradients are fine",
    hint="Which dtype has each array on the way?",
)
def _(rng):
    y = rng.dirichlet(np.ones(4), size=3)
    single = call(grad=rng.normal(size=(3, 4)).astype(np.float32), y=y.astype(np.float32))
    return [single, call(grad=rng.integers(-3, 4, size=(3, 4)), y=y)]


@softmax_backward.check(**NO_LOOP)
def _(rng):
    return lines(*(call(grad=rng.normal(size=(n, 3)), y=rng.dirichlet(np.ones(3), size=n)) for n in (4, 40)))


@softmax_backward.check(**STAYS)
def _(rng):
    return call_twice(grad=rng.normal(size=(2, 3)), y=rng.dirichlet(np.ones(3), size=2))


@softmax_backward.mistake(  # SM-13
    "uses the diagonal of the Jacobian only",
    hint="If score 0 goes up, what happens to probability 1? Is that in your formula?",
)
def _(grad, y, axis=-1):
    return grad * y * (1 - y)


@softmax_backward.mistake(  # SM-14
    "sums over the whole batch", hint="Should the gradient of sample 0 depend on sample 1?"
)
def _(grad, y, axis=-1):
    return y * (grad - (grad * y).sum())


@softmax_backward.mistake(
    "ignores the upstream gradient", hint="Double the upstream gradient. Does your output double?"
)  # AC-06
def _(grad, y, axis=-1):
    return y * (1 - y)


@softmax_backward.mistake(  # after AC-12
    "takes the output for scores",
    hint="The second argument is already a softmax. Is it applied again?",
)
def _(grad, y, axis=-1):
    e = np.exp(y - y.max(axis, keepdims=True))
    s = e / e.sum(axis, keepdims=True)
    return s * (grad - (grad * s).sum(axis, keepdims=True))


@softmax_backward.mistake("leaves y out of the inner sum", hint="The inner sum is a mean of grad, weighted with what?")
def _(grad, y, axis=-1):
    return y * (grad - grad.sum(axis, keepdims=True))


@softmax_backward.mistake("adds the inner sum", hint="What does each row of your result sum to? It should be 0.")
def _(grad, y, axis=-1):
    return y * (grad + (grad * y).sum(axis, keepdims=True))


@softmax_backward.mistake("loses the class axis in the sum", hint="Write down the two shapes in the subtraction.")
def _(grad, y, axis=-1):
    return y * (grad - (grad * y).sum(axis))


@softmax_backward.mistake("always uses the last axis", hint="Call it with axis=0. Which sums are 0 then?")
def _(grad, y, axis=-1):
    return y * (grad - (grad * y).sum(-1, keepdims=True))


@softmax_backward.mistake(  # AC-03
    "modifies the upstream gradient", hint="Print the upstream gradient after your call."
)
def _(grad, y, axis=-1):
    if grad.dtype.kind != "f":
        grad = grad.astype(float)
    grad -= (grad * y).sum(axis, keepdims=True)
    return y * grad


@softmax_backward.equivalent("multiplied out")
def _(grad, y, axis=-1):
    weighted = grad * y
    return weighted - y * weighted.sum(axis, keepdims=True)


@softmax_backward.equivalent("one Jacobian per sample")
def _(grad, y, axis=-1):
    g, p = np.moveaxis(grad, axis, -1), np.moveaxis(y, axis, -1)
    jacobian = p[..., :, None] * (np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :])
    return np.moveaxis(np.einsum("...i,...ij->...j", g, jacobian), -1, axis)


# Backward of log_softmax -----------------------------------------------------------------------

log_softmax_backward = question("log_softmax_backward", points=7)


@log_softmax_backward.check("the worked example", public=True, points=1, hint="exp(log_y) is [0.2, 0.3, 0.5] here.")
def _(rng):
    return call(np.array([1.0, 0.0, 0.0]), np.log([0.2, 0.3, 0.5]))


@log_softmax_backward.check(
    "each row of a batch sums to zero",
    public=True,
    points=1,
    hint="Print the result's sum over axis 1.",
)
def _(rng):
    return call(grad=rng.normal(size=(4, 5)), log_y=np.log(rng.dirichlet(np.ones(5), size=4)))


@log_softmax_backward.check("any axis of a 3-D array can hold the classes", hint="Is `axis` used in the sum?")
def _(rng):
    probes = []
    for axis in (0, 1, -1, -2):
        y = rng.random(size=(2, 3, 4))
        log_y = np.log(y / y.sum(axis, keepdims=True))
        probes.append(call(grad=rng.normal(size=y.shape), log_y=log_y, axis=axis))
    return probes


@log_softmax_backward.check(
    "samples do not mix, one sample and one class work",
    hint="Change the second row of grad. May the first result change?",
)
def _(rng):
    square = call(
        grad=rng.normal(size=(3, 3)) * [[1], [100], [0.01]],
        log_y=np.log(rng.dirichlet(np.ones(3), size=3)),
    )
    flat = [call(grad=rng.normal(size=n), log_y=np.log(rng.dirichlet(np.ones(n)))) for n in (2, 6)]
    return [square, *flat, call(grad=rng.normal(size=(3, 1)), log_y=np.zeros((3, 1)))]


@log_softmax_backward.check(
    "log-probabilities of -1000 are fine",
    hint="What is the gradient for a score with probability 0?",
)
def _(rng):
    log_y = np.array([[0.0, -1000.0, -2000.0], [-1000.0, -np.log(2), -np.log(2)]])
    return [
        call(grad=rng.normal(size=(2, 3)), log_y=log_y),
        call(grad=np.array([[0, -1, 0]]), log_y=log_y[:1]),
    ]


@log_softmax_backward.check(
    "float32 stays float32, integer gradients are fine",
    hint="Which dtype has each array on the way?",
)
def _(rng):
    log_y = np.log(rng.dirichlet(np.ones(4), size=3))
    single = call(grad=rng.normal(size=(3, 4)).astype(np.float32), log_y=log_y.astype(np.float32))
    return [single, call(grad=rng.integers(-3, 4, size=(3, 4)), log_y=log_y)]


@log_softmax_backward.check(**NO_LOOP)
def _(rng):
    return lines(
        *(call(grad=rng.normal(size=(n, 3)), log_y=np.log(rng.dirichlet(np.ones(3), size=n))) for n in (4, 40))
    )


@log_softmax_backward.check(**STAYS)
def _(rng):
    return call_twice(grad=rng.normal(size=(2, 3)), log_y=np.log(rng.dirichlet(np.ones(3), size=2)))


@log_softmax_backward.mistake(  # LS-06
    "multiplies softmax with the gradient element by element",
    hint="Gradients of a log-softmax row always sum to 0. Do yours?",
)
def _(grad, log_y, axis=-1):
    return grad - np.exp(log_y) * grad


@log_softmax_backward.mistake(
    "takes log-probabilities for probabilities", hint="The second argument is log_y. What is y?"
)
def _(grad, log_y, axis=-1):
    return grad - log_y * grad.sum(axis, keepdims=True)


@log_softmax_backward.mistake(
    "uses the formula of softmax",
    hint="Which derivative has log(y_i) for x_j? Is there a factor y_i in front?",
)
def _(grad, log_y, axis=-1):
    y = np.exp(log_y)
    return y * (grad - (grad * y).sum(axis, keepdims=True))


@log_softmax_backward.mistake("sums over the whole batch", hint="Should the gradient of sample 0 depend on sample 1?")
def _(grad, log_y, axis=-1):
    return grad - np.exp(log_y) * grad.sum()


@log_softmax_backward.mistake(
    "takes the mean over the classes", hint="The formula has a sum. What do your rows add up to?"
)
def _(grad, log_y, axis=-1):
    return grad - np.exp(log_y) * grad.mean(axis, keepdims=True)


@log_softmax_backward.mistake(
    "assumes that the gradient of a row sums to one",
    hint="Double the upstream gradient. Does your output double?",
)
def _(grad, log_y, axis=-1):
    return grad - np.exp(log_y)


@log_softmax_backward.mistake("always uses the last axis", hint="Call it with axis=0. Which sums are 0 then?")
def _(grad, log_y, axis=-1):
    return grad - np.exp(log_y) * grad.sum(-1, keepdims=True)


@log_softmax_backward.mistake(  # AC-03
    "modifies the upstream gradient", hint="Print the upstream gradient after your call."
)
def _(grad, log_y, axis=-1):
    if grad.dtype.kind != "f":
        grad = grad.astype(float)
    grad -= np.exp(log_y) * grad.sum(axis, keepdims=True)
    return grad


@log_softmax_backward.equivalent("one Jacobian per sample")
def _(grad, log_y, axis=-1):
    g, y = np.moveaxis(grad, axis, -1), np.exp(np.moveaxis(log_y, axis, -1))
    jacobian = np.eye(y.shape[-1], dtype=y.dtype) - y[..., None, :]
    return np.moveaxis(np.einsum("...i,...ij->...j", g, jacobian), -1, axis)


@log_softmax_backward.equivalent("sum restored with expand_dims")
def _(grad, log_y, axis=-1):
    total = np.expand_dims(np.add.reduce(grad, axis=axis), axis)
    return np.add(grad, -total * np.exp(log_y))


# Torch: softmax --------------------------------------------------------------------------------

torch_softmax = question("torch_softmax", points=6, kind="torch", forbids=READY_MADE)
torch_softmax.equivalent_mutant(
    "e = torch.exp(x - x.detach().max(dim=dim, keepdim=True).values) -> "
    "e = torch.exp(x - x.max(dim=dim, keepdim=True).values)",
    reason="The shift cancels in the quotient, and so does its gradient.",
)
check_torch(torch_softmax, lambda rng: gradient(x=tensor(rng.normal(size=(2, 3)))), by_hand=BY_HAND, points=3)


@torch_softmax.check("each row of a batch sums to one", public=True, points=1, hint="Print out.sum(dim=1).")
def _(rng):
    return call(x=tensor(rng.normal(size=(4, 5))))


@torch_softmax.check(
    "autograd finds the gradient",
    public=True,
    points=1,
    hint="Is every step from x to the result a torch operation?",
)
def _(rng):
    return gradient(x=tensor(rng.normal(size=(2, 3))))


@torch_softmax.check("any dim of a 3-D tensor can hold the classes", hint="Is `dim` used in every reduction?")
def _(rng):
    x = tensor(rng.normal(size=(2, 3, 4)))
    flat = [gradient(x=tensor(rng.normal(size=shape))) for shape in [(5,), (3, 1), (3, 3)]]
    return [gradient(x=x, dim=dim) for dim in (0, 1, -1, -2)] + flat


@torch_softmax.check("far scores stay finite", hint="Look at each row by itself. Which numbers reach exp?")
def _(rng):
    near = 1000 + rng.normal(size=(2, 3))
    return [call(x=tensor(x)) for x in (FAR_APART, ONE_PEAK, ALL_LOW, near, np.array([-50.0, -51.0]))]


@torch_softmax.check(
    "gradients of far scores are right",
    hint="Print x.grad. Where could a number have been cut off, or infinity multiplied by 0?",
)
def _(rng):
    x = np.array([[0.0, 1.0, -1000.0], [1000.0, 1001.0, 999.0], [-1000.0, -1001.0, -1002.0]])
    return [gradient(x=tensor(x)), gradient(x=tensor(x.T.copy()), dim=0)]


@torch_softmax.check(
    "dtypes are kept, integers become the default float",
    hint="Is there a .float() or a new tensor?",
)
def _(rng):
    x = rng.normal(size=(3, 4))
    return [
        gradient(x=tensor(x, "float32")),
        call(x=tensor(x)),
        call(x=tensor(rng.integers(-3, 4, size=(2, 5)))),
    ]


@torch_softmax.check(**STAYS)
def _(rng):
    return call_twice(x=tensor(rng.normal(size=(2, 3))))


@torch_softmax.mistake("subtracts no maximum", hint="What is `torch.exp(torch.tensor(1000.0))`?")  # SM-03
def _(x, dim=-1):
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


@torch_softmax.mistake(  # SM-04
    "subtracts the maximum of the whole batch",
    hint="Try one tiny row and one huge row. Whose maximum did you subtract?",
)
def _(x, dim=-1):
    e = torch.exp(x - x.max())
    return e / e.sum(dim, keepdim=True)


@torch_softmax.mistake("always uses the last dim", hint="Call it with dim=0. Which sums are 1 then?")
def _(x, dim=-1):
    e = torch.exp(x - x.max(-1, keepdim=True).values)
    return e / e.sum(-1, keepdim=True)


@torch_softmax.mistake("cuts the graph", hint="Does your result have a `grad_fn`?")
def _(x, dim=-1):
    x = x.detach()
    e = torch.exp(x - x.max(dim, keepdim=True).values)
    return e / e.sum(dim, keepdim=True)


@torch_softmax.mistake(  # SM-13
    "treats the denominator as a constant",
    hint="If score 0 goes up, what happens to probability 1? Does autograd see that?",
)
def _(x, dim=-1):
    e = torch.exp(x - x.max(dim, keepdim=True).values.detach())
    return e / e.sum(dim, keepdim=True).detach()


@torch_softmax.mistake("computes in NumPy", hint="Autograd follows torch operations only. Where does it lose x?")
def _(x, dim=-1):
    a = x.detach().cpu().numpy()
    e = np.exp(a - a.max(dim, keepdims=True))
    return torch.from_numpy(e / e.sum(dim, keepdims=True)).to(x.device)


@torch_softmax.mistake(
    "clips the scores",
    hint="What is the gradient of clamp beyond its limits? Compare 1000 with 990.",
)  # SM-10
def _(x, dim=-1):
    e = torch.exp(x.clamp(-50, 50))
    return e / e.sum(dim, keepdim=True)


@torch_softmax.mistake(
    "adds a small constant instead of a shift", hint="Test scores around -50. Is the sum 1?"
)  # SM-09
def _(x, dim=-1):
    e = torch.exp(x)
    return e / (e.sum(dim, keepdim=True) + 1e-8)


@torch_softmax.mistake("converts to float32", hint="Compare `x.dtype` and `out.dtype` for a float64 tensor.")
def _(x, dim=-1):
    x = x.float()
    e = torch.exp(x - x.max(dim, keepdim=True).values)
    return e / e.sum(dim, keepdim=True)


@torch_softmax.mistake("modifies its input", hint="Print your input before and after the call.")  # SM-08
def _(x, dim=-1):
    x.data -= x.data.max(dim, keepdim=True).values
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


@torch_softmax.equivalent("the maximum stays in the graph")
def _(x, dim=-1):
    e = (x - x.amax(dim=dim, keepdim=True)).exp()
    return e / e.sum(dim=dim, keepdim=True)


@torch_softmax.equivalent("exponential of a log-softmax built by hand")
def _(x, dim=-1):
    z = x - x.max(dim, keepdim=True).values
    return torch.exp(z - z.exp().sum(dim, keepdim=True).log())


@torch_softmax.equivalent("class dim moved to the end and back")
def _(x, dim=-1):
    last = x.movedim(dim, -1)
    e = torch.exp(last - last.max(-1).values.unsqueeze(-1))
    return (e * e.sum(-1).reciprocal().unsqueeze(-1)).movedim(-1, dim)


# Torch: log_softmax ----------------------------------------------------------------------------

torch_log_softmax = question("torch_log_softmax", points=6, kind="torch", forbids=READY_MADE)
torch_log_softmax.equivalent_mutant(
    "z = x - x.detach().max(dim=dim, keepdim=True).values -> z = x - x.max(dim=dim, keepdim=True).values",
    reason="The shift cancels in the difference, and so does its gradient.",
)
check_torch(torch_log_softmax, lambda rng: gradient(x=tensor(rng.normal(size=(2, 3)))), by_hand=BY_HAND, points=3)


@torch_log_softmax.check(
    "the exponentials of each row sum to one",
    public=True,
    points=1,
    hint="Print out.exp().sum(dim=1).",
)
def _(rng):
    return call(x=tensor(2 * rng.normal(size=(4, 5))))


@torch_log_softmax.check(
    "autograd finds the gradient",
    public=True,
    points=1,
    hint="Is every step from x to the result a torch operation?",
)
def _(rng):
    return gradient(x=tensor(rng.normal(size=(2, 3))))


@torch_log_softmax.check("any dim of a 3-D tensor can hold the classes", hint="Is `dim` used in every reduction?")
def _(rng):
    x = tensor(rng.normal(size=(2, 3, 4)))
    flat = [gradient(x=tensor(rng.normal(size=shape))) for shape in [(5,), (3, 1), (3, 3)]]
    return [gradient(x=x, dim=dim) for dim in (0, 1, -1, -2)] + flat


@torch_log_softmax.check(
    "far scores keep their exact value",
    hint="What is the exact second value for [0, -1000]? And whose maximum did you subtract?",
)
def _(rng):
    low = np.array([[0.0, -40.0, -100.0], [-700.0, -1000.0, 0.0]])
    mixed = np.array([[0.0, 3.0], [1000.0, 1005.0], [-2000.0, -2003.0]])
    return [call(x=tensor(x)) for x in (low, mixed, ONE_PEAK)]


@torch_log_softmax.check(
    "gradients of far scores are right",
    hint="Look at the gradient for one very negative score, not only at the value.",
)
def _(rng):
    x = np.array([[0.0, 1.0, -1000.0], [1000.0, 1001.0, 0.0], [-1000.0, -1001.0, -1002.0]])
    return [
        gradient(x=tensor(x)),
        gradient(x=tensor(x.T.copy()), dim=0),
        gradient(x=tensor([0.0, -1000.0])),
    ]


@torch_log_softmax.check(
    "dtypes are kept, integers become the default float",
    hint="Is there a .float() or a new tensor?",
)
def _(rng):
    x = rng.normal(size=(3, 4))
    return [
        gradient(x=tensor(x, "float32")),
        call(x=tensor(x)),
        call(x=tensor(rng.integers(-3, 4, size=(2, 5)))),
    ]


@torch_log_softmax.check(**STAYS)
def _(rng):
    return call_twice(x=tensor(rng.normal(size=(2, 3))))


@torch_log_softmax.mistake(  # LS-07
    "takes the logarithm of the finished softmax",
    hint="Look at the gradient for one very negative score, not only at the value.",
)
def _(x, dim=-1):
    e = torch.exp(x - x.max(dim, keepdim=True).values)
    return torch.log(e / e.sum(dim, keepdim=True))


@torch_log_softmax.mistake(  # LS-07 with AC-21
    "repairs the value of an underflow, not its gradient",
    hint="What happens to the gradient of the branch that `where` did not choose?",
)
def _(x, dim=-1):
    z = x - x.max(dim, keepdim=True).values
    p = z.exp() / z.exp().sum(dim, keepdim=True)
    return torch.where(p > 0, p.log(), z - z.exp().sum(dim, keepdim=True).log())


@torch_log_softmax.mistake(  # LS-02
    "adds a small constant inside the logarithm",
    hint="What is the smallest value your function can ever return?",
)
def _(x, dim=-1):
    e = torch.exp(x - x.max(dim, keepdim=True).values)
    return torch.log(e / e.sum(dim, keepdim=True) + 1e-12)


@torch_log_softmax.mistake(  # LS-03
    "subtracts the maximum twice", hint="Add the same number to all scores: may the result change?"
)
def _(x, dim=-1):
    return x - x.max(dim, keepdim=True).values - torch.log(torch.exp(x).sum(dim, keepdim=True))


@torch_log_softmax.mistake(  # LS-04
    "never adds the maximum back", hint="Log-probabilities can never be positive. Are yours?"
)
def _(x, dim=-1):
    return x - torch.log(torch.exp(x - x.max(dim, keepdim=True).values).sum(dim, keepdim=True))


@torch_log_softmax.mistake("subtracts no maximum", hint="What is `torch.exp(torch.tensor(1000.0))`?")
def _(x, dim=-1):
    return x - torch.log(torch.exp(x).sum(dim, keepdim=True))


@torch_log_softmax.mistake(  # LS-05
    "uses a logarithm to base 2 or 10",
    hint="For two equal scores the answer is -0.693. What do you get?",
)
def _(x, dim=-1):
    z = x - x.max(dim, keepdim=True).values
    return z - torch.log2(torch.exp(z).sum(dim, keepdim=True))


@torch_log_softmax.mistake(
    "treats the normaliser as a constant", hint="The gradients of each row must sum to 0. Do yours?"
)
def _(x, dim=-1):
    z = x - x.max(dim, keepdim=True).values.detach()
    return z - torch.log(torch.exp(z).sum(dim, keepdim=True)).detach()


@torch_log_softmax.mistake("cuts the graph", hint="Does your result have a `grad_fn`?")
def _(x, dim=-1):
    z = x.detach() - x.detach().max(dim, keepdim=True).values
    return z - torch.log(torch.exp(z).sum(dim, keepdim=True))


@torch_log_softmax.mistake(
    "always uses the last dim",
    hint="Call it with dim=0. Along which dim do the exponentials sum to 1?",
)
def _(x, dim=-1):
    z = x - x.max(-1, keepdim=True).values
    return z - torch.log(torch.exp(z).sum(-1, keepdim=True))


@torch_log_softmax.mistake("converts to float32", hint="Compare `x.dtype` and `out.dtype` for a float64 tensor.")
def _(x, dim=-1):
    x = x.float()
    z = x - x.max(dim, keepdim=True).values
    return z - torch.log(torch.exp(z).sum(dim, keepdim=True))


@torch_log_softmax.equivalent("applied twice")  # EQ-01
def _(x, dim=-1):
    for _ in range(2):
        z = x - x.max(dim, keepdim=True).values.detach()
        x = z - torch.log(torch.exp(z).sum(dim, keepdim=True))
    return x


@torch_log_softmax.equivalent("the maximum stays in the graph")
def _(x, dim=-1):
    z = x - x.amax(dim=dim, keepdim=True)
    return z - z.exp().sum(dim=dim, keepdim=True).log()


@torch_log_softmax.equivalent("scores minus a log-sum-exp built by hand")
def _(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    return x - (top + (x - top).exp().sum(dim, keepdim=True).log())


check_numpy_alone()
