"""The retired DQN's keys: replay buffers and exploration have other words on RLlib's new stack."""

from __future__ import annotations

from typing import Any

from experiments.edits import Edits, plain_number
from experiments.errors import RequestError, nearest

_BUFFER = "config.replay_buffer_config"
_START = "config.num_steps_sampled_before_learning_starts"
# Key, at the top or inside replay_buffer_config → key of today's buffer.
_BUFFER_KEYS = {
    "buffer_size": "capacity",
    "capacity": "capacity",
    "prioritized_replay_alpha": "alpha",
    "alpha": "alpha",
    "prioritized_replay_beta": "beta",
    "beta": "beta",
}
_LEFT_OUT = {
    "prioritized_replay_eps": "today's buffer has a smallest priority of its own",
    "eps": "today's buffer has a smallest priority of its own",
    "final_prioritized_replay_beta": "beta is not annealed",
    "beta_annealing_fraction": "beta is not annealed",
    "prioritized_replay_beta_annealing_timesteps": "beta is not annealed",
    "worker_side_prioritization": "the learner computes priorities",
    "replay_sequence_length": "steps are replayed one by one",
    "replay_batch_size": "steps are replayed one by one",
    "replay_mode": "there is one agent",
    "storage_unit": "today's buffer keeps episodes",
    "per_worker_exploration": "all runners follow one schedule",
    "categorical_distribution_temperature": "it had an effect in evaluation only",
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


def translate_dqn(edits: Edits, era: str) -> None:
    """Replace the retired DQN's own keys.

    Raises:
        RequestError: a way to explore that DQN does not have here.
    """
    prioritized = _prioritized(edits)
    for where in ("config", _BUFFER):
        for key in edits.keys(where):
            path = f"{where}.{key}"
            if key == "learning_starts":
                edits.rename(path, _START)
            elif key in _BUFFER_KEYS and path != f"{_BUFFER}.{_BUFFER_KEYS[key]}":
                edits.rename(path, f"{_BUFFER}.{_BUFFER_KEYS[key]}")
            elif key in _LEFT_OUT:
                edits.leave_out(path, _LEFT_OUT[key])
    if not prioritized:
        for key in _PRIORITIES:
            if edits.has(f"{_BUFFER}.{key}"):
                edits.leave_out(f"{_BUFFER}.{key}", "replay is uniform")
        edits.fill(f"{_BUFFER}.type", "EpisodeReplayBuffer", "replay is uniform")
        edits.fill(f"{_BUFFER}.capacity", 50_000, "as in Ray 1 and 2 where the file is silent")
    _exploration(edits)
    if era != "2":
        edits.fill("config.rollout_fragment_length", 4, f"as in Ray {era} where the file is silent")
    _whole_n_steps(edits)
    if edits.has("config.env_config.terminal_on_life_loss"):
        edits.leave_out(
            "config.env_config.terminal_on_life_loss", "scores of RLlib's runner are of whole games"
        )


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
    values = {
        key: plain_number(value, f"{path}.{key}")
        for key, value in {**_EPSILON, **_before_1(edits), **own}.items()
    }
    steps = max(int(values["epsilon_timesteps"]), 1)
    warmup = int(plain_number(given.get("warmup_timesteps", 0), f"{path}.warmup_timesteps"))
    start, end = float(values["initial_epsilon"]), float(values["final_epsilon"])
    schedule = [[0, start], [warmup + steps, end]]
    if warmup > 0:
        schedule.insert(1, [warmup, start])
    if edits.has(path):
        edits.change(path, "config.epsilon", schedule, "is the schedule epsilon now")
    else:
        edits.fill("config.epsilon", schedule, "as in Ray 1 and 2 where the file is silent")


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


def _whole_n_steps(edits: Edits) -> None:
    """A fragment must be long enough for one n-step target."""
    path = "config.rollout_fragment_length"
    n_step, fragment = edits.get("config.n_step", 1), edits.get(path)
    if isinstance(fragment, int) and isinstance(n_step, int) and fragment < n_step:
        edits.correct(path, n_step, f"{fragment} steps are fewer than n_step {n_step}")
