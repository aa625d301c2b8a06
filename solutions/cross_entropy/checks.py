"""Questions, checks, mistakes and equivalents of the assignment on cross-entropy; 100 points in all.

Checks that name no points share what is left of their question's points equally. Most mistakes are one right body with
a piece exchanged: `exchanged(RIGHT, (old, new))`. None of them runs here: each becomes a cell of a notebook that
imports `np`, `torch` and `math`, and has the helpers that the master gives. A number such as CE-03 in a comment is its
entry in the team's list of misconceptions. Tables of mistakes are set by hand, to stay tables: `fmt: skip`.
"""

from __future__ import annotations

import math

import numpy as np

from autograder.course import (
    Forbids,
    call,
    call_twice,
    check_numpy_alone,
    check_torch,
    declare_variants,
    gradient,
    question,
    tensor,
    value,
)

REDUCTIONS = ("mean", "sum", "none")
#: Every function must leave its inputs alone; one check of each says so.
STAYS = {
    "title": "a second call gives the same answer and inputs stay as they were",
    "hint": "Compare your inputs before and after the call.",
}
DTYPES = {
    "title": "float32 stays float32, integers become float64",
    "hint": "Which dtype has each array and each constant on the way?",
}
AXES = {
    "title": "any axis of a 3-D array can hold the classes",
    "hint": "Is `axis` used in every sum? Which axis must vanish?",
}
ADDS_CONSTANT = "adds a small constant inside the logarithm"
NO_SAFE_CONSTANT = "What does your function give for q = 0 < p, and what should it? 0 log 0 can be had without it."


def exchanged(right, *swaps):
    """A right body with pieces exchanged; each must occur exactly once."""
    for old, new in swaps:
        if right.count(old) != 1:
            raise ValueError(f"{old!r} occurs {right.count(old)} times")
        right = right.replace(old, new)
    return right


def mutants(right, *rows):
    """Rows of name, hint and exchanged pieces as rows for `declare_variants`."""
    return [(name, exchanged(right, *swaps), hint) for name, hint, *swaps in rows]


def single(*, ask=call, **arguments):
    """The call with all floating arrays in float32."""
    floats = {k: isinstance(v, np.ndarray) and v.dtype.kind == "f" for k, v in arguments.items()}
    return ask(**{k: v.astype(np.float32) if floats[k] else v for k, v in arguments.items()})


def shares(rng, *shape, axis=-1):
    """Distributions along an axis, no probability near 0."""
    raw = rng.uniform(0.1, 1.0, size=shape)
    return raw / raw.sum(axis=axis, keepdims=True)


def reduced(**arguments):
    """The call with every reduction."""
    return [call(**arguments, reduction=reduction) for reduction in REDUCTIONS]


# Likelihood ------------------------------------------------------------------------------------

likelihood = question("likelihood", points=2)
likelihood.check("independent outcomes multiply", public=True, hint="What is the chance of two heads in a row?")(
    lambda rng: [call(p=np.array([0.5, 0.8, 0.25])), call(p=rng.uniform(0.2, 1, size=6))]
)
likelihood.check("one outcome, and many", hint="How does the result change when one more outcome is added?")(
    lambda rng: [call(p=rng.uniform(0.5, 1, size=n)) for n in (1, 2, 17)]
)
likelihood.check("impossible, certain and very improbable outcomes", hint="What is a product with a factor 0?")(
    lambda rng: [call(p=np.array(p)) for p in ([0.7, 0.0, 0.2], [1.0, 1.0, 0.3], [1e-200, 0.3])]
)
likelihood.check(**DTYPES)(
    lambda rng: [*(single(p=rng.uniform(0.4, 1, size=n)) for n in (3, 4, 5, 6)), call(p=np.array([1, 1]))]
)
likelihood.check(**STAYS)(lambda rng: call_twice(p=rng.uniform(0.2, 1, size=4)))
declare_variants(
    likelihood,
    "p",
    mistakes=[
        ("adds the probabilities", "p.sum()", "Can a probability be larger than 1?"),
        ("takes the mean", "p.mean()", "Does one more outcome make the data as a whole more or less probable?"),
        ("returns the logarithm", "np.log(p).sum()", "Which range has a likelihood?"),
        ("takes the geometric mean", "np.exp(np.log(p).mean())", "What is the likelihood of ten outcomes with 0.5?"),
        ("returns the chance of at least one", "1 - (1 - p).prod()",
         "Is it about one of the outcomes, or all of them?"),
        ("multiplies in float64", "p.astype(np.float64).prod()", "Compare `p.dtype` and the dtype of your result."),
    ],
    equivalents=[
        ("np.prod over an axis", "np.prod(as_float(p), axis=0)"),
        ("exponential of a sum of logarithms", "np.exp(np.log(as_float(p)).sum())"),
    ],
)  # fmt: skip

log_likelihood = question("log_likelihood", points=3)
log_likelihood.check("the logarithms add up", public=True, hint="What is ln(a b)?")(
    lambda rng: [call(p=np.array([0.5, 0.8, 0.25])), call(p=rng.uniform(0.2, 1, size=6))]
)
log_likelihood.check("a thousand outcomes", public=True, hint="What is 0.1 ** 1000 in float64?")(
    lambda rng: call(p=rng.uniform(0.05, 0.2, size=1000))
)
log_likelihood.check("many outcomes that are all improbable", hint="Print the likelihood that you meet on the way.")(
    lambda rng: [call(p=rng.uniform(1e-8, 1e-6, size=n)) for n in (200, 5000)]
)
log_likelihood.check("one outcome, two outcomes, certain outcomes", hint="What is ln 1?")(
    lambda rng: [call(p=p) for p in (rng.uniform(0.2, 1, size=1), rng.uniform(0.2, 1, size=2), np.array([1.0, 0.5]))]
)
log_likelihood.check("an impossible outcome gives minus infinity", hint="What should a model pay for 'impossible'?")(
    lambda rng: [call(p=np.array([0.7, 0.0, 0.2])), call(p=np.array([0.7, 0.2]))]
)
log_likelihood.check(**DTYPES)(
    lambda rng: [*(single(p=rng.uniform(0.2, 0.9, size=n)) for n in (3, 4, 5, 6)), call(p=np.array([1, 1]))]
)
log_likelihood.check(**STAYS)(lambda rng: call_twice(p=rng.uniform(0.2, 1, size=4)))
declare_variants(
    log_likelihood,
    "p",
    mistakes=[
        ("takes the logarithm of the product", "np.log(p.prod())", "Print the likelihood of 5000 outcomes."),
        ("returns the negative", "-np.log(p).sum()", "Should a better model have the larger log-likelihood?"),  # CE-13
        ("takes the mean", "np.log(p).mean()", "Should a second set of the same outcomes change the result?"),  # CE-04
        ("uses a logarithm to base 2 or 10", "np.log10(p).sum()", "What is your result for one p = 1 / e?"),  # CE-03
        (ADDS_CONSTANT, "np.log(p + 1e-12).sum()", "What should the result be if one outcome was impossible?"),  # CE-09
        ("takes the logarithm of the sum", "np.log(p.sum())", "In which order do logarithm and sum act?"),
    ],
    equivalents=[
        ("base 2, rescaled", "np.log2(as_float(p)).sum() * math.log(2)"),
        ("number of Python", "float(np.log(p).sum())"),
    ],
)  # fmt: skip

# Two models ------------------------------------------------------------------------------------

p_data_m = question("p_data_m", points=1, kind="value")
p_data_m.check("five wins in a row under model M", hint="What is the likelihood of one win, and of two?")(
    lambda rng: value()
)
p_data_m.wrong(0.5, "gives the probability of one game", hint="How many games were played?")
p_data_m.wrong(2.5, "adds the probabilities", hint="Can a probability be larger than 1?")
p_data_m.wrong(math.log(0.5**5), "gives the logarithm", hint="The likelihood is asked for, not its logarithm.")

p_data_q = question("p_data_q", points=1, kind="value")
p_data_q.check("five wins in a row under model Q", hint="What is the likelihood of one win, and of two?")(
    lambda rng: value()
)
p_data_q.wrong(0.8, "gives the probability of one game", hint="How many games were played?")
p_data_q.wrong(4.0, "adds the probabilities", hint="Can a probability be larger than 1?")
p_data_q.wrong(0.2**5, "takes the probability that B wins", hint="Who won the games?")
p_data_q.wrong(0.33, "writes a rounded number", hint="Write an expression that Python computes.")

better_model = question("better_model", points=1, kind="value")
better_model.check("the model with the larger likelihood", hint="Compare your two numbers.")(lambda rng: value())
better_model.wrong("M", "prefers the smaller likelihood", hint="Which model found the data less surprising?")
better_model.wrong("A", "names a player", hint="The question is about the models M and Q.")

# Information -----------------------------------------------------------------------------------

surprise = question("surprise", points=3)
surprise.check("halving the probability adds one bit", public=True, hint="What is -log2(1/2)? And -log2(1/4)?")(
    lambda rng: [call(p=np.array([0.5, 0.25, 0.125]), base=2), call(p=rng.uniform(0.05, 1, size=5), base=2)]
)
surprise.check("nats, bits and other bases", hint="log_b(p) is ln(p) divided by what?")(
    lambda rng: [
        call(p=rng.uniform(0.05, 0.9, size=4)),
        *(call(p=rng.uniform(0.05, 0.9, size=4), base=b) for b in (2.0, 10, 3.5)),
    ]
)
surprise.check("certain, impossible and very improbable outcomes", hint="What are -ln(1) and -ln(0)?")(
    lambda rng: [call(p=np.array([1.0, 0.0, 0.5])), call(p=np.array([1e-300, 1e-12, 0.9]))]
)
surprise.check("arrays of any shape, elementwise", hint="Does each result depend on its own entry only?")(
    lambda rng: [call(p=rng.uniform(0.05, 0.9, size=shape)) for shape in ((), (1,), (2, 3), (2, 1, 4))]
)
surprise.check(**DTYPES)(
    lambda rng: [
        *(single(p=rng.uniform(0.05, 0.9, size=(2, 3)), base=b) for b in (math.e, 2, 10.0)),
        call(p=np.array([1, 1])),
    ]
)
surprise.check(**STAYS)(lambda rng: call_twice(p=rng.uniform(0.05, 1, size=(2, 3))))
declare_variants(
    surprise,
    "p, base=math.e",
    mistakes=[
        ("has the sign reversed", "np.log(p) / math.log(base)", "Can an outcome take information away?"),  # CE-13
        ("ignores the base", "-np.log(p)", "How many bits has one coin?"),  # CE-03
        ("always counts in bits", "-np.log2(p)", "What is the default base?"),
        ("multiplies by the logarithm of the base", "-np.log(p) * math.log(base)",
         "What is log_b(b) for every base b?"),
        ("divides the other way round", "-math.log(base) / np.log(p)", "What is your result for p = 1?"),
        ("returns one minus the probability", "1 - p", "Do the surprises of two independent outcomes add up?"),
        ("clips the probability", "-np.log(np.clip(p, 1e-7, 1)) / math.log(base)",
         "What should an impossible outcome give?"),
        ("weighs by the probability", "-p * np.log(p) / math.log(base)",
         "That is a term of the expectation. Is one asked for?"),
        ("returns float64 for float32", "-np.log(p.astype(np.float64)) / np.log(base)",
         "Compare `p.dtype` and the dtype of your result."),
    ],
    equivalents=[
        ("log2 and a rescaled base", "-np.log2(as_float(p)) / math.log2(base)"),
        ("logarithm of the reciprocal", "np.log(1 / np.maximum(as_float(p), 0)) / math.log(base)"),
    ],
)  # fmt: skip

# Random variables ------------------------------------------------------------------------------


def variable(rng, n):
    """A random variable with n values."""
    return {"x": rng.normal(2, 3, size=n), "p": shares(rng, n)}


DIE = {"x": np.arange(1, 7), "p": np.full(6, 1 / 6)}
TICKET = {"x": np.array([0.0, 10.0]), "p": np.array([0.8, 0.2])}
OF_VALUES = {
    "sizes": {"title": "one value, two values, many", "hint": "What is the result if one value is certain?"},
    "unlikely": {"title": "values with probability 0 do not count", "hint": "Which factor has each value?"},
}


def variable_checks(q):
    """What expectation and variance have in common."""
    q.check(**OF_VALUES["sizes"])(lambda rng: [call(**variable(rng, n)) for n in (1, 2, 30)])
    q.check(**OF_VALUES["unlikely"])(
        lambda rng: [
            call(x=np.array([1e6, *rng.uniform(-2, -1, size=2), rng.uniform(1, 2)]), p=np.array([0.0, 0.5, 0.3, 0.2])),
            call(
                x=np.array([*rng.normal(size=2), rng.uniform(-2, -1), rng.uniform(1, 2)]),
                p=np.array([0.0, 0.0, 0.9, 0.1]),
            ),
        ]
    )
    q.check(**DTYPES)(lambda rng: [*(single(**variable(rng, n)) for n in (3, 4, 5, 6)), call(**DIE)])
    q.check(**STAYS)(lambda rng: call_twice(**variable(rng, 4)))


expectation = question("expectation", points=2)
expectation.check("a lottery ticket and a die", public=True, hint="What would you win per ticket, over many tickets?")(
    lambda rng: [call(**TICKET), call(**DIE), call(**variable(rng, 5))]
)
variable_checks(expectation)
declare_variants(
    expectation,
    "x, p",
    mistakes=[
        ("ignores the probabilities", "as_float(x).mean()", "Does a rare value count as much as a common one?"),
        ("averages the products", "(p * x).mean()", "The probabilities already sum to 1. What do you divide by?"),
        ("returns the most probable value", "as_float(x)[p.argmax()]", "What is the mean of many throws of a die?"),
        ("weighs by the logarithm", "-(np.log(p) * x).sum()", "Which weight has each value?"),
        ("returns each term", "p * x", "How many numbers are asked for?"),
    ],
    equivalents=[
        ("inner product", "np.dot(x, p)"),
        ("weighted average", "np.average(as_float(x), weights=p)"),
    ],
)  # fmt: skip

