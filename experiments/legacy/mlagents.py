"""Translate trainer files of Unity's ML-Agents (``behaviors:``).

Every key is translated, removed with the reason, or refused. The rules: ``docs/3dball.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rllib_zoo.algorithms.base.validators import Kind, boolean, choice, complaint, integer, number
from rllib_zoo.experiments.errors import RequestError, nearest
from rllib_zoo.experiments.spec.changes import Change, Edits

# Behavior of a Unity scene → environment.
BEHAVIORS = {"3DBall": "3DBall-v0"}
# Behavior → agents in the Unity scene.
AGENTS = {"3DBall": 12}


def _false(value: Any) -> str | None:
    return None if value is False else "false"


def _null(value: Any) -> str | None:
    return None if value is None else "null"


_STEPS = integer(1)
_SCHEDULE = choice("linear", "constant")
# Path inside a behavior → validator.
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
    "network_settings.memory": _null,
    "network_settings.goal_conditioning_type": choice("hyper", "none"),
    "network_settings.deterministic": _false,
    "network_settings.max_num_agents": integer(1),
    "reward_signals.extrinsic.gamma": number(0, 1),
    "reward_signals.extrinsic.strength": choice(1, 1.0),
    "init_path": _null,
    "keep_checkpoints": integer(1),
    "checkpoint_interval": _STEPS,
    "max_steps": _STEPS,
    "time_horizon": _STEPS,
    "summary_freq": _STEPS,
    "threaded": boolean,
    "self_play": _null,
    "behavioral_cloning": _null,
    "framework": choice("pytorch"),
}
# Misspelled key → ML-Agents' key.
SPELLINGS = {"hyperparameters.lambda": "hyperparameters.lambd"}

# Path → hint where a value or a whole section of ML-Agents is not supported.
REFUSED = {
    "trainer_type": "only ML-Agents' PPO is supported",
    "network_settings.memory": "use model: {use_lstm: true} in this project's format",
    "network_settings.deterministic": "training samples actions",
    "reward_signals.extrinsic.strength": "rewards are not scaled",
    "init_path": "models of ML-Agents cannot be loaded; use --restore with a checkpoint of this project",
    "self_play": "self-play is not supported",
    "behavioral_cloning": "learning from demonstrations is not supported",
    "reward_signals.curiosity": "only extrinsic rewards are supported",
    "reward_signals.gail": "only extrinsic rewards are supported",
    "reward_signals.rnd": "only extrinsic rewards are supported",
    "reward_signals.extrinsic.network_settings": "only one network is supported",
}
# Other sections than `behaviors`.
REFUSED_SECTIONS = {
    "env_settings": "no Unity player is used; for a seed use --seeds",
    "engine_settings": "no Unity engine is used",
    "environment_parameters": "for mass, scale and gravity use --set env_config.mass=…",
    "checkpoint_settings": "use --experiment-name, --storage-path, --resume and --force",
    "torch_settings": "for a GPU use --set num_gpus_per_learner=1",
    "parameter_randomization": "environment parameters must be constants",
    "curriculum": "environment parameters must be constants",
    "debug": "for more output use -v",
}
# Keys without effect → reason.
REMOVED = {
    "threaded": "sampling and learning alternate",
    "network_settings.vis_encode_type": "observations are numbers, not images",
    "network_settings.goal_conditioning_type": "observations have no goal",
    "network_settings.max_num_agents": "agents act independently",
    "network_settings.deterministic": "training samples actions",
    "network_settings.memory": "it is not set",
    "reward_signals.extrinsic.strength": "rewards are not scaled",
    "init_path": "training starts from scratch",
    "self_play": "it is not set",
    "behavioral_cloning": "it is not set",
    "framework": "only 'torch' is supported",
}

# Defaults of ML-Agents.
DEFAULTS: dict[str, Any] = {
    "trainer_type": "ppo", "hyperparameters.batch_size": 1024, "hyperparameters.buffer_size": 10240,
    "hyperparameters.learning_rate": 3e-4, "hyperparameters.learning_rate_schedule": "linear",
    "hyperparameters.beta": 5e-3, "hyperparameters.epsilon": 0.2, "hyperparameters.lambd": 0.95,
    "hyperparameters.num_epoch": 3, "hyperparameters.shared_critic": False,
    "network_settings.normalize": False, "network_settings.hidden_units": 128,
    "network_settings.num_layers": 2, "reward_signals.extrinsic.gamma": 0.99, "keep_checkpoints": 5,
    "checkpoint_interval": 500_000, "max_steps": 500_000, "time_horizon": 64,
    "summary_freq": 50_000,
}  # fmt: skip
# Final values of linear schedules, at max_steps.
LAST_LEARNING_RATE, LAST_BETA, LAST_EPSILON = 1e-10, 1e-5, 0.1

# Keys of a behavior before release 4, which had no sections, and that RLlib never had.
_OLD_KEYS = {
    "trainer", "lambd", "hidden_units", "num_layers", "num_epoch", "time_horizon", "summary_freq",
    "use_recurrent", "max_steps", "beta", "reward_signals", "vis_encode_type",
}  # fmt: skip

BEHAVIORS_KEY, COMMON_KEY = "behaviors", "default_settings"
_SECTIONS = {path.rpartition(".")[0] for path in KINDS} | {"reward_signals"}
_MODEL = "config.model.custom_model_config"
# ML-Agents clips actions to ±3 and divides them by 3; here the initial deviation is a third.
_LOG_STD_INIT = round(math.log(1 / 3), 4)


def is_mlagents(document: Mapping[Any, Any]) -> bool:
    """Whether a file has ML-Agents' trainer format."""
    return BEHAVIORS_KEY in document


