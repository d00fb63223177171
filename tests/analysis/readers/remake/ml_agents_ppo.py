"""ML-Agents' PPO, with its trainer, policy and writers: ``python ml_agents_ppo.py DATA``.

CartPole takes the place of Unity. With mlagents 1.1.0 on Python 3.10 and setuptools below 80.
Two agents of one behaviour. The second run resumes the first in its folder.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import counting
import numpy as np
from mlagents.plugins.trainer_type import register_trainer_plugins
from mlagents.torch_utils import set_torch_config
from mlagents.trainers import learn, stats
from mlagents.trainers.model_saver.torch_model_saver import ModelSerializer
from mlagents.trainers.settings import RunOptions
from mlagents.trainers.simple_env_manager import SimpleEnvManager
from mlagents_envs.base_env import (
    ActionSpec,
    BaseEnv,
    BehaviorSpec,
    DecisionSteps,
    DimensionProperty,
    ObservationSpec,
    ObservationType,
    TerminalSteps,
)
from mlagents_envs.side_channel.environment_parameters_channel import EnvironmentParametersChannel

NAME = "CartPole"
AGENTS = 2


class CartPole(BaseEnv):
    """As Unity's areas: an agent whose episode ends acts in the next one at once, under another number."""

    def __init__(self):
        self.envs = [counting.make("CartPole-v1") for _ in range(AGENTS)]
        observation = ObservationSpec((4,), (DimensionProperty.NONE,), ObservationType.DEFAULT, "o")
        self.spec = BehaviorSpec([observation], ActionSpec.create_discrete((2,)))
        self.actions, self.next_id = None, 0

    @property
    def behavior_specs(self):
        return {NAME: self.spec}

    def reset(self):
        self.ids, self.rows, self.ended = [], [], []
        for env in self.envs:
            self.ids.append(self._new_id())
            self.rows.append((env.reset()[0], 0.0))

    def step(self):
        self.rows, self.ended = [], []
        for i, env in enumerate(self.envs):
            observation, reward, terminated, truncated, _ = env.step(int(self.actions[i]))
            if terminated or truncated:
                self.ended.append((observation, reward, truncated, self.ids[i]))
                self.ids[i], observation, reward = self._new_id(), env.reset()[0], 0.0
            self.rows.append((observation, reward))

    def get_steps(self, behavior_name):
        groups, group_rewards = np.zeros(AGENTS, np.int32), np.zeros(AGENTS, np.float32)
        decisions = DecisionSteps(
            [np.stack([row[0] for row in self.rows]).astype(np.float32)],
            np.array([row[1] for row in self.rows], np.float32),
            np.array(self.ids, np.int32), None, groups, group_rewards,
        )  # fmt: skip
        ends = len(self.ended)
        terminal = TerminalSteps(
            [np.array([row[0] for row in self.ended], np.float32).reshape(ends, 4)],
            np.array([row[1] for row in self.ended], np.float32),
            np.array([row[2] for row in self.ended], bool),
            np.array([row[3] for row in self.ended], np.int32),
            groups[:ends], group_rewards[:ends],
        )  # fmt: skip
        return decisions, terminal

    def set_actions(self, behavior_name, action):
        self.actions = action.discrete[:, 0]

    def set_action_for_agent(self, behavior_name, agent_id, action):
        raise NotImplementedError

    def close(self):
        pass

    def _new_id(self):
        self.next_id += 1
        return self.next_id


def options(folder, max_steps, resume):
    """As of ``mlagents-learn``'s file and command line."""
    return RunOptions.from_dict({
        "behaviors": {NAME: {
            "trainer_type": "ppo", "max_steps": max_steps, "summary_freq": 500, "time_horizon": 64,
            "hyperparameters": {"batch_size": 64, "buffer_size": 256, "num_epoch": 1},
            "network_settings": {"hidden_units": 8, "num_layers": 1},
        }},
        "checkpoint_settings": {
            "results_dir": str(folder), "run_id": "ppo_1", "resume": resume, "force": False,
        },
        "env_settings": {"seed": 6},
        "torch_settings": {"device": "cpu"},
    })  # fmt: skip


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve() / "ml_agents"
    folder.mkdir(parents=True)
    # Unity's part of the command; nothing is exported.
    learn.create_environment_factory = lambda *_: CartPole()
    learn.SubprocessEnvManager = lambda env, *_: SimpleEnvManager(
        env, EnvironmentParametersChannel()
    )
    ModelSerializer.export_policy_model = lambda *_: None
    register_trainer_plugins()
    counting.start()
    for max_steps, resume in ((3000, False), (4000, True)):
        run = options(folder, max_steps, resume)
        set_torch_config(run.torch_settings)
        stats.StatsReporter.writers.clear()
        learn.run_training(6, run, 1)
    counting.write(folder)
    for path in sorted((folder / "ppo_1").rglob("*"), reverse=True):
        if path.suffix in (".pt", ".onnx"):
            path.unlink()
    shutil.rmtree(folder / "ppo_1" / "run_logs")