variance = question("variance", points=3)
variance.check("a lottery ticket and a die", public=True, hint="The ticket has the mean 2. How far is each prize off?")(
    lambda rng: [call(**TICKET), call(**DIE), call(**variable(rng, 5))]
)
variance.check("values around a million", hint="How many digits are left of a difference of two huge numbers?")(
    lambda rng: [call(x=1e6 + rng.normal(size=4), p=shares(rng, 4)), call(x=rng.normal(size=4), p=shares(rng, 4))]
)
variable_checks(variance)
declare_variants(
    variance,
    "x, p",
    mistakes=[
        ("subtracts two large numbers", "(p * x**2).sum() - (p * x).sum() ** 2",
         "Try the values 1e6 and 1e6 + 1. How many digits are left?"),
        ("returns the standard deviation", "np.sqrt((p * (x - (p * x).sum()) ** 2).sum())",
         "Which unit has a variance?"),
        ("ignores the probabilities", "as_float(x).var()", "Does a rare value count as much as a common one?"),
        ("subtracts no mean", "(p * x**2).sum()", "Add 5 to every value. Should the variance change?"),
        ("measures from the unweighted mean", "(p * (x - x.mean()) ** 2).sum()",
         "Distances from which point does the formula take?"),
        ("takes distances without squares", "(p * abs(x - (p * x).sum())).sum()", "Double all values. What happens?"),
        ("divides by n - 1", "(p * (x - (p * x).sum()) ** 2).sum() * len(x) / max(len(x) - 1, 1)",
         "That corrects an estimate from a sample. What is known here?"),
        ("averages the terms", "(p * (x - (p * x).sum()) ** 2).mean()", "The probabilities already sum to 1."),
    ],
    equivalents=[
        ("inner products", "d = x - np.dot(x, p)\nnp.dot(d * d, p)"),
        (
            "half the expected squared distance of two draws",
            "np.einsum('i,j,ij', p, p, np.subtract.outer(x, x) ** 2) / 2",
        ),
    ],
)  # fmt: skip

# Entropy, cross-entropy, divergence ------------------------------------------------------------

P, Q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
WITH_ZEROS = np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5], [0.0, 0.25, 0.75]])
SHAPES = ((5,), (1,), (3, 1), (1, 4), (3, 3), (2, 1, 3))


def pair(rng, *shape, axis=-1):
    """Two distributions."""
    return {"p": shares(rng, *shape, axis=axis), "q": shares(rng, *shape, axis=axis)}


def on_every_axis(rng):
    """Two 3-D arrays with the classes on each axis, named from both ends, and on the default one."""
    named = [call(**pair(rng, 2, 3, 4, axis=axis), axis=axis) for axis in (0, 1, 2, -2, -3)]
    return [call(**pair(rng, 2, 3, 4)), *named]


entropy = question("entropy", points=5)
entropy.check("one number for each distribution", public=True, hint="Weigh the surprise of each class. By what?")(
    lambda rng: [call(p=P, base=2), call(p=shares(rng, 4, 5))]
)
entropy.check("an impossible class adds nothing", public=True, hint="What is 0.0 * np.log(0.0)?")(
    lambda rng: call(p=np.array([[1.0, 0.0], [0.5, 0.5], [0.3, 0.7]]))
)
entropy.check("zeros in any place", hint="Which entries may reach the logarithm?")(
    lambda rng: [call(p=WITH_ZEROS[2:]), call_twice(p=WITH_ZEROS), call(p=np.eye(3))]
)
entropy.check("nats, bits and other bases", hint="What is the entropy of a fair coin in bits, and in nats?")(
    lambda rng: [call(p=shares(rng, 3, 4), base=base) for base in (2, 10, 1.5, math.e)]
)
entropy.check(**AXES)(
    lambda rng: [
        call(p=shares(rng, 2, 3, 4)),
        *(call(p=shares(rng, 2, 3, 4, axis=a), axis=a) for a in (0, 1, 2, -2, -3)),
    ]
)
entropy.check("one distribution, one class, square batches", hint="What is the entropy of one certain class?")(
    lambda rng: [call(p=shares(rng, *shape)) for shape in SHAPES]
)
entropy.check("very improbable classes", hint="Does every class keep its own, exact probability?")(
    lambda rng: [
        call(p=np.array([0.6, 0.4 - 1e-9, 1e-9])),
        call(p=np.array([1 - 1e-6, 1e-6])),
        call(p=np.array([[1e-300, 1.0], [1e-9, 1 - 1e-9]])),
    ]
)
entropy.check(**DTYPES)(
    lambda rng: [*(single(p=shares(rng, 3, 4), base=b) for b in (2, math.e)), call(p=np.array([[1], [1]]))]
)
entropy.check(**STAYS)(lambda rng: call_twice(p=shares(rng, 2, 3)))
ENTROPY = """
p = as_float(p)
log_p = np.log(np.where(p > 0, p, 1))
return -(p * log_p).sum(axis) / math.log(base)
"""
declare_variants(
    entropy,
    "p, base=math.e, axis=-1",
    mistakes=mutants(
        ENTROPY,
        ("gives nan for a probability of 0", "What is 0 * -inf?", ("np.where(p > 0, p, 1)", "p")),
        (ADDS_CONSTANT, "Evaluate [1, 0] by hand. What do you get?", ("np.where(p > 0, p, 1)", "p + 1e-12")),  # CE-09
        ("has the sign reversed", "Can uncertainty be below 0?", ("return -(", "return (")),  # CE-13
        ("ignores the base", "How many bits has a fair coin?", (" / math.log(base)", "")),  # CE-03
        ("multiplies by the logarithm of the base", "How many bits has a fair coin?", ("/ math", "* math")),
        ("averages over the classes", "How many bits have four equal classes?", (".sum(axis)", ".mean(axis)")),  # CE-05
        ("adds up the surprises without weights", "How often does each surprise occur?", ("(p * log_p)", "log_p")),
        ("sums over the whole array", "How many entropies has a batch of 4?", (".sum(axis)", ".sum()")),
        ("always uses the last axis", "Call it with axis=0. Which shape comes out?", (".sum(axis)", ".sum(-1)")),
        ("overwrites zeros in its input", "Print p before and after the call.",
         ("p = as_float(p)\nlog_p = np.log(np.where(p > 0, p, 1))",
          "p = as_float(p)\np[p == 0] = 1\nlog_p = np.log(p)")),
        ("keeps the summed axis", "Print the shape for shape (4, 5).", (".sum(axis)", ".sum(axis, keepdims=True)")),
    ),
    equivalents=[
        ("all in one function", ENTROPY),
        (
            "terms chosen afterwards",
            "p = as_float(p)\nterms = np.where(p == 0, 0, -p * np.log(p))\nterms.sum(axis=axis) / math.log(base)",
        ),
        (
            "logarithm only where needed",
            "p = as_float(p)\nlog_p = np.zeros_like(p)\nnp.log2(p, out=log_p, where=p > 0)\n"
            "-np.sum(p * log_p, axis=axis) / math.log2(base)",
        ),
    ],
)  # fmt: skip

cross_entropy = question("cross_entropy", points=5)
cross_entropy.check("surprise of q, weighted with p", public=True, hint="Which of the two says how often?")(
    lambda rng: [call(p=P, q=Q, base=2), call(**pair(rng, 4, 5))]
)
cross_entropy.check("p = 0 adds nothing, q = 0 < p costs infinity", public=True, hint="What is 0 * -inf?")(
    lambda rng: call(p=np.array([[1.0, 0.0], [1.0, 0.0], [0.3, 0.7]]), q=np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]]))
)
cross_entropy.check("zeros of p and of q in any place", hint="Tell the cases p = 0 and q = 0 < p apart.")(
    lambda rng: [
        call(p=WITH_ZEROS, q=WITH_ZEROS[::-1].copy()),
        call_twice(p=WITH_ZEROS, q=WITH_ZEROS),
        call(p=WITH_ZEROS, q=shares(rng, 4, 3)),
    ]
)
cross_entropy.check("nats, bits and other bases", hint="log_b(q) is ln(q) divided by what?")(
    lambda rng: [call(**pair(rng, 3, 4), base=base) for base in (2, 10, 1.5, math.e)]
)
cross_entropy.check("the two arguments play different parts", hint="Which one is the truth, which one the model?")(
    lambda rng: [call(shares(rng, 3), shares(rng, 3)), call(np.array([0.9, 0.1]), np.array([0.5, 0.5]))]
)
cross_entropy.check(**AXES)(on_every_axis)
cross_entropy.check("one distribution, one class, square batches", hint="Which axis is summed away?")(
    lambda rng: [call(**pair(rng, *shape)) for shape in SHAPES]
)
cross_entropy.check(**DTYPES)(
    lambda rng: [
        *(single(**pair(rng, 3, 4), base=b) for b in (2, math.e)),
        call(p=np.array([[1], [1]]), q=np.array([[1], [1]])),
    ]
)
cross_entropy.check(**STAYS)(lambda rng: call_twice(**pair(rng, 2, 3)))
CROSS = """
p, q = as_float(p), as_float(q)
log_q = np.log(np.where(p > 0, q, 1))
return -(p * log_q).sum(axis) / math.log(base)
"""
declare_variants(
    cross_entropy,
    "p, q, base=math.e, axis=-1",
    mistakes=mutants(
        CROSS,
        ("swaps the two distributions", "Which one is the truth? Try q = 0 < p.",
         ("as_float(p), as_float(q)", "as_float(q), as_float(p)")),
        ("gives nan where both are 0", "What is 0 * -inf?", ("np.where(p > 0, q, 1)", "q")),
        (ADDS_CONSTANT, NO_SAFE_CONSTANT, ("np.where(p > 0, q, 1)", "q + 1e-12")),  # CE-09
        ("leaves out classes that q excludes", "What should it cost to exclude what happens?",
         ("np.where(p > 0, q, 1)", "np.where(q > 0, q, 1)")),
        ("has the sign reversed", "Can a surprise be below 0?", ("return -(", "return (")),  # CE-13
        ("ignores the base", "For p = q = [0.5, 0.5], how many bits?", (" / math.log(base)", "")),  # CE-03
        ("averages over the classes", "Compare with the entropy for p = q.", (".sum(axis)", ".mean(axis)")),  # CE-05
        ("returns the entropy of p", "Change q. Should the result change?",
         ("np.where(p > 0, q, 1)", "np.where(p > 0, p, 1)")),
        ("subtracts the entropy", "For p = q, is the result 0 or the entropy?",
         ("(p * log_q)", "(p * (log_q - np.log(np.where(p > 0, p, 1))))")),
        ("takes only the most probable class", "Change the second-largest p. Should the result notice?",
         ("(p * log_q)", "((p == p.max(axis, keepdims=True)) * log_q)")),  # CE-17
        ("sums over the whole array", "How many numbers has a batch of 4?", (".sum(axis)", ".sum()")),
        ("always uses the last axis", "Call it with axis=0. Which shape comes out?", (".sum(axis)", ".sum(-1)")),
    ),
    equivalents=[
        ("all in one function", CROSS),
        ("nan of 0 times infinity left out", "np.nansum(p * surprise(q, base), axis=axis)"),
        (
            "terms chosen afterwards",
            "p, q = as_float(p), as_float(q)\nterms = np.where(p == 0, 0, -p * np.log(q))\n"
            "terms.sum(axis=axis) / math.log(base)",
        ),
    ],
)  # fmt: skip