def old_mlagents_key(document: Mapping[Any, Any]) -> str | None:
    """The path of the first key that tells a trainer file before ML-Agents' release 4; None in others."""
    for name, settings in document.items():
        if name == BEHAVIORS_KEY or not isinstance(settings, Mapping):
            return None
        for key in settings:
            if key in _OLD_KEYS:
                return f"{name}.{key}"
    return None


def entries_of(document: Mapping[Any, Any]) -> dict[str, tuple[dict[str, Any], list[Change]]]:
    """Behavior → its entry in this project's format, and every change.

    Raises:
        RequestError: an unknown or unsupported key, section or behavior, or an invalid value;
            without the file's name.
    """
    for section in document:
        if section in REFUSED_SECTIONS:
            raise RequestError("is not supported", key=section, hint=REFUSED_SECTIONS[section])
        if section not in (BEHAVIORS_KEY, COMMON_KEY):
            hint = nearest(section, (BEHAVIORS_KEY, COMMON_KEY, *REFUSED_SECTIONS))
            raise RequestError("is unknown", key=str(section), hint=hint)
    behaviors = document[BEHAVIORS_KEY]
    if not isinstance(behaviors, Mapping) or not behaviors:
        raise RequestError("must map behaviors to settings", key=BEHAVIORS_KEY)
    common = dict(_flatten(document.get(COMMON_KEY) or {}, COMMON_KEY))
    entries = {}
    for name, settings in behaviors.items():
        own = dict(_flatten(settings, f"{BEHAVIORS_KEY}.{name}"))
        entries[str(name)] = _translate_behavior(name, {**common, **own})
    return entries


