"""Trainer files of Unity's ML-Agents (``behaviors:``) in this project's words.

Every key is translated, or refused by its name; what nothing here depends on is left out and said.
The tables stand in ``mlagents_keys.py``, the rules in ``docs/3dball.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rllib_zoo.algorithms.base.validators import Kind, boolean, choice, complaint, integer, number
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.spec.changes import Change, Edits

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


BEHAVIORS_KEY, COMMON_KEY = "behaviors", "default_settings"
_NESTING = {path.rpartition(".")[0] for path in KINDS} | {"reward_signals"}
_NETWORK = "config.model.custom_model_config"
# Its actions are cut at ±3 and divided by 3, ours at ±1: the same first spread of them.
_LOG_STD_INIT = round(math.log(1 / 3), 4)


def is_mlagents(document: Mapping[Any, Any]) -> bool:
    """Whether a file's document is in ML-Agents' trainer format."""
    return BEHAVIORS_KEY in document


def entries_of(document: Mapping[Any, Any]) -> dict[str, tuple[dict[str, Any], list[Change]]]:
    """Behaviour → its entry as a file of this project would have it, and every change made.

    Raises:
        RequestError: an unknown or refused key, section or behaviour, or a wrong value; without the
            file's name.
    """
    for section in document:
        if section in (BEHAVIORS_KEY, COMMON_KEY):
            continue
        known = (BEHAVIORS_KEY, COMMON_KEY, *REFUSED_SECTIONS)
        if section in REFUSED_SECTIONS:
            raise RequestError("is not offered", key=section, hint=REFUSED_SECTIONS[section])
        raise RequestError("is unknown", key=str(section), hint=nearest(section, known))
    behaviors = document[BEHAVIORS_KEY]
    if not isinstance(behaviors, Mapping) or not behaviors:
        raise RequestError("must map behaviours to settings", key=BEHAVIORS_KEY)
    common = dict(_flat(document.get(COMMON_KEY) or {}, COMMON_KEY))
    return {
        str(name): _translated(name, {**common, **dict(_flat(settings, f"{BEHAVIORS_KEY}.{name}"))})
        for name, settings in behaviors.items()
    }


def _flat(settings: Any, where: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path below a behaviour → value, checked by name and kind."""
    if not isinstance(settings, Mapping):
        key = f"{where}.{path}".rstrip(".")
        raise RequestError(f"must map keys to values, got {settings!r}", key=key)
    for key, value in settings.items():
        below = f"{path}.{key}" if path else str(key)
        named = f"{where}.{below}"
        today = SPELLINGS.get(below, below)
        if today != below and today.rpartition(".")[2] in settings:
            raise RequestError(f"is set twice, also as {today.rpartition('.')[2]}", key=named)
        if today in REFUSED and today not in KINDS:
            raise RequestError("is not offered", key=named, hint=REFUSED[today])
        if today in _NESTING:
            yield from _flat(value, where, today)
        elif today not in KINDS:
            raise RequestError("is unknown", key=named, hint=_near(today))
        else:
            value = _whole(value) if today == "max_steps" else value
            if words := complaint(KINDS[today], value):
                raise RequestError(words, key=named, hint=REFUSED.get(today))
            yield today, value


def _whole(value: Any) -> Any:
    """ML-Agents takes 5.0e5 for a number of steps."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _near(path: str) -> str | None:
    """The nearest right name: below the same key first, then anywhere."""
    parent, _, last = path.rpartition(".")
    known = {*KINDS, *SPELLINGS, *_NESTING, *REFUSED} - {""}
    here = {p.rpartition(".")[2] for p in known if p.rpartition(".")[0] == parent}
    if found := nearest(last, here):
        return found
    elsewhere = [p for p in sorted(known) if p.rpartition(".")[2] == last]
    return f"it belongs below {elsewhere[0].rpartition('.')[0]}" if elsewhere else None


def _translated(name: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Change]]:
    """One behaviour with its settings by path."""
    if name not in BEHAVIORS:
        raise RequestError(
            "has no environment here",
            key=f"{BEHAVIORS_KEY}.{name}",
            hint=nearest(name, BEHAVIORS) or f"known: {', '.join(BEHAVIORS)}",
        )
    settings = {**DEFAULTS, **given}
    edits = Edits({})
    told = _Told(edits, given)
    edits.put("env", BEHAVIORS[name])
    told.put("trainer_type", "run", settings["trainer_type"].upper())
    _sampling(told, settings, AGENTS[name])
    _learning(told, settings)
    _network(told, settings)
    for path in given:
        if path in LEFT_OUT:
            edits.changes.append(Change(path, None, LEFT_OUT[path]))
    return edits.tree, edits.changes


class _Told:
    """Puts today's keys and says where they came from."""

    def __init__(self, edits: Edits, given: Mapping[str, Any]):
        self.edits, self.given = edits, given

    def put(self, old: str, new: str, value: Any, why: str = "") -> None:
        """A key of the file, or ML-Agents' default where the file is silent."""
        self.edits.put(new, value)
        silent = old not in self.given
        reason = "; ".join(part for part in ("ML-Agents' default" * silent, why) if part)
        self.edits.changes.append(Change(None if silent else old, new, reason, value))

    def also(self, old: str, new: str) -> None:
        """A key of the file that had its part in a key that was put."""
        if old in self.given:
            self.edits.changes.append(Change(old, new))

    def fill(self, new: str, value: Any, why: str) -> None:
        """What ML-Agents has no key for."""
        self.edits.fill(new, value, why)


