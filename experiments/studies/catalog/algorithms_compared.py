"""A2C, A3C and PPO on CartPole, Pong and Assault, with the tuned config files."""

from __future__ import annotations

from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold

# Mean return of the last 100 episodes that counts as solved.
SOLVED = {"CartPole-v1": REFERENCE_SCORES["CartPole-v1"].target, "ALE/Pong-v5": 18.0}
# None of the seeds was used for tuning, which used 100 to 111 on CartPole, 0 to 2 on the games.
CARTPOLE_SEEDS = tuple(range(2000, 2030))
TARGET = SOLVED["CartPole-v1"]
MINUTES = 60.0
GAMES = {
    "pong-ppo": (Budget(1_800_000, 25 * MINUTES), (3, 4, 5)),
    "pong-a2c": (Budget(6_000_000, 25 * MINUTES), (3,)),
    "pong-a3c": (Budget(6_000_000, 25 * MINUTES), (3,)),
    "assault-ppo": (Budget(2_000_000), (3, 4)),
    "assault-a2c": (Budget(2_000_000), (3, 4)),
    "assault-a3c": (Budget(2_000_000), (3, 4)),
}
# File → agent steps of the budget, and those within which all seeds have to be solved.
CARTPOLE = {
    "cartpole-ppo": (200_000, 150_000),
    "cartpole-a2c": (300_000, 300_000),
    "cartpole-a3c": (400_000, 400_000),
}
ENVS = {"cartpole": "CartPole-v1", "pong": "ALE/Pong-v5", "assault": "ALE/Assault-v5"}


def _cell(
    name: str,
    seeds: tuple[int, ...],
    budget: Budget,
    every: int,
    *,
    episodes: int = 0,
    solved: float | None = None,
) -> Cell:
    environment, _, algorithm = name.partition("-")
    return Cell(
        name=name,
        file=f"tuned_configs/{name}.yaml",
        algorithm=algorithm.upper(),
        env=ENVS[environment],
        seeds=seeds,
        budget=budget,
        every=every,
        solved=solved,
        greedy_episodes=episodes,
    )


STUDY = Study(
    name="algorithms_compared",
    question="How far do A2C, A3C and PPO get within one budget a game?",
    cells=(
        *(
            _cell(name, CARTPOLE_SEEDS, Budget(steps), 2_000, episodes=100, solved=TARGET)
            for name, (steps, _) in CARTPOLE.items()
        ),
        *(_cell(name, seeds, budget, 10_000) for name, (budget, seeds) in GAMES.items()),
    ),
    figures=("learning_curves", "scores"),
    thresholds=(
        *(
            Threshold(name, "reached", TARGET, len(CARTPOLE_SEEDS), within=within)
            for name, (_, within) in CARTPOLE.items()
        ),
        *(Threshold(name, "final", TARGET, 28, of=30) for name in CARTPOLE),
        *(Threshold(name, "greedy", TARGET, 29, of=30) for name in CARTPOLE),
        Threshold("pong-ppo", "final", SOLVED["ALE/Pong-v5"], 3),
        Threshold("assault-ppo", "final", REFERENCE_SCORES["ALE/Assault-v5"].target, 2),
    ),
    note="On CartPole compare the steps to 475, not the final scores. "
    "Scores of games are raw, of whole games, with sampled actions.",
)