kl_divergence = question("kl_divergence", points=5)
kl_divergence.check("cross-entropy minus entropy", public=True, hint="Evaluate 0.5 ln 2 + 0.25 ln 1 + 0.25 ln 0.5.")(
    lambda rng: [call(p=P, q=Q), call(**pair(rng, 4, 5))]
)
kl_divergence.check("zero for equal distributions, and only there", public=True, hint="What is p / q if both agree?")(
    lambda rng: call(p=np.array([P, P]), q=np.array([P, Q]))
)
kl_divergence.check("p = 0 adds nothing, q = 0 < p costs infinity", hint="Tell the two cases apart.")(
    lambda rng: [
        call(p=WITH_ZEROS, q=WITH_ZEROS[::-1].copy()),
        call_twice(p=WITH_ZEROS, q=WITH_ZEROS),
        call(p=WITH_ZEROS, q=shares(rng, 4, 3)),
    ]
)
kl_divergence.check("the two arguments play different parts", hint="Which one is the truth, which one the model?")(
    lambda rng: [call(shares(rng, 3), shares(rng, 3)), call(np.array([0.9, 0.1]), np.array([0.5, 0.5]))]
)
kl_divergence.check(**AXES)(on_every_axis)
kl_divergence.check("one distribution, one class, square batches", hint="Which axis is summed away?")(
    lambda rng: [call(**pair(rng, *shape)) for shape in SHAPES]
)
kl_divergence.check("a model that is nearly sure and wrong", hint="Which numbers reach the logarithm?")(
    lambda rng: [
        call(p=np.array([0.5, 0.5]), q=np.array([1e-300, 1.0])),
        call(p=np.array([1e-300, 1.0]), q=np.array([0.5, 0.5])),
    ]
)
kl_divergence.check(**DTYPES)(
    lambda rng: [
        *(single(**pair(rng, 3, 4)) for _ in range(2)),
        call(p=np.array([[1], [1]]), q=np.array([[1], [1]])),
    ]
)
kl_divergence.check(**STAYS)(lambda rng: call_twice(**pair(rng, 2, 3)))
DIVERGENCE = """
p, q = as_float(p), as_float(q)
log_p = np.log(np.where(p > 0, p, 1))
log_q = np.log(np.where(p > 0, q, 1))
return (p * (log_p - log_q)).sum(axis)
"""
declare_variants(
    kl_divergence,
    "p, q, axis=-1",
    mistakes=mutants(
        DIVERGENCE,
        ("swaps the two distributions", "Which one is the truth? Try q = 0 < p.",
         ("as_float(p), as_float(q)", "as_float(q), as_float(p)")),
        ("has the sign reversed", "Can a divergence be below 0?", ("return (p", "return -(p")),  # CE-13
        ("returns the cross-entropy", "What should come out for p = q?", ("log_p - log_q", "-log_q")),
        ("gives nan where p is 0", "What is 0 * -inf?", ("np.log(np.where(p > 0, p, 1))", "np.log(p)")),
        (ADDS_CONSTANT, NO_SAFE_CONSTANT, ("np.where(p > 0, q, 1)", "q + 1e-12")),  # CE-09
        ("takes absolute values", "Do the negative terms belong to the sum?", ("log_p - log_q", "abs(log_p - log_q)")),
        ("averages over the classes", "Is it a mean over classes, or an expectation?", (".sum(axis)", ".mean(axis)")),
        ("counts in bits", "The result is asked for in nats.",
         ("return (p * (log_p - log_q))", "return (p * (log_p - log_q) / math.log(2))")),  # CE-03
        ("compares with the mixture of both", "That is another divergence. Try a q that excludes what happens.",
         ("np.where(p > 0, q, 1)", "np.where(p > 0, (p + q) / 2, 1)")),
        ("sums over the whole array", "How many numbers has a batch of 4?", (".sum(axis)", ".sum()")),
        ("always uses the last axis", "Call it with axis=0. Which shape comes out?", (".sum(axis)", ".sum(-1)")),
    ),
    equivalents=[
        ("difference of the logarithms", DIVERGENCE),
        (
            "logarithm of the quotient",
            "p, q = as_float(p), as_float(q)\nratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)\n"
            "np.sum(p * np.log(ratio), axis=axis)",
        ),
    ],
)  # fmt: skip

# Labels ----------------------------------------------------------------------------------------

one_hot = question("one_hot", points=3)
one_hot.check("one row for each label", public=True, hint="How many ones has each row, and where?")(
    lambda rng: [call(np.array([2, 0]), 3), call(labels=rng.integers(0, 4, size=6), num_classes=4)]
)
one_hot.check("classes that do not occur in the batch", hint="Where does your number of columns come from?")(
    lambda rng: [call(np.array([0, 1, 0]), 5), call(rng.integers(1, 3, size=4), 7)]
)
one_hot.check("labels of any shape", hint="On which axis are the classes?")(
    lambda rng: [call(rng.integers(0, 3, size=shape), 3) for shape in ((), (1,), (3,), (2, 3), (2, 1, 4), (3, 3))]
)
one_hot.check("first class, last class, one class", hint="Which column belongs to label 0?")(
    lambda rng: [call(np.array([0, 3, 3, 0]), 4), call(np.zeros(3, dtype=int), 1)]
)
one_hot.check("labels of other integer types", hint="Does the result have the dtype of the labels?")(
    lambda rng: [call(rng.integers(0, 3, size=(2, 3)).astype(dtype), 3) for dtype in (np.uint8, np.int32, np.int8)]
)
one_hot.check(**STAYS)(lambda rng: call_twice(labels=rng.integers(0, 3, size=(2, 3)), num_classes=3))
declare_variants(
    one_hot,
    "labels, num_classes",
    mistakes=[
        # CE-08
        ("believes that classes start at 1", "np.eye(num_classes)[labels - 1]", "Which column does label 0 select?"),
        ("returns integers", "np.eye(num_classes, dtype=int)[labels]", "What is the dtype of your result?"),
        ("returns True and False", "labels[..., None] == np.arange(num_classes)", "What is the dtype of your result?"),
        ("puts the classes first", "np.moveaxis(np.eye(num_classes)[labels], -1, 0)", "Print the shape for 6 labels."),
        ("counts the classes in the batch", "np.eye(labels.max() + 1)[labels]", "What if the last class is missing?"),
        ("flattens the labels", "np.eye(num_classes)[labels.ravel()]",
         "Which shape has the result for labels of shape (2, 3)?"),
        ("writes the label instead of 1", "np.eye(num_classes)[labels] * labels[..., None]",
         "What is each row's sum?"),
    ],
    equivalents=[
        ("labels compared with all classes", "(labels[..., None] == np.arange(num_classes)).astype(np.float64)"),
        (
            "ones put in their places",
            "y = np.zeros((*labels.shape, num_classes))\nnp.put_along_axis(y, labels[..., None].astype(int), 1, -1)\ny",
        ),
    ],
)  # fmt: skip

# Negative log-likelihood -----------------------------------------------------------------------


def labelled(rng, n, c):
    """Log-probabilities and labels, of which not all are equal where possible."""
    targets = rng.permutation((np.arange(n) + rng.integers(0, c)) % c)
    return {"log_probs": np.log(shares(rng, n, c)), "targets": targets}


def weights(rng, c):
    """Class weights that differ and do not average to 1."""
    return rng.permutation(np.linspace(0.3, 2.5, c)) + rng.uniform(0, 0.1)


#: Integers, and one class that does not count.
WHOLE_WEIGHTS = np.array([2, 0, 5])


def some_ignored(inputs, index=-100):
    """The same inputs with the second and the last sample ignored."""
    targets = inputs["targets"].copy()
    targets[[1, -1]] = index
    return {**inputs, "targets": targets}


NLL_SHAPES = ((1, 4), (4, 1), (3, 3), (6, 4), (2, 5))

nll_loss = question("nll_loss", points=8)
nll_loss.check("mean surprise about the labels", public=True, hint="Which entry of each row belongs to its label?")(
    lambda rng: [
        call(log_probs=np.log([[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 8, 3 / 4]]), targets=np.array([1, 0])),
        call(**labelled(rng, 5, 3)),
    ]
)
nll_loss.check("one loss per sample, or their sum", public=True, hint="Print the shape of the losses of the samples.")(
    lambda rng: [call(**labelled(rng, 4, 3), reduction=reduction) for reduction in ("none", "sum")]
)
nll_loss.check("any batch, with every reduction", hint="Are rows and columns told apart in a square batch?")(
    lambda rng: [probe for n, c in NLL_SHAPES for probe in reduced(**labelled(rng, n, c))]
)
nll_loss.check("weights of the classes", hint="Multiply all weights by 10. Should the mean change? And the sum?")(
    lambda rng: [
        *reduced(**labelled(rng, 5, 3), weight=weights(rng, 3)),
        *reduced(**labelled(rng, 3, 3), weight=weights(rng, 3)),
        *reduced(**labelled(rng, 5, 3), weight=WHOLE_WEIGHTS),
        call_twice(**labelled(rng, 4, 3), weight=weights(rng, 3)),
        single(**labelled(rng, 4, 3), weight=weights(rng, 3)),
    ]
)
nll_loss.check("ignored samples do not count", hint="Append an ignored sample to the batch. May the mean change?")(
    lambda rng: [
        *reduced(**some_ignored(labelled(rng, 6, 3))),
        *reduced(**some_ignored(labelled(rng, 5, 3)), weight=weights(rng, 3)),
        call_twice(**some_ignored(labelled(rng, 4, 2))),
    ]
)
nll_loss.check("any number can be the ignored label", hint="Where does ignore_index appear in your code?")(
    lambda rng: [
        probe
        for index in (255, 1, -1)
        for probe in reduced(**some_ignored(labelled(rng, 6, 3), index), ignore_index=index)
    ]
)
IMPOSSIBLE = np.log(np.array([[0.5, 0.5, 0.25], [0.25, 0.25, 1.0], [0.75, 0.5, 0.25]]))
IMPOSSIBLE[1, 0] = IMPOSSIBLE[0, 2] = -np.inf
nll_loss.check("log-probabilities of -inf", hint="What is -inf * 0? Which entries should be touched at all?")(
    lambda rng: [
        *reduced(log_probs=IMPOSSIBLE, targets=np.array([1, 2, 0])),
        *reduced(log_probs=IMPOSSIBLE, targets=np.array([1, -100, 0])),
        call(log_probs=IMPOSSIBLE, targets=np.array([2, 1, 0]), reduction="none"),
    ]
)
nll_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**labelled(rng, 5, 3), reduction=reduction) for reduction in REDUCTIONS),
        *reduced(log_probs=np.array([[-1, -2], [-3, -4], [-5, -9]]), targets=np.array([0, 1, 1], dtype=np.uint8)),
    ]
)
nll_loss.check(**STAYS)(lambda rng: call_twice(**labelled(rng, 4, 3)))
NLL_ARGS = "log_probs, targets, weight=None, ignore_index=-100, reduction='mean'"
NLL = """
log_probs = as_float(log_probs)
w = np.ones(log_probs.shape[1], log_probs.dtype) if weight is None else weight
keep = targets != ignore_index
y = np.where(keep, targets, 0)
picked = log_probs[np.arange(len(y)), y]
each = -np.where(keep, w[y] * picked, 0)
if reduction == "none":
    return each
return each.sum() if reduction == "sum" else each.sum() / w[y][keep].sum()
"""
PICKED = "log_probs[np.arange(len(y)), y]"
MEAN = "each.sum() / w[y][keep].sum()"
declare_variants(
    nll_loss,
    NLL_ARGS,
    mistakes=mutants(
        NLL,
        ("has the sign reversed", "Should a better prediction make the loss larger or smaller?",
         ("-np.where(", "np.where(")),  # CE-13
        ("takes the logarithm again", "Which sign have your inputs? What is the logarithm of such a number?",
         (PICKED, f"np.log({PICKED})")),  # NL-01
        ("takes probabilities instead of their logarithms",
         "Is your loss negative? Which range must the entries have for a positive one?",
         (PICKED, f"np.exp({PICKED})")),  # NL-02
        ("believes that classes start at 1", "Which column does label 0 select in your code?",
         (PICKED, "log_probs[np.arange(len(y)), y - 1]")),  # CE-08
        ("selects columns instead of entries", "Print the shape before the mean. How many numbers did you want?",
         (PICKED, "log_probs[:, y]")),  # CE-12
        ("keeps a column", "Print the shape of the losses before you reduce them.",
         (PICKED, "np.take_along_axis(log_probs, y[:, None], 1)")),  # NL-04
        ("multiplies by the label itself", "What is `targets.shape`, and what does a label 2 do when it is a factor?",
         (PICKED, "(y[:, None] * log_probs).sum(1)")),  # CE-11
        ("picks along the wrong axis", "Which entries were picked? Use a matrix of all-different numbers.",
         (PICKED, "np.take_along_axis(log_probs, y[:, None] % len(y), 0)[:, 0]")),  # NL-03
        ("divides the weighted sum by the number of samples",
         "That is another convention. Multiply all weights by 10: may the mean change?",
         (MEAN, "each.sum() / keep.sum()")),  # CE-06
        ("counts the ignored samples", "Append an ignored sample to the batch. May the mean change?",
         (MEAN, "each.sum() / w[y].sum()")),  # CE-07
        ("adds up instead of averaging", "Duplicate the batch. Should the loss double?", (MEAN, "each.sum()")),  # CE-04
        ("divides by samples times classes", "How many numbers are averaged, and how many samples are there?",
         (MEAN, "each.sum() / log_probs.size")),  # CE-05
        ("ignores the weights", "Give one class the weight 100. Should the loss notice?", ("weight is None", "True")),
        ("drops the ignored samples from the list", "Which shape has the result for 4 samples, one of them ignored?",
         ("return each\n", "return each[keep]\n")),
        ("knows only -100 as the ignored label", "Where does `ignore_index` appear in your code?",
         ("!= ignore_index", "!= -100")),
        ("overwrites the ignored labels", "Print the targets before and after the call.",
         ("y = np.where(keep, targets, 0)", "targets[~keep] = 0\ny = targets")),
        ("multiplies an impossible entry by zero",
         "What is -inf * 0? Try an ignored sample with an impossible class.",
         ("np.where(keep, w[y] * picked, 0)", "(keep * w[y] * picked)")),
        ("returns the mean whatever the reduction", "Which shape must the result have with reduction='none'?",
         ("return each\n", f"return {MEAN}\n")),
    ),
    equivalents=[
        ("all in one function", NLL),
        (
            "only the samples that count",
            "log_probs = as_float(log_probs)\nrows = np.flatnonzero(targets != ignore_index)\ny = targets[rows]\n"
            "w = (np.ones_like(log_probs[0]) if weight is None else as_float(weight))[y]\n"
            "each = np.zeros(len(targets), log_probs.dtype)\neach[rows] = -w * log_probs[rows, y]\n"
            "{'none': each, 'sum': each.sum(), 'mean': each.sum() / w.sum()}[reduction]",
        ),
    ],
)  # fmt: skip

# Cross-entropy loss ----------------------------------------------------------------------------


def scored(rng, n, c, soft=False):
    """Scores with labels, or with probabilities, as targets."""
    targets = shares(rng, n, c) if soft else labelled(rng, n, c)["targets"]
    return {"logits": 2 * rng.normal(size=(n, c)), "targets": targets}


FAR = np.array([[1000.0, 1003.0, 998.0], [-1000.0, -1001.0, -1000.5], [0.0, 1.0, 2.0], [0.0, 40.0, -800.0]])
FAR_LABELS = np.array([0, 1, 2, 0])
#: One score far above the mean of its row.
ONE_FAR = np.array([[3000.0, 0.0, 0.0], [0.0, 3000.0, 0.0], [0.0, 0.0, 3000.0]])
FAR_SHARES = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])

