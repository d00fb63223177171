"""Sample Factory: ``python sample_factory_appo.py DATA``, with sample-factory 2.1.1 and gymnasium 0.29.1."""

from __future__ import annotations

import sys
from pathlib import Path

import counting
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.envs.env_utils import register_env
from sample_factory.train import run_rl

OPTIONS = [
    "--env=CartPole-v1", "--experiment=appo", "--seed=2", "--device=cpu", "--serial_mode=True",
    "--async_rl=False", "--num_workers=2", "--num_envs_per_worker=2", "--worker_num_splits=1",
    "--rollout=32", "--batch_size=512", "--use_rnn=False", "--encoder_mlp_layers", "16",
    "--train_for_env_steps=12000", "--decorrelate_experience_max_seconds=0", "--with_wandb=False",
    "--experiment_summaries_interval=2", "--env_frameskip=1",
]  # fmt: skip


def make(name, config, env_config, render_mode=None):
    return counting.make(name)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "sample_factory"
    folder.mkdir(parents=True)
    register_env("CartPole-v1", make)
    parser, config = parse_sf_args([*OPTIONS, f"--train_dir={folder}"])
    counting.start()
    run_rl(parse_full_cfg(parser, [*OPTIONS, f"--train_dir={folder}"]))
    counting.write(folder)
