"""Environments that break in one way each, otherwise like a small CartPole: 4 numbers, 2 actions."""

from __future__ import annotations

import os
import time

import gymnasium as gym
import numpy as np

BOX = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
EPISODE = 10


class Sound(gym.Env):
    """Episodes of 10 steps, reward 1; the observation counts the steps. Nothing is wrong."""

    observation_space: gym.Space = BOX
    action_space: gym.Space = gym.spaces.Discrete(2)
    steps = 0  # in all, resets left out

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.observed(), {}

    def step(self, action):
        self.at += 1
        self.steps += 1
        return self.observed(), self.reward(), self.at >= EPISODE, False, {}

    def observed(self):
        return np.full(4, self.at, np.float32)

    def reward(self):
        return 1.0


class Bits(Sound):
    """MultiBinary observations, the bits of the step's number."""

    observation_space = gym.spaces.MultiBinary(4)

    def observed(self):
        return np.array([self.at >> i & 1 for i in range(4)], np.int8)


class NeverCloses(Sound):
    """Plays as it should; closing raises."""

    def close(self):
        raise OSError("the port is gone")


class Exits(Sound):
    """Ends its process in step ``at``."""

    def __init__(self, config):
        self.at_step = config["at"]

    def step(self, action):
        if self.steps == self.at_step:
            os._exit(3)
        return super().step(action)


class Flaky(Sound):
    """Raises in one step and one reset in a hundred, or as often as asked."""

    def __init__(self, step=0.01, reset=0.01):
        self.chances = {"step": step, "reset": reset}

    def maybe(self, where):
        if self.np_random.random() < self.chances[where]:
            raise OSError(f"no luck in {where}")

    def reset(self, *, seed=None, options=None):
        answer = super().reset(seed=seed, options=options)
        self.maybe("reset")
        return answer

    def step(self, action):
        self.maybe("step")
        return super().step(action)


class RaisesOnce(Sound):
    """Copies of the first generation raise in their ``at``-th step; those built anew do not."""

    built: list[int] = []

    def __init__(self, at=4, copies=1):
        self.raises_at = at if len(self.built) < copies else None
        self.built.append(1)

    def step(self, action):
        if self.steps + 1 == self.raises_at:
            raise OSError("once")
        return super().step(action)


class Raising(Sound):
    """Raises at every step."""

    def step(self, action):
        raise OSError("the simulator is gone")


class NeverResets(Sound):
    """The first 4 copies of a process reset, once; no other does."""

    resets: list[int] = []

    def reset(self, *, seed=None, options=None):
        self.resets.append(1)
        if len(self.resets) > 4:
            raise OSError("no second episode")
        return super().reset(seed=seed, options=options)


class BadReward(Sound):
    """The reward of its 15th step is ``value``."""

    def __init__(self, value=float("nan")):
        self.value = value

    def reward(self):
        return self.value if self.steps == 15 else 1.0


class BadObservation(Sound):
    """The second number of the 15th step's observation is ``value``."""

    def __init__(self, value=float("nan")):
        self.value = value

    def observed(self):
        obs = super().observed()
        if self.steps == 15:
            obs[1] = self.value
        return obs


class WrongShape(Sound):
    """From the 15th step on one number too many."""

    def observed(self):
        return np.zeros(5 if self.steps >= 15 else 4, np.float32)


class WrongDtype(Sound):
    """Complex numbers from the 15th step on."""

    def observed(self):
        obs = super().observed()
        return obs.astype(complex) if self.steps >= 15 else obs


class LostKey(Sound):
    """A Dict observation whose ``speed`` is missing from the 15th step on."""

    observation_space = gym.spaces.Dict({"place": BOX, "speed": BOX})

    def observed(self):
        obs = {"place": super().observed(), "speed": super().observed()}
        if self.steps >= 15:
            del obs["speed"]
        return obs


class Hanging(Sound):
    """The first copy of all processes to take 31 steps hangs."""

    def __init__(self, flag):
        self.flag = flag  # a file that exists once a copy hangs

    def step(self, action):
        if self.steps == 30 and self.is_first():
            time.sleep(1e6)
        return super().step(action)

    def is_first(self):
        try:
            os.close(os.open(self.flag, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


class Endless(Sound):
    """Episodes never end; a step takes a millisecond."""

    def __init__(self, config=None, render_mode=None):
        self.render_mode = render_mode

    def render(self):
        return np.zeros((8, 8, 3), np.uint8)

    def step(self, action):
        time.sleep(0.001)
        obs, reward, *_ = super().step(action)
        return obs, reward, False, False, {}


class EndlessBox(Endless):
    """The same with DDPG's actions."""

    action_space = gym.spaces.Box(-1.0, 1.0, (1,))


class LoudRewards(Sound):
    """Rewards are numbers whose squares are none in float32."""

    def reward(self):
        return 1e30 if self.steps > 25 else 1.0


class NotNumbers(gym.vector.VectorEnv):
    """A vector environment of its own whose observations turn ``broken``: shape, dtype or raise."""

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1, broken="shape", **_):
        self.num_envs, self.broken, self.steps = num_envs, broken, 0
        self.single_observation_space, self.single_action_space = BOX, gym.spaces.Discrete(2)
        self.observation_space = gym.vector.utils.batch_space(BOX, num_envs)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed=None, options=None):
        return np.zeros((self.num_envs, 4), np.float32), {}

    def step(self, actions):
        self.steps += 1
        obs = np.zeros((self.num_envs, 4), np.float32)
        if self.steps >= 15:
            if self.broken == "raise":
                raise OSError("all together")
            obs = obs[:, :1] if self.broken == "shape" else obs.astype(complex)
        none = np.zeros(self.num_envs, bool)
        return obs, np.ones(self.num_envs), none, none.copy(), {}
