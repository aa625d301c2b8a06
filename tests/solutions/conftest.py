"""Settings for the tests of our own assignments."""

import os

import matplotlib
from hypothesis import settings

matplotlib.use("Agg")  # The figures of a master are drawn, but nobody looks.
# No deadline: the first call of torch is slow. Derandomised in CI: a red run must be repeatable.
settings.register_profile("autograder", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("autograder")
