"""Scores that learned ones are measured against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReferenceScores:
    """Mean raw returns of whole games.

    Attributes:
        random: of uniformly random actions.
        human: of a professional games tester.
    """

    random: float
    human: float

    def human_normalised(self, score: float) -> float:
        """0 is random play, 1 the human's (Mnih et al. 2015, figure 3)."""
        return (score - self.random) / (self.human - self.random)


# As listed in DeepMind's DQN Zoo (`atari_data.py`).
REFERENCE_SCORES = {
    "ALE/Pong-v5": ReferenceScores(random=-20.7, human=14.6),
    "ALE/Assault-v5": ReferenceScores(random=222.4, human=742.0),
}
