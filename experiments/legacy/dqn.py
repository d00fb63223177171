"""The retired DQN's keys: replay buffers and exploration have other words on RLlib's new stack."""

from __future__ import annotations

from typing import Any

from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.legacy.removed_keys import LeftOut, leave_out
from rllib_zoo.experiments.legacy.replay import (
    BUFFER,
    asked_to_prioritize,
    leave_priorities_out,
    translate_replay,
)
from rllib_zoo.experiments.spec.changes import Edits, each, one_value, plain_number

# Key, at the top or inside replay_buffer_config → key of today's buffer.
BUFFER_KEYS = {
    "buffer_size": "capacity",
    "capacity": "capacity",
    "prioritized_replay_alpha": "alpha",
    "alpha": "alpha",
    "prioritized_replay_beta": "beta",
    "beta": "beta",
}
_NOT_ANNEALED = LeftOut("beta is not annealed")
_ONE_BY_ONE = LeftOut("steps are replayed one by one")
_SMALLEST = LeftOut("today's buffer has a smallest priority of its own")
_OF_APEX = LeftOut("it belonged to Ape-X")
LEFT_OUT = {
    "prioritized_replay_eps": _SMALLEST,
    "eps": _SMALLEST,
    "final_prioritized_replay_beta": _NOT_ANNEALED,
    "beta_annealing_fraction": _NOT_ANNEALED,
    "prioritized_replay_beta_annealing_timesteps": _NOT_ANNEALED,
    "worker_side_prioritization": LeftOut("the learner computes priorities"),
    "replay_sequence_length": _ONE_BY_ONE,
    "replay_batch_size": _ONE_BY_ONE,
    "replay_mode": LeftOut("there is one agent"),
    "storage_unit": LeftOut("today's buffer keeps episodes"),
    "_enable_replay_buffer_api": LeftOut("there is one kind of replay buffer"),
    "per_worker_exploration": LeftOut("all runners follow one schedule"),
    "categorical_distribution_temperature": LeftOut("it had an effect in evaluation only"),
    "softmax_temp": LeftOut("exploration is by epsilon", (1.0,), "soft_q is not set"),
    "apex_optimizer": LeftOut("it is DQN, not Ape-X", (False, None), "Ape-X is not offered here"),
    "rmsprop": LeftOut("the optimizer is Adam", (False, None), "DQN's optimizer is Adam"),
    "optimizer_class": LeftOut("RLlib's DQN has one loop"),
    "optimizer_config": LeftOut("RLlib's DQN has one loop"),
    "max_weight_sync_delay": _OF_APEX,
    "num_replay_buffer_shards": _OF_APEX,
    "num_gradient_worker_shards": _OF_APEX,
    "min_train_to_sample_ratio": _OF_APEX,
    "batch_mode": LeftOut("episodes are replayed step by step"),
    "observation_filter": LeftOut(
        "nothing is filtered", ("NoFilter", None), "RLlib's new DQN has no observation filter"
    ),
    "optimizer": LeftOut("nothing is set", ({}, None), "DQN's optimizer is Adam (adam_epsilon)"),
    "clip_actions": LeftOut("actions are discrete"),
    **dict.fromkeys(
        ("custom_eval_function", "custom_evaluation_function"),
        LeftOut("there is none", (None,), "RLlib evaluates DQN in its own way"),
    ),
    "store_buffer_in_checkpoints": LeftOut(
        "checkpoints hold no replay buffer", (False, None), "checkpoints hold no replay buffer"
    ),
    "num_epochs": LeftOut("batches are replayed once", (1, None), "DQN replays a batch once"),
    "minibatch_size": LeftOut("batches are whole", (None,), "use train_batch_size"),
    "shuffle_batch_per_epoch": LeftOut("batches are drawn at random"),
    "normalize_actions": LeftOut("actions are discrete"),
}
_ONE_NETWORK = LeftOut("values have one network")
MODEL_LEFT_OUT = {
    "vf_share_layers": _ONE_NETWORK,
    "free_log_std": LeftOut("actions are discrete"),
    "post_fcnet_hiddens": LeftOut(
        "there are none", ([], None), "use hiddens for the layers behind the encoder"
    ),
    **dict.fromkeys(
        ("lstm_use_prev_action", "lstm_use_prev_reward", "use_attention"),
        LeftOut("there is no recurrent layer", (False, None), "DQN is not recurrent here"),
    ),
    **dict.fromkeys(
        (
            "attention_num_transformer_units",
            "attention_dim",
            "attention_num_heads",
            "attention_head_dim",
            "attention_memory_inference",
            "attention_memory_training",
            "attention_position_wise_mlp_dim",
            "attention_init_gru_gate_bias",
            "attention_use_n_prev_actions",
            "attention_use_n_prev_rewards",
        ),
        LeftOut("there is no attention"),
    ),
    "post_fcnet_activation": LeftOut("there are no layers for it"),
    "encoder_latent_dim": LeftOut("there is none", (None,), "use fcnet_hiddens"),
    "custom_model": LeftOut("there is none", (None,), "DQN takes no custom model here"),
    "custom_options": LeftOut("there is no custom model", ({}, None), "DQN takes no custom model"),
    "custom_model_config": LeftOut("there is no custom model", ({}, None), "DQN takes none here"),
    "custom_action_dist": LeftOut("there is none", (None,), "actions follow from the values"),
    "no_final_linear": LeftOut("the heads end the network", (False, None), "use hiddens: []"),
    "use_lstm": LeftOut("there is no recurrent layer", (False, None), "DQN is not recurrent here"),
}


