"""Questions, checks, mistakes and equivalents of the assignment on optimizers; 100 points in all.

Every optimizer is asked for the whole path of its parameters: `check_optimizer` makes those checks. A row of `mistakes`
is name, what happens to one parameter in one step, and hint; see `declare_optimizers` for the names that a body sees.
Bodies never run here. A number such as OP-01 in a comment is an entry in the team's list of misconceptions.
"""

from __future__ import annotations

import math

import numpy as np

from autograder.course import (
    Code,
    Generator,
    call,
    call_twice,
    check_numpy_alone,
    check_optimizer,
    declare_optimizers,
    declare_variants,
    question,
    value,
)

# Counting steps --------------------------------------------------------------------------------

COUNTED = "How many samples does one step use, and how often do they fit into 1000?"

steps_batch = question("steps_batch", points=1, kind="value")
steps_batch.check("steps in an epoch over all samples at once", hint=COUNTED)(lambda rng: value())
steps_batch.wrong(
    1000, "counts the samples", hint="All 1000 gradients are added up. How often do the parameters change?"
)
steps_batch.wrong(0, "does not count the step", hint="Do the parameters change in an epoch?")
steps_batch.wrong(16, "counts mini-batches", hint="How large is the batch in batch gradient descent?")

steps_stochastic = question("steps_stochastic", points=1, kind="value")
steps_stochastic.check("steps in an epoch of single samples", hint=COUNTED)(lambda rng: value())
steps_stochastic.wrong(1, "confuses a step and an epoch", hint="After how many samples do the parameters change?")
steps_stochastic.wrong(999, "leaves one sample out", hint="Is the first sample used, and the last one?")
steps_stochastic.wrong(16, "counts mini-batches", hint="How many samples does a step use when they come one at a time?")

steps_minibatch = question("steps_minibatch", points=1, kind="value")
steps_minibatch.check("steps in an epoch of mini-batches", hint=COUNTED)(lambda rng: value())
steps_minibatch.wrong(15, "drops the short last batch", hint="Which samples are left after 15 batches of 64?")
steps_minibatch.wrong(15.625, "leaves a fraction", hint="Can a step be taken 0.625 times?")
steps_minibatch.wrong(
    64, "gives the size of a batch", hint="That is how many samples a step uses. How many steps are there?"
)

moves_on_a_saddle = question("moves_on_a_saddle", points=1, kind="value")
moves_on_a_saddle.check(
    "who leaves a saddle point", hint="Which gradient does each of them see at the saddle, and is it 0?"
)(lambda rng: value())
SADDLE = "Its gradient is 0 there, and so is everything it remembers. What is its step?"
moves_on_a_saddle.wrong("a", "thinks that any descent leaves a saddle", hint=SADDLE)
moves_on_a_saddle.wrong("b", "thinks that momentum starts by itself", hint=SADDLE)
moves_on_a_saddle.wrong("d", "thinks that Adam makes a step out of nothing", hint=SADDLE)


# Three ways through the data -------------------------------------------------------------------

# Gradient functions that show how a loop goes through the data, whatever the order of the samples. The first column of
# `data` holds the number of each sample.
#: Real descent, to the mean of the samples; unique where all samples are alike.
TO_THE_MEAN = Code("lambda p, x: p - x.mean(0)")
#: As before, but the slope depends on where one is.
CUBIC = Code("lambda p, x: (p - x.mean(0)) ** 3")
#: The number of samples in the batch.
SIZE = Code("lambda p, x: np.full_like(p, len(x))")
#: The sum over all samples of the squared number of times that each was seen.
SEEN = Code(
    "(lambda seen: lambda p, x: (np.add.at(seen, x[:, 0].astype(int), 1), np.full_like(p, (seen**2).sum()))[1])"
    "(np.zeros(100))"
)
#: 1 at the end of the second epoch of 40 samples if both had orders of their own, else 0.
ORDER = Code(
    "(lambda seen: lambda p, x: (seen.extend(x[:, 0]), np.full_like(p, "
    "len(seen) == 80 and len({tuple(range(40)), tuple(seen[:40]), tuple(seen[40:])}) == 3))[1])([])"
)
#: 1 as long as nobody draws from NumPy's global generator, else 2.
GLOBAL = Code(
    "(lambda start: lambda p, x: np.full_like(p, 1 + any(not np.array_equal(a, b) "
    "for a, b in zip(start, np.random.get_state(), strict=True))))(np.random.get_state())"
)


def samples(n, width=2):
    """Samples that carry their number in the first column."""
    return np.arange(n)[:, None] + np.zeros(width)


def alike(rng, n, shape=(2,)):
    """Samples that are all the same."""
    return np.broadcast_to(rng.normal(size=shape), (n, *shape)).copy()


def check_descent(q, *, rng=True, batch_size=None):
    """Checks of one of the three loops: of shuffling where there is an `rng`, of batches where they have a size."""

    def run(grad_fn, params, data, epochs=2, seed=0, size=batch_size, lr=0.5, ask=call):
        optional = {**({"batch_size": size} if size else {}), **({"rng": Generator(int(seed))} if rng else {})}
        return ask(grad_fn=grad_fn, params=params, data=data, lr=lr, epochs=epochs, **optional)

    @q.check("the worked example", public=True, hint="Do the first step with pen and paper. Is the start in the path?")
    def _(rng):
        return run(TO_THE_MEAN, np.array([1.0]), np.full((2, 1), 3.0))

    @q.check(
        "the number of steps, and of samples in each",
        hint="Print len(batch) in grad_fn. Is the short last batch there? Is the sample axis kept?",
    )
    def _(rng):
        sizes = (3, 4, 5, 12, 1) if batch_size else (None,)
        return [run(SIZE, np.zeros(2), samples(n), size=size) for n in (10, 12, 1) for size in sizes]

    @q.check("each gradient is taken where the parameters are now", hint="Which parameters does grad_fn get in step 2?")
    def _(rng):
        return [
            run(CUBIC, rng.normal(size=shape), alike(rng, 5, shape), lr=lr)
            for shape, lr in (((2,), 0.1), ((2, 3), 0.05), ((1,), 0.2))
        ]

    @q.check("float32 stays float32, and no epoch is no step", hint="Which dtype has the path? Is the start in it?")
    def _(rng):
        data = alike(rng, 4).astype(np.float32)
        start = rng.normal(size=2)
        return [run(TO_THE_MEAN, start.astype(np.float32), data), run(TO_THE_MEAN, start, alike(rng, 4), epochs=0)]

    @q.check(
        "a second call gives the same path and inputs stay as they were",
        hint="Do the rows of the path share one array? Compare params and data before and after the call.",
    )
    def _(rng):
        return run(TO_THE_MEAN, rng.normal(size=2), alike(rng, 6), ask=call_twice)

    if not rng:
        return

    @q.check(
        "every sample is used exactly once per epoch",
        public=True,
        hint="Write down which samples grad_fn gets in one epoch. Is one missing, or there twice?",
    )
    def _(rng):
        return run(SEEN, np.zeros(1), samples(7), epochs=3)

    @q.check("in long epochs, too, every sample is used once", hint="Do you draw with or without replacement?")
    def _(rng):
        return [run(SEEN, np.zeros(2), samples(n), epochs=2, seed=rng.integers(1000)) for n in (41, 60)]

    @q.check(
        "the order is a new one in each epoch, drawn from rng",
        hint="Print the order of two epochs. Where does it come from: rng, or np.random?",
    )
    def _(rng):
        seed = rng.integers(1000)
        return [run(ORDER, np.zeros(1), samples(40), seed=seed), run(GLOBAL, np.zeros(1), samples(6), seed=seed)]


batch_gradient_descent = question("batch_gradient_descent", points=2)
check_descent(batch_gradient_descent, rng=False)
declare_variants(
    batch_gradient_descent,
    "grad_fn, params, data, lr, epochs",
    mistakes=[
        (
            "leaves out the start",
            """
path = []
for _ in range(epochs):
    params = params - lr * grad_fn(params, data)
    path.append(params)
np.array(path)
""",
            "How many rows has the path after one step?",
        ),
        (
            "climbs",
            """
path = [params]
for _ in range(epochs):
    path.append(path[-1] + lr * grad_fn(path[-1], data))
np.stack(path)
""",
            "The gradient points up. Where do you want to go?",
        ),
        (
            "puts one array into the path again and again",
            """
params = params.copy()
path = [params]
for _ in range(epochs):
    params -= lr * grad_fn(params, data)
    path.append(params)
np.stack(path)
""",
            "Change the parameters once more. Do the older rows of the path change, too?",
        ),
        (
            "takes a step for each sample",
            """
path = [params]
for _ in range(epochs):
    for x in data:
        path.append(path[-1] - lr * grad_fn(path[-1], x[None]))
np.stack(path)
""",
            "How many steps has one epoch here?",
        ),
        (
            "writes into the start values",
            """
path = [params.copy()]
for _ in range(epochs):
    params -= lr * grad_fn(params, data)
    path.append(params.copy())
np.stack(path)
""",
            "Print params before and after the call.",
        ),
        (
            "keeps the first gradient",
            """
g = grad_fn(params, data)
np.stack([params - lr * k * g for k in range(epochs + 1)])
""",
            "Where is the gradient of the second step taken?",
        ),
    ],
    equivalents=[
        (
            "rows of an array that is there from the beginning",
            """
path = np.empty((epochs + 1, *params.shape), params.dtype)
path[0] = params
for k in range(epochs):
    path[k + 1] = path[k] - lr * grad_fn(path[k], data)
path
""",
        ),
    ],
)