cross_entropy_loss = question("cross_entropy_loss", points=11)
cross_entropy_loss.check("labels: mean over the batch", public=True, hint="What is -ln(5/8)? Compare the first case.")(
    lambda rng: [call(logits=np.log([[1.0, 2.0, 5.0]]), targets=np.array([2])), call(**scored(rng, 5, 3))]
)
cross_entropy_loss.check("probabilities as targets", public=True, hint="Which weight has each log-probability?")(
    lambda rng: [
        call(logits=np.log([[1.0, 2.0, 5.0]]), targets=np.array([[0.5, 0.0, 0.5]])),
        call(**scored(rng, 4, 3, soft=True)),
    ]
)
cross_entropy_loss.check("any batch, with every reduction", hint="Are rows and columns told apart in a square batch?")(
    lambda rng: [probe for n, c in NLL_SHAPES for soft in (False, True) for probe in reduced(**scored(rng, n, c, soft))]
)
cross_entropy_loss.check("weights of the classes", hint="What does each of the two means divide by?")(
    lambda rng: [
        *reduced(**scored(rng, 5, 3), weight=weights(rng, 3)),
        *reduced(**scored(rng, 4, 3, soft=True), weight=weights(rng, 3)),
        *(probe for soft in (False, True) for probe in reduced(**scored(rng, 5, 3, soft), weight=WHOLE_WEIGHTS)),
        call_twice(**scored(rng, 3, 3), weight=weights(rng, 3)),
        single(**scored(rng, 5, 3), weight=weights(rng, 3)),
    ]
)
cross_entropy_loss.check("ignored samples do not count", hint="Append an ignored sample. May the mean change?")(
    lambda rng: [
        *reduced(**some_ignored(scored(rng, 6, 3))),
        *reduced(**some_ignored(scored(rng, 6, 3)), weight=weights(rng, 3)),
        call_twice(**some_ignored(scored(rng, 4, 2))),
    ]
)
cross_entropy_loss.check("any number can be the ignored label", hint="Where does ignore_index appear in your code?")(
    lambda rng: [
        probe
        for index in (255, 1, -1)
        for probe in reduced(**some_ignored(scored(rng, 6, 3), index), ignore_index=index)
    ]
)
cross_entropy_loss.check(
    "label smoothing", hint="Write out the target of label 2 with smoothing 0.3 and three classes."
)(
    lambda rng: [
        *reduced(**scored(rng, 4, 3), label_smoothing=0.3),
        *reduced(**scored(rng, 4, 5, soft=True), label_smoothing=0.1),
        call(**scored(rng, 3, 4), label_smoothing=1.0),
        call_twice(**scored(rng, 4, 3, soft=True), label_smoothing=0.2),
        *(single(**scored(rng, 5, 3, soft), label_smoothing=0.2) for soft in (False, True)),
    ]
)
cross_entropy_loss.check("smoothing together with weights and ignored samples", hint="Which weight has each class?")(
    lambda rng: [
        probe
        for inputs in (scored(rng, 6, 3), some_ignored(scored(rng, 5, 3)), scored(rng, 5, 3, soft=True))
        for probe in reduced(**inputs, weight=weights(rng, 3), label_smoothing=0.2)
    ]
)
cross_entropy_loss.check(
    "scores far from zero", hint="A wrong prediction with a gap of 40 must cost 40. What do you get?"
)(
    lambda rng: [
        call(logits=FAR, targets=FAR_LABELS, reduction="none"),
        call(logits=FAR[:3], targets=FAR_LABELS[:3], reduction="none"),
        call(logits=FAR, targets=FAR_SHARES),
        call(logits=np.array([[0.0, 100.0]]), targets=np.array([0])),
        call(logits=ONE_FAR, targets=np.array([0, 1, 0]), reduction="none"),
    ]
)
cross_entropy_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**scored(rng, 5, 3), reduction=reduction) for reduction in REDUCTIONS),
        single(**scored(rng, 5, 3, soft=True), reduction="none"),
        *reduced(logits=rng.integers(-3, 4, size=(3, 4)), targets=rng.integers(0, 4, size=3).astype(np.int32)),
    ]
)
cross_entropy_loss.check(**STAYS)(
    lambda rng: [
        call_twice(**scored(rng, 4, 3)),
        call_twice(**scored(rng, 4, 3, soft=True)),
    ]
)
CE_ARGS = "logits, targets, weight=None, ignore_index=-100, reduction='mean', label_smoothing=0.0"
CE = """
x = as_float(logits)
z = x - x.max(1, keepdims=True)
log_q = z - np.log(np.exp(z).sum(1, keepdims=True))
n, c = log_q.shape
w = np.ones(c, log_q.dtype) if weight is None else weight
if targets.ndim == 1:
    keep = targets != ignore_index
    y = np.where(keep, targets, 0)
    p = np.eye(c, dtype=log_q.dtype)[y]
    norm = w[y][keep].sum()
else:
    keep, p, norm = np.full(n, True), targets, n
p = (1 - label_smoothing) * p + label_smoothing / c
each = -np.where(keep, (w * p * log_q).sum(1), 0)
if reduction == "none":
    return each
return each.sum() if reduction == "sum" else each.sum() / norm
"""
LOG_Q = "z - np.log(np.exp(z).sum(1, keepdims=True))"
SMOOTH = "p = (1 - label_smoothing) * p + label_smoothing / c"
declare_variants(
    cross_entropy_loss,
    CE_ARGS,
    mistakes=mutants(
        CE,
        ("treats scores as probabilities", "Can a cross-entropy be nan? Which range do your inputs have?",
         (LOG_Q, "np.log(x)")),  # CE-01
        ("applies softmax twice",
         "With a perfect prediction the loss should approach 0. What is the lowest value you can reach?",
         ("as_float(logits)", "np.exp(log_softmax(logits))")),  # CE-02
        ("uses a logarithm to base 2 or 10", "Divide your result by the expected one. Is it a famous constant?",
         (LOG_Q, f"({LOG_Q}) / math.log(10)")),  # CE-03, LS-05
        ("adds up instead of averaging", "Duplicate the batch. Should the loss double?", (" / norm", "")),  # CE-04
        ("divides by samples times classes", "How many numbers are averaged, and how many samples are there?",
         ("/ norm", "/ log_q.size")),  # CE-05
        ("divides the weighted sum by the number of samples",
         "That is another convention. Multiply all weights by 10: may the mean change?",
         ("norm = w[y][keep].sum()", "norm = keep.sum()")),  # CE-06
        ("counts the ignored samples", "Append an ignored sample to the batch. May the mean change?",
         ("norm = w[y][keep].sum()", "norm = w[y].sum()")),  # CE-07
        # CE-08
        ("believes that classes start at 1", "Which column does label 0 select in your code?", ("[y]\n", "[y - 1]\n")),
        (ADDS_CONSTANT, "A wrong prediction with a gap of 100 should cost about 100. What does it cost here?",
         (LOG_Q, "np.log(np.exp(z) / np.exp(z).sum(1, keepdims=True) + 1e-7)")),  # CE-09, LS-02
        ("takes the logarithm of the finished softmax",
         "What is the exact log-probability of a class with a gap of 800? Do you need the probability for it?",
         (LOG_Q, "np.log(np.exp(z) / np.exp(z).sum(1, keepdims=True))")),  # LS-01
        ("multiplies by the label itself", "What is `targets.shape`, and what does a label 2 do when it is a factor?",
         ("np.eye(c, dtype=log_q.dtype)[y]", "y")),  # CE-11
        ("pairs every label with every sample", "Print the shape before the mean. How many numbers did you want?",
         ("(w * p * log_q).sum(1)", "((w * p) @ log_q.T).mean(1)")),  # CE-12
        ("has the sign reversed", "Should a better prediction make the loss larger or smaller?",
         ("-np.where(", "np.where(")),  # CE-13
        ("spreads the smoothing over the wrong classes only",
         "That is another convention. Does the right class receive a share in the definition here?",
         (SMOOTH, "p = (1 - label_smoothing) * p + label_smoothing / max(c - 1, 1) * (1 - p)")),  # CE-16
        # CE-17
        ("makes probabilities to labels", "Change the second-largest target probability. Should the loss notice?",
         ("np.full(n, True), targets, n", "np.full(n, True), np.eye(c, dtype=log_q.dtype)[targets.argmax(1)], n")),
        ("ignores the smoothing", "Call it with label_smoothing=0.5. Should the loss change?", (SMOOTH, "p = p * 1")),
        ("smooths the targets in place", "Print the target probabilities before and after the call.",
         (SMOOTH, "p *= 1 - label_smoothing\np += label_smoothing / c")),
        ("adds the smoothing without taking it away", "What does a smoothed target sum to?",
         (SMOOTH, "p = p + label_smoothing / c")),
        ("smooths labels only", "Are probabilities smoothed in the definition, too?",
         (SMOOTH, f"{SMOOTH} if targets.ndim == 1 else p")),
        ("divides by the weights of the probabilities",
         "That is another convention. What does the mean divide by here if targets are probabilities?",
         ("targets, n\n", "targets, (w * targets).sum()\n")),
        ("weighs a smoothed sample by its label only",
         "That is another convention. Which weight has each class in the sum here?",
         ("(w * p * log_q)", "((w if targets.ndim == 2 else w[y][:, None]) * p * log_q)")),
        ("subtracts no maximum", "What is `np.exp(1000.0)`? Which shift of all scores changes nothing?",
         ("x - x.max(1, keepdims=True)", "x * 1")),  # SM-03
        ("forgets keepdims in the sum", "Write down the two shapes in the subtraction. What if they are square?",
         (LOG_Q, "z - np.log(np.exp(z).sum(1))")),  # SM-05
        ("has an epsilon instead of a shift", "Try scores around -50 and around 1000. Do the probabilities sum to 1?",
         (LOG_Q, "np.log(np.exp(x) / (np.exp(x).sum(1, keepdims=True) + 1e-8))")),  # SM-09
        ("subtracts the maximum twice", "Does `np.exp(log_q).sum(1)` give 1? Which scores meet which sum?",
         (LOG_Q, "z - np.log(np.exp(x).sum(1, keepdims=True))")),  # LS-03, SM-06
        ("never adds the maximum back", "A log-probability can never be positive. Are yours?",
         (LOG_Q, "x - np.log(np.exp(z).sum(1, keepdims=True))")),  # LS-04
        ("subtracts the mean instead of the maximum",
         "After your shift, what is the largest number that can still reach `exp`?",
         ("x - x.max(1, keepdims=True)", "x - x.mean(1, keepdims=True)")),  # SM-07
        ("clips the scores", "Two scores, 1000 and 990: what should the second class cost, and what does it?",
         ("as_float(logits)", "np.clip(as_float(logits), -50, 50)")),  # SM-10
        ("modifies the scores", "Print the scores before and after the call.",
         ("x - x.max(1, keepdims=True)", "np.subtract(x, x.max(1, keepdims=True), out=x)")),  # SM-08
        ("normalises over the whole batch", "Write a sample twice. Should its loss change?",
         (LOG_Q, "z - np.log(np.exp(z).sum())")),  # SM-02
        ("keeps a column", "Print the shape of the losses before you reduce them.",
         ("np.where(keep, (w * p * log_q).sum(1), 0)",
          "np.where(keep[:, None], (w * p * log_q).sum(1, keepdims=True), 0)")),  # NL-04
        ("subtracts the maximum of the whole batch",
         "Try one tiny and one huge row in one batch. Whose maximum did you subtract?",
         ("x - x.max(1, keepdims=True)", "x - x.max()")),  # SM-04
        ("normalises over the batch", "Should a second sample change the loss of the first one?",
         (LOG_Q, "z - np.log(np.exp(z).sum(0))")),  # SM-01
        ("ignores the weights", "Give one class the weight 100. Should the loss notice?", ("weight is None", "True")),
        ("lets ignored samples pay for class 0", "What should an ignored sample cost with reduction='none'?",
         ("np.where(keep, (w * p * log_q).sum(1), 0)", "(w * p * log_q).sum(1)")),
        ("knows only -100 as the ignored label", "Where does `ignore_index` appear in your code?",
         ("!= ignore_index", "!= -100")),
    ),
    equivalents=[
        ("all in one function", CE),
        (
            "scores minus their log-sum-exp",
            exchanged(
                CE,
                ("z = x - x.max(1, keepdims=True)\n", ""),
                (LOG_Q, "x - np.logaddexp.reduce(x, axis=1, keepdims=True)"),
            ),
        ),
        (
            "cross-entropy of log-probabilities",
            exchanged(CE, ("as_float(logits)", "log_softmax(log_softmax(logits))")),
        ),  # EQ-02
        (
            "shift by the maximum plus a constant",
            exchanged(CE, ("x - x.max(1, keepdims=True)", "x - x.max(1, keepdims=True) - 1")),
        ),  # EQ-04
        (
            "label smoothing as a second loss",
            """
            log_q = log_softmax(logits)
            w = np.ones_like(log_q[0]) if weight is None else as_float(weight)
            if targets.ndim == 2:
                first, keep, total = -(w * targets * log_q).sum(1), np.ones(len(log_q), bool), len(log_q)
            else:
                keep = targets != ignore_index
                y = targets * keep
                first, total = -w[y] * np.take_along_axis(log_q, y[:, None], 1)[:, 0], (w[y] * keep).sum()
            each = ((1 - label_smoothing) * first - label_smoothing * (w * log_q).mean(1)) * keep
            return {"none": each, "sum": each.sum(), "mean": each.sum() / total}[reduction]
            """,
        ),
    ],
)  # fmt: skip

# Losses by hand --------------------------------------------------------------------------------

