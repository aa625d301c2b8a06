"""Settings for the tests of our own assignments."""

import os
import sys
from pathlib import Path

import matplotlib
from hypothesis import settings

# `local_runner` lies beside the tests, and pytest's importlib mode adds no folder to the path.
sys.path.insert(0, str(Path(__file__).parent))
matplotlib.use("Agg")  # The figures of a master are drawn, but nobody looks.
# No deadline: the first call of torch is slow. Derandomised in CI: a red run must be repeatable.
settings.register_profile("autograder", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("autograder")