#: Rows of mistakes that both shuffled loops can have; {batches} loops over batches of positions in `order`.
LOOP = """
path = [params]
{once}
for _ in range(epochs):
    {order}
    for batch in {batches}:
        path.append({update})
np.stack(path)
"""
UPDATE = "path[-1] - lr * grad_fn(path[-1], data[batch])"
ANEW = "order = rng.permutation(len(data))"


def loop(batches, order=ANEW, once="", update=UPDATE):
    """The body of a loop over batches."""
    return LOOP.format(batches=batches, order=order, once=once, update=update)


def wrong_loops(batches):
    """Mistakes that both shuffled loops can have."""
    return [
        ("does not shuffle", loop(batches, "order = np.arange(len(data))"), "Which order do the samples have?"),
        ("shuffles once", loop(batches, "pass", ANEW), "Compare the order of the first two epochs."),
        (
            "draws with replacement",
            loop(batches, "order = rng.integers(len(data), size=len(data))"),
            "Can a sample be drawn twice in one epoch, and another one never?",
        ),
        (
            "draws from NumPy's global generator",
            loop(batches, "order = np.random.permutation(len(data))"),
            "Two runs with the same rng must be the same. Where does your order come from?",
        ),
        (
            "climbs",
            loop(batches, update=UPDATE.replace("- lr", "+ lr")),
            "The gradient points up. Where do you want to go?",
        ),
        (
            "takes all gradients at the start",
            loop(batches, update=UPDATE.replace("grad_fn(path[-1]", "grad_fn(params")),
            "Which parameters does grad_fn get in the second step?",
        ),
        (
            "keeps only the end of each epoch",
            loop(batches).replace("np.stack(path)", f"np.stack(path[::len({batches})])"),
            "How many rows has the path after one epoch?",
        ),
    ]


def right_loops(batches):
    """Equivalents of both: other legal ways to shuffle."""
    return [
        ("shuffles positions in place", loop(batches, "order = np.arange(len(data)); rng.shuffle(order)")),
        ("sorts random numbers", loop(batches, "order = rng.random(len(data)).argsort()")),
        (
            "draws all without replacement",
            loop(batches, "order = rng.choice(len(data), size=len(data), replace=False)"),
        ),
    ]


SINGLE = "[order[k : k + 1] for k in range(len(data))]"
PARTS = "[order[k : k + batch_size] for k in range(0, len(data), batch_size)]"

stochastic_gradient_descent = question("stochastic_gradient_descent", points=3, kind="np")
check_descent(stochastic_gradient_descent)
declare_variants(
    stochastic_gradient_descent,
    "grad_fn, params, data, lr, epochs, rng",
    mistakes=[
        *wrong_loops(SINGLE),
        ("loses the sample axis", loop("order"), "Which shape does grad_fn get: (1, ...) or (...)?"),
        ("takes all samples in each step", loop("[order]"), "How many samples does one step use?"),
    ],
    equivalents=right_loops(SINGLE),
)

minibatch_gradient_descent = question("minibatch_gradient_descent", points=4, kind="np")
check_descent(minibatch_gradient_descent, batch_size=2)
declare_variants(
    minibatch_gradient_descent,
    "grad_fn, params, data, lr, epochs, batch_size, rng",
    mistakes=[
        *wrong_loops(PARTS),
        (
            "drops the short last batch",
            loop("[order[k : k + batch_size] for k in range(0, len(data) - batch_size + 1, batch_size)]"),
            "Take 5 samples and batches of 2. Which sample is never used?",
        ),
        (
            "fills the short last batch up",
            loop("np.resize(order, (math.ceil(len(data) / batch_size), batch_size))"),
            "Take 5 samples and batches of 2. Which sample is used twice?",
        ),
        (
            "draws each batch by itself",
            loop(
                "[rng.choice(len(data), min(batch_size, len(data)), False) for k in range(0, len(data), batch_size)]",
                "pass",
            ),
            "Write down the samples of one epoch. Is each there once?",
        ),
        (
            "divides by the batch size as well",
            loop(PARTS, update=UPDATE.replace("lr *", "lr / batch_size *")),
            "grad_fn returns the gradient of the mean. What is left to divide?",
        ),
        (
            "has one epoch too many",
            loop(PARTS).replace("range(epochs)", "range(epochs + 1)"),
            "How many rows has the path for epochs=0?",
        ),
    ],
    equivalents=[
        *right_loops(PARTS),
        ("splits the order", loop("np.split(order, range(batch_size, len(order), batch_size))")),
    ],
)


# Optimizers: what their mistakes have in common ------------------------------------------------

L2 = "g = g + wd * p\n"
ALIAS = "What happens to your state when the caller overwrites the array with the gradient?"
IN_PLACE = "Hold on to an array of the list. Does it change, or does the list get another one?"
REBINDS = "puts new arrays into the list"


def wrong_decay(rest):
    """Mistakes in the weight decay of an optimizer with L2, whose other statements are `rest`."""
    return [
        (
            "ignores the decay mask",
            "g = g + self.weight_decay * p\n" + rest,
            "Does a parameter with False in the mask decay?",
        ),
        (  # OP-11
            "doubles the weight decay",
            "g = g + 2 * wd * p\n" + rest,
            "With g = 0, lr = 1 and weight_decay = 0.1, by what factor does SGD shrink p?",
        ),
        ("subtracts the penalty", "g = g - wd * p\n" + rest, "Should the penalty pull p towards 0, or push it away?"),
        (
            "writes into the gradient",
            "g += wd * p\n" + rest,
            "Print the gradient before and after step.",
        ),
    ]


# SGD -------------------------------------------------------------------------------------------

SGD = question("SGD", points=9)
SGD_OPTIONS = "lr=1e-3, momentum=0, dampening=0, nesterov=False, weight_decay=0, decay_mask=None"
check_optimizer(
    SGD,
    lr=0.1,
    given={"momentum": 0.9},
    options=[
        {"momentum": 0},
        {"momentum": 0.5},
        {"dampening": 0.5},
        {"nesterov": True},
        {"nesterov": True, "weight_decay": 0.3},
        {"dampening": 0.5, "weight_decay": 0.3},
    ],
    weight_decay=0.3,
    hints={
        "lr": "Two conventions: lr times the whole velocity, or lr inside it. When do they differ?",
        "options": "Two conventions for dampening: is the first gradient damped? And which v is in Nesterov's step?",
        "decay": "Two conventions: the penalty goes through the velocity (L2), or past it (decoupled). Which here?",
    },
)
VELOCITY = "v = s['v'] = momentum * s['v'] + (1 - dampening) * g if s else g + 0\n"
ALONG = "p -= lr * (g + momentum * v if nesterov else v)"
declare_optimizers(
    SGD,
    SGD_OPTIONS,
    mistakes=[
        (  # OP-01
            "has the learning rate inside the velocity",
            L2 + "v = s['v'] = momentum * s['v'] + lr * (1 - dampening) * g if s else lr * g\n"
            "p -= lr * g + momentum * v if nesterov else v",
            "That is another convention. Change lr after the first step: which past gradients are rescaled?",
        ),
        (  # OP-02
            "averages the gradients",
            L2 + "v = s['v'] = momentum * s.get('v', 0) + (1 - momentum) * g\n" + ALONG,
            "That is another convention. What velocity is reached after many steps with the gradient 1?",
        ),
        (  # OP-03
            "damps the first gradient",
            L2 + "v = s['v'] = momentum * s.get('v', 0) + (1 - dampening) * g\n" + ALONG,
            "That is another convention. What does the statement say the velocity is after the very first step?",
        ),
        (  # OP-04
            "has the sign twice",
            L2 + "v = s['v'] = momentum * s.get('v', 0) - g\n" + ALONG,
            "For g > 0, must the parameter grow or shrink?",
        ),
        (  # OP-05
            "never stores the velocity",
            L2 + "v = momentum * s.get('v', 0) + g\n" + ALONG,
            "Which velocity does your second step start from?",
        ),
        (  # OP-06
            "has one velocity for all parameters",
            L2
            + "s = self.state[0]\nv = s['v'] = (momentum * s['v'] + (1 - dampening) * g if s else g).mean() + 0 * p\n"
            + ALONG,
            "Train two parameters of which one has gradient 0. Should it move?",
        ),
        (  # OP-07
            "shares the velocity between optimizers",
            L2 + "s = vars(type(self)).get('shared') or {}\n"
            "v = momentum * s[i] + (1 - dampening) * g if i in s and s[i].shape == p.shape else g\n"
            "type(self).shared = {**s, i: v}\n" + ALONG,
            "Make a second optimizer. Does its first step look like a first step?",
        ),
        (  # OP-08
            "keeps the caller's gradient as its velocity",
            "g = g + wd * p if wd else g\nif s:\n    s['v'] *= momentum\n    s['v'] += (1 - dampening) * g\n"
            "else:\n    s['v'] = g\nv = s['v']\n" + ALONG,
            ALIAS,
        ),
        (  # OP-09
            "lets the decay go past the velocity",
            VELOCITY + "g = g + wd * p\np -= lr * ((g + momentum * v) if nesterov else v + wd * p)",
            "That is decoupled decay, another convention. Does the penalty take part in the momentum here?",
        ),
        (  # OP-10
            "applies the decay to the new parameter",
            VELOCITY + ALONG + "\np -= lr * wd * p",
            "Which p is inside the penalty: the one from before the step?",
        ),
        (  # OP-12
            "looks ahead with the old velocity",
            L2 + "old = s.get('v', 0 * g)\n" + VELOCITY + "p -= lr * (g + momentum * old if nesterov else v)",
            "What is your very first step with nesterov: lr g or lr (1 + mu) g?",
        ),
        (  # OP-13
            "ignores nesterov",
            L2 + VELOCITY + "p -= lr * v",
            "Do the two variants give different first steps?",
        ),
        (
            "ignores dampening",
            L2 + VELOCITY.replace("(1 - dampening) * g", "g") + ALONG,
            "Try dampening=0.5, two steps.",
        ),
        (REBINDS, L2 + VELOCITY + "self.params[i] = p - lr * (g + momentum * v if nesterov else v)", IN_PLACE),
        (
            "reads the learning rate once",
            "self.first = lr = vars(self).get('first', lr)\n" + L2 + VELOCITY + ALONG,
            "Set optimizer.lr between two steps. Does the next step change?",
        ),
        *wrong_decay(VELOCITY + ALONG),
    ],
    equivalents=[
        (  # EQ-05
            "learning rate inside the velocity, rescaled when it changes",
            L2 + "v = momentum * (lr / s['lr']) * s['v'] + (1 - dampening) * lr * g if s else lr * g\n"
            "s.update(v=v, lr=lr)\np -= lr * g + momentum * v if nesterov else v",
        ),
        (
            "velocity with the sign turned",
            L2 + "v = s['v'] = momentum * s['v'] - (1 - dampening) * g if s else -g\n"
            "p += lr * (momentum * v - g if nesterov else v)",
        ),
        (
            "copies first, then writes in place",
            "g = g.copy()\ng += wd * p\nif s:\n    s['v'] *= momentum\n"
            "    s['v'] += (1 - dampening) * g\nelse:\n    s['v'] = g.copy()\nv = s['v']\n" + ALONG,
        ),
    ],
)


