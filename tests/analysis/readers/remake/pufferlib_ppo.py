"""PufferLib's PPO with its W&B logger, offline: ``python pufferlib_ppo.py DATA``.

With pufferlib 3.0.0 out of PyPI's source archive, of its extensions the advantage kernel alone, since the
build of the others downloads libraries: ``NO_OCEAN=1 python setup.py build_torch --inplace``, with
``c_extension_paths = []`` added to its ``setup.py``, which lacks that name then. With torch 2.13.0, gymnasium
1.2.2, numpy 2.4 and wandb 0.20.1; wandb 0.31.0 lacks a function that it calls.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import counting
import torch

os.environ |= {
    "WANDB_MODE": "offline",
    "WANDB_CONSOLE": "off",
    "WANDB_DATA_DIR": tempfile.mkdtemp(),
}
data = Path(sys.argv[1]).resolve() / "pufferlib"
del sys.argv[1:]
# The package makes a link to its resources where it is imported.
data.mkdir(parents=True)
os.chdir(data)

import pufferlib.emulation  # noqa: E402
import pufferlib.models  # noqa: E402
import pufferlib.vector  # noqa: E402
from pufferlib import pufferl  # noqa: E402


def make(buf=None, seed=0):
    env = pufferlib.EpisodeStats(counting.make("CartPole-v1"))
    return pufferlib.emulation.GymnasiumPufferEnv(env=env, buf=buf)


if __name__ == "__main__":
    args = pufferl.load_config("default")
    args |= {"env_name": "CartPole-v1", "wandb": True}
    args["train"] |= {
        "device": "cpu", "optimizer": "adam", "total_timesteps": 4000, "bptt_horizon": 32, "batch_size": 128,
        "minibatch_size": 128, "use_rnn": False, "seed": 7, "learning_rate": 0.001,
        "checkpoint_interval": 10**6,
    }  # fmt: skip
    torch.manual_seed(0)
    torch.set_num_threads(1)
    counting.start()
    envs = pufferlib.vector.make(make, num_envs=4, backend=pufferlib.vector.Serial, seed=7)
    policy = pufferlib.models.Default(envs.driver_env, hidden_size=8)
    logs = pufferl.train("CartPole-v1", args=args, vecenv=envs, policy=policy)
    counting.write(data, logs=[log["agent_steps"] for log in logs])
    (run,) = data.glob("wandb/offline-run-*")
    for place in (data / "experiments", *run.iterdir()):
        if place.is_dir():
            shutil.rmtree(place)
    for place in (data / "resources", *data.glob("wandb/*")):
        if place.is_symlink() or place.is_file():
            place.unlink()
