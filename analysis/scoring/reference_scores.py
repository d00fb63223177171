"""Reference scores for normalisation, each with its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReferenceScores:
    """Mean raw returns of whole episodes.

    Attributes:
        random: of uniformly random actions.
        target: the return with normalised score 1.
        target_is: a word for it in figures and tables.
        source: of both numbers.
    """

    random: float
    target: float
    target_is: str
    source: str

    def normalised(self, score: float) -> float:
        """0 is random play, 1 the target (Mnih et al. 2015, figure 3)."""
        return (score - self.random) / (self.target - self.random)


_DQN_ZOO = "DeepMind's DQN Zoo, atari_data.py (random play, a professional games tester)"
_OURS = "random: python -m rllib_zoo.benchmarks.pages.random_play"
_THRESHOLD = f"{_OURS}; target: the reward threshold of gymnasium's registry"
_D4RL = f"{_OURS}; target: D4RL's expert (Fu et al. 2020), there on the physics of v2"
_COURSE = f"{_OURS}; target: DDPG of the course's homework, mean of 100 episodes"

REFERENCE_SCORES = {
    "ALE/Pong-v5": ReferenceScores(-20.7, 14.6, "human", _DQN_ZOO),
    "ALE/Assault-v5": ReferenceScores(222.4, 742.0, "human", _DQN_ZOO),
    "CartPole-v1": ReferenceScores(22.69, 475.0, "solved", _THRESHOLD),
    "Pendulum-v1": ReferenceScores(-1255.55, -152.09, "homework", _COURSE),
    "HalfCheetah-v5": ReferenceScores(-282.67, 4800.0, "solved", _THRESHOLD),
    "Hopper-v5": ReferenceScores(18.01, 3800.0, "solved", _THRESHOLD),
    "InvertedDoublePendulum-v5": ReferenceScores(49.7, 9100.0, "solved", _THRESHOLD),
    "InvertedPendulum-v5": ReferenceScores(5.05, 950.0, "solved", _THRESHOLD),
    "Reacher-v5": ReferenceScores(-42.86, -3.75, "solved", _THRESHOLD),
    "Swimmer-v5": ReferenceScores(0.58, 360.0, "solved", _THRESHOLD),
    "Walker2d-v5": ReferenceScores(2.08, 4592.3, "expert", _D4RL),
}