HOUSE = float(np.log(np.exp([1.0, 2.0, -1.0]).sum()))
loss_medium_house = question("loss_medium_house", points=2, kind="value")
loss_medium_house.check("the loss of the house", hint="Exponentials, their sum, the share of the right class, -ln.")(
    lambda rng: value()
)
for wrong, name, hint in (
    (HOUSE - 1, "takes another class for the right one", "Which number has the class 'medium'?"),
    (float(np.exp(2 - HOUSE)), "gives the probability", "Which function turns a probability into a surprise?"),
    (2 - HOUSE, "gives the log-likelihood", "Which sign has a loss?"),
    ((HOUSE - 2) / math.log(10), "uses a logarithm to base 10", "ln is the natural logarithm, math.log."),
    (round(HOUSE - 2, 3), "writes a rounded number", "Write the expression and let Python compute it."),
):
    loss_medium_house.wrong(wrong, name, hint=hint)

nll_of_one_point_five = question("nll_of_one_point_five", points=2, kind="value")
nll_of_one_point_five.check("the loss of a score of 1.5", hint="What is the softmax of [1.5, 0, 0]?")(
    lambda rng: value()
)
for wrong, name, hint in (
    (0.25, "gives the squared error", "The negative log-likelihood is asked for."),
    (-math.log(1.5), "takes the score for a probability", "Can 1.5 be a probability? What comes first?"),
    (math.log(math.e + 2) - 1, "uses the score 1", "Which scores are given?"),
    (
        math.exp(1.5) / (math.exp(1.5) + 2),
        "gives the probability",
        "Which function turns a probability into a surprise?",
    ),
    (round(math.log(math.exp(1.5) + 2) - 1.5, 3), "writes a rounded number", "Write the expression."),
):
    nll_of_one_point_five.wrong(wrong, name, hint=hint)

# Gradient of the cross-entropy loss ------------------------------------------------------------


def both(ask=call, **arguments):
    """The call with "mean" and with "sum"."""
    return [ask(**arguments), ask(**arguments, reduction="sum")]


cross_entropy_loss_backward = question("cross_entropy_loss_backward", points=6)
cross_entropy_loss_backward.check("softmax minus one-hot", public=True, hint="Each row must sum to 0. Does it?")(
    lambda rng: [
        call(logits=np.array([[0.0, math.log(3)], [0.0, 0.0]]), targets=np.array([1, 0])),
        call(**scored(rng, 4, 3)),
    ]
)
cross_entropy_loss_backward.check("sum and mean", public=True, hint="By which factor do the two differ?")(
    lambda rng: both(**scored(rng, 5, 3))
)
cross_entropy_loss_backward.check("probabilities as targets", hint="What takes the place of the one-hot vector?")(
    lambda rng: both(**scored(rng, 4, 3, soft=True)) + both(**scored(rng, 3, 3, soft=True))
)
cross_entropy_loss_backward.check("any batch", hint="How many samples are averaged? Do samples mix?")(
    lambda rng: [probe for n, c in ((1, 4), (4, 1), (3, 3), (6, 4), (2, 5)) for probe in both(**scored(rng, n, c))]
)
cross_entropy_loss_backward.check("scores far from zero", hint="Which numbers reach exp? What is inf / inf?")(
    lambda rng: [
        call(logits=FAR, targets=FAR_LABELS),
        call(logits=FAR, targets=FAR_SHARES, reduction="sum"),
        call(logits=np.array([[0.0, 30.0], [1.0, 0.0]]), targets=np.array([0, 0])),
        call(logits=ONE_FAR, targets=np.array([0, 1, 0])),
    ]
)
cross_entropy_loss_backward.check(**DTYPES)(
    lambda rng: [
        *both(ask=single, **scored(rng, 5, 3)),
        single(**scored(rng, 5, 3, soft=True)),
        *both(logits=rng.integers(-3, 4, size=(3, 4)), targets=rng.integers(0, 4, size=3).astype(np.uint8)),
    ]
)
cross_entropy_loss_backward.check(**STAYS)(
    lambda rng: [call_twice(**scored(rng, 4, 3)), call_twice(**scored(rng, 4, 3, soft=True))]
)
CE_BACKWARD = """
x = as_float(logits)
e = np.exp(x - x.max(1, keepdims=True))
q = e / e.sum(1, keepdims=True)
p = np.eye(q.shape[1], dtype=q.dtype)[targets] if targets.ndim == 1 else targets
return (q - p) / (len(q) if reduction == "mean" else 1)
"""
declare_variants(
    cross_entropy_loss_backward,
    "logits, targets, reduction='mean'",
    mistakes=mutants(
        CE_BACKWARD,
        ("does not divide by the batch size",
         "Compare with a numerical gradient for batch sizes 1 and 2. What is the ratio?",
         (' / (len(q) if reduction == "mean" else 1)', "")),  # CE-14
        ("divides by samples times classes", "How many losses are averaged?", ("len(q) if", "q.size if")),  # CE-05
        ("divides whatever the reduction", "How does one more sample change the gradient of the sum?",
         ('if reduction == "mean" else 1', "")),
        ("has the sign reversed", "Take a small step against your gradient. Does the loss fall?",
         ("(q - p)", "(p - q)")),
        ("modifies its input", "Print the scores before and after the call.",
         ("x - x.max(1, keepdims=True)", "np.subtract(x, x.max(1, keepdims=True), out=x)")),  # CE-15
        ("believes that classes start at 1", "Which column does label 0 change in your code?",
         ("[targets]", "[targets - 1]")),  # CE-08
        ("subtracts the target from the scores", "What are the probabilities of your scores? Do your rows sum to 0?",
         ("(q - p)", "(x - p)")),
        ("applies softmax twice", "What is your gradient for a prediction that is as good as perfect?",
         ("return (q - p)", "e = np.exp(q)\nq = e / e.sum(1, keepdims=True)\nreturn (q - p)")),  # CE-02
        ("subtracts the label itself", "Which shape has the target distribution of a label?",
         ("np.eye(q.shape[1], dtype=q.dtype)[targets]", "targets[:, None].astype(q.dtype)")),  # CE-11
        ("subtracts the mean instead of the maximum",
         "After your shift, what is the largest number that can still reach `exp`?",
         ("x - x.max(1, keepdims=True)", "x - x.mean(1, keepdims=True)")),  # SM-07
        ("subtracts the maximum of the whole batch",
         "Try one tiny and one huge row in one batch. Whose maximum did you subtract?",
         ("x - x.max(1, keepdims=True)", "x - x.max()")),  # SM-04
        ("takes only the score of the right class", "If a wrong class gets a larger score, does the loss notice?",
         ("(q - p)", "((q - p) * p)")),
        ("adds an extra softmax derivative",
         "How large is your gradient for a sure and wrong prediction? Should learning stop there?",
         ("(q - p)", "((q - p) * q * (1 - q))")),  # BC-10
        ("makes probabilities to labels", "Change the second-largest target probability. Should the gradient notice?",
         ("else targets", "else np.eye(q.shape[1], dtype=q.dtype)[targets.argmax(1)]")),  # CE-17
        ("subtracts no maximum", "What is `np.exp(1000.0)`? Which shift of all scores changes nothing?",
         ("x - x.max(1, keepdims=True)", "x")),  # SM-03
        ("normalises over the batch", "Should a second sample change the gradient of the first one?",
         ("e.sum(1, keepdims=True)", "e.sum(0)")),  # SM-01
    ),
    equivalents=[
        ("all in one function", CE_BACKWARD),
        (
            "subtraction at the labels",
            """
            grad = np.exp(log_softmax(logits))
            if targets.ndim == 1:
                grad[np.arange(len(targets)), targets] -= 1
            else:
                grad -= targets
            return grad * (1 / len(grad)) if reduction == "mean" else grad
            """,
        ),
    ],
)  # fmt: skip

# Accuracy --------------------------------------------------------------------------------------


def predicted(rng, n, c, right):
    """Scores, and labels of which so many are right."""
    logits = rng.normal(size=(n, c))
    labels = logits.argmax(axis=1)
    labels[right:] = (labels[right:] + 1) % c
    order = rng.permutation(n)
    return {"logits": logits[order], "labels": labels[order]}


accuracy = question("accuracy", points=4)
accuracy.check(
    "share of right predictions", public=True, hint="Compare the predicted class of each row with its label."
)(
    lambda rng: [
        call(logits=np.array([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0]]), labels=np.array([0, 0, 0])),
        call(**predicted(rng, 7, 3, right=4)),
    ]
)
accuracy.check("any batch, from all wrong to all right", hint="Are rows and columns told apart in a square batch?")(
    lambda rng: [
        call(**predicted(rng, n, c, right))
        for n, c, right in ((1, 3, 1), (1, 3, 0), (3, 3, 2), (6, 6, 5), (9, 2, 4), (5, 4, 5), (13, 3, 3))
    ]
)
SQUARE = np.array([[1.0, 3.0, 2.0], [0.5, 0.0, 2.0], [0.0, 2.5, 1.0]])
accuracy.check(
    "the largest score of each sample", hint="How many predictions do you expect for 2 samples and 3 classes?"
)(lambda rng: [call(logits=SQUARE, labels=np.array([1, 0, 1])), call(logits=SQUARE[:2], labels=np.array([1, 2]))])
accuracy.check("of equal scores the first one counts", hint="Which entry does np.argmax choose?")(
    lambda rng: [
        call(logits=np.array([[2.0, 2.0], [1.0, 1.0], [0.0, 3.0]]), labels=np.array([0, 1, 1])),
        call(logits=np.zeros((3, 4)), labels=np.array([0, 0, 3])),
    ]
)
accuracy.check("negative and far scores", hint="Does anything but the order of the scores count?")(
    lambda rng: [
        call(logits=np.array([[-1000.0, -999.0], [-3.0, -2.0], [1e6, 2e6]]), labels=np.array([1, 1, 0])),
        call(logits=-1 - rng.random(size=(3, 2)), labels=np.zeros(3, dtype=int)),
        call(logits=np.array([[0.1, 0.2, 0.3]] * 3), labels=np.array([2, 2, 0])),
    ]
)
accuracy.check("the result is float64 for scores of any type", hint="Which dtype has the mean of True and False?")(
    lambda rng: [
        single(**predicted(rng, 7, 3, right=5)),
        call(logits=np.array([[1, 5, 2], [0, -1, -2], [3, 4, 9]]), labels=np.array([1, 0, 0])),
        call(logits=np.array([[1, 5], [7, 0], [3, 4]], dtype=np.uint8), labels=np.array([1, 0, 0], dtype=np.uint8)),
    ]
)
accuracy.check(**STAYS)(lambda rng: call_twice(**predicted(rng, 7, 3, right=2)))
declare_variants(
    accuracy,
    "logits, labels",
    mistakes=[
        ("searches the largest score in each column",
         "best = logits.argmax(0)\nn = min(len(best), len(labels))\n(best[:n] == labels[:n]).mean()",
         "How many predictions do you expect for 2 samples and 3 classes?"),  # LG-06
        ("compares every prediction with every label", "(logits.argmax(1) == labels.reshape(-1, 1)).mean()",
         "Print the shape of the comparison."),  # LG-07
        ("counts instead of averaging", "float((logits.argmax(1) == labels).sum())", "Which range has a share?"),
        ("returns the share of wrong predictions", "(logits.argmax(1) != labels).mean()", "Is larger better here?"),
        ("takes the smallest score", "(logits.argmin(1) == labels).mean()", "Which score does a classifier trust?"),
        ("compares with a threshold", "(logits[np.arange(len(labels)), labels] > 0.5).mean()",
         "What if all scores of a sample are negative, or all are large?"),  # BC-12
        ("lets every one of equal scores win", "(logits[np.arange(len(labels)), labels] == logits.max(1)).mean()",
         "How many classes are predicted for one sample? Try equal scores."),
        ("returns the dtype of the scores", "share = (logits.argmax(1) == labels).mean()\n"
         "share.astype(logits.dtype if logits.dtype.kind == 'f' else float)", "What is the dtype of your result?"),
    ],
    equivalents=[
        ("count divided by the number of samples", "np.sum(np.argmax(logits, axis=1) == labels) / len(labels)"),
        ("number of Python", "float(np.mean([*map(int.__eq__, logits.argmax(-1).tolist(), labels.tolist())]))"),
    ],
)  # fmt: skip

accuracy_medium_house = question("accuracy_medium_house", points=1, kind="value")
accuracy_medium_house.check("the accuracy on one house", hint="Which class has the largest score?")(lambda rng: value())
accuracy_medium_house.wrong(0.0, "misses the largest score", hint="Which class has the largest of the three scores?")
accuracy_medium_house.wrong(2.0, "gives the score", hint="Which range has an accuracy?")
accuracy_medium_house.wrong(1 / 3, "divides by the classes", hint="How many samples are there?")

accuracy_gradient = question("accuracy_gradient", points=2, kind="value")
accuracy_gradient.check("the gradient of the accuracy", hint="Change one score by 0.001. Does the accuracy change?")(
    lambda rng: value()
)
accuracy_gradient.wrong(
    "a", "confuses accuracy with cross-entropy", hint="Which of the two changes when a score changes a little?"
)
accuracy_gradient.wrong(
    "b", "thinks that accuracy grows with the score", hint="The right class leads. Add 1 to its score: what changes?"
)
accuracy_gradient.wrong(
    "d", "confuses the sign of success with a slope", hint="A small step leaves a wrong prediction wrong. What changed?"
)

# Binary cross-entropy --------------------------------------------------------------------------

BINARY_SHAPES = ((), (1,), (5,), (3, 3), (4, 1), (2, 1, 3))


def coin(rng, *shape, name="p"):
    """Probabilities (or scores, under the name x) with labels 0 and 1, both of them where there is room."""
    size = math.prod(shape)
    y = rng.permutation(np.arange(size) % 2).reshape(shape).astype(float)
    return {name: rng.uniform(0.05, 0.95, size=shape) if name == "p" else 2 * rng.normal(size=shape), "y": y}


