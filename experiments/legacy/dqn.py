"""Translate the keys of DQN in older RLlib releases: replay buffer and exploration."""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.legacy import replay
from rllib_zoo.experiments.legacy.releases import NOW
from rllib_zoo.experiments.legacy.removed_keys import remove, removed_keys
from rllib_zoo.experiments.spec.changes import Edits
from rllib_zoo.experiments.spec.grid import grid_values, require_number, require_single

# Key at the top level or inside replay_buffer_config → key of the current buffer.
_BUFFER_KEYS = {
    "buffer_size": "capacity", "capacity": "capacity", "prioritized_replay_alpha": "alpha",
    "alpha": "alpha", "prioritized_replay_beta": "beta", "beta": "beta",
}  # fmt: skip
_PRIORITIES = ("alpha", "beta")
_BUFFER_TYPES = {
    "MultiAgentPrioritizedReplayBuffer": "PrioritizedEpisodeReplayBuffer",
    "PrioritizedReplayBuffer": "PrioritizedEpisodeReplayBuffer",
    "MultiAgentReplayBuffer": "EpisodeReplayBuffer",
    "ReplayBuffer": "EpisodeReplayBuffer",
}
_REMOVED = replay.OFF_POLICY_REMOVED | removed_keys(
    ("prioritized_replay_eps eps", "the replay buffer has a fixed minimum priority"),
    ("categorical_distribution_temperature", "it only had an effect on evaluation"),
    ("softmax_temp", "exploration is epsilon-greedy", (1.0,), "it needs soft_q: true"),
    ("apex_optimizer", "Ape-X is not used", (False, None), "Ape-X is not supported"),
    ("rmsprop", "the optimizer is Adam", (False, None), "DQN's optimizer is Adam"),
    ("num_gradient_worker_shards", "Ape-X is not supported"),
    ("observation_filter", "it is not set", ("NoFilter", None), "DQN has no observation filter"),
    ("optimizer", "it is empty", ({}, None), "DQN's optimizer is Adam (adam_epsilon)"),
    ("clip_actions normalize_actions", "actions are discrete"),
    ("custom_eval_function custom_evaluation_function", "it is not set", (None,),
     "DQN does not support custom evaluation"),
    ("store_buffer_in_checkpoints", "checkpoints hold no replay buffer", (False, None),
     "checkpoints do not contain the replay buffer"),
)  # fmt: skip
_MODEL_REMOVED = removed_keys(
    ("vf_share_layers", "DQN has a single network"),
    ("free_log_std", "actions are discrete"),
    ("post_fcnet_hiddens", "it is not set", ([], None), "use hiddens, after the encoder"),
    ("lstm_use_prev_action lstm_use_prev_reward use_attention use_lstm",
     "the network has no recurrent layer", (False, None), "recurrent DQN is not supported"),
    ("attention_num_transformer_units attention_dim attention_num_heads attention_head_dim "
     "attention_memory_inference attention_memory_training attention_position_wise_mlp_dim "
     "attention_init_gru_gate_bias attention_use_n_prev_actions attention_use_n_prev_rewards",
     "the network has no attention layers"),
    ("post_fcnet_activation", "the network has no such layers"),
    ("encoder_latent_dim", "it is not set", (None,), "use fcnet_hiddens"),
    ("custom_model", "it is not set", (None,), "DQN does not support custom models"),
    ("custom_options custom_model_config", "no custom model is set", ({}, None),
     "DQN does not support custom models"),
    ("custom_action_dist", "it is not set", (None,), "DQN does not support action distributions"),
    ("no_final_linear", "the network ends with its heads", (False, None), "use hiddens: []"),
)  # fmt: skip
_EXPLORATION = "config.exploration_config"
_EPSILON_GREEDY = ("initial_epsilon", "final_epsilon", "epsilon_timesteps", "warmup_timesteps")
_EXPLORATION_KEYS = {
    "EpsilonGreedy": _EPSILON_GREEDY,
    "PerWorkerEpsilonGreedy": _EPSILON_GREEDY,
    "SoftQ": ("temperature",),
    "ParameterNoise": ("initial_stddev", "random_timesteps"),
}
# Defaults of Ray 1 and 2.
_EPSILON_DEFAULTS = {"initial_epsilon": 1.0, "final_epsilon": 0.02, "epsilon_timesteps": 10_000}
_DEFAULT = "default of Ray 1 and 2"


def translate_dqn(edits: Edits) -> None:
    """Replace the keys that only DQN has.

    Raises:
        RequestError: a type of exploration that is not supported.
    """
    _translate_model(edits)
    _translate_soft_q(edits)
    _translate_parameter_noise(edits)
    prioritized = _translate_buffer_type(edits)
    replay.translate_replay(edits, _BUFFER_KEYS, _REMOVED)
    if not prioritized:
        replay.remove_priorities(edits, _PRIORITIES)
        uniform, path = "EpisodeReplayBuffer", f"{replay.BUFFER}.type"
        if str(edits.get(path, uniform)).rsplit(".", 1)[-1] != uniform:
            edits.amend(path, uniform, "prioritized_replay: false overrides it")
        edits.fill(path, uniform, "replay is uniform")
        edits.fill(f"{replay.BUFFER}.capacity", 50_000, _DEFAULT)
    _translate_exploration(edits)
    path = "config.env_config.terminal_on_life_loss"
    edits.remove(path, "RLlib's env runner plays whole games")