_TYPES = {
    "MultiAgentPrioritizedReplayBuffer": "PrioritizedEpisodeReplayBuffer",
    "PrioritizedReplayBuffer": "PrioritizedEpisodeReplayBuffer",
    "MultiAgentReplayBuffer": "EpisodeReplayBuffer",
    "ReplayBuffer": "EpisodeReplayBuffer",
}
_PRIORITIES = ("alpha", "beta")
_GREEDY = ("type", "initial_epsilon", "final_epsilon", "epsilon_timesteps", "warmup_timesteps")
_WAYS_TO_EXPLORE = {
    "EpsilonGreedy": _GREEDY,
    "PerWorkerEpsilonGreedy": _GREEDY,
    "SoftQ": ("type", "temperature"),
    "ParameterNoise": ("type", "initial_stddev", "random_timesteps"),
}
# Ray 1 and 2, where a file is silent.
_EPSILON = {"initial_epsilon": 1.0, "final_epsilon": 0.02, "epsilon_timesteps": 10_000}


def translate_dqn(edits: Edits) -> None:
    """Replace the retired DQN's own keys.

    Raises:
        RequestError: a way to explore that DQN does not have here.
    """
    _of_the_model(edits)
    _soft_q(edits)
    _noise(edits)
    prioritized = _prioritized(edits)
    translate_replay(edits, BUFFER_KEYS, LEFT_OUT)
    if not prioritized:
        leave_priorities_out(edits, _PRIORITIES)
        uniform, path = "EpisodeReplayBuffer", f"{BUFFER}.type"
        if str(edits.get(path, uniform)).rsplit(".", 1)[-1] != uniform:
            edits.correct(path, uniform, "prioritized_replay: false overruled it")
        edits.fill(path, uniform, "replay is uniform")
        edits.fill(f"{BUFFER}.capacity", 50_000, "as in Ray 1 and 2 where the file is silent")
    _exploration(edits)
    if edits.has("config.env_config.terminal_on_life_loss"):
        edits.leave_out(
            "config.env_config.terminal_on_life_loss", "scores of RLlib's runner are of whole games"
        )


def whole_fragments(edits: Edits, era: str) -> None:
    """The era's fragment, and no fragment shorter than one n-step target."""
    path = "config.rollout_fragment_length"
    if era != "2":
        edits.fill(path, 4, f"as in Ray {era} where the file is silent")
    fragment = edits.get(path)
    steps = [n for n in each(edits.get("config.n_step", 1)) if isinstance(n, int)]
    if isinstance(fragment, int) and fragment < (longest := max(steps, default=1)):
        edits.correct(path, longest, f"{fragment} steps are fewer than n_step {longest}")


def _of_the_model(edits: Edits) -> None:
    for key in edits.keys("config.model"):
        path = f"config.model.{key}"
        if key == "epsilon":
            edits.rename(path, "config.epsilon")
        elif key == "head_fcnet_hiddens":
            edits.rename(path, "config.hiddens")
        elif key in MODEL_LEFT_OUT:
            leave_out(edits, path, MODEL_LEFT_OUT[key])


def _soft_q(edits: Edits) -> None:
    """Ray 0.6 and 0.7's way to ask for a softmax."""
    asked = one_value(edits.get("config.soft_q"), "config.soft_q")
    if asked:
        values = {"type": "SoftQ", "temperature": edits.get("config.softmax_temp", 1.0)}
        edits.change("config.soft_q", "config.exploration_config", values, "exploration by softmax")
        if edits.has("config.softmax_temp"):
            edits.leave_out("config.softmax_temp", "is its temperature")
    elif edits.has("config.soft_q"):
        edits.leave_out("config.soft_q", "exploration is by epsilon")


