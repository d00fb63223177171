"""A2C, A3C and PPO on CartPole, Pong and Assault, with the tuned config files."""

from __future__ import annotations

from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold

# Mean return of the last 100 episodes that counts as solved.
SOLVED = {"CartPole-v1": REFERENCE_SCORES["CartPole-v1"].target, "ALE/Pong-v5": 18.0}
# None of the seeds was used for tuning, which used 100 and above on CartPole, 0 to 2 on the games.
CARTPOLE_SEEDS = tuple(range(10))
MINUTES = 60.0
GAMES = {
    "pong-ppo": (Budget(1_800_000, 25 * MINUTES), (3, 4, 5)),
    "pong-a2c": (Budget(6_000_000, 25 * MINUTES), (3,)),
    "pong-a3c": (Budget(6_000_000, 25 * MINUTES), (3,)),
    "assault-ppo": (Budget(2_000_000), (3, 4)),
    "assault-a2c": (Budget(2_000_000), (3, 4)),
    "assault-a3c": (Budget(2_000_000), (3, 4)),
}
CARTPOLE = {"cartpole-ppo": 200_000, "cartpole-a2c": 300_000, "cartpole-a3c": 600_000}
ENVS = {"cartpole": "CartPole-v1", "pong": "ALE/Pong-v5", "assault": "ALE/Assault-v5"}


def _cell(name: str, seeds: tuple[int, ...], budget: Budget, every: int, episodes: int) -> Cell:
    environment, _, algorithm = name.partition("-")
    return Cell(
        name=name,
        file=f"tuned_configs/{name}.yaml",
        algorithm=algorithm.upper(),
        env=ENVS[environment],
        seeds=seeds,
        budget=budget,
        every=every,
        greedy_episodes=episodes,
    )


STUDY = Study(
    name="algorithms_compared",
    question="How far do A2C, A3C and PPO get within one budget a game?",
    cells=(
        *(
            _cell(name, CARTPOLE_SEEDS, Budget(steps, score=SOLVED["CartPole-v1"]), 2_000, 100)
            for name, steps in CARTPOLE.items()
        ),
        *(_cell(name, seeds, budget, 10_000, 0) for name, (budget, seeds) in GAMES.items()),
    ),
    figures=("learning_curves", "scores"),
    thresholds=(
        *(Threshold(name, "reached", SOLVED["CartPole-v1"], 10) for name in CARTPOLE),
        Threshold("pong-ppo", "final", SOLVED["ALE/Pong-v5"], 3),
        Threshold("assault-ppo", "final", REFERENCE_SCORES["ALE/Assault-v5"].target, 2),
    ),
    note="Runs on CartPole end when they reach 475: compare the steps they needed, not their final scores. "
    "Scores of games are raw, of whole games, with sampled actions.",
)
