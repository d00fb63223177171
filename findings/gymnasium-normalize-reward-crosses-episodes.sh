#!/usr/bin/env bash
# gymnasium 1.2.2: NormalizeReward's discounted sum crosses the ends of episodes.
#
# `gymnasium.wrappers.NormalizeReward` divides rewards by the deviation of a discounted sum of them; PPO for
# continuous actions is mostly run with it.
# Guess: the sum begins at 0 with every episode, whether the one before terminated, was truncated or was left by `reset()`.
# Seen: nothing is set to 0 at a reset. Where an episode terminates, what was summed before is dropped but the
# last reward is kept, and the next episode goes on from it. Where it is truncated, as all of MuJoCo's HalfCheetah
# are, the sum simply goes on. The wrapper for vector environments does the same and discounts once more for the step
# that resets. So the scale of rewards depends on how episodes end.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'gymnasium==1.2.2' 'numpy==2.4.6'
venv/bin/python - <<'PYTHON' 2> log
import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import NormalizeReward
from gymnasium.wrappers.vector import NormalizeReward as NormalizeVectorReward

LENGTH, GAMMA = 3, 0.5


class Ones(gym.Env):
    """Reward 1 a step, three steps; the last one terminates or truncates the episode."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, truncates):
        self.truncates = truncates

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        over = self.steps == LENGTH
        cut = over and self.truncates
        return np.zeros(1, np.float32), 1.0, over and not cut, cut, {}


def sums(truncates):
    """The sum after each step of two episodes."""
    env, seen = NormalizeReward(Ones(truncates), gamma=GAMMA), []
    for _ in range(2):
        env.reset()
        for _ in range(LENGTH):
            env.step(0)
            seen.append(float(np.ravel(env.discounted_reward)[0]))
    return seen


def vector_sums(truncates):
    """The same of a vector environment, with the step between the episodes."""
    env = NormalizeVectorReward(SyncVectorEnv([lambda: Ones(truncates)]), gamma=GAMMA)
    env.reset()
    seen = []
    for _ in range(2 * LENGTH + 1):
        env.step(np.array([0]))
        seen.append(float(env.accumulated_reward[0]))
    return seen


found = [kind(truncates) for kind in (sums, vector_sums) for truncates in (False, True)]
print("gymnasium", gym.__version__, "discounted sums of rewards of 1, gamma 0.5")
print("from 0 in every episode it would be  [1.0, 1.5, 1.75] twice")
names = ("terminated", "truncated", "vector, terminated", "vector, truncated")
for name, numbers in zip(names, found, strict=True):
    print(f"{name}: {numbers}")
same = found == [
    [1.0, 1.5, 1.0, 1.5, 1.75, 1.0],
    [1.0, 1.5, 1.75, 1.875, 1.9375, 1.96875],
    [1.0, 1.5, 1.0, 0.5, 1.25, 1.625, 1.0],
    [1.0, 1.5, 1.75, 0.875, 1.4375, 1.71875, 1.859375],
]
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
