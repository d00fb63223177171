"""The retired DQN's keys: replay buffers and exploration have other words on RLlib's new stack."""

from __future__ import annotations

from typing import Any

from experiments.edits import Edits, each, plain_number
from experiments.errors import RequestError, nearest
from experiments.left_out import LeftOut, leave_out

_BUFFER = "config.replay_buffer_config"
_START = "config.num_steps_sampled_before_learning_starts"
_STARTS = ("learning_starts", "min_size_for_sampling")
# Key, at the top or inside replay_buffer_config → key of today's buffer.
_BUFFER_KEYS = {
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
_LEFT_OUT = {
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
    "sigma0": LeftOut("there are no noisy layers"),
    "categorical_distribution_temperature": LeftOut("it had an effect in evaluation only"),
    "softmax_temp": LeftOut("exploration is by epsilon", (1.0,), "soft_q is not set"),
    "noisy": LeftOut(
        "there are no noisy layers", (False, None), "noisy layers are gone from RLlib's DQN"
    ),
    "parameter_noise": LeftOut(
        "there is no parameter noise", (False, None), "parameter noise is gone from RLlib's DQN"
    ),
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
_MODEL_LEFT_OUT = {
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
}
# Ray 1 and 2, where a file is silent.
_EPSILON = {"initial_epsilon": 1.0, "final_epsilon": 0.02, "epsilon_timesteps": 10_000}


def translate_dqn(edits: Edits) -> None:
    """Replace the retired DQN's own keys.

    Raises:
        RequestError: noisy layers, or a way to explore that RLlib's new DQN does not have.
    """
    _of_the_model(edits)
    _soft_q(edits)
    prioritized = _prioritized(edits)
    for where in ("config", _BUFFER):
        for key in edits.keys(where):
            path = f"{where}.{key}"
            if key in _STARTS:
                edits.rename(path, _START)
            elif key in _BUFFER_KEYS and path != f"{_BUFFER}.{_BUFFER_KEYS[key]}":
                edits.rename(path, f"{_BUFFER}.{_BUFFER_KEYS[key]}")
            elif key in _LEFT_OUT and path != "config.eps":
                leave_out(edits, path, _LEFT_OUT[key])
    if not prioritized:
        for key in _PRIORITIES:
            if edits.has(f"{_BUFFER}.{key}"):
                edits.leave_out(f"{_BUFFER}.{key}", "replay is uniform")
        edits.fill(f"{_BUFFER}.type", "EpisodeReplayBuffer", "replay is uniform")
        edits.fill(f"{_BUFFER}.capacity", 50_000, "as in Ray 1 and 2 where the file is silent")
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
        elif key in _MODEL_LEFT_OUT:
            leave_out(edits, path, _MODEL_LEFT_OUT[key])


def _soft_q(edits: Edits) -> None:
    """Ray 0.6 and 0.7's way to ask for a softmax."""
    asked = edits.get("config.soft_q")
    if asked:
        values = {"type": "SoftQ", "temperature": edits.get("config.softmax_temp", 1.0)}
        edits.change("config.soft_q", "config.exploration_config", values, "exploration by softmax")
        if edits.has("config.softmax_temp"):
            edits.leave_out("config.softmax_temp", "is its temperature")
    elif edits.has("config.soft_q"):
        edits.leave_out("config.soft_q", "exploration is by epsilon")


def _prioritized(edits: Edits) -> bool:
    """Whether replay is prioritized; the buffer's type in today's words."""
    prioritized = True
    if edits.has("config.prioritized_replay"):
        prioritized = bool(edits.get("config.prioritized_replay"))
        edits.leave_out("config.prioritized_replay", "the buffer's type says so")
    path = f"{_BUFFER}.type"
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
        raise RequestError(f"exploration by {kind} is gone from RLlib's DQN", key=f"{path}.type")
    for key in given:
        if key not in _WAYS_TO_EXPLORE[kind]:
            hint = nearest(key, _WAYS_TO_EXPLORE[kind])
            raise RequestError(f"is unknown of {kind}", key=f"{path}.{key}", hint=hint)
    if kind == "SoftQ":
        temperature = given.get("temperature", 1.0)
        new = "config.exploration_temperature"
        edits.change(path, new, temperature, "actions are sampled from softmax(Q / temperature)")
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