def fill_fragment_length(edits: Edits, release: str) -> None:
    """Set the release's fragment length, at least the length of an n-step target."""
    path = "config.rollout_fragment_length"
    if release not in ("2", NOW):
        edits.fill(path, 4, f"default of Ray {release}")
    fragment = edits.get(path)
    steps = [n for n in grid_values(edits.get("config.n_step", 1)) if isinstance(n, int)]
    if isinstance(fragment, int) and fragment < (longest := max(steps, default=1)):
        edits.amend(path, longest, f"{fragment} steps are fewer than n_step {longest}")


def _translate_model(edits: Edits) -> None:
    for key in edits.keys("config.model"):
        path = f"config.model.{key}"
        if key == "epsilon":
            edits.rename(path, "config.epsilon")
        elif key == "head_fcnet_hiddens":
            edits.rename(path, "config.hiddens")
        elif key in _MODEL_REMOVED:
            remove(edits, path, _MODEL_REMOVED[key])


def _translate_soft_q(edits: Edits) -> None:
    """Ray 0.6 and 0.7 enabled softmax exploration with ``soft_q``."""
    path, temperature = "config.soft_q", "config.softmax_temp"
    if require_single(edits.get(path), path):
        settings = {"type": "SoftQ", "temperature": edits.get(temperature, 1.0)}
        edits.change(path, _EXPLORATION, settings, "softmax exploration")
        edits.remove(temperature, "it is exploration_temperature")
    else:
        edits.remove(path, "exploration is epsilon-greedy")


def _translate_parameter_noise(edits: Edits) -> None:
    """Releases before 0.8.3 enabled noise in the weights with ``parameter_noise``."""
    path = "config.parameter_noise"
    if require_single(edits.get(path), path):
        edits.change(path, _EXPLORATION, {"type": "ParameterNoise"}, "noise in the weights")
    else:
        edits.remove(path, "exploration is epsilon-greedy")


def _translate_buffer_type(edits: Edits) -> bool:
    """Replace the type of the replay buffer and return whether replay is prioritized."""
    prioritized = replay.pop_prioritized_replay(edits)
    path = f"{replay.BUFFER}.type"
    require_single(edits.get(path), path)
    kind = str(edits.get(path, "PrioritizedEpisodeReplayBuffer")).rsplit(".", 1)[-1]
    if kind in _BUFFER_TYPES:
        edits.change(path, path, _BUFFER_TYPES[kind], f"{kind} does not store episodes")
        kind = _BUFFER_TYPES[kind]
    return prioritized and kind == "PrioritizedEpisodeReplayBuffer"


def _translate_exploration(edits: Edits) -> None:
    settings: Any = edits.get(_EXPLORATION) or {}
    kind = replay.check_exploration(settings, _EXPLORATION_KEYS, "EpsilonGreedy")
    if kind == "SoftQ":
        why = "actions are sampled from softmax(Q / temperature)"
        new = "config.exploration_temperature"
        edits.change(_EXPLORATION, new, settings.get("temperature", 1.0), why)
    elif kind == "ParameterNoise":
        _fill_parameter_noise(edits, settings)
    else:
        _fill_epsilon(edits, settings)


def _fill_epsilon(edits: Edits, settings: dict[str, Any]) -> None:
    """The schedule of epsilon: constant for the warm-up steps, then linear."""
    old = _pop_old_exploration(edits)
    values = {
        key: require_number(settings.get(key, old.get(key, default)), f"{_EXPLORATION}.{key}")
        for key, default in _EPSILON_DEFAULTS.items()
    }
    steps = max(int(values["epsilon_timesteps"]), 1)
    path = f"{_EXPLORATION}.warmup_timesteps"
    warmup = int(require_number(settings.get("warmup_timesteps", 0), path))
    start, end = float(values["initial_epsilon"]), float(values["final_epsilon"])
    schedule = [[0, start], [warmup + steps, end]]
    if start > 1.0 > end:  # epsilon above 1 acts like 1
        warmup += round(steps * (start - 1.0) / (start - end))
        schedule[0], start = [0, 1.0], 1.0
    if warmup > 0:
        schedule.insert(1, [warmup, start])
    if edits.has(_EXPLORATION):
        edits.change(_EXPLORATION, "config.epsilon", schedule, "is the schedule epsilon")
    else:
        edits.fill("config.epsilon", schedule, "one schedule of several keys" if old else _DEFAULT)


def _fill_parameter_noise(edits: Edits, settings: dict[str, Any]) -> None:
    """Random actions first, then noise in the weights with epsilon 0.01, as in Ray 1 and 2."""
    steps, stddev = (
        require_number(settings.get(key, default), f"{_EXPLORATION}.{key}")
        for key, default in (("random_timesteps", 10_000), ("initial_stddev", 1.0))
    )
    schedule = [[0, 1.0], [int(steps) + 1, 1.0], [int(steps) + 2, 0.01]]
    edits.fill("config.epsilon", schedule, "random actions before and during parameter noise")
    new, why = "config.parameter_noise_stddev", "noise in all weights"
    edits.change(_EXPLORATION, new, float(stddev), why)


def _pop_old_exploration(edits: Edits) -> dict[str, Any]:
    """Remove the exploration keys of releases before 0.8.3; return them by their later names."""
    settings: dict[str, Any] = {}
    path, why = "config.exploration_final_eps", "it is part of the schedule epsilon"
    if edits.has(path):
        settings["final_epsilon"] = edits.remove(path, why)
    if (steps := replay.pop_annealing_steps(edits, why)) is not None:
        settings["epsilon_timesteps"] = steps
    return settings