bce_loss = question("bce_loss", points=4)
bce_loss.check("mean over the batch", public=True, hint="Which logarithm counts for a label 1, and which for 0?")(
    lambda rng: [call(p=np.array([0.8, 0.5]), y=np.array([1.0, 0.0])), call(**coin(rng, 6))]
)
bce_loss.check("a certain and wrong prediction costs 100", public=True, hint="Cut off the logarithm, not p.")(
    lambda rng: call(p=np.array([0.0, 1.0, 0.3]), y=np.array([1.0, 0.0, 1.0]), reduction="none")
)
bce_loss.check("any shape, with every reduction", hint="How many numbers does the mean divide by?")(
    lambda rng: [probe for shape in BINARY_SHAPES for probe in reduced(**coin(rng, *shape))]
)
bce_loss.check("labels between 0 and 1", hint="Both terms count, each with its own share.")(
    lambda rng: [probe for _ in range(2) for probe in reduced(p=rng.uniform(0.05, 0.95, size=5), y=rng.random(5))]
)
bce_loss.check("certain predictions, right and wrong", hint="What is 0 * -inf? And what does p = y = 1 cost?")(
    lambda rng: [
        *reduced(p=np.array([0.0, 0.0, 1.0, 1.0, 0.4]), y=np.array([0.0, 1.0, 0.0, 1.0, 1.0])),
        call(p=np.array([1e-60, 1e-30, 0.2]), y=np.array([1.0, 1.0, 0.0]), reduction="none"),
        call(p=np.array([0, 1, 1]), y=np.array([1, 1, 0]), reduction="none"),
    ]
)
bce_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**coin(rng, 4), reduction=reduction) for reduction in REDUCTIONS),
        call(p=rng.uniform(0.1, 0.9, size=3), y=np.array([1, 0, 1])),
    ]
)
bce_loss.check(**STAYS)(lambda rng: call_twice(**coin(rng, 2, 3)))
BCE = """
p, y = as_float(p), as_float(y)
yes = np.maximum(np.log(p), -100)
no = np.maximum(np.log(1 - p), -100)
return reduce_loss(-(y * yes + (1 - y) * no), reduction)
"""
declare_variants(
    bce_loss,
    "p, y, reduction='mean'",
    mistakes=mutants(
        BCE,
        ("swaps the labels", "For a label 1 and p near 1, should the loss be near 0?",
         ("y * yes + (1 - y) * no", "(1 - y) * yes + y * no")),  # BC-02
        ("applies sigmoid to the probability", "What does your function give for p = 1 and the label 1?",
         ("as_float(p), as_float(y)", "sigmoid(p), as_float(y)")),  # BC-03
        ("takes the arguments in the wrong order", "Which argument is the prediction?",
         ("as_float(p), as_float(y)", "as_float(y), as_float(p)")),  # BC-04
        # BC-05
        ("forgets the negative class", "Which loss does a batch with only zeros get?", (" + (1 - y) * no", "")),
        ("does not cut off the logarithm",
         "That is another convention. What should p = 0 with the label 1 cost here?",
         ("np.maximum(np.log(p), -100)", "np.log(p)")),
        ("clips the probability", "What should p = 1e-30 with the label 1 cost? And what does it cost here?",
         ("as_float(p), as_float(y)", "np.clip(as_float(p), 1e-7, 1 - 1e-7), as_float(y)")),  # BC-07
        ("cuts off the loss of positive labels only", "What does p = 1 with the label 0 cost?",
         ("np.maximum(np.log(1 - p), -100)", "np.log(1 - p)")),
        # CE-13
        ("has the sign reversed", "Should a better prediction make the loss larger or smaller?", ("-(y", "(y")),
        ("uses a logarithm to base 2 or 10", "For p = 0.5 the loss is 0.693. What do you get?",
         ("np.log(p)", "np.log2(p)"), ("np.log(1 - p)", "np.log2(1 - p)")),  # CE-03
        ("pairs every probability with every label", "Print the shape of the elementwise loss.",
         ("as_float(p), as_float(y)", "as_float(p).reshape(-1, 1), as_float(y).reshape(-1)")),  # BC-11
        ("ignores the reduction", "Which shape must the result have with reduction='none'?",
         ("no), reduction)", "no), 'mean')")),
    ),
    equivalents=[
        ("all in one function", BCE),
        (
            "powers chosen by label, mean by hand",
            "p, y = as_float(p), as_float(y)\n"
            "each = y * np.minimum(-np.log(p), 100) + (1 - y) * np.minimum(-np.log1p(-p), 100)\n"
            "if reduction == 'none':\n    return each\n"
            "each.sum() / (each.size if reduction == 'mean' else 1)",
        ),
    ],
)  # fmt: skip

BCE_FAR = {
    "x": np.array([40.0, -40.0, 1000.0, -1000.0, 800.0, -800.0, 50.0, 0.5]),
    "y": np.array([0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
}

bce_with_logits_loss = question("bce_with_logits_loss", points=7)
bce_with_logits_loss.check("mean over the batch", public=True, hint="What are sigmoid(ln 4) and sigmoid(0)?")(
    lambda rng: [call(x=np.array([math.log(4), 0.0]), y=np.array([1.0, 0.0])), call(**coin(rng, 6, name="x"))]
)
bce_with_logits_loss.check("scores of 1000 and -1000", public=True, hint="What is ln(1 + exp(1000)), nearly?")(
    lambda rng: call(x=np.array([1000.0, -1000.0, 1000.0, 2.0]), y=np.array([0.0, 0.0, 1.0, 0.0]), reduction="none")
)
bce_with_logits_loss.check("any shape, with every reduction", hint="How many numbers does the mean divide by?")(
    lambda rng: [probe for shape in BINARY_SHAPES for probe in reduced(**coin(rng, *shape, name="x"))]
)
bce_with_logits_loss.check("labels between 0 and 1", hint="Both terms count, each with its own share.")(
    lambda rng: [probe for _ in range(2) for probe in reduced(x=2 * rng.normal(size=5), y=rng.random(5))]
)
bce_with_logits_loss.check("a weight for the positive class", hint="Set all labels to 0. May pos_weight matter?")(
    lambda rng: [
        *reduced(**coin(rng, 6, name="x"), pos_weight=3.0),
        *reduced(**coin(rng, 4, 3, name="x"), pos_weight=rng.uniform(2, 4, size=3)),
        *reduced(x=rng.normal(size=5), y=rng.random(5), pos_weight=0.25),
        call_twice(**coin(rng, 4, 3, name="x"), pos_weight=rng.uniform(2, 4, size=3)),
        *(single(**coin(rng, 4, name="x"), pos_weight=w) for w in (2.5, 3, np.array([2.0]))),
    ]
)
bce_with_logits_loss.check("scores far from zero, right and wrong", hint="Try 40, 50 and 800 with either label.")(
    lambda rng: [
        *reduced(**BCE_FAR),
        call(x=np.array([50.0, 0.3]), y=np.zeros(2), reduction="none"),
        single(**BCE_FAR, reduction="none"),
    ]
)
bce_with_logits_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**coin(rng, 4, name="x"), reduction=reduction) for reduction in REDUCTIONS),
        call(x=np.arange(-3, 4), y=np.arange(7) % 2, reduction="none"),
        call(x=rng.normal(size=3), y=np.array([1, 0, 1])),
    ]
)
bce_with_logits_loss.check(**STAYS)(lambda rng: call_twice(**coin(rng, 2, 3, name="x")))
BCE_LOGITS = """
x, y = as_float(x), as_float(y)
w = 1 if pos_weight is None else pos_weight
each = w * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)
return reduce_loss(each, reduction)
"""
EACH = "w * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)"
CLIPPED = "np.clip(sigmoid(x), 1e-7, 1 - 1e-7)"
STABLE = "(1 - y) * x + (1 + (w - 1) * y) * (np.log1p(np.exp(-abs(x))) + np.maximum(-x, 0))"
declare_variants(
    bce_with_logits_loss,
    "x, y, pos_weight=None, reduction='mean'",
    mistakes=mutants(
        BCE_LOGITS,
        ("takes the logarithm of the finished sigmoid",
         "Evaluate your loss for the scores 40 and -800. Which of the two logarithms breaks?",
         (EACH, "-(w * y * np.log(sigmoid(x)) + (1 - y) * np.log(1 - sigmoid(x)))")),  # BC-01
        ("swaps the labels", "For a label 1 and a large positive score, should the loss be near 0?",
         (EACH, "w * (1 - y) * np.logaddexp(0, -x) + y * np.logaddexp(0, x)")),  # BC-02
        ("applies sigmoid twice", "What is the smallest loss a perfect model can reach with your code?",
         ("as_float(x), as_float(y)", "sigmoid(x), as_float(y)")),  # BC-03
        ("takes the arguments in the wrong order", "Which argument is allowed to be larger than 1?",
         ("as_float(x), as_float(y)", "as_float(y), as_float(x)")),  # BC-04
        ("forgets the negative class", "Which loss does a batch with only zeros get?",
         (" + (1 - y) * np.logaddexp(0, x)", "")),  # BC-05
        ("weighs both classes", "Set all labels to 0. May `pos_weight` change the result?",
         (EACH, f"w * ({EACH.replace('w * y', 'y')})")),  # BC-06
        ("ignores the weight", "Call it with pos_weight=10. Should a positive sample notice?",
         ("pos_weight is None", "True")),
        ("divides by the sum of the weights", "That is another convention. How many elements are there?",
         ("return ", "if reduction == 'mean':\n    return each.sum() / (w * y + 1 - y).sum()\nreturn ")),
        ("clips the probability", "Plot the loss for the scores 10, 20, 30, 40. Where does it become flat?",
         (EACH, f"-(w * y * np.log({CLIPPED}) + (1 - y) * np.log(1 - {CLIPPED}))")),  # BC-07
        ("cuts off the loss at 100", "What should a score of 800 with the label 0 cost? Is a cut-off needed?",
         (EACH, f"np.minimum({EACH}, 100)")),
        ("adds the label term instead of subtracting it", "Check a label 1 with a large positive score by hand.",
         (EACH, "np.maximum(x, 0) + x * y + np.log1p(np.exp(-abs(x)))")),  # BC-08
        ("forgets the absolute value in the exponent", "Test negative scores separately. Which term gets large?",
         (EACH, "np.maximum(x, 0) - x * y + np.log1p(np.exp(-x))")),  # BC-09
        ("pairs every score with every label", "Print the shape of the elementwise loss.",
         ("as_float(x), as_float(y)", "as_float(x).reshape(-1, 1), as_float(y).reshape(-1)")),  # BC-11
        ("uses the formula for labels -1 and 1",
         "What does a sample with the label 0 contribute, whatever its score is?",
         (EACH, "w * np.logaddexp(0, -y * x)")),  # BC-13
        ("ignores the reduction", "Which shape must the result have with reduction='none'?",
         ("(each, reduction)", "(each, 'mean')")),
    ),
    equivalents=[
        ("all in one function", BCE_LOGITS),
        ("maximum, product and log1p", exchanged(BCE_LOGITS, (EACH, STABLE))),
        (
            "log-softmax of the score and zero",
            """
            x, y = np.broadcast_arrays(as_float(x), as_float(y))
            log_p = log_softmax(np.stack([x, np.zeros_like(x)]), axis=0)
            each = -(y * log_p[0] * (1 if pos_weight is None else pos_weight) + (1 - y) * log_p[1])
            return each if reduction == "none" else each.sum() if reduction == "sum" else each.mean()
            """,
        ),
    ],
)  # fmt: skip