# ClassicalMomentum -----------------------------------------------------------------------------

ClassicalMomentum = question("ClassicalMomentum", points=5)
check_optimizer(
    ClassicalMomentum,
    lr=0.1,
    given={"momentum": 0.9},
    options=[{"momentum": 0.5}, {"momentum": 0}],
    hints={"lr": "Two conventions: lr times the whole velocity (SGD), or lr inside it. When do they differ?"},
)
declare_optimizers(
    ClassicalMomentum,
    "lr, momentum",
    mistakes=[
        (
            "has the learning rate outside the velocity",
            "v = s['v'] = momentum * s.get('v', 0) + g\np -= lr * v",
            "That is the other convention, the one of SGD. Which past steps are rescaled when lr changes?",
        ),
        (  # OP-02
            "averages the gradients",
            "v = s['v'] = momentum * s.get('v', 0) + (1 - momentum) * lr * g\np -= v",
            "That is another convention. What velocity is reached after many steps with the gradient 1?",
        ),
        (  # OP-04
            "has the sign twice",
            "v = s['v'] = momentum * s.get('v', 0) - lr * g\np -= v",
            "For g > 0, must the parameter grow or shrink?",
        ),
        (  # OP-05
            "never stores the velocity",
            "v = momentum * s.get('v', 0) + lr * g\np -= v",
            "Which velocity does your second step start from?",
        ),
        (
            "moves by the old velocity",
            "v = s.get('v', 0 * p)\ns['v'] = momentum * v + lr * g\np -= v",
            "Does the first step move at all?",
        ),
        (
            "writes into the gradient",
            "g *= lr\nv = s['v'] = momentum * s.get('v', 0) + g\np -= v",
            "Print the gradient before and after step.",
        ),
        (REBINDS, "v = s['v'] = momentum * s.get('v', 0) + lr * g\nself.params[i] = p - v", IN_PLACE),
    ],
    equivalents=[
        ("velocity with the sign turned", "v = s['v'] = momentum * s.get('v', 0) - lr * g\np += v"),
        (
            "remembers where it came from",
            "old = s.get('p', p)\ns['p'] = p.copy()\np[...] = p - lr * g + momentum * (p - old)",
        ),
    ],
)


# Nesterov --------------------------------------------------------------------------------------

Nesterov = question("Nesterov", points=5)
check_optimizer(
    Nesterov,
    lr=0.1,
    given={"momentum": 0.9},
    options=[{"momentum": 0.5}, {"momentum": 0}],
    look_ahead=True,
    hints={
        "lr": "Two conventions: lr times the whole velocity, or lr inside it. When do they differ?",
        "path": "Where is the gradient taken: at p, at p - mu v or at p + mu v? And with which v?",
        "shapes": "gradient_function takes the list of all parameters. Do you call it with all of them, ahead?",
    },
)
NESTEROV = """
class Nesterov:
    def __init__(self, params, lr, momentum):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.v = [np.zeros_like(p) for p in params]

    def step(self, gradient_function):
        lr, mu = self.lr, self.momentum
        {before}
        for i, (p, g) in enumerate(zip(self.params, grads)):
            v = self.v[i]
            {body}
"""
AHEAD = "grads = gradient_function([p - mu * v for p, v in zip(self.params, self.v)])"
KEEP = "v = self.v[i] = mu * v + lr * g; p -= v"
for _name, _before, _body, _hint in (
    (  # OP-14
        "looks back instead of ahead",
        AHEAD.replace("p - mu", "p + mu"),
        KEEP,
        "Where will the parameter be if only the momentum acts?",
    ),
    (  # OP-13
        "takes the gradient where it stands",
        "grads = gradient_function(self.params)",
        KEEP,
        "That is plain momentum. Where would the momentum alone lead?",
    ),
    (
        "looks ahead by the whole velocity",
        AHEAD.replace("mu * v", "v"),
        KEEP,
        "How much of the velocity stays in the next step?",
    ),
    (
        "has the learning rate outside the velocity",
        AHEAD.replace("mu * v", "lr * mu * v"),
        "v = self.v[i] = mu * v + g; p -= lr * v",
        "That is the other convention, the one of SGD. Which past steps are rescaled when lr changes?",
    ),
    (
        "uses the form for ordinary gradients",
        "grads = gradient_function(self.params)",
        "v = self.v[i] = mu * v + lr * g; p -= lr * g + mu * v",
        "That is the other convention, SGD with nesterov=True. Which point do the parameters hold there?",
    ),
    (
        "stays at the point ahead",
        "for p, v in zip(self.params, self.v): p -= mu * v\n        grads = gradient_function(self.params)",
        KEEP,
        "You went ahead to look. From where does the step start?",
    ),
    (
        "never stores the velocity",
        AHEAD,
        "v = mu * v + lr * g; p -= v",
        "Which velocity does the second step start from?",
    ),
    (REBINDS, AHEAD, "v = self.v[i] = mu * v + lr * g; self.params[i] = p - v", IN_PLACE),
):
    Nesterov.mistake_text(_name, NESTEROV.format(before=_before, body=_body), hint=_hint)
for _name, _before, _body in (
    ("velocity with the sign turned", AHEAD.replace("p - mu", "p + mu"), "v = self.v[i] = mu * v - lr * g; p += v"),
    (
        "goes ahead, looks, and takes the rest of the step",
        "for p, v in zip(self.params, self.v): p -= mu * v\n        grads = gradient_function(self.params)",
        "self.v[i] = mu * v + lr * g; p -= lr * g",
    ),
):
    Nesterov.equivalent_text(_name, NESTEROV.format(before=_before, body=_body))


# Adagrad ---------------------------------------------------------------------------------------

Adagrad = question("Adagrad", points=4)
check_optimizer(
    Adagrad,
    lr=0.1,
    options=[{"lr_decay": 0.5}, {"eps": 0.1}, {"lr_decay": 0.1, "eps": 1.0}],
    hints={
        "scales": "Two conventions: eps inside the root or after it. Tiny gradients tell them apart. Which here?",
        "options": "Which rate applies to step number 1? Is eps inside the root, or after it?",
    },
)
SUM = "h = s['h'] = s.get('h', 0) + g * g\n"
RATE = "p -= lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(h) + eps)"
declare_optimizers(
    Adagrad,
    "lr=0.01, lr_decay=0, eps=1e-10",
    mistakes=[
        ("forgets the past", "h = g * g\n" + RATE, "Adagrad's steps shrink over time. Do yours?"),  # OP-26
        (  # OP-27
            "averages instead of adding up",
            "h = s['h'] = 0.9 * s.get('h', 0) + 0.1 * g * g\n" + RATE,
            "With the gradient 1, what is h after 4 steps?",
        ),
        (  # OP-28
            "uses the sum from before the step",
            "h = s.get('h', 0 * g)\ns['h'] = h + g * g\n" + RATE,
            "How large is your first step?",
        ),
        ("decays one step early", SUM + RATE.replace("(t - 1)", "t"), "Which rate applies to step number 1?"),  # OP-29
        (
            "has eps inside the root",
            SUM + RATE.replace("(np.sqrt(h) + eps)", "np.sqrt(h + eps)"),
            "That is another convention. Use a large eps such as 0.1 and compute one step by hand.",
        ),
        (
            "forgets the root",
            SUM + RATE.replace("np.sqrt(h)", "h"),
            "Multiply all gradients by 10. Do the steps change?",
        ),
        ("ignores lr_decay", SUM + "p -= lr * g / (np.sqrt(h) + eps)", "Try lr_decay=0.5, two steps."),
        (
            "adds up over the whole array",
            "h = s['h'] = s.get('h', 0) + (g * g).sum()\n" + RATE,
            "Should a large gradient in one entry slow down another entry?",
        ),
        (
            "counts steps once per parameter",
            "self.count = t = vars(self).get('count', 0) + 1\n" + SUM + RATE,
            "Print t for three parameters after one step, with lr_decay=0.5.",
        ),
    ],
    equivalents=[
        ("root of the sum is kept", "r = s['r'] = np.hypot(s.get('r', 0 * g), g)\n" + RATE.replace("np.sqrt(h)", "r")),
        ("power of one half", SUM + RATE.replace("np.sqrt(h)", "h**0.5")),
    ],
)


