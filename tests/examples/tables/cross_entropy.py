"""What the class of cross_entropy must earn; how to refresh this table: ../expected.py.

Letters stand in the order of the checks in `solutions/cross_entropy/checks.py`.
"""

from __future__ import annotations

from ..expected import Expected

EXPECTED = {
    "ada": Expected(100),
    "bela": Expected(100),
    # A wrong divisor shows with weights, ignored samples or further dimensions only, or in the mean only; `variance`
    # calls `expectation`.
    "carla": Expected(
        76.56,
        verdicts={
            "expectation": "F",
            "variance": "F",
            "nll_loss": "PPPFFPPFPP",
            "cross_entropy_loss": "PPPPFFPFPPPP",
            "cross_entropy_loss_backward": "F",
            "bce_with_logits_loss": "PPPPFPPPP",
            "bce_with_logits_loss_backward": "PPFFPPFP",
            "kl_div_loss": "F",
            "torch_cross_entropy": "PPPFPFPFPP",
        },
    ),
    # Only impossible or very improbable outcomes, and scores that make them; `kl_divergence` calls `entropy`.
    "deniz": Expected(
        93.28,
        verdicts={
            "log_likelihood": "PFFPPPPP",
            "surprise": "PPFPPPP",
            "entropy": "PFFPPPPPPP",
            "kl_divergence": "PPFPPPPPPP",
            "cross_entropy_loss": "PPPPPPPPFPPP",
            "bce_loss": "PFPPFPPP",
            "bce_with_logits_loss": "PFPPPFPPP",
            "torch_bce_with_logits": "PPPPPPFFPP",
        },
    ),
    # `kl_divergence` calls `cross_entropy`, and swapping agrees where p and q are permutations of each other. What
    # counts classes from 1 spoils labels (`cross_entropy_loss` and its gradient call `one_hot`), not probabilities as
    # targets. Normalising over the last dimension is right for (N, C).
    "elif": Expected(
        53.51,
        verdicts={
            "better_model": "F",
            "cross_entropy": "F",
            "kl_divergence": "FPFFFFFFFF",
            "one_hot": "FFFFEFF",
            "nll_loss": "F",
            "cross_entropy_loss": "FPFFFFFFFFFF",
            "loss_medium_house": "F",
            "cross_entropy_loss_backward": "FFPFFFFF",
            "accuracy": "F",
            "accuracy_gradient": "F",
            "torch_cross_entropy": "PPPFFFPFPF",
        },
    ),
    # `weighted_mean` was to be defined in the cell that failed; sums and single losses of `nll_loss` do not need it.
    "falk": Expected(
        68.8,
        "cell 37: FileNotFoundError",
        {
            "variance": "F",
            "nll_loss": "EPEEEEEEEE",
            "accuracy": "F",
            "accuracy_gradient": "M",
            "kl_div_loss": "M",
            "torch_cross_entropy": "M",
            "torch_bce_with_logits": "M",
        },
        seen="weighted_mean",
    ),
    # `bce_loss` is asked where it is checked, above its helper. Bits are right only where base 2 is asked for, and a
    # cut graph spoils no value.
    "gita": Expected(
        79.45,
        verdicts={
            "surprise": "PFFFFFP",
            "loss_medium_house": "F",
            "bce_loss": "E",
            "kl_div_loss": "M",
            "torch_cross_entropy": "FFFFFFPFFP",
            "torch_bce_with_logits": "FFPPPFPPPP",
        },
        seen="log_from_minus_100",
    ),
}