def _noise(edits: Edits) -> None:
    """The releases' word for parameter noise before 0.8.3."""
    if one_value(edits.get("config.parameter_noise"), "config.parameter_noise"):
        values = {"type": "ParameterNoise"}
        why = "exploration by noise in the weights"
        edits.change("config.parameter_noise", "config.exploration_config", values, why)
    elif edits.has("config.parameter_noise"):
        edits.leave_out("config.parameter_noise", "exploration is by epsilon")


def _prioritized(edits: Edits) -> bool:
    """Whether replay is prioritized; the buffer's type in today's words."""
    prioritized = asked_to_prioritize(edits)
    path = f"{BUFFER}.type"
    one_value(edits.get(path), path)
    kind = str(edits.get(path, "PrioritizedEpisodeReplayBuffer")).rsplit(".", 1)[-1]
    if kind in _TYPES:
        edits.change(path, path, _TYPES[kind], f"{kind} kept fragments, today's keeps episodes")
        kind = _TYPES[kind]
    return prioritized and kind == "PrioritizedEpisodeReplayBuffer"


def _exploration(edits: Edits) -> None:
    """The ε schedule, or the softmax."""
    path = "config.exploration_config"
    given: Any = edits.get(path) or {}
    kind = given.get("type", "EpsilonGreedy")
    if kind not in _WAYS_TO_EXPLORE:
        raise RequestError(f"exploration by {kind} is not offered", key=f"{path}.type")
    for key in given:
        if key not in _WAYS_TO_EXPLORE[kind]:
            hint = nearest(key, _WAYS_TO_EXPLORE[kind])
            raise RequestError(f"is unknown of {kind}", key=f"{path}.{key}", hint=hint)
    if kind == "SoftQ":
        temperature = given.get("temperature", 1.0)
        new = "config.exploration_temperature"
        edits.change(path, new, temperature, "actions are sampled from softmax(Q / temperature)")
        return
    if kind == "ParameterNoise":
        _parameter_noise(edits, given)
        return
    own = {key: value for key, value in given.items() if key in _EPSILON}
    before_1 = _before_1(edits)
    values = {
        key: plain_number(value, f"{path}.{key}")
        for key, value in {**_EPSILON, **before_1, **own}.items()
    }
    steps = max(int(values["epsilon_timesteps"]), 1)
    warmup = int(plain_number(given.get("warmup_timesteps", 0), f"{path}.warmup_timesteps"))
    start, end = float(values["initial_epsilon"]), float(values["final_epsilon"])
    schedule = [[0, start], [warmup + steps, end]]
    if start > 1.0 > end:  # as good as 1 until it has sunk so far
        warmup += round(steps * (start - 1.0) / (start - end))
        schedule[0], start = [0, 1.0], 1.0
    if warmup > 0:
        schedule.insert(1, [warmup, start])
    if edits.has(path):
        edits.change(path, "config.epsilon", schedule, "is the schedule epsilon now")
    else:
        silent = "as in Ray 1 and 2 where the file is silent"
        why = "one schedule of what were several keys" if before_1 else silent
        edits.fill("config.epsilon", schedule, why)


def _parameter_noise(edits: Edits, given: dict[str, Any]) -> None:
    """Random actions to begin with, then one in a hundred beside the noise, as in Ray 1 and 2."""
    path = "config.exploration_config"
    steps, stddev = (
        plain_number(given.get(key, default), f"{path}.{key}")
        for key, default in (("random_timesteps", 10_000), ("initial_stddev", 1.0))
    )
    schedule = [[0, 1.0], [int(steps) + 1, 1.0], [int(steps) + 2, 0.01]]
    edits.fill("config.epsilon", schedule, "random actions before and beside the noise")
    edits.change(path, "config.parameter_noise_stddev", float(stddev), "noise in all weights")


def _before_1(edits: Edits) -> dict[str, Any]:
    """Exploration as the releases before 0.8.3 wrote it."""
    found: dict[str, Any] = {}
    if edits.has("config.exploration_final_eps"):
        found["final_epsilon"] = edits.get("config.exploration_final_eps")
        edits.leave_out("config.exploration_final_eps", "is in the schedule epsilon now")
    fraction, total = (
        plain_number(edits.get(f"config.{key}", default), f"config.{key}")
        for key, default in (("exploration_fraction", 0.1), ("schedule_max_timesteps", 100_000))
    )
    for key in ("exploration_fraction", "schedule_max_timesteps"):
        if edits.has(f"config.{key}"):
            edits.leave_out(f"config.{key}", "is in the schedule epsilon now")
            found["epsilon_timesteps"] = int(fraction * total)
    return found