# Adadelta --------------------------------------------------------------------------------------

Adadelta = question("Adadelta", points=4)
check_optimizer(
    Adadelta,
    lr=1.0,
    options=[{"rho": 0.5}, {"eps": 0.1}, {"lr": 0.1, "eps": 0.1}],
    hints={
        "example": "What is the numerator in the very first step? Here eps is inside both roots.",
        "lr": "Two conventions: is the update remembered with lr or without it? They differ once lr is not 1.",
        "options": "Two conventions: eps inside the roots or after them; the update remembered with lr or without it.",
    },
)
SQUARES = "h = s['h'] = rho * s.get('h', 0) + (1 - rho) * g * g\n"
DELTA = "d = np.sqrt(s.get('d', 0) + eps) / np.sqrt(h + eps) * g\n"
REMEMBER = "s['d'] = rho * s.get('d', 0) + (1 - rho) * d * d\np -= lr * d"
declare_optimizers(
    Adadelta,
    "lr=1.0, rho=0.9, eps=1e-6",
    mistakes=[
        (  # OP-32
            "has no numerator",
            SQUARES + "p -= lr * g / np.sqrt(h + eps)",
            "How large is the first step with eps = 1e-6?",
        ),
        (  # OP-33
            "has eps outside the roots",
            SQUARES + "d = (np.sqrt(s.get('d', 0)) + eps) / (np.sqrt(h) + eps) * g\n" + REMEMBER,
            "That is another convention. What is the numerator in the very first step?",
        ),
        (  # OP-34
            "remembers the update with lr",
            SQUARES + "d = lr * np.sqrt(s.get('d', 0) + eps) / np.sqrt(h + eps) * g\n"
            "s['d'] = rho * s.get('d', 0) + (1 - rho) * d * d\np -= d",
            "That is another convention. Is lr applied before or after the update is remembered?",
        ),
        (  # OP-35
            "has a bracket in the wrong place",
            "h = s['h'] = (rho * s.get('h', 0) + (1 - rho)) * g * g\n" + DELTA + REMEMBER,
            "With g = 0 in step 2, what should remain of h?",
        ),
        (
            "never stores the updates",
            SQUARES + DELTA + "p -= lr * d",
            "What is d in your second step?",
        ),
        (
            "remembers gradients instead of updates",
            SQUARES + DELTA + "s['d'] = h\np -= lr * d",
            "In which unit is d: that of the gradient, or of the parameter?",
        ),
        (
            "swaps rho and 1 - rho",
            SQUARES.replace("rho", "(1 - rho)") + DELTA + REMEMBER,
            "Which part of the average should be the larger one, old or new?",
        ),
    ],
    equivalents=[
        (
            "one root of the ratio",
            SQUARES + "d = np.sqrt((s.get('d', 0) + eps) / (h + eps)) * g\n" + REMEMBER,
        ),
        (
            "averages as steps towards the new",
            "h = s['h'] = s.get('h', 0) + (1 - rho) * (g * g - s.get('h', 0))\n" + DELTA + REMEMBER,
        ),
    ],
)


# RMSprop ---------------------------------------------------------------------------------------

RMSprop = question("RMSprop", points=7)
check_optimizer(
    RMSprop,
    lr=0.1,
    options=[
        {"alpha": 0.5},
        {"eps": 0.1},
        {"momentum": 0.9},
        {"centered": True},
        {"momentum": 0.5, "centered": True, "alpha": 0.9, "eps": 0.01},
    ],
    hints={
        "scales": "Two conventions: eps inside the root or after it. Tiny gradients tell them apart. Which here?",
        "options": "Is eps inside the root or after it? Does the velocity hold lr? Which root does centered take?",
    },
)
ALPHA = "h = s['h'] = alpha * s.get('h', 0) + (1 - alpha) * g * g\n"
CENTER = "m = s['m'] = alpha * s.get('m', 0) + (1 - alpha) * g\nq = h - m * m if centered else h\n"
DIVIDE = "u = g / (np.sqrt(q) + eps)\n"
BUFFER = "b = s['b'] = momentum * s.get('b', 0) + u\np -= lr * b"
declare_optimizers(
    RMSprop,
    "lr=0.01, alpha=0.99, eps=1e-8, momentum=0, centered=False",
    mistakes=[
        (  # OP-30
            "forgets the root",
            ALPHA + CENTER + DIVIDE.replace("np.sqrt(q)", "q") + BUFFER,
            "What does the R in RMSprop stand for?",
        ),
        (  # OP-31
            "has eps inside the root",
            ALPHA + CENTER + "u = g / np.sqrt(q + eps)\n" + BUFFER,
            "That is another convention. Use a large eps such as 0.1 and compute one step by hand.",
        ),
        (
            "adds up instead of averaging",
            "h = s['h'] = s.get('h', 0) + g * g\n" + CENTER + DIVIDE + BUFFER,
            "That is Adagrad. What is h after many steps with the gradient 1?",
        ),
        ("ignores centered", ALPHA + "q = h\n" + DIVIDE + BUFFER, "Try centered=True, two steps."),
        (
            "subtracts the mean without its square",
            ALPHA + CENTER.replace("h - m * m", "h - m") + DIVIDE + BUFFER,
            "What is the variance in terms of the means of g and of g squared?",
        ),
        (
            "has the learning rate inside the velocity",
            ALPHA + CENTER + DIVIDE + "b = s['b'] = momentum * s.get('b', 0) + lr * u\np -= b",
            "That is another convention. What happens to the velocity when lr changes?",
        ),
        ("ignores momentum", ALPHA + CENTER + DIVIDE + "p -= lr * u", "Try momentum=0.9, two steps."),
        (
            "corrects for the start at 0",
            ALPHA + CENTER + "q = q / (1 - alpha**t)\n" + DIVIDE + BUFFER,
            "That is what Adam does. How large is the first step in the worked numbers?",
        ),
        (
            "applies momentum to the gradient",
            "b = s['b'] = momentum * s.get('b', 0) + g\n" + ALPHA + CENTER + "p -= lr * b / (np.sqrt(q) + eps)",
            "What does the velocity collect: gradients, or gradients already divided?",
        ),
    ],
    equivalents=[
        (
            "averages as steps towards the new",
            "h = s['h'] = s.get('h', 0) + (1 - alpha) * (g * g - s.get('h', 0))\n" + CENTER + DIVIDE + BUFFER,
        ),
        (
            "plain step where there is no momentum",
            ALPHA + CENTER + DIVIDE + "if momentum:\n    u = s['b'] = momentum * s.get('b', 0) + u\np -= lr * u",
        ),
    ],
)


# Adam and AdamW --------------------------------------------------------------------------------

MOMENTS = "m = s['m'] = b1 * s.get('m', 0) + (1 - b1) * g\nv = s['v'] = b2 * s.get('v', 0) + (1 - b2) * g * g\n"
BETAS = "b1, b2 = betas\n"
HATS = "mh, vh = m / (1 - b1**t), v / (1 - b2**t)\n"
DESCEND = "p -= lr * mh / (np.sqrt(vh) + eps)"
ADAM = BETAS + MOMENTS + HATS + DESCEND
ADAM_HINTS = {
    "scales": "Three conventions: eps after the root, inside it, or before the correction. Which is asked for?",
    "options": "To which quantity is eps added? Which beta belongs to which average?",
}
ADAM_OPTIONS = [{"betas": (0.5, 0.9)}, {"eps": 0.1}, {"betas": (0.0, 0.5), "eps": 1e-3}]


