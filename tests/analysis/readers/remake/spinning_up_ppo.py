"""Spinning Up's PPO: ``python spinning_up_ppo.py CHECKOUT DATA``.

CHECKOUT of github.com/openai/spinningup at 038665d. With Python 3.7, torch 1.8.1, tensorflow 1.15.5,
gym 0.19.0, mpi4py 3.1.6 and an MPI.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import counting
from spinup import ppo_pytorch
from spinup.utils.run_utils import setup_logger_kwargs


def make():
    return counting.make("CartPole-v1")


if __name__ == "__main__":
    data = Path(sys.argv[2]).resolve() / "spinning_up"
    data.mkdir(parents=True)
    counting.start()
    kwargs = setup_logger_kwargs("ppo", 4, data)
    ppo_pytorch(
        make, seed=4, steps_per_epoch=500, epochs=6, logger_kwargs=kwargs,
        ac_kwargs={"hidden_sizes": (8,)}, train_pi_iters=4, train_v_iters=4,
    )  # fmt: skip
    counting.write(data)
    # The weights, which no reader needs.
    (data / "ppo" / "ppo_s4" / "vars.pkl").unlink()
    shutil.rmtree(data / "ppo" / "ppo_s4" / "pyt_save")