def _sampling(told: _Told, settings: Mapping[str, Any], agents: int) -> None:
    """Buffer, horizon, budget, rows of results and checkpoints."""
    buffer, horizon = settings["hyperparameters.buffer_size"], settings["time_horizon"]
    told.fill("config.num_env_runners", 0, "how its scene is played")
    told.fill("config.num_envs_per_env_runner", agents, "how its scene is played")
    fragment = min(horizon, -(-buffer // agents))
    cut = f"{horizon:,} is longer than an agent's share of the buffer" if fragment < horizon else ""
    told.put("time_horizon", "config.rollout_fragment_length", fragment, cut)
    batch = -(-buffer // (agents * fragment)) * agents * fragment
    rounded = f"{agents} agents x {fragment:,} decisions fill it" if batch != buffer else ""
    told.put("hyperparameters.buffer_size", "config.train_batch_size", batch, rounded)
    told.put(
        "hyperparameters.batch_size",
        "config.minibatch_size",
        settings["hyperparameters.batch_size"],
    )
    budget = settings["max_steps"]
    if batch > budget:
        raise RequestError(
            f"is {budget:,}, less than one buffer of {batch:,}: nothing would be learned",
            key="max_steps",
        )
    per_row = max(settings["summary_freq"] // batch, 1)
    per_row = min(per_row, budget // batch)
    row = per_row * batch
    why = f"a row holds whole buffers: {row:,} steps" if row != settings["summary_freq"] else ""
    told.put("summary_freq", "config.min_sample_timesteps_per_iteration", row, why)
    steps = budget // row * row
    why = f"whole buffers within {budget:,} steps" if steps != budget else ""
    told.put("max_steps", "stop.timesteps_total", steps, why)
    every = max(round(settings["checkpoint_interval"] / row), 1)
    told.put("checkpoint_interval", "checkpoint_freq", every, f"in iterations of {row:,} steps")
    told.put("keep_checkpoints", "keep_checkpoints_num", settings["keep_checkpoints"])


def _learning(told: _Told, settings: Mapping[str, Any]) -> None:
    """The optimizer and the objective."""
    h, last = "hyperparameters", settings["max_steps"]
    schedule = settings[f"{h}.learning_rate_schedule"]

    def decayed(key: str, new: str, end: float, kind: str) -> None:
        value = settings[f"{h}.{key}"]
        falls = kind == "linear"
        why = f"falls to {end:g} at max_steps ({kind})" if falls else ""
        told.put(f"{h}.{key}", new, [[0, value], [last, min(end, value)]] if falls else value, why)

    decayed("learning_rate", "config.lr", LAST_LEARNING_RATE, schedule)
    told.also(f"{h}.learning_rate_schedule", "config.lr")
    beta_schedule = settings.get(f"{h}.beta_schedule", schedule)
    decayed("beta", "config.entropy_coeff", LAST_BETA, beta_schedule)
    told.also(f"{h}.beta_schedule", "config.entropy_coeff")
    falls = settings.get(f"{h}.epsilon_schedule", schedule) == "linear"
    why = f"stays; ML-Agents' falls to {LAST_EPSILON:g} at max_steps" if falls else ""
    told.put(f"{h}.epsilon", "config.clip_param", settings[f"{h}.epsilon"], why)
    told.also(f"{h}.epsilon_schedule", "config.clip_param")
    for key, new in (("lambd", "lambda"), ("num_epoch", "num_epochs")):
        told.put(f"{h}.{key}", f"config.{new}", settings[f"{h}.{key}"])
    told.put(
        "reward_signals.extrinsic.gamma", "config.gamma", settings["reward_signals.extrinsic.gamma"]
    )
    for key, value in (("vf_clip_param", None), ("vf_loss_coeff", 0.5), ("use_kl_loss", False)):
        told.fill(f"config.{key}", value, "its loss; the clip of its value loss is left out")


def _network(told: _Told, settings: Mapping[str, Any]) -> None:
    """ML-Agents' network: layers of one width with Swish, a free log standard deviation."""
    n, told_by = "network_settings", "its network"
    normalize = settings[f"{n}.normalize"]
    told.put(
        f"{n}.normalize", "config.observation_filter", "MeanStdFilter" if normalize else "NoFilter"
    )
    told.fill("config.model.custom_model", "custom_models.SharedEncoderActorCritic", told_by)
    units, layers = settings[f"{n}.hidden_units"], settings[f"{n}.num_layers"]
    told.put(f"{n}.hidden_units", f"{_NETWORK}.encoder_hiddens", [units] * layers)
    told.also(f"{n}.num_layers", f"{_NETWORK}.encoder_hiddens")
    shared = settings["hyperparameters.shared_critic"]
    told.put("hyperparameters.shared_critic", f"{_NETWORK}.shared_encoder", shared)
    for key, value in (
        ("policy_hiddens", []),
        ("value_hiddens", []),
        ("activation", "silu"),
        ("free_log_std", True),
        ("log_std_init", _LOG_STD_INIT),
    ):
        told.fill(f"{_NETWORK}.{key}", value, told_by)