def wrong_adams(before):
    """Mistakes of Adam, Adam with decoupled decay, or Adam for PyTorch; `before` is what they do to the decay."""
    start = before + BETAS
    return [
        (  # OP-15
            "does not correct for the start",
            start + MOMENTS + "mh, vh = m, v\n" + DESCEND,
            "With a constant gradient the first step should be about lr. Is it?",
        ),
        (  # OP-17
            "corrects without the power t",
            start + MOMENTS + "mh, vh = m / (1 - b1), v / (1 - b2)\n" + DESCEND,
            "Compare step 1 and step 10 of your correction factor.",
        ),
        (  # OP-18
            "has eps inside the root",
            start + MOMENTS + HATS + "p -= lr * mh / (vh + eps) ** 0.5",
            "That is another convention. Take gradients of size 1e-5. Is the step still about lr?",
        ),
        (  # OP-19
            "adds eps before the correction",
            start + MOMENTS + "p -= lr * (1 - b2**t) ** 0.5 / (1 - b1**t) * m / (v**0.5 + eps)",
            "That is another convention, the 'efficient' form. To which quantity is eps added: v or v-hat?",
        ),
        (  # OP-20
            "swaps the betas",
            before + "b2, b1 = betas\n" + MOMENTS + HATS + DESCEND,
            "Which average should remember longer? One step cannot tell, try three.",
        ),
        (  # OP-24
            "forgets the root",
            start + MOMENTS + HATS + "p -= lr * mh / (vh + eps)",
            "Multiply all gradients by 10. Adam's steps should not change.",
        ),
    ]


Adam = question("Adam", points=8)
check_optimizer(
    Adam,
    lr=0.1,
    options=ADAM_OPTIONS,
    weight_decay=0.3,
    hints={
        **ADAM_HINTS,
        "decay": "Two conventions: L2, where the penalty is part of g, or decoupled (AdamW). Which has Adam here?",
    },
)
declare_optimizers(
    Adam,
    "lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decay_mask=None",
    mistakes=[
        *wrong_adams(L2),
        (  # OP-16
            "starts with t = 0",
            "t = t - 1\n" + L2 + ADAM,
            "What is t in your first call, and what is 1 - beta ** t?",
        ),
        (  # OP-21
            "forgets the square",
            L2 + BETAS + MOMENTS.replace("g * g", "g") + HATS + DESCEND,
            "Try a negative gradient.",
        ),
        (  # OP-22
            "counts steps once per parameter",
            "self.count = t = vars(self).get('count', 0) + 1\n" + L2 + ADAM,
            "Print t for three parameters after one step.",
        ),
        (  # OP-23
            "decouples the decay",
            "p *= 1 - lr * wd\n" + ADAM,
            "That is AdamW, another convention. Is the penalty divided by the root in the definition of Adam?",
        ),
        (  # OP-25
            "keeps the corrected averages",
            L2 + BETAS + MOMENTS + HATS + "s.update(m=mh, v=vh)\n" + DESCEND,
            "Which two quantities are carried to the next step?",
        ),
        (REBINDS, L2 + ADAM.replace("p -= lr * mh", "self.params[i] = p - lr * mh"), IN_PLACE),
        *wrong_decay(ADAM),
    ],
    equivalents=[
        (
            "correction folded into the rate",
            L2 + BETAS + MOMENTS + "r = (1 - b2**t) ** 0.5\np -= lr * r / (1 - b1**t) * m / (np.sqrt(v) + eps * r)",
        ),
        (
            "computes in float64 and rounds at the end",
            "single, p, g = p, p.astype(float), g.astype(float)\n" + L2 + ADAM + "\nsingle[...] = p",
        ),
        (
            "averages as steps towards the new",
            L2 + BETAS + "m = s['m'] = s.get('m', 0) + (1 - b1) * (g - s.get('m', 0))\n"
            "v = s['v'] = s.get('v', 0) + (1 - b2) * (g * g - s.get('v', 0))\n" + HATS + DESCEND,
        ),
    ],
)

AdamW = question("AdamW", points=5)
SHRINK = "p *= 1 - lr * wd\n"
check_optimizer(
    AdamW,
    lr=0.1,
    options=[*ADAM_OPTIONS, {"weight_decay": 0}],
    weight_decay=0.3,
    hints={
        **ADAM_HINTS,
        "decay": "Two conventions: L2, where the penalty is part of g (Adam), or decoupled. Which does AdamW have?",
        "example": "By which factor does p shrink before the step? What is the default of weight_decay?",
    },
)
declare_optimizers(
    AdamW,
    "lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, decay_mask=None",
    mistakes=[
        *wrong_adams(SHRINK),
        (
            "adds the decay to the gradient",
            L2 + ADAM,
            "That is L2 as in Adam, another convention. Does the penalty go through the averages here?",
        ),
        (
            "decays without the learning rate",
            "p *= 1 - wd\n" + ADAM,
            "That is another convention, the one of the paper. By which factor does p shrink with lr = 0.1?",
        ),
        (
            "decays after the step",
            ADAM + "\np *= 1 - lr * wd",
            "Which p decays: the one before or the one after the step?",
        ),
        (
            "ignores the decay mask",
            "p *= 1 - lr * self.weight_decay\n" + ADAM,
            "Does a parameter with False in the mask decay?",
        ),
        ("does not decay", ADAM, "What is the default of weight_decay in AdamW?"),
    ],
    equivalents=[
        (
            "one difference",
            ADAM.replace("p -= lr * mh / (np.sqrt(vh) + eps)", "p -= lr * (wd * p + mh / (np.sqrt(vh) + eps))"),
        ),
        ("decay subtracted", "p -= lr * wd * p\n" + ADAM),
    ],
)


# Adamax ----------------------------------------------------------------------------------------

Adamax = question("Adamax", points=5)
check_optimizer(
    Adamax,
    lr=0.1,
    options=[{"betas": (0.5, 0.8)}, {"eps": 0.1}, {"betas": (0.9, 0.5), "eps": 0.5}],
    weight_decay=0.3,
    hints={
        "scales": "Two conventions: eps inside the maximum, or added when dividing. What if g is always 0?",
        "options": "Where exactly is eps? Is the old maximum multiplied by beta2 first?",
    },
)
FIRST = "m = s['m'] = b1 * s.get('m', 0) + (1 - b1) * g\n"
LARGEST = "u = s['u'] = np.maximum(b2 * s.get('u', 0), np.abs(g) + eps)\n"
BY_LARGEST = "p -= lr / (1 - b1**t) * m / u"
ADAMAX = BETAS + FIRST + LARGEST + BY_LARGEST
declare_optimizers(
    Adamax,
    "lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decay_mask=None",
    mistakes=[
        ("takes the second moment", L2 + ADAM, "What is u after the gradients 1, 3, 1?"),  # OP-36
        (  # OP-37
            "corrects the maximum",
            L2 + BETAS + FIRST + LARGEST + BY_LARGEST.replace("/ u", "/ (u / (1 - b2**t))"),
            "With the gradient 1, should the first step be lr, or lr / 1000?",
        ),
        (  # OP-38
            "has a maximum without decay",
            L2 + ADAMAX.replace("b2 * s.get", "s.get"),
            "After one huge gradient, may the step size recover?",
        ),
        (  # OP-39
            "has one maximum for the whole array",
            L2 + ADAMAX.replace("np.abs(g)", "np.abs(g).max()"),
            "Should a large gradient in one weight slow down another weight?",
        ),
        (  # OP-40
            "has no eps",
            L2 + ADAMAX.replace("np.abs(g) + eps", "np.abs(g)"),
            "What happens to a weight behind a dead relu?",
        ),
        (
            "adds eps when dividing",
            L2 + ADAMAX.replace("np.abs(g) + eps", "np.abs(g)").replace("/ u", "/ (u + eps)"),
            "That is another convention. Use a large eps such as 0.1 and compute two steps by hand.",
        ),
        (
            "does not correct the mean",
            L2 + ADAMAX.replace("lr / (1 - b1**t)", "lr"),
            "With a constant gradient the first step should be about lr. Is it?",
        ),
        *wrong_decay(ADAMAX)[:2],
    ],
    equivalents=[
        (
            "where instead of maximum",
            L2
            + BETAS
            + FIRST
            + "a, u = np.abs(g) + eps, b2 * s.get('u', 0 * g)\nu = s['u'] = np.where(a > u, a, u)\n"
            + BY_LARGEST,
        ),
        ("mean corrected first", L2 + BETAS + FIRST + LARGEST + "mh = m / (1 - b1**t)\np -= lr * (mh / u)"),
    ],
)


# NAdam -----------------------------------------------------------------------------------------

