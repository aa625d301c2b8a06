"""What the class of autograd must earn; how to refresh this table: ../expected.py.

Letters stand in the order of the checks in `solutions/autograd/checks.py`.
"""

from __future__ import annotations

from ..expected import Expected

EXPECTED = {
    "ada": Expected(100),
    "bela": Expected(100),
    # `gradcheck` asks `numerical_gradient`, whose answer has lost its shape, and `is_valid_loss` asks `gradcheck`.
    "carla": Expected(
        68.5,
        verdicts={
            "Value": "PPFPPPPFPPPPPFPPPPP",
            "numerical_gradient": "PFFFFFFFP",
            "gradcheck": "PFPFPPPFPFFP",
            "Layer": "FFFP",
            "MLP": "FFFPFP",
            "is_valid_loss": "PPPPPFFPFP",
        },
    ),
    "deniz": Expected(
        86.75,
        verdicts={
            "gradcheck": "PFFFPPPPPPPP",
            "fit_moons": "F",
            "is_valid_loss": "PPFFPPPPFP",
        },
    ),
    # `Layer` and `MLP` list the parameters of `Neuron`.
    "elif": Expected(
        75.16,
        verdicts={
            "Neuron": "F",
            "Layer": "F",
            "MLP": "F",
            "fit_moons": "FFFFFFP",
        },
    ),
    # `near` was to be defined in the cell that failed.
    "falk": Expected(
        72,
        "cell 13: FileNotFoundError",
        verdicts={
            "gradcheck": "E",
            "fit_moons": "M",
            "is_valid_loss": "M",
        },
        seen="near",
    ),
    # `mean_hinge` is asked above its cell; `is_valid_loss` calls `gradcheck`, which is a stub.
    "gita": Expected(
        67,
        verdicts={
            "gradcheck": "M",
            "MLP": "FFFFFP",
            "fit_moons": "E",
            "is_valid_loss": "M",
        },
        seen="mean_hinge",
    ),
}
