"""Settings for the tests of our own assignments."""

import matplotlib

matplotlib.use("Agg")  # The figures of a master are drawn, but nobody looks.
