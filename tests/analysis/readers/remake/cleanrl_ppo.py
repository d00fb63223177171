"""CleanRL: ``python cleanrl_ppo.py PPO.PY DATA NAME``.

With gymnasium 0.29.1 (or 1.2.2, which CleanRL does not support), torch, tyro and tensorboard.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import counting
import gymnasium

if __name__ == "__main__":
    script, data, name = sys.argv[1:]
    gymnasium.make = counting.make
    folder = Path(data).resolve() / name
    folder.mkdir(parents=True)
    os.chdir(folder)
    sys.argv = [
        script, "--env-id", "CartPole-v1", "--seed", "5", "--total-timesteps", "4096", "--num-envs",
        "4", "--no-cuda", "--exp-name", "ppo",
    ]  # fmt: skip
    counting.start()
    runpy.run_path(script, run_name="__main__")
    counting.write(folder)