NAdam = question("NAdam", points=6)
check_optimizer(
    NAdam,
    lr=0.1,
    options=[*ADAM_OPTIONS[:2], {"momentum_decay": 0.5}, {"betas": (0.8, 0.9), "momentum_decay": 0}],
    weight_decay=0.3,
    hints={**ADAM_HINTS, "path": "Which mu belongs to step t and which to step t + 1? Is the product kept?"},
)
SHARES = "now, then = (b1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))\n"
PRODUCT = "prod = s['prod'] = s.get('prod', 1) * now\n"
LOOK = "mh = then * m / (1 - prod * then) + (1 - now) * g / (1 - prod)\n"
ROOT = "vh = v / (1 - b2**t)\n"
NADAM = BETAS + MOMENTS + SHARES + PRODUCT + LOOK + ROOT + DESCEND
declare_optimizers(
    NAdam,
    "lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3, decay_mask=None",
    mistakes=[
        ("is plain Adam", L2 + ADAM, "Where does the newest gradient enter once more?"),
        (
            "has a constant momentum",
            L2 + BETAS + MOMENTS + "mh = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)\n" + ROOT + DESCEND,
            "That is another convention, the short form of NAdam. What is mu in step 1 here?",
        ),
        (
            "forgets the product",
            L2 + NADAM.replace("s['prod'] = s.get('prod', 1) * now", "now"),
            "What is the product after two steps? Print it.",
        ),
        (
            "multiplies with the mu of the next step",
            L2 + NADAM.replace("s.get('prod', 1) * now", "s.get('prod', 1) * then"),
            "Which mu has been used up to step t?",
        ),
        (
            "looks ahead with the mu of this step",
            L2 + NADAM.replace("then * m / (1 - prod * then)", "now * m / (1 - prod)"),
            "Which mu belongs to the step ahead?",
        ),
        (
            "averages with mu",
            L2 + BETAS + SHARES + MOMENTS.replace("b1", "now") + PRODUCT + LOOK + ROOT + DESCEND,
            "Which factor is in the average m itself: beta1 or mu?",
        ),
        ("ignores momentum_decay", L2 + NADAM.replace("k * momentum_decay", "k * 4e-3"), "Try momentum_decay=0.5."),
        (
            "does not correct the second average",
            L2 + NADAM.replace(ROOT, "vh = v\n"),
            "How large is the first step, and how large should it be?",
        ),
        (  # OP-18
            "has eps inside the root",
            L2 + NADAM.replace("(np.sqrt(vh) + eps)", "np.sqrt(vh + eps)"),
            "That is another convention. Take gradients of size 1e-5. Is the step still about lr?",
        ),
        *wrong_decay(NADAM)[:2],
    ],
    equivalents=[
        (
            "product from all shares",
            L2
            + BETAS
            + MOMENTS
            + SHARES
            + "prod = np.prod([b1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in range(1, t + 1)])\n"
            + LOOK
            + ROOT
            + DESCEND,
        ),
        (
            "two steps, one for each part",
            L2 + BETAS + MOMENTS + SHARES + PRODUCT + ROOT + "root = np.sqrt(vh) + eps\n"
            "p -= lr * (1 - now) / (1 - prod) * g / root\np -= lr * then / (1 - prod * then) * m / root",
        ),
    ],
)


# L-BFGS ----------------------------------------------------------------------------------------

lbfgs_direction = question("lbfgs_direction", points=5)


def pairs(rng, count, size, dtype="float64"):
    """A gradient, and changes of parameters and gradients of a convex quadratic function."""
    root = rng.normal(size=(size, size))
    hessian = root @ root.T + np.eye(size)
    s = rng.normal(size=(count, size))
    y = s @ hessian
    return {
        "grad": rng.normal(size=size).astype(dtype),
        "s_list": [row.astype(dtype) for row in s],
        "y_list": [row.astype(dtype) for row in y],
    }


@lbfgs_direction.check("the worked example", public=True, hint="Write down q after the first loop and r after gamma.")
def _(rng):
    return call(grad=np.array([2.0, 8.0]), s_list=[np.array([0.0, 1.0])], y_list=[np.array([0.0, 4.0])])


@lbfgs_direction.check("without pairs it is steepest descent", public=True, hint="What is gamma without any pair?")
def _(rng):
    return call(grad=np.array([2.0, -8.0]), s_list=[], y_list=[])


@lbfgs_direction.check(
    "several pairs, oldest first", hint="In which order does each loop go? Which alpha belongs to which pair?"
)
def _(rng):
    return [call(**pairs(rng, count, size)) for count, size in ((2, 3), (3, 5), (5, 8), (1, 4))]


@lbfgs_direction.check("as many pairs as dimensions, and one dimension", hint="Is gamma that of the newest pair?")
def _(rng):
    return [call(**pairs(rng, 4, 4)), call(**pairs(rng, 1, 1))]


@lbfgs_direction.check("float32 stays float32", hint="Which dtype has each array that you create on the way?")
def _(rng):
    return [call(**pairs(rng, 2, 4, "float32")), call(**pairs(rng, 0, 3, "float32"))]


@lbfgs_direction.check(
    "a second call gives the same answer and inputs stay as they were",
    hint="Is q the array of the caller? Do you empty or reverse the lists?",
)
def _(rng):
    return call_twice(**pairs(rng, 3, 4))


TWO_LOOPS = """
q, alphas = grad.copy(), []
for s, y in {newest_first}:
    alphas.append(s @ q / (y @ s))
    q = q - alphas[-1] * y
if s_list:
    q = q * {gamma}
for (s, y), alpha in zip({oldest_first}, {alphas}):
    q = q + {second} * s
{result}
"""
RIGHT_LOOPS = {
    "newest_first": "list(zip(s_list, y_list))[::-1]",
    "gamma": "((s_list[-1] @ y_list[-1]) / (y_list[-1] @ y_list[-1]))",
    "oldest_first": "zip(s_list, y_list)",
    "alphas": "alphas[::-1]",
    "second": "(alpha - y @ q / (y @ s))",
    "result": "-q",
}
declare_variants(
    lbfgs_direction,
    "grad, s_list, y_list",
    mistakes=[
        (name, TWO_LOOPS.format(**(RIGHT_LOOPS | changes)), hint)
        for name, changes, hint in (
            (
                "returns the other sign",
                {"result": "q"},
                "That is another convention. Is your result a direction of descent?",
            ),
            (
                "goes from the oldest to the newest first",
                {
                    "newest_first": "zip(s_list, y_list)",
                    "oldest_first": "list(zip(s_list, y_list))[::-1]",
                    "gamma": "((s_list[0] @ y_list[0]) / (y_list[0] @ y_list[0]))",
                },
                "The lists hold the oldest pair first. With which pair does the first loop start?",
            ),
            ("does not scale in between", {"gamma": "1"}, "What stands between the two loops?"),
            (
                "scales by the inverse",
                {"gamma": "((y_list[-1] @ y_list[-1]) / (s_list[-1] @ y_list[-1]))"},
                "In which unit is gamma: that of the Hessian, or of its inverse?",
            ),
            (
                "scales by the oldest pair",
                {"gamma": "((s_list[0] @ y_list[0]) / (y_list[0] @ y_list[0]))"},
                "Which pair knows most about the place where you are?",
            ),
            ("mixes up the alphas", {"alphas": "alphas"}, "Which alpha belongs to the oldest pair?"),
            ("has the sign of beta reversed", {"second": "(alpha + y @ q / (y @ s))"}, "Read step 3 once more."),
            ("leaves beta out", {"second": "alpha"}, "What does step 3 subtract from alpha?"),
            (
                "goes the same way twice",
                {"oldest_first": "list(zip(s_list, y_list))[::-1]", "alphas": "alphas"},
                "In which order does the second loop go?",
            ),
        )
    ]
    + [
        (
            "writes into the gradient",
            TWO_LOOPS.format(**RIGHT_LOOPS).replace("grad.copy()", "grad").replace("q = q - alphas", "q -= alphas"),
            "Print the gradient before and after the call.",
        ),
    ],
    equivalents=[
        ("two loops", TWO_LOOPS.format(**RIGHT_LOOPS)),
        (
            "inverse Hessian as a matrix",
            """
n = len(grad)
h = np.eye(n, dtype=grad.dtype)
if s_list:
    h = h * ((s_list[-1] @ y_list[-1]) / (y_list[-1] @ y_list[-1]))
for s, y in zip(s_list, y_list):
    left = np.eye(n, dtype=grad.dtype) - np.outer(s, y) / (y @ s)
    h = left @ h @ left.T + np.outer(s, s) / (y @ s)
-(h @ grad)
""",
        ),
    ],
)


# Schedules -------------------------------------------------------------------------------------


def check_schedule(q, example, far, others, *, hint):
    """Checks of a schedule of numbers: the example (public), ordinary steps, steps far on, other options.

    Args:
        q: the question.
        example: arguments of the worked example, `step` left out, and its steps.
        far: steps beyond those of the example.
        others: makes arguments, `step` left out, from a generator.
        hint: of the checks with other options.
    """
    given, shown = example

    @q.check("the worked example", public=True, hint="Do one of the numbers with pen and paper.")
    def _(rng):
        return [call(**given, step=step) for step in shown]

    @q.check("step 0 is the very first update", hint="What happens in step 0, and in step 1?")
    def _(rng):
        return [call(**others(rng), step=step) for step in (0, 1)]

    @q.check("all steps on the way", hint=hint)
    def _(rng):
        options = others(rng)
        return [call(**options, step=step) for step in range(2, 26)]

    @q.check("steps far on, and other options", hint=hint)
    def _(rng):
        return [call(**others(rng), step=step) for step in far]


step_decay = question("step_decay", points=2)
check_schedule(
    step_decay,
    ({"lr": 1.0, "every": 3, "gamma": 0.1}, range(7)),
    (29, 47, 59, 99),  # the last step of a stair for each of the lengths below
    lambda rng: {"lr": rng.uniform(0.1, 1), "every": int(rng.integers(4, 7)), "gamma": rng.uniform(0.5, 0.9)},
    hint="How many steps use the first rate? Which rate is multiplied by gamma ** k, the first or the current one?",
)
declare_variants(
    step_decay,
    "lr, step, every, gamma",
    mistakes=[
        (
            "decays one step early",
            "lr * gamma ** ((step + 1) // every)",
            "How many steps use the first rate?",
        ),  # SC-01, SC-04
        ("has no stairs", "lr * gamma ** (step / every)", "Print the first five rates. Do you see steps?"),  # SC-02
        (  # SC-03
            "decays the decayed rate again",
            "for k in range(step + 1): lr = lr * gamma ** (k // every)\nlr",
            "Is gamma ** k multiplied with the first rate or with the current one?",
        ),
        ("decays in every step", "lr * gamma**step", "How long does a stair last?"),
        ("subtracts", "lr * (1 - (1 - gamma) * (step // every))", "Can the rate become negative?"),
        ("rounds instead of cutting off", "lr * gamma ** round(step / every)", "Which steps have the exponent 0?"),
    ],
    equivalents=[
        ("loop over stairs", "for _ in range(every, step + 1, every): lr = lr * gamma\nlr"),
        ("floor of a quotient", "float(lr * gamma ** np.floor(step / every))"),
    ],
)

