"""Long runs that hold training to what it promises for ever: nothing is destroyed, nothing drifts.

They take minutes and are no part of the usual run:

    MPCSIM_LONG=1 .venv/bin/python -m pytest tests/scenarios/test_long_training.py -s
"""

import os
from pathlib import Path

import numpy as np
import pytest
from training_runs import run

from mpcsim import simulate
from protocols.domains.ring import Ring
from protocols.replicated3.sharings.server import Choices, Server
from protocols.replicated3.sharings.sharing import public
from protocols.replicated3.training.descent import descend
from protocols.training.schedule import Descent, Scales

pytestmark = pytest.mark.skipif("MPCSIM_LONG" not in os.environ, reason="minutes; set MPCSIM_LONG=1")

RING = Ring()
SCALES = Scales.of(RING)
UNIT = 2.0**-SCALES.velocity
THIN = Path(__file__).parents[2] / "scenarios" / "thin_training.toml"


def test_ten_thousand_updates_on_random_gradients_keep_every_weight_inside_its_bound():
    """Each truncation errs by less than a unit u of the velocity, without bias.

    The error of v is at most u / (1 − μ), as that of each v is μ times the one before and a new one. That
    of w after T steps is rate · Σ of T such errors: a sum of independent errors of mean zero, each less
    than u / (1 − μ) in w. Hoeffding's bound holds for all weights together but with probability 10^−9.
    """
    steps, size, images = 10_000, 300, 32
    step = Descent.of(SCALES, 1 / 32, 0.9, 0.0, images)
    rng = np.random.default_rng(11)
    scale = 2.0 ** (SCALES.value + SCALES.gradient)
    drawn = [rng.normal(0, 0.05, size) for _ in range(100)]
    gradients = [np.rint(g * images * scale).astype(np.int64).astype(np.uint64) for g in drawn]

    async def program(party):
        server = await Server.join(party, RING, Choices())
        w = v = public(server, np.zeros(size, np.uint64))
        for number in range(steps):
            z = public(server, gradients[number * 7 % 100])
            with party.channel(f"step/{number}"):
                w, v = await descend(server, SCALES, step, w, v, z.a)
        return w, v

    shares = simulate(program, parties=3, seed=2).outputs
    w, v = (sum(one[i].a for one in shares).view(np.int64) for i in range(2))
    exact_w, exact_v = np.zeros(size), np.zeros(size)
    for number in range(steps):
        exact_v = step.momentum / 2.0**SCALES.update * exact_v + drawn[number * 7 % 100]
        exact_w = exact_w - exact_v / 32
    error_v, error_w = v * UNIT - exact_v, w / 2.0**SCALES.weight - exact_w
    worst_v = UNIT / (1 - 0.9)
    each = worst_v / 32
    bound = each * np.sqrt(2 * steps * np.log(2 * size * 1e9))
    print(
        f"\n{steps} updates of {size} weights: velocity off by at most {np.abs(error_v).max():.3g} (bound "
        f"{worst_v:.3g}), weight by {np.abs(error_w).max():.3g} (bound {bound:.3g}), mean error of the "
        f"weights {error_w.mean():.3g}"
    )
    assert np.abs(error_v).max() <= worst_v * 1.001
    assert np.abs(error_w).max() <= bound
    assert abs(error_w.mean()) < 5 * error_w.std() / np.sqrt(size)  # no drift


def test_three_hundred_steps_of_the_thin_network_stay_with_the_twin():
    """A destroyed truncation would move a weight by rate · 2^(64 − 34 − 18) = 20 and more at once."""
    _, output = run(THIN, "training.follow=300", "training.test=0", "training.twin=fixed")
    assert output["steps"] == 300
    errors = output["trajectory"]["fixed"]
    assert len(errors) == 300
    worst = max(errors.values())
    print(f"\n300 steps: largest difference of a weight to the fixed-point twin's {worst:.3g}")
    assert worst < 2.0**-4
    jumps = np.diff([0.0, *errors.values()])
    assert jumps.max() < 2.0**-7
    ours, theirs = output["history"][-1], output["twins"]["fixed"][-1]
    assert abs(ours["accuracy"] - theirs["accuracy"]) < 0.015
