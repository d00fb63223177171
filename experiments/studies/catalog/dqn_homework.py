"""The course's homework on DQN: CartPole-v0 until the greedy policy balances for all 200 steps.

Source: course homework "CartPole-v0: Deep Q-learning with experience replay", whose figure is a mean of 200.
"""

from __future__ import annotations

from rllib_zoo.experiments.studies.study import Budget, Cell, Study, Threshold

# CartPole-v0 ends episodes after 200 steps of reward 1: the highest return, and the homework's figure.
FULL_SCORE = 200.0
# Seed 0 was used for tuning.
SEEDS = (1, 2, 3, 4, 5)
CELL = Cell(
    name="cartpole-dqn",
    file="tuned_configs/cartpole-dqn.yaml",
    algorithm="DQN",
    env="CartPole-v0",
    seeds=SEEDS,
    budget=Budget(50_000, score=FULL_SCORE, evaluated=True),
    every=2_000,
    greedy_episodes=100,
)
STUDY = Study(
    name="dqn_homework",
    question="Does RLlib's DQN with the homework's network reach the homework's mean of 200?",
    cells=(CELL,),
    figures=("learning_curves",),
    thresholds=(Threshold(CELL.name, "greedy", FULL_SCORE, len(SEEDS)),),
    note="The homework shows a mean of 200 over its last 100 episodes, of one seed. As there, training ends "
    "once the score is reached, here in 20 greedy episodes: further training can lose it again. Final "
    "scores are of training episodes, with exploration; greedy returns are of 100 further episodes with the "
    "last checkpoint.",
)
