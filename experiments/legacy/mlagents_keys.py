"""ML-Agents' trainer format: its keys, what their values may be, and its defaults.

Source: ML-Agents' page "Training Configuration File" and the defaults of its ``settings.py``.
"""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.spec.validators import Kind, boolean, choice, integer, number

# Behaviour of the Unity scene → environment that plays it here.
BEHAVIORS = {"3DBall": "3DBall-v0"}
# Boards of the Unity scene, all of one behaviour.
AGENTS = {"3DBall": 12}


def _no(value: Any) -> str | None:
    return None if value is False else "false"


def _nothing(value: Any) -> str | None:
    return None if value is None else "null"


_STEPS = integer(1)
_SCHEDULE = choice("linear", "constant")
# Path below a behaviour → what its value may be.
KINDS: dict[str, Kind] = {
    "trainer_type": choice("ppo"),
    "hyperparameters.batch_size": _STEPS,
    "hyperparameters.buffer_size": _STEPS,
    "hyperparameters.learning_rate": number(0, above=True),
    "hyperparameters.learning_rate_schedule": _SCHEDULE,
    "hyperparameters.beta": number(0),
    "hyperparameters.beta_schedule": _SCHEDULE,
    "hyperparameters.epsilon": number(0, above=True),
    "hyperparameters.epsilon_schedule": _SCHEDULE,
    "hyperparameters.lambd": number(0, 1),
    "hyperparameters.num_epoch": integer(1),
    "hyperparameters.shared_critic": boolean,
    "network_settings.normalize": boolean,
    "network_settings.hidden_units": integer(1),
    "network_settings.num_layers": integer(1),
    "network_settings.vis_encode_type": choice(
        "simple", "nature_cnn", "resnet", "match3", "fully_connected"
    ),
    "network_settings.memory": _nothing,
    "network_settings.goal_conditioning_type": choice("hyper", "none"),
    "network_settings.deterministic": _no,
    "network_settings.max_num_agents": integer(1),
    "reward_signals.extrinsic.gamma": number(0, 1),
    "reward_signals.extrinsic.strength": choice(1, 1.0),
    "init_path": _nothing,
    "keep_checkpoints": integer(1),
    "checkpoint_interval": _STEPS,
    "max_steps": _STEPS,
    "time_horizon": _STEPS,
    "summary_freq": _STEPS,
    "threaded": boolean,
    "self_play": _nothing,
    "behavioral_cloning": _nothing,
    "framework": choice("pytorch"),
}
# The course's document, and nobody else, writes it so.
SPELLINGS = {"hyperparameters.lambda": "hyperparameters.lambd"}

# Where a value is refused though ML-Agents takes it, or a key or section as a whole is.
REFUSED = {
    "trainer_type": "ML-Agents' PPO is translated, its other trainers are not",
    "network_settings.memory": "it has no equal here; see use_lstm in this project's format",
    "network_settings.deterministic": "training samples actions",
    "reward_signals.extrinsic.strength": "rewards are learned from as they are",
    "init_path": "ML-Agents' models are not read; a checkpoint of this project goes with --restore",
    "self_play": "there is one team",
    "behavioral_cloning": "there is no learning from demonstrations",
    "reward_signals.curiosity": "only the environment's own rewards are learned from",
    "reward_signals.gail": "only the environment's own rewards are learned from",
    "reward_signals.rnd": "only the environment's own rewards are learned from",
    "reward_signals.extrinsic.network_settings": "one network learns from one reward",
}
# Sections of the file beside `behaviors`.
REFUSED_SECTIONS = {
    "env_settings": "there is no Unity player; a seed goes with --seeds",
    "engine_settings": "there is no Unity engine",
    "environment_parameters": "mass, scale and gravity go with --set env_config.mass=… and so on",
    "checkpoint_settings": "see --experiment-name, --storage-path, --resume and --force",
    "torch_settings": "a GPU is asked for with --set num_gpus_per_learner=1",
    "parameter_randomization": "environments here take constants only",
    "curriculum": "environments here take constants only",
    "debug": "more words come with -v",
}
# Keys that nothing here depends on, and why.
LEFT_OUT = {
    "threaded": "sampling and learning take turns",
    "network_settings.vis_encode_type": "observations are numbers, not images",
    "network_settings.goal_conditioning_type": "observations have no goal",
    "network_settings.max_num_agents": "every agent decides for itself",
    "network_settings.deterministic": "training samples actions",
    "network_settings.memory": "there is none",
    "reward_signals.extrinsic.strength": "rewards are learned from as they are",
    "init_path": "training starts from scratch",
    "self_play": "there is none",
    "behavioral_cloning": "there is none",
    "framework": "torch is the only one",
}

# What ML-Agents does where the file is silent.
DEFAULTS: dict[str, Any] = {
    "trainer_type": "ppo",
    "hyperparameters.batch_size": 1024,
    "hyperparameters.buffer_size": 10240,
    "hyperparameters.learning_rate": 3e-4,
    "hyperparameters.learning_rate_schedule": "linear",
    "hyperparameters.beta": 5e-3,
    "hyperparameters.epsilon": 0.2,
    "hyperparameters.lambd": 0.95,
    "hyperparameters.num_epoch": 3,
    "hyperparameters.shared_critic": False,
    "network_settings.normalize": False,
    "network_settings.hidden_units": 128,
    "network_settings.num_layers": 2,
    "reward_signals.extrinsic.gamma": 0.99,
    "keep_checkpoints": 5,
    "checkpoint_interval": 500_000,
    "max_steps": 500_000,
    "time_horizon": 64,
    "summary_freq": 50_000,
}
# Values that linear schedules end with, at max_steps.
LAST_LEARNING_RATE, LAST_BETA, LAST_EPSILON = 1e-10, 1e-5, 0.1