exponential_decay = question("exponential_decay", points=1)
check_schedule(
    exponential_decay,
    ({"lr": 1.0, "k": math.log(2)}, range(3)),
    (30, 47, 60, 99),
    lambda rng: {"lr": rng.uniform(0.1, 1), "k": rng.uniform(0.01, 0.1)},
    hint="Two conventions: a rate constant k, or a factor per step. Which one is k here?",
)
declare_variants(
    exponential_decay,
    "lr, k, step",
    mistakes=[
        (  # SC-07, the other way round
            "takes k for the factor per step",
            "lr * k**step",
            "That is another convention, gamma ** step. Is k a factor per step, or a rate constant?",
        ),
        ("grows", "lr * math.exp(k * step)", "Should the rate rise or fall?"),
        ("is one step ahead", "lr * math.exp(-k * (step + 1))", "Which rate does the very first update use?"),
        ("decays like 1 / t", "lr / (1 + k * step)", "That is another schedule. What does step 2 of the example say?"),
        ("takes the base 2", "lr * 2 ** (-k * step)", "What is the base of the exponential?"),
    ],
    equivalents=[
        ("factor per step", "lr * math.exp(-k) ** step"),
        ("exponential of NumPy", "lr / np.exp(k * step)"),
    ],
)

reduce_on_plateau = question("reduce_on_plateau", points=3)


def losses(rng, count):
    """Losses that sometimes fall clearly, sometimes rise, and sometimes stay."""
    falls = np.cumsum(rng.choice([0.0, 0.5], size=count))
    noise = rng.choice([0.0, 0.0, 0.3, 0.8], size=count)
    return [float(x) for x in 20 - falls + noise]


@reduce_on_plateau.check(
    "the worked example", public=True, hint="Write best and the number of bad epochs beside each loss."
)
def _(rng):
    return call(lr=1.0, losses=[5.0, 4.0, 4.0, 6.0, 3.0, 3.0, 3.0], factor=0.1, patience=1)


@reduce_on_plateau.check(
    "one bad epoch more than patience", hint="Two conventions: after how many bad epochs do you reduce?"
)
def _(rng):
    return [call(lr=rng.uniform(0.1, 1), losses=[3.0] * 12, factor=0.5, patience=k) for k in (0, 1, 2, 4)]


@reduce_on_plateau.check("a better loss starts the count anew", hint="When does the number of bad epochs go back to 0?")
def _(rng):
    lr = rng.uniform(0.1, 1)
    return [
        call(lr=lr, losses=[5.0, 6.0, 6.0, 4.0, 4.5, 4.5, 4.5, 4.2], factor=0.1, patience=2),
        call(lr=lr, losses=[5.0, 6.0, 5.5, 5.0, 4.0, 7.0, 6.0, 5.0, 4.5, 3.0], factor=0.5, patience=2),
        call(lr=lr, losses=[-1.0, -2.0, -2.0, -2.0, -3.0], factor=0.5, patience=1),
    ]


@reduce_on_plateau.check("long runs of losses", hint="With which loss do you compare: the best one, or the one before?")
def _(rng):
    return [call(lr=0.1, losses=losses(rng, 60), factor=rng.uniform(0.2, 0.8), patience=k) for k in (0, 1, 2, 3)]


@reduce_on_plateau.check("one epoch, and none", hint="What is the result for an empty list?")
def _(rng):
    return [call(lr=0.5, losses=[2.0], factor=0.5, patience=0), call(lr=0.5, losses=[], factor=0.5, patience=0)]


PLATEAU = """
best, bad, rates = math.inf, 0, []
for loss in losses:
    if {better}:
        best, bad = loss, 0
    else:
        bad += 1
    if {full}:
        lr, bad = lr * factor, {reset}
    rates.append(lr)
rates
"""
RIGHT_PLATEAU = {"better": "loss < best", "full": "bad > patience", "reset": "0"}
declare_variants(
    reduce_on_plateau,
    "lr, losses, factor, patience",
    mistakes=[
        (name, PLATEAU.format(**(RIGHT_PLATEAU | changes)), hint)
        for name, changes, hint in (
            (
                "reduces one epoch early",
                {"full": "patience and bad >= patience or bad > patience"},
                "That is another convention. How many bad epochs are tolerated with patience=2?",
            ),
            (
                "goes on counting after a reduction",
                {"reset": "bad"},
                "What is the number of bad epochs after a reduction?",
            ),
            (
                "takes an equal loss for a better one",
                {"better": "loss <= best"},
                "Is a loss that stays the same better?",
            ),
            ("waits for larger losses", {"better": "loss > best or best == math.inf"}, "Is a larger loss better?"),
        )
    ]
    + [
        (
            "compares with the loss before",
            PLATEAU.format(**RIGHT_PLATEAU).replace("    rates", "    best = loss\n    rates"),
            "With which loss do you compare: the best one, or the one before?",
        ),
        (
            "counts all bad epochs together",
            PLATEAU.format(**RIGHT_PLATEAU).replace("best, bad = loss, 0", "best = loss"),
            "When does the number of bad epochs go back to 0?",
        ),
        (
            "returns the last rate only",
            PLATEAU.format(**RIGHT_PLATEAU).replace("\nrates\n", "\nlr\n"),
            "How many rates are asked for?",
        ),
    ],
    equivalents=[
        (
            "with PyTorch's threshold",
            PLATEAU.format(**(RIGHT_PLATEAU | {"better": "loss < best - 1e-4 * abs(best) or best == math.inf"})),
        ),
        (
            "position of the last good epoch",
            """
rates, best, last = [], math.inf, 0
for k, loss in enumerate(losses):
    if loss < best:
        best, last = loss, k
    elif k - last > patience:
        lr *= factor
        last = k
    rates.append(lr)
rates
""",
        ),
    ],
)

cosine_decay = question("cosine_decay", points=2)
check_schedule(
    cosine_decay,
    ({"lr": 1.0, "total": 4}, range(6)),
    (30, 47, 60, 99),
    lambda rng: {"lr": rng.uniform(0.5, 1), "total": int(rng.integers(20, 24)), "lr_min": rng.uniform(0.01, 0.1)},
    hint="What are your rates at step 0, halfway, at total, and beyond?",
)
COSINE = "lr_min + (lr - lr_min) * (1 + math.cos(math.pi * min(step, total) / total)) / 2"
declare_variants(
    cosine_decay,
    "lr, step, total, lr_min=0.0",
    mistakes=[
        (  # SC-05
            "forgets the 1",
            "lr_min + (lr - lr_min) * math.cos(math.pi * min(step, total) / total) / 2",
            "What are your rates at step 0 and at total?",
        ),
        (
            "climbs again",
            COSINE.replace("min(step, total)", "step"),
            "That is another convention. What does the statement say about steps after total?",
        ),
        (  # SC-04
            "is one step ahead, as a scheduler that runs before the optimizer",
            COSINE.replace("min(step, total)", "min(step + 1, total)"),
            "Which rate does the very first update use?",
        ),
        ("ignores lr_min", COSINE.replace("lr_min", "0.0"), "Where should the rate end with lr_min=0.1?"),
        ("adds lr_min on top", COSINE.replace("(lr - lr_min)", "lr"), "What is the rate at step 0 with lr_min=0.1?"),
        ("uses a whole wave", COSINE.replace("math.pi", "2 * math.pi"), "Where is the lowest point?"),
        (
            "falls on a straight line",
            "lr + (lr_min - lr) * min(step / total, 1)",
            "What is the rate at a quarter of the way?",
        ),
    ],
    equivalents=[
        (
            "square of a cosine",
            "lr_min + (lr - lr_min) * math.cos(math.pi / 2 * min(step / total, 1)) ** 2",
        ),
        ("branch for the end", f"lr_min if step >= total else {COSINE}"),
    ],
)

linear_warmup = question("linear_warmup", points=1)
check_schedule(
    linear_warmup,
    ({"lr": 1.0, "warmup": 4}, range(5)),
    (30, 47, 60, 99),
    lambda rng: {"lr": rng.uniform(0.1, 1), "warmup": int(rng.integers(10, 20))},
    hint="What happens to the weights in step 0? Which step is the first with the full rate?",
)
declare_variants(
    linear_warmup,
    "lr, step, warmup",
    mistakes=[
        (  # SC-06
            "starts at 0",
            "lr * min(1.0, step / warmup)",
            "That is another convention. What happens to the weights in step 0?",
        ),
        ("climbs on", "lr * (step + 1) / warmup", "What is the rate long after the warm-up?"),
        (
            "takes one step more",
            "lr * min(1.0, (step + 1) / (warmup + 1))",
            "Which step is the first with the full rate?",
        ),
        ("goes down", "lr * max(1 / warmup, 1 - step / warmup)", "Should the rate rise or fall?"),
    ],
    equivalents=[
        ("branch", "lr if step + 1 >= warmup else lr * (step + 1) / warmup"),
        ("smaller of two numbers of steps", "lr * min(step + 1, warmup) / warmup"),
    ],
)