def _flatten(settings: Any, where: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path inside a behavior and value of every setting, validated."""
    if not isinstance(settings, Mapping):
        key = f"{where}.{path}".rstrip(".")
        raise RequestError(f"must map keys to values, got {settings!r}", key=key)
    for key, value in settings.items():
        original = f"{path}.{key}" if path else str(key)
        name = f"{where}.{original}"
        inner = SPELLINGS.get(original, original)
        if inner != original and inner.rpartition(".")[2] in settings:
            raise RequestError(f"is set twice, also as {inner.rpartition('.')[2]}", key=name)
        if inner in REFUSED and inner not in KINDS:
            raise RequestError("is not supported", key=name, hint=REFUSED[inner])
        if inner in _SECTIONS:
            yield from _flatten(value, where, inner)
        elif inner not in KINDS:
            raise RequestError("is unknown", key=name, hint=_nearest_path(inner))
        else:
            if inner == "max_steps" and isinstance(value, float) and value.is_integer():
                value = int(value)  # ML-Agents accepts 5.0e5
            if problem := complaint(KINDS[inner], value):
                raise RequestError(problem, key=name, hint=REFUSED.get(inner))
            yield inner, value


def _nearest_path(path: str) -> str | None:
    """A hint with the nearest name in the same section, or with the section of the same name."""
    parent, _, last = path.rpartition(".")
    paths = sorted({*KINDS, *SPELLINGS, *_SECTIONS, *REFUSED} - {""})
    siblings = {p.rpartition(".")[2] for p in paths if p.rpartition(".")[0] == parent}
    if hint := nearest(last, siblings):
        return hint
    sections = [p.rpartition(".")[0] for p in paths if p.rpartition(".")[2] == last]
    return f"it belongs to {sections[0]}" if sections else None


def _translate_behavior(
    name: Any, file_settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Change]]:
    """The entry of one behavior, from its settings by path."""
    if name not in BEHAVIORS:
        raise RequestError(
            "has no environment here",
            key=f"{BEHAVIORS_KEY}.{name}",
            hint=nearest(name, BEHAVIORS) or f"supported: {', '.join(BEHAVIORS)}",
        )
    edits = _MLAgentsEdits(file_settings)
    edits.set("env", BEHAVIORS[name])
    edits.translate("trainer_type", "run", edits.settings["trainer_type"].upper())
    _translate_sampling(edits, AGENTS[name])
    _translate_learning(edits)
    _translate_network(edits)
    edits.changes += [
        Change(path, None, REMOVED[path]) for path in file_settings if path in REMOVED
    ]
    return edits.tree, edits.changes


class _MLAgentsEdits(Edits):
    """Edits of an entry that is built from a behavior's settings.

    Attributes:
        settings: path → value, with ML-Agents' defaults.
    """

    def __init__(self, file_settings: Mapping[str, Any]):
        super().__init__({})
        self.settings = {**DEFAULTS, **file_settings}
        self._file_settings = file_settings

    def translate(self, old: str, new: str, value: Any = None, why: str = "") -> None:
        """Set a key from a setting of the file or ML-Agents' default; by default to its value."""
        value = self.settings[old] if value is None else value
        self.set(new, value)
        default = old not in self._file_settings
        reason = "; ".join(part for part in ("ML-Agents' default" * default, why) if part)
        self.changes.append(Change(None if default else old, new, reason, value))

    def merged(self, old: str, new: str) -> None:
        """Record that a setting of the file is part of a key that is set."""
        if old in self._file_settings:
            self.changes.append(Change(old, new))


def _translate_sampling(edits: _MLAgentsEdits, agents: int) -> None:
    """Buffer, horizon, number of steps, reporting and checkpoints."""
    settings = edits.settings
    buffer, horizon = settings["hyperparameters.buffer_size"], settings["time_horizon"]
    edits.fill("config.num_env_runners", 0, "as in the Unity scene")
    edits.fill("config.num_envs_per_env_runner", agents, "as in the Unity scene")
    fragment = min(horizon, -(-buffer // agents))
    why = f"{horizon:,} exceeds an agent's share of the buffer" if fragment < horizon else ""
    edits.translate("time_horizon", "config.rollout_fragment_length", fragment, why)
    batch = -(-buffer // (agents * fragment)) * agents * fragment
    why = f"a multiple of {agents} agents x {fragment:,} decisions" if batch != buffer else ""
    edits.translate("hyperparameters.buffer_size", "config.train_batch_size", batch, why)
    edits.translate("hyperparameters.batch_size", "config.minibatch_size")
    max_steps, summary_freq = settings["max_steps"], settings["summary_freq"]
    if batch > max_steps:
        problem = f"is {max_steps:,}, fewer than the {batch:,} steps of one batch"
        raise RequestError(problem, key="max_steps")
    iteration = min(max(summary_freq // batch, 1), max_steps // batch) * batch
    why = f"whole batches: {iteration:,} steps" if iteration != summary_freq else ""
    new = "config.min_sample_timesteps_per_iteration"
    edits.translate("summary_freq", new, iteration, why)
    steps = max_steps // iteration * iteration
    why = f"whole iterations within {max_steps:,} steps" if steps != max_steps else ""
    edits.translate("max_steps", "stop.timesteps_total", steps, why)
    frequency = max(round(settings["checkpoint_interval"] / iteration), 1)
    why = f"in iterations of {iteration:,} steps"
    edits.translate("checkpoint_interval", "checkpoint_freq", frequency, why)
    edits.translate("keep_checkpoints", "keep_checkpoints_num")


def _translate_learning(edits: _MLAgentsEdits) -> None:
    """Optimizer and loss."""
    settings, section = edits.settings, "hyperparameters"
    lr_schedule = settings[f"{section}.learning_rate_schedule"]
    for key, new, end in (
        ("learning_rate", "config.lr", LAST_LEARNING_RATE),
        ("beta", "config.entropy_coeff", LAST_BETA),
    ):
        value: Any = settings[f"{section}.{key}"]
        why = ""
        if settings.get(f"{section}.{key}_schedule", lr_schedule) == "linear":
            value = [[0, value], [settings["max_steps"], min(end, value)]]
            why = f"decreases linearly to {end:g} at max_steps"
        edits.translate(f"{section}.{key}", new, value, why)
        edits.merged(f"{section}.{key}_schedule", new)
    linear = settings.get(f"{section}.epsilon_schedule", lr_schedule) == "linear"
    why = f"constant; ML-Agents decreases it to {LAST_EPSILON:g} at max_steps" if linear else ""
    edits.translate(f"{section}.epsilon", "config.clip_param", why=why)
    edits.merged(f"{section}.epsilon_schedule", "config.clip_param")
    edits.translate(f"{section}.lambd", "config.lambda")
    edits.translate(f"{section}.num_epoch", "config.num_epochs")
    edits.translate("reward_signals.extrinsic.gamma", "config.gamma")
    for name, constant in (("vf_clip_param", None), ("vf_loss_coeff", 0.5), ("use_kl_loss", False)):
        edits.fill(f"config.{name}", constant, "ML-Agents' loss, without its value clipping")


def _translate_network(edits: _MLAgentsEdits) -> None:
    """ML-Agents' network: equal layers with Swish, and a free log standard deviation."""
    settings, section, why = edits.settings, "network_settings", "ML-Agents' network"
    name = "MeanStdFilter" if settings[f"{section}.normalize"] else "NoFilter"
    edits.translate(f"{section}.normalize", "config.observation_filter", name)
    model = "custom_models.SharedEncoderActorCritic"
    edits.fill("config.model.custom_model", model, why)
    hiddens = [settings[f"{section}.hidden_units"]] * settings[f"{section}.num_layers"]
    edits.translate(f"{section}.hidden_units", f"{_MODEL}.encoder_hiddens", hiddens)
    edits.merged(f"{section}.num_layers", f"{_MODEL}.encoder_hiddens")
    edits.translate("hyperparameters.shared_critic", f"{_MODEL}.shared_encoder")
    for key, value in (
        ("policy_hiddens", []),
        ("value_hiddens", []),
        ("activation", "silu"),
        ("free_log_std", True),
        ("log_std_init", _LOG_STD_INIT),
    ):
        edits.fill(f"{_MODEL}.{key}", value, why)
