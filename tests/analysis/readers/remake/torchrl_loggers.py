"""TorchRL: its loggers, of random play: ``python torchrl_loggers.py DATA``.

With torchrl 0.14.1 and tensorboard.
"""

from __future__ import annotations

import sys
from pathlib import Path

import counting
from torchrl.collectors import Collector
from torchrl.envs import GymWrapper, RewardSum, StepCounter, TransformedEnv
from torchrl.envs.transforms import Compose
from torchrl.record import CSVLogger, TensorboardLogger

if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "torchrl"
    folder.mkdir(parents=True)
    counting.start()
    loggers = [
        CSVLogger("CartPole-v1_csv_0", log_dir=str(folder)),
        TensorboardLogger("CartPole-v1_events_0", log_dir=str(folder)),
    ]
    for logger in loggers:
        logger.log_hparams({"lr": 0.001, "frames_per_batch": 200})
    env = TransformedEnv(
        GymWrapper(counting.make("CartPole-v1")), Compose(RewardSum(), StepCounter())
    )
    frames, means = 0, []
    for batch in Collector(env, frames_per_batch=200, total_frames=2000):
        frames += batch.numel()
        done = batch["next", "done"].squeeze(-1)
        if done.any():
            mean = batch["next", "episode_reward"][done].mean().item()
            length = batch["next", "step_count"][done].float().mean().item()
            means.append([frames, mean])
            for logger in loggers:
                logger.log_scalar("train/reward", mean, frames)
                logger.log_scalar("train/episode_length", length, frames)
    counting.write(folder, means=means)