sutskever_momentum = question("sutskever_momentum", points=2)


@sutskever_momentum.check("the worked example", public=True, hint="What is the logarithm of 1? And of 2?")
def _(rng):
    return [call(step=step, mu_max=0.9) for step in (0, 249, 250, 500, 1000)]


@sutskever_momentum.check("the ends of the first stairs", hint="On which steps does the momentum change?")
def _(rng):
    mu_max = rng.uniform(0.99, 0.999)
    return [call(step=250 * k + d, mu_max=mu_max) for k in range(1, 5) for d in (-1, 0)]


@sutskever_momentum.check("steps of all sizes", hint="Is the quotient cut off to a whole number?")
def _(rng):
    return [call(step=int(step), mu_max=0.999) for step in rng.integers(0, 100_000, size=12)]


@sutskever_momentum.check("never above mu_max", hint="Which of the two numbers wins: the smaller or the larger one?")
def _(rng):
    return [
        call(step=int(step), mu_max=mu) for mu in (0.4, 0.9, 0.95, 0.0) for step in rng.integers(5000, 99999, size=2)
    ]


declare_variants(
    sutskever_momentum,
    "step, mu_max",
    mistakes=[
        (
            "has no stairs",
            "min(1 - 2 ** (-1 - math.log2(step / 250 + 1)), mu_max)",
            "Is the momentum the same for steps 0 and 249?",
        ),
        (
            "takes the larger one",
            "max(1 - 2 ** (-1 - math.log2(step // 250 + 1)), mu_max)",
            "Can the momentum be above mu_max?",
        ),
        ("has no upper end", "1 - 2 ** (-1 - math.log2(step // 250 + 1))", "Can the momentum be above mu_max?"),
        (
            "takes the natural logarithm",
            "min(1 - 2 ** (-1 - math.log(step // 250 + 1)), mu_max)",
            "Which base has the logarithm?",
        ),
        ("starts at 0", "min(1 - 2 ** (-math.log2(step // 250 + 1)), mu_max)", "What is the momentum in step 0?"),
        (
            "counts stairs from 1",
            "min(1 - 2 ** (-1 - math.log2(step // 250 + 2)), mu_max)",
            "What is the momentum in step 0?",
        ),
    ],
    equivalents=[
        ("power and logarithm cancel", "min(1 - 0.5 / (step // 250 + 1), mu_max)"),
        ("floor of a quotient", "float(np.minimum(1 - 2.0 ** (-1 - np.log2(np.floor(step / 250) + 1)), mu_max))"),
    ],
)


# PyTorch ---------------------------------------------------------------------------------------

TORCH_L2 = "g = g + weight_decay * p\n"
#: State in a dict of one's own, which `state_dict` knows nothing of.
OWN_STATE = "s = vars(self).setdefault('mine', {}).setdefault(p, {})\nt = s['t'] = s.get('t', 0) + 1\n"
UNSAVED = "Print state_dict()['state'] after a step. Is what your second step needs in it?"
TORCH_ALIAS = "What happens to your state when zero_grad sets p.grad to zeros in place?"

TorchSGD = question("TorchSGD", points=6, kind="torch")
check_optimizer(
    TorchSGD,
    lr=0.1,
    given={"momentum": 0.9},
    options=[
        {"momentum": 0},
        {"dampening": 0.5},
        {"nesterov": True},
        {"dampening": 0.5, "weight_decay": 0.3},
        {"nesterov": True, "weight_decay": 0.3},
    ],
    weight_decay=0.3,
    hints={
        "lr": "Two conventions: lr times the whole velocity, or lr inside it. Do you read group['lr'] in each step?",
        "buffer": TORCH_ALIAS,
    },
)
TORCH_VELOCITY = "v = s['v'] = momentum * s['v'] + (1 - dampening) * g if 'v' in s else g.clone()\n"
declare_optimizers(
    TorchSGD,
    "lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False",
    mistakes=[
        (  # OP-01
            "has the learning rate inside the velocity",
            TORCH_L2 + "v = s['v'] = momentum * s['v'] + lr * (1 - dampening) * g if 'v' in s else lr * g\n"
            "p -= lr * g + momentum * v if nesterov else v",
            "That is another convention. Change lr after the first step: which past gradients are rescaled?",
        ),
        (  # OP-03
            "damps the first gradient",
            TORCH_L2 + "v = s['v'] = momentum * s.get('v', 0) + (1 - dampening) * g\n" + ALONG,
            "That is another convention. What does the statement say the velocity is after the very first step?",
        ),
        (  # OP-08
            "keeps p.grad as its velocity",
            "g = g + weight_decay * p if weight_decay else g\n"
            "v = s['v'] = s['v'].mul_(momentum).add_(g, alpha=1 - dampening) if 'v' in s else g\n" + ALONG,
            TORCH_ALIAS,
        ),
        ("keeps its state to itself", OWN_STATE + TORCH_L2 + TORCH_VELOCITY + ALONG, UNSAVED),
        (
            "reads the options of the first group only",
            "lr = self.param_groups[0]['lr']\n" + TORCH_L2 + TORCH_VELOCITY + ALONG,
            "Make two groups with different lr. Do both steps have the right size?",
        ),
        (
            "reads the learning rate once",
            "lr = self.defaults['lr']\n" + TORCH_L2 + TORCH_VELOCITY + ALONG,
            "Where does a scheduler write the new rate: into defaults, or into param_groups?",
        ),
        (  # OP-13
            "ignores nesterov",
            TORCH_L2 + TORCH_VELOCITY + "p -= lr * v",
            "Do the two variants give different first steps?",
        ),
        (
            "makes a new parameter",
            TORCH_L2 + TORCH_VELOCITY + "p = p - lr * v",
            "Does p = ... change the model's parameter, or does an in-place method?",
        ),
        (  # OP-11
            "doubles the weight decay",
            "g = g + 2 * weight_decay * p\n" + TORCH_VELOCITY + ALONG,
            "With g = 0, lr = 1 and weight_decay = 0.1, by what factor does p shrink?",
        ),
    ],
    equivalents=[
        (
            "in-place methods",
            "g = g.add(p, alpha=weight_decay)\nif momentum:\n    if 'momentum_buffer' not in s:\n"
            "        s['momentum_buffer'] = g.clone()\n    else:\n"
            "        s['momentum_buffer'].mul_(momentum).add_(g, alpha=1 - dampening)\n"
            "    v = s['momentum_buffer']\n    g = g.add(v, alpha=momentum) if nesterov else v\np.add_(g, alpha=-lr)",
        ),
    ],
)

TorchAdam = question("TorchAdam", points=7, kind="torch")
check_optimizer(
    TorchAdam,
    lr=0.1,
    options=ADAM_OPTIONS,
    weight_decay=0.3,
    hints={
        **ADAM_HINTS,
        "decay": "Two conventions: L2, where the penalty is part of g, or decoupled (AdamW). Which has Adam here?",
        "buffer": "Do you write into p.grad, or keep it? zero_grad may set it to zeros in place.",
    },
)
TORCH_ADAM = ADAM.replace("np.sqrt(vh)", "vh.sqrt()")
declare_optimizers(
    TorchAdam,
    "lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0",
    mistakes=[
        *((name, body.replace("np.sqrt(vh)", "vh.sqrt()"), hint) for name, body, hint in wrong_adams(TORCH_L2)),
        (  # OP-23
            "decouples the decay",
            "p *= 1 - lr * weight_decay\n" + TORCH_ADAM,
            "That is AdamW, another convention. Is the penalty divided by the root in the definition of Adam?",
        ),
        (  # OP-22
            "counts steps once per parameter",
            "self.count = t = vars(self).get('count', 0) + 1\n" + TORCH_L2 + TORCH_ADAM,
            "Print t for three parameters after one step.",
        ),
        ("keeps its state to itself", OWN_STATE + TORCH_L2 + TORCH_ADAM, UNSAVED),
        (
            "reads the options of the first group only",
            "lr = self.param_groups[0]['lr']\n" + TORCH_L2 + TORCH_ADAM,
            "Make two groups with different lr. Do both steps have the right size?",
        ),
        (
            "makes a new parameter",
            TORCH_L2 + TORCH_ADAM.replace("p -= lr * mh", "p = p - lr * mh"),
            "Does p = ... change the model's parameter, or does an in-place method?",
        ),
    ],
    equivalents=[
        (
            "in-place methods",
            "b1, b2 = betas\ng = g.add(p, alpha=weight_decay)\n"
            "m = s.setdefault('exp_avg', torch.zeros_like(p)).mul_(b1).add_(g, alpha=1 - b1)\n"
            "v = s.setdefault('exp_avg_sq', torch.zeros_like(p)).mul_(b2).addcmul_(g, g, value=1 - b2)\n"
            "p.addcdiv_(m, (v / (1 - b2**t)).sqrt_().add_(eps), value=-lr / (1 - b1**t))",
        ),
    ],
)

check_numpy_alone()