bce_with_logits_loss_backward = question("bce_with_logits_loss_backward", points=4)
bce_with_logits_loss_backward.check("sigmoid minus label", public=True, hint="Which sign has it for the label 1?")(
    lambda rng: [call(x=np.array([math.log(4), 0.0]), y=np.array([1.0, 0.0])), call(**coin(rng, 6, name="x"))]
)
bce_with_logits_loss_backward.check("sum and mean", public=True, hint="By which factor do the two differ?")(
    lambda rng: both(**coin(rng, 5, name="x"))
)
bce_with_logits_loss_backward.check("any shape", hint="How many elements are averaged in an array of shape (3, 3)?")(
    lambda rng: [probe for shape in BINARY_SHAPES for probe in both(**coin(rng, *shape, name="x"))]
)
bce_with_logits_loss_backward.check("labels between 0 and 1", hint="When is the gradient 0?")(
    lambda rng: both(x=2 * rng.normal(size=(3, 2)), y=rng.random((3, 2)))
)
bce_with_logits_loss_backward.check("scores far from zero", hint="What is exp(1000) / (1 + exp(1000)) in NumPy?")(
    lambda rng: [*both(**BCE_FAR), call(x=np.array([-40.0, 0.3]), y=np.ones(2)), single(**BCE_FAR)]
)
bce_with_logits_loss_backward.check(**DTYPES)(
    lambda rng: [
        *both(ask=single, **coin(rng, 4, name="x")),
        *both(x=np.arange(-3, 4), y=np.arange(7) % 2),
    ]
)
bce_with_logits_loss_backward.check(**STAYS)(lambda rng: call_twice(**coin(rng, 2, 3, name="x")))
BCE_BACKWARD = """
x, y = as_float(x), as_float(y)
e = np.exp(-abs(x))
s = np.where(x >= 0, 1, e) / (1 + e)
return (s - y) / (s.size if reduction == "mean" else 1)
"""
declare_variants(
    bce_with_logits_loss_backward,
    "x, y, reduction='mean'",
    mistakes=mutants(
        BCE_BACKWARD,
        ("adds an extra sigmoid derivative",
         "How large is your gradient for a sure and wrong prediction? Should learning stop there?",
         ("(s - y)", "((s - y) * s * (1 - s))")),  # BC-10
        ("does not divide by the number of elements",
         "Compare with a numerical gradient for 1 and 2 elements. What is the ratio?",
         (' / (s.size if reduction == "mean" else 1)', "")),  # CE-14
        ("divides by the rows only", "How many losses does the mean average in an array of shape (3, 3)?",
         ("s.size if", "(len(s) if s.ndim else 1) if")),
        ("divides whatever the reduction", "How does one more element change the gradient of the sum?",
         ('if reduction == "mean" else 1', "")),
        ("has the sign reversed", "Take a small step against your gradient. Does the loss fall?",
         ("(s - y)", "(y - s)")),
        ("subtracts the label from the score", "What is the gradient for a score of 1000 with the label 1?",
         ("(s - y)", "(x - y)")),
        ("forgets the negative class", "Which gradient does a sample with the label 0 get?",
         ("(s - y)", "(y * (s - y))")),  # BC-05
        ("swaps the labels", "For a label 1 and a large positive score, should the gradient be near 0?",
         ("(s - y)", "(s - (1 - y))")),  # BC-02
        ("applies sigmoid twice", "Which gradient should a perfect prediction get, and which does it get?",
         ("return (s - y)", "s = 1 / (1 + np.exp(-s))\nreturn (s - y)")),  # BC-03, AC-12
        ("takes the arguments in the wrong order", "Which argument is allowed to be larger than 1?",
         ("as_float(x), as_float(y)", "as_float(y), as_float(x)")),  # BC-04
        ("uses the formula for labels -1 and 1", "Which gradient does a sample with the label 0 get in your code?",
         ("(s - y)", "(-y * np.exp(-np.logaddexp(0, y * x)))")),  # BC-13
        ("divides two large exponentials", "Which form of the sigmoid survives x = 1000?",
         ("np.where(x >= 0, 1, e) / (1 + e)", "np.exp(x) / (1 + np.exp(x))")),  # AC-11
        ("clips the probability and its gradient",
         "Look at the gradient for a score of 50 with the label 0. Why is it 0?",
         ("(s - y)", "((s - y) * (abs(x) < 16))")),  # BC-07
        ("pairs every score with every label", "Print the shape of your result.",
         ("(s - y)", "(s.reshape(-1, 1) - y.reshape(-1))")),  # BC-11
    ),
    equivalents=[
        ("all in one function", BCE_BACKWARD),
        (  # EQ-06
            "hyperbolic tangent",
            "(np.tanh(as_float(x) / 2) / 2 + 0.5 - as_float(y)) / (np.size(x) ** (reduction == 'mean'))",
        ),
        (  # EQ-03
            "warnings only",
            "(1 / (1 + np.exp(-as_float(x))) - as_float(y)) / (np.size(x) if reduction == 'mean' else 1)",
        ),
    ],
)  # fmt: skip

# Kullback-Leibler divergence as a loss ---------------------------------------------------------

KL_REDUCTIONS = ("batchmean", "mean", "sum", "none")


def model_and_target(rng, *shape):
    """Log-probabilities of a model, and target probabilities."""
    return {"log_q": np.log(shares(rng, *shape)), "p": shares(rng, *shape)}


def kl_reduced(**arguments):
    """The call with every reduction of this loss."""
    return [call(**arguments, reduction=reduction) for reduction in KL_REDUCTIONS]


kl_div_loss = question("kl_div_loss", points=4)
kl_div_loss.check("mean divergence of the batch", public=True, hint="Which argument holds logarithms?")(
    lambda rng: [call(log_q=np.log([Q, P]), p=np.array([P, P])), call(**model_and_target(rng, 4, 3))]
)
kl_div_loss.check("four reductions", public=True, hint="What does each of the two means divide by?")(
    lambda rng: kl_reduced(**model_and_target(rng, 4, 3))
)
kl_div_loss.check("any batch, with every reduction", hint="Which axis counts the samples?")(
    lambda rng: [
        probe for shape in ((1, 4), (3, 3), (5, 2), (2, 3, 4)) for probe in kl_reduced(**model_and_target(rng, *shape))
    ]
)
kl_div_loss.check("a target of 0 adds nothing", hint="What is 0 * -inf?")(
    lambda rng: kl_reduced(log_q=np.log(shares(rng, 4, 3)), p=WITH_ZEROS)
)
kl_div_loss.check("very improbable classes", hint="Do you need the probabilities of the model?")(
    lambda rng: [
        call(log_q=np.array([[0.0, -1000.0], [-800.0, 0.0], [-0.5, -1.5]]), p=p)
        for p in (np.array([[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]]), np.array([[0.8, 0.2], [0.1, 0.9], [0.6, 0.4]]))
    ]
)
kl_div_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**model_and_target(rng, 3, 4), reduction=reduction) for reduction in ("none", "batchmean", "mean")),
        *kl_reduced(log_q=np.array([[-1], [-2]]), p=np.array([[1], [1]])),
    ]
)
kl_div_loss.check(**STAYS)(lambda rng: call_twice(**model_and_target(rng, 3, 2)))
KL_LOSS = """
log_q, p = as_float(log_q), as_float(p)
log_p = np.log(np.where(p > 0, p, 1))
each = p * (log_p - log_q)
if reduction == "none":
    return each
return each.sum() / {"batchmean": len(p), "mean": p.size, "sum": 1}[reduction]
"""
declare_variants(
    kl_div_loss,
    "log_q, p, reduction='batchmean'",
    mistakes=mutants(
        KL_LOSS,
        ("takes the target first", "Which argument comes first, and in which form?",
         ("as_float(log_q), as_float(p)", "np.log(as_float(p)), np.exp(as_float(log_q))")),
        ("takes the logarithm of the logarithms", "Which sign have the entries of the first argument?",
         ("log_p - log_q", "log_p - np.log(log_q)")),  # NL-01
        ("takes logarithms for probabilities", "Which argument holds probabilities?",
         ("log_p - log_q", "log_p - np.exp(log_q)")),  # NL-02
        ("computes the reverse divergence", "Which distribution weighs the terms?",
         ("p * (log_p - log_q)", "np.exp(log_q) * (log_q - log_p)")),
        ("averages over all elements by default", "What is the default reduction, and what does it divide by?",
         ('"batchmean": len(p)', '"batchmean": p.size')),
        ("averages over the samples for 'mean'",
         "That is what 'batchmean' does. What does 'mean' divide by in PyTorch?",
         ('"mean": p.size', '"mean": len(p)')),
        ("counts every position as a sample", "Which axis counts the samples in shape (2, 3, 4)?",
         ('"batchmean": len(p)', '"batchmean": p[..., 0].size')),
        ("returns the cross-entropy", "What should come out for equal distributions?", ("log_p - log_q", "-log_q")),
        ("has the sign reversed", "Can a divergence be below 0?", ("(log_p - log_q)", "(log_q - log_p)")),  # CE-13
        ("gives nan for a target of 0", "What is 0 * -inf?", ("np.where(p > 0, p, 1)", "p")),
        ("sums the classes for 'none'", "Which shape must the result have with reduction='none'?",
         ("return each\n", "return each.sum(-1)\n")),
    ),
    equivalents=[
        ("all in one function", KL_LOSS),
        (
            "cross-entropy minus entropy, elementwise",
            "log_q, p = as_float(log_q), as_float(p)\neach = np.where(p == 0, 0, p * np.log(p)) - p * log_q\n"
            "if reduction == 'batchmean':\n    return each.sum() / each.shape[0]\nreduce_loss(each, reduction)",
        ),
    ],
)  # fmt: skip

# Torch: cross-entropy --------------------------------------------------------------------------


def images(rng, *shape, soft=False):
    """Scores of shape (N, C, d1, ...) as tensors, with labels or probabilities."""
    n, c, *rest = shape
    logits = tensor(2 * rng.normal(size=shape))
    if soft:
        return {"logits": logits, "targets": tensor(shares(rng, *shape, axis=1))}
    labels = rng.permutation(np.arange(n * math.prod(rest)) % c).reshape(n, *rest)
    return {"logits": logits, "targets": tensor(labels)}


def ce_gradient(**arguments):
    """The loss and its gradient for the scores."""
    return gradient(**arguments, wrt="logits")


torch_cross_entropy = question(
    "torch_cross_entropy",
    points=6,
    kind="torch",
    forbids=Forbids(operators=("*softmax*", "*cross_entropy*", "nll_loss*")),
)
check_torch(
    torch_cross_entropy,
    lambda rng: ce_gradient(**images(rng, 5, 3)),
    by_hand="built without the library's cross_entropy, nll_loss and log_softmax",
    points=3,
)
torch_cross_entropy.check(
    "labels: mean over the batch, and gradient", public=True, hint="-ln(3/4) for the first case."
)(
    lambda rng: [
        ce_gradient(logits=tensor([[0.0, math.log(3)]]), targets=tensor([1])),
        ce_gradient(**images(rng, 5, 3)),
    ]
)
torch_cross_entropy.check("scores of images", public=True, hint="Which dimension holds the classes?")(
    lambda rng: ce_gradient(**images(rng, 2, 3, 4))
)
torch_cross_entropy.check("probabilities as targets", hint="Sum over the classes first. Then what is averaged?")(
    lambda rng: [ce_gradient(**images(rng, *shape, soft=True)) for shape in ((4, 3), (3, 3), (2, 3, 4), (2, 4, 3, 2))]
)
torch_cross_entropy.check(
    "any batch and any further dimensions", hint="Print the shape of the losses before the mean."
)(
    lambda rng: [
        ce_gradient(**images(rng, *shape)) for shape in ((1, 4), (3, 3), (6, 4), (3, 3, 3), (2, 5, 1), (2, 3, 4, 2))
    ]
)
torch_cross_entropy.check("scores far from zero", hint="A wrong prediction with a gap of 40 must cost 40.")(
    lambda rng: [
        call(logits=tensor(FAR), targets=tensor(FAR_LABELS)),
        call(logits=tensor(FAR[:3]), targets=tensor(FAR_LABELS[:3])),
        call(logits=tensor(FAR), targets=tensor(FAR_SHARES)),
        call(logits=tensor(ONE_FAR), targets=tensor([0, 1, 0])),
    ]
)
torch_cross_entropy.check(
    "gradients of far scores", hint="Print logits.grad for [0, 30] with the label 0. Should it be 0?"
)(
    lambda rng: [
        ce_gradient(logits=tensor([[0.0, 30.0]]), targets=tensor([0])),
        ce_gradient(logits=tensor(FAR), targets=tensor(FAR_LABELS)),
        ce_gradient(logits=tensor(FAR), targets=tensor(FAR_SHARES)),
        ce_gradient(logits=tensor(FAR.T[None].copy()), targets=tensor([[0, 1, 2, 0]])),
    ]
)
torch_cross_entropy.check(
    "dtypes are kept, integers become the default float", hint="Is there a .float(), or a new tensor?"
)(
    lambda rng: [
        ce_gradient(logits=tensor(rng.normal(size=(4, 3)), "float32"), targets=tensor(np.array([0, 2, 1, 1]))),
        ce_gradient(
            logits=tensor(rng.normal(size=(4, 3)), "float32"), targets=tensor(shares(rng, 4, 3).astype(np.float32))
        ),
        *(call(logits=tensor(rng.integers(-3, 4, size=(3, 4))), targets=tensor([1, 0, 3])) for _ in range(2)),
    ]
)
torch_cross_entropy.check(**STAYS)(
    lambda rng: [call_twice(**images(rng, 4, 3)), call_twice(**images(rng, 2, 3, 2, soft=True))]
)
TORCH_CE = """
z = logits - logits.max(1, keepdim=True).values
log_q = z - z.exp().sum(1, keepdim=True).log()
if targets.is_floating_point():
    return -(targets * log_q).sum(1).mean()
return -log_q.gather(1, targets.unsqueeze(1)).mean()
"""
T_LOG_Q = "z - z.exp().sum(1, keepdim=True).log()"
T_SOFTMAX = "(z.exp() / z.exp().sum(1, keepdim=True))"
declare_variants(
    torch_cross_entropy,
    "logits, targets",
    mistakes=mutants(
        TORCH_CE,
        ("clamps the probabilities", "Compute the gradient for a badly wrong sample. Why is it exactly zero?",
         (T_LOG_Q, f"{T_SOFTMAX}.clamp(1e-7, 1 - 1e-7).log()")),  # CE-10
        (ADDS_CONSTANT, "A wrong prediction with a gap of 40 should cost about 40. What does it cost here?",
         (T_LOG_Q, f"({T_SOFTMAX} + 1e-7).log()")),  # CE-09, LS-02
        ("treats scores as probabilities", "Can a cross-entropy be nan? Which range do your inputs have?",
         (T_LOG_Q, "logits.log()")),  # CE-01
        ("uses a logarithm to base 2 or 10", "Divide your result by the expected one. Is it a famous constant?",
         (T_LOG_Q, f"({T_LOG_Q}) / math.log(10)")),  # CE-03, LS-05
        ("believes that classes start at 1", "Which entry does label 0 select in your code?",
         ("targets.unsqueeze(1)", "(targets.unsqueeze(1) - 1) % logits.shape[1]")),  # CE-08
        ("multiplies by the label itself", "What is `targets.shape`, and what does a label 2 do when it is a factor?",
         ("log_q.gather(1, targets.unsqueeze(1))", "(targets.unsqueeze(1) * log_q).sum(1)")),  # CE-11
        ("normalises over the batch", "Should a second sample change the loss of the first one?",
         (T_LOG_Q, "z - z.exp().sum(0).log()")),  # SM-01
        ("forgets keepdim in the sum", "Write down the two shapes in the subtraction. What if they are square?",
         (T_LOG_Q, "z - z.exp().sum(1).log()")),  # SM-05
        ("has an epsilon instead of a shift", "Try scores around -50 and around 1000. Do the probabilities sum to 1?",
         (T_LOG_Q, "(logits.exp() / (logits.exp().sum(1, keepdim=True) + 1e-8)).log()")),  # SM-09
        ("subtracts the maximum twice", "Does `log_q.exp().sum(1)` give 1? Which scores meet which sum?",
         (T_LOG_Q, "z - logits.exp().sum(1, keepdim=True).log()")),  # LS-03, SM-06
        ("never adds the maximum back", "A log-probability can never be positive. Are yours?",
         (T_LOG_Q, "logits - z.exp().sum(1, keepdim=True).log()")),  # LS-04
        ("subtracts the maximum of the whole batch",
         "Try one tiny and one huge sample in one batch. Whose maximum did you subtract?",
         ("logits.max(1, keepdim=True).values", "logits.max()")),  # SM-04
        ("subtracts the mean instead of the maximum",
         "After your shift, what is the largest number that can still reach `exp`?",
         ("logits.max(1, keepdim=True).values", "(logits * 1.0).mean(1, keepdim=True)")),  # SM-07
        # LS-07
        ("takes the logarithm of the finished softmax",
         "Look at the gradient for a very small score, not only at the value.", (T_LOG_Q, f"{T_SOFTMAX}.log()")),
        ("applies softmax twice",
         "With a perfect prediction the loss should approach 0. What is the lowest value you can reach?",
         ("z = logits - logits.max(1, keepdim=True).values",
          "z = logits - logits.max(1, keepdim=True).values\nz = z.exp() / z.exp().sum(1, keepdim=True)")),  # CE-02
        ("normalises over the last dimension", "Which dimension holds the classes of shape (2, 3, 4)?",
         (T_LOG_Q, "z - z.exp().sum(-1, keepdim=True).log()")),  # SM-11
        ("picks along the wrong dimension", "Which entries were picked? Use scores that are all different.",
         ("log_q.gather(1, targets.unsqueeze(1))", "log_q.gather(0, targets.unsqueeze(1) % len(log_q))")),  # NL-03
        ("selects columns instead of entries", "Print the shape before the mean. How many numbers did you want?",
         ("log_q.gather(1, targets.unsqueeze(1))", "log_q[:, targets]")),  # CE-12
        ("averages over the classes of probabilities", "How many numbers does the mean divide by?",
         (".sum(1).mean()", ".mean()")),  # CE-05
        ("makes probabilities to labels", "Change the second-largest target probability. Should the loss notice?",
         ("-(targets * log_q).sum(1).mean()", "-log_q.gather(1, targets.argmax(1, keepdim=True)).mean()")),  # CE-17
        ("divides by the samples only", "How many losses has an image?",
         ("targets.unsqueeze(1)).mean()", "targets.unsqueeze(1)).sum() / len(logits)")),
        ("adds up instead of averaging", "Duplicate the batch. Should the loss double?",
         ("targets.unsqueeze(1)).mean()", "targets.unsqueeze(1)).sum()")),  # CE-04
        ("has the sign reversed", "Should a better prediction make the loss larger or smaller?",
         ("return -log_q", "return log_q")),  # CE-13
        ("subtracts no maximum", "What is `torch.exp(torch.tensor(1000.0))`?",
         ("logits - logits.max(1, keepdim=True).values", "logits * 1")),  # SM-03
        ("cuts the graph", "Does your result have a `grad_fn`?",
         ("z = logits - ", "logits = logits.detach()\nz = logits - ")),
        ("treats the normaliser as a constant", "The gradients of each sample must sum to 0. Do yours?",
         ("keepdim=True).log()", "keepdim=True).log().detach()"),
         ("logits.max(1, keepdim=True).values", "logits.max(1, keepdim=True).values.detach()")),
        ("converts to float32", "Compare the dtypes of the scores and of the loss.",
         ("z = logits - ", "logits = logits.float()\nz = logits - ")),
    ),
    equivalents=[
        ("the maximum stays in the graph", TORCH_CE),
        (
            "log-probabilities normalised once more",
            exchanged(TORCH_CE, (T_LOG_Q, f"{T_LOG_Q}\nlog_q = log_q - torch.logsumexp(log_q, 1, keepdim=True)")),
        ),  # EQ-01, EQ-02
        (
            "one-hot targets for labels, classes last",
            """
            x = logits.movedim(1, -1) * 1.0
            if targets.is_floating_point():
                p = targets.movedim(1, -1)
            else:
                p = (targets.unsqueeze(-1) == torch.arange(x.shape[-1], device=x.device)).to(x.dtype)
            log_q = x - x.logsumexp(-1, keepdim=True)
            return -(p * log_q).sum() / (x.numel() / x.shape[-1])
            """,
        ),
    ],
)  # fmt: skip

