"""What the class of softmax must earn; how to refresh this table: ../expected.py.

Letters stand in the order of the checks in `solutions/softmax/checks.py`; each mistake fails those that aim at it.
"""

from __future__ import annotations

from ..expected import Expected

LETTERS = ("shift_changes_output", "scale_changes_output", "largest_output_input")
FIRST_HALF = ("softmax", "softmin", "softmax_base", "sigmoid", "elo_win_probability", "hardmax", "logsumexp")
SECOND_HALF = (
    "log_softmax",
    "softmax_jacobian",
    "softmax_backward",
    "log_softmax_backward",
    "torch_softmax",
    "torch_log_softmax",
)
NOTHING = dict.fromkeys(LETTERS + FIRST_HALF + SECOND_HALF, "M")

EXPECTED = {
    "ann": Expected(100),
    "bao": Expected(100, "cell 28: The cell ran longer than 2 s.", hostile=True),
    "chidi": Expected(100),
    # The first check has no ties; the second one ends the process, and the others of hardmax with it.
    "dana": Expected(
        95,
        "error: hardmax",
        {
            "hardmax": "PEEEEEEE",
        },
        hostile=True,
        seen="ended the process (exit code 0) before it had answered",
    ),
    "emil": Expected(100),
    "farah": Expected(100, "cell 17: The cell used more than 256 MiB of memory.", hostile=True),
    "goran": Expected(100),
    # Scores far from 0 keep the series busy for ever; Elo uses sigmoid.
    "hana": Expected(
        90.34,
        "limit: sigmoid, elo_win_probability",
        {
            "sigmoid": "PLLLLLLL",
            "elo_win_probability": "PPPLLLL",
        },
        hostile=True,
        seen="sigmoid ran longer than 2 s",
    ),
    "igor": Expected(100, "cell 36: InputNotAvailableError"),
    "jin": Expected(
        0,
        "fail: softmax, softmin, sigmoid and 2 more",
        NOTHING | dict.fromkeys(("softmax", "softmin", "sigmoid", "logsumexp", "torch_softmax"), "F"),
        hostile=True,
        seen="an object of type Yes",
    ),
    "kofi": Expected(100),
    "lena": Expected(
        96,
        "cell 18: SyntaxError",
        {"softmin": "M"},
        seen="It should have been defined in cell 18, which failed",
    ),
    # Scores of 1000, and of 100 in float32, overflow; small ones are right.
    "mia": Expected(
        83.12,
        "fail: softmax, softmin, softmax_base and 4 more",
        {
            "softmax": "PFPPFFFPPP",
            "softmin": "PPFFPP",
            "softmax_base": "PFPPFPPPP",
            "logsumexp": "PFPPFFFPP",
            "log_softmax": "PFPPFFFPPP",
            "softmax_jacobian": "PPPFPPPP",
            "torch_softmax": "PPPPPFFPP",
        },
        seen="nan",
    ),
    # Whatever asks for another axis than the last one, and nothing else.
    "noor": Expected(
        93.72,
        "fail: softmax, softmin, softmax_base and 2 more",
        {
            "softmax": "PPFPFPPPPP",
            "softmin": "PFPPPP",
            "softmax_base": "PPFPPPPPP",
            "hardmax": "PPFFPPPP",
            "softmax_backward": "PPFPPPPPPP",
        },
        seen="Is `axis` used in every reduction?",
    ),
    # Values survive the way through NumPy, as long as the dtype is float64; gradients do not.
    "omar": Expected(
        76.49,
        "fail: softmax_jacobian, softmax_backward, torch_softmax and 1 more",
        {
            "softmax_jacobian": "F",
            "softmax_backward": "F",
            "torch_softmax": "FFPFFPFFP",
            "torch_log_softmax": "FFPFFFFFP",
        },
    ),
    "pia": Expected(
        8.68,
        "missing: largest_output_input, log_softmax, softmax_jacobian and 4 more",
        NOTHING
        | dict.fromkeys(FIRST_HALF, "F")
        | {
            "shift_changes_output": "P",
            "scale_changes_output": "F",
            "softmax": "FFFFFPFFFF",  # of a single sample, axis 0 is the right one
            "logsumexp": "PFPPFFPPP",  # only samples that lie far apart disturb each other
        },
        seen="softmax_jacobian is not written yet",
    ),
    "quinn": Expected(0, "The file is empty", status="rejected"),
    "rosa": Expected(0, "Not a valid notebook: JSON error in line", status="rejected"),
    "sam": Expected(0, "missing: shift_changes_output", NOTHING),
    "tove": Expected(100),
}
