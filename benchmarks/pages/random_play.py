"""Mean returns of uniformly random actions: the score 0 of `analysis/scoring/reference_scores.py`.

`python -m rllib_zoo.benchmarks.pages.random_play` prints a line per environment and writes
`results/random_play.json`. MuJoCo's tasks need the extra `mujoco`.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.envs import make_single_env
from rllib_zoo.experiments.paths import RESULTS

ENVS = (
    "CartPole-v1", "Pendulum-v1", "HalfCheetah-v5", "Hopper-v5", "InvertedDoublePendulum-v5",
    "InvertedPendulum-v5", "Reacher-v5", "Swimmer-v5", "Walker2d-v5",
)  # fmt: skip
EPISODES = 200
SEED = 0
RECORD = RESULTS / "random_play.json"


def random_returns(env: str, episodes: int, seed: int) -> np.ndarray:
    """Undiscounted returns [episodes] of actions drawn uniformly from the action space."""
    environment = make_single_env(env)
    environment.action_space.seed(seed)
    returns = np.zeros(episodes)
    for episode in range(episodes):
        environment.reset(seed=seed + episode)
        over = False
        while not over:
            _, reward, terminated, truncated, _ = environment.step(
                environment.action_space.sample()
            )
            returns[episode] += float(reward)
            over = terminated or truncated
    environment.close()
    return returns


def main(argv: list[str] | None = None) -> int:
    """Play, print and write ``results/random_play.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=EPISODES, help=f"[{EPISODES}]")
    parser.add_argument("--seed", type=int, default=SEED, help=f"[{SEED}]")
    options = parser.parse_args(argv)
    means = {}
    for env in ENVS:
        returns = random_returns(env, options.episodes, options.seed)
        error = returns.std(ddof=1) / np.sqrt(len(returns))
        means[env] = {"mean": round(float(returns.mean()), 2), "error": round(float(error), 2)}
        print(f"{env}: {returns.mean():.2f} +- {error:.2f}", flush=True)
    write_json(RECORD, {"episodes": options.episodes, "seed": options.seed, "returns": means})
    return 0


if __name__ == "__main__":
    sys.exit(main())