# Torch: binary cross-entropy -------------------------------------------------------------------


def torch_coin(rng, *shape):
    """Scores and labels as tensors."""
    return {name: tensor(array) for name, array in coin(rng, *shape, name="x").items()}


torch_bce_with_logits = question(
    "torch_bce_with_logits", points=5, kind="torch", forbids=Forbids(operators=("*binary_cross_entropy*",))
)
check_torch(
    torch_bce_with_logits,
    lambda rng: gradient(**torch_coin(rng, 4, 3), pos_weight=tensor(3.0)),
    by_hand="built without the library's binary_cross_entropy",
    points=2.5,
)
torch_bce_with_logits.check("mean over the batch, and gradient", public=True, hint="What is sigmoid(ln 4)?")(
    lambda rng: [gradient(x=tensor([math.log(4), 0.25]), y=tensor([1.0, 0.0])), gradient(**torch_coin(rng, 6))]
)
torch_bce_with_logits.check("any shape", hint="How many numbers does the mean divide by?")(
    lambda rng: [gradient(**torch_coin(rng, *shape)) for shape in BINARY_SHAPES]
)
torch_bce_with_logits.check("labels between 0 and 1", hint="Both terms count, each with its own share.")(
    lambda rng: gradient(x=tensor(2 * rng.normal(size=(3, 2))), y=tensor(rng.random((3, 2))))
)
torch_bce_with_logits.check("a weight for the positive class", hint="Set all labels to 0. May pos_weight matter?")(
    lambda rng: [
        gradient(**torch_coin(rng, 6), pos_weight=tensor(3.0)),
        gradient(**torch_coin(rng, 4, 3), pos_weight=tensor(rng.uniform(2, 4, size=3))),
        gradient(x=tensor(rng.normal(size=5)), y=tensor(rng.random(5)), pos_weight=tensor([0.25])),
        call_twice(**torch_coin(rng, 4, 3), pos_weight=tensor(rng.uniform(2, 4, size=3))),
    ]
)
torch_bce_with_logits.check("scores far from zero", hint="Try 40, 50 and 800 with either label.")(
    lambda rng: [
        call(x=tensor(BCE_FAR["x"]), y=tensor(BCE_FAR["y"])),
        call(x=tensor([50.0, 0.3]), y=tensor([0.0, 0.0])),
        call(x=tensor([-800.0, 0.3]), y=tensor([1.0, 1.0])),
    ]
)
torch_bce_with_logits.check("gradients of far scores", hint="Print x.grad for a score of 50 with the label 0.")(
    lambda rng: [
        gradient(x=tensor(BCE_FAR["x"]), y=tensor(BCE_FAR["y"])),
        gradient(x=tensor([50.0, -40.0]), y=tensor([0.0, 1.0])),
        gradient(x=tensor(BCE_FAR["x"]), y=tensor(np.full(8, 0.5))),
    ]
)
torch_bce_with_logits.check(
    "float32 stays float32, float64 stays float64", hint="Is there a .float(), or a new tensor?"
)(
    lambda rng: [
        gradient(x=tensor(rng.normal(size=(4, 3)), "float32"), y=tensor(rng.random((4, 3)), "float32")),
        gradient(**torch_coin(rng, 4)),
    ]
)
torch_bce_with_logits.check(**STAYS)(lambda rng: call_twice(**torch_coin(rng, 4, 3)))
TORCH_BCE = """
w = 1 if pos_weight is None else pos_weight
zero = torch.zeros_like(x)
each = w * y * torch.logaddexp(zero, -x) + (1 - y) * torch.logaddexp(zero, x)
return each.mean()
"""
T_EACH = "w * y * torch.logaddexp(zero, -x) + (1 - y) * torch.logaddexp(zero, x)"
T_CLAMPED = "torch.sigmoid(x).clamp(1e-7, 1 - 1e-7)"
T_CORNERS = "(1 - y) * x + (1 + (w - 1) * y) * (torch.log1p(torch.exp(-x.abs())) + (-x).clamp(min=0))"
declare_variants(
    torch_bce_with_logits,
    "x, y, pos_weight=None",
    mistakes=mutants(
        TORCH_BCE,
        ("takes the logarithm of the finished sigmoid",
         "Evaluate your loss for the scores 40 and -800. Which of the two logarithms breaks?",
         (T_EACH, "-(w * y * torch.log(torch.sigmoid(x)) + (1 - y) * torch.log(1 - torch.sigmoid(x)))")),  # BC-01
        ("clamps the probability", "Compute the gradient for a score of 50 with the label 0. Why is it exactly zero?",
         (T_EACH, f"-(w * y * {T_CLAMPED}.log() + (1 - y) * (1 - {T_CLAMPED}).log())")),  # BC-07
        ("swaps the labels", "For a label 1 and a large positive score, should the loss be near 0?",
         (T_EACH, "w * (1 - y) * torch.logaddexp(zero, -x) + y * torch.logaddexp(zero, x)")),  # BC-02
        ("applies sigmoid twice", "What is the smallest loss a perfect model can reach with your code?",
         ("zero = ", "x = torch.sigmoid(x)\nzero = ")),  # BC-03
        ("takes the arguments in the wrong order", "Which argument is allowed to be larger than 1?",
         ("zero = ", "x, y = y, x\nzero = ")),  # BC-04
        ("forgets the negative class", "Which loss does a batch with only zeros get?",
         (" + (1 - y) * torch.logaddexp(zero, x)", "")),  # BC-05
        ("weighs both classes", "Set all labels to 0. May `pos_weight` change the result?",
         (T_EACH, f"w * ({T_EACH.replace('w * y', 'y')})")),  # BC-06
        ("ignores the weight", "Call it with pos_weight=10. Should a positive sample notice?",
         ("pos_weight is None", "True")),
        ("divides by the sum of the weights", "That is another convention. How many elements are there?",
         ("each.mean()", "each.sum() / (w * y + 1 - y).sum()")),
        ("adds the label term instead of subtracting it", "Check a label 1 with a large positive score by hand.",
         (T_EACH, "x.clamp(min=0) + x * y + torch.log1p(torch.exp(-x.abs()))")),  # BC-08
        ("forgets the absolute value in the exponent", "Test negative scores separately. Which term gets large?",
         (T_EACH, "x.clamp(min=0) - x * y + torch.log1p(torch.exp(-x))")),  # BC-09
        ("pairs every score with every label", "Print the shape of the elementwise loss.",
         ("zero = ", "x, y = x.reshape(-1, 1), y.reshape(-1)\nzero = ")),  # BC-11
        ("uses the formula for labels -1 and 1",
         "What does a sample with the label 0 contribute, whatever its score is?",
         (T_EACH, "w * torch.logaddexp(zero, -y * x)")),  # BC-13
        ("adds up instead of averaging", "Duplicate the batch. Should the loss double?",
         ("each.mean()", "each.sum()")),  # CE-04
        ("cuts the graph", "Does your result have a `grad_fn`?", ("zero = ", "x = x.detach()\nzero = ")),
        ("converts to float32", "Compare the dtypes of the scores and of the loss.",
         ("zero = ", "x = x.float()\nzero = "), ("each.mean()", "each.float().mean()")),
    ),
    equivalents=[
        ("all in one function", TORCH_BCE),
        ("clamp, absolute value and log1p", exchanged(TORCH_BCE, (T_EACH, T_CORNERS))),
        (
            "softplus of the library",
            exchanged(TORCH_BCE, (T_EACH, T_EACH.replace("torch.logaddexp(zero, ", "torch.nn.functional.softplus("))),
        ),
        (
            "log-sigmoid of the library",
            exchanged(
                TORCH_BCE,
                (T_EACH, "-(w * y * torch.nn.functional.logsigmoid(x) + (1 - y) * torch.nn.functional.logsigmoid(-x))"),
            ),
        ),
    ],
)  # fmt: skip

# Mutants that compute the same -----------------------------------------------------------------

NO_WEIGHT = "Where p is 0, the logarithm of any finite number above 0 is multiplied by 0."
for changed, line, old, new, why in [
    (entropy, "total: Array = (p * np.log(np.where(p > 0, p, 1))).sum(axis=axis)", "p, 1", "p, 2", NO_WEIGHT),
    (cross_entropy, "log_q = np.log(np.where(p > 0, q, 1))", "q, 1", "q, 2", NO_WEIGHT),
    (kl_div_loss, "losses = p * (np.log(np.where(p > 0, p, 1)) - log_q)", "p, 1", "p, 2", NO_WEIGHT),
    (nll_loss, "picked = np.where(used, log_probs[np.arange(len(y)), y], 0)", "y], 0", "y], 1",
     "An ignored sample has the weight 0."),
    (cross_entropy_loss, "used = scale > 0", ">", ">=", "The scale is 1 everywhere when targets are probabilities."),
    (torch_cross_entropy, "z = logits - logits.detach().amax(dim=1, keepdim=True)", ".detach()", "",
     "The loss does not depend on the shift, so that its gradient is 0; detach only saves work."),
]:  # fmt: skip
    changed.equivalent_mutant(f"{line} -> {line.replace(old, new)}", reason=why)

check_numpy_alone()
