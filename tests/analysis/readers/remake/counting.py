"""What the environments really did, beside what a library wrote: steps, and raw returns of whole episodes."""

from __future__ import annotations

import json
from pathlib import Path

try:
    import gymnasium
except ImportError:  # of the libraries before it
    import gym as gymnasium


class Counted(gymnasium.Wrapper):
    """Innermost wrapper: counts over all copies of one process."""

    steps = 0
    returns: list[float] = []
    lengths: list[int] = []
    ends: list[int] = []

    def reset(self, **options):
        self.sum, self.length = 0.0, 0
        return self.env.reset(**options)

    def step(self, action):
        # gym has one flag of an end, gymnasium two.
        observation, reward, *ends, info = self.env.step(action)
        Counted.steps += 1
        self.sum, self.length = self.sum + float(reward), self.length + 1
        if any(ends):
            Counted.returns.append(self.sum)
            Counted.lengths.append(self.length)
            Counted.ends.append(Counted.steps)
        return (observation, reward, *ends, info)


def start():
    """Count from zero."""
    Counted.steps, Counted.returns, Counted.lengths, Counted.ends = 0, [], [], []


def make(name, **options):
    """An environment of gymnasium that is counted."""
    return Counted(_MAKE(name, **options))


_MAKE = gymnasium.make


def write(folder, **more):
    """``truth.json`` beside the library's files."""
    truth = {
        "steps": Counted.steps,
        "finished_steps": sum(Counted.lengths),
        "episodes": len(Counted.returns),
        "returns": Counted.returns,
        "lengths": Counted.lengths,
        # Steps of all copies when each episode ended.
        "ends": Counted.ends,
        **more,
    }
    (Path(folder) / "truth.json").write_text(json.dumps(truth) + "\n")
