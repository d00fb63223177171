"""DQN: RLlib's own (Mnih et al. 2015 and its extensions), on this project's environments."""

from __future__ import annotations

import time
from typing import Any, Self

import torch
from ray.rllib.algorithms.algorithm_config import NotProvided
from ray.rllib.algorithms.dqn import DQN as RLlibDQN
from ray.rllib.algorithms.dqn import DQNConfig as RLlibDQNConfig
from ray.rllib.algorithms.dqn.torch.dqn_torch_learner import DQNTorchLearner
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    EVALUATION_RESULTS,
)

from rllib_zoo.algorithms.base.checkpoints import ChecksummedCheckpoints
from rllib_zoo.algorithms.base.config import set_provided
from rllib_zoo.algorithms.base.env_options import environment_options, frames_per_step
from rllib_zoo.algorithms.base.evaluation_once import ReportsEvaluationOnce
from rllib_zoo.algorithms.base.known_keys import require_known
from rllib_zoo.algorithms.base.module_spec import ModuleSpec
from rllib_zoo.algorithms.base.monotonic_time import MonotonicTime
from rllib_zoo.algorithms.base.result_names import NUM_EPISODES_CUT, with_legacy_names
from rllib_zoo.algorithms.dqn.env_runner import (
    EvaluationGroup,
    FactoryEnvRunner,
    channels_last_spaces,
    finished_episodes,
)
from rllib_zoo.algorithms.dqn.network import QModule
from rllib_zoo.algorithms.dqn.replay import SIGNED
from rllib_zoo.algorithms.env_runner.episodes import EpisodeWindow, summary
from rllib_zoo.algorithms.env_runner.runner_errors import runner_errors_raised
from rllib_zoo.algorithms.extension import Extensible
from rllib_zoo.envs import is_atari


class DQNConfig(RLlibDQNConfig):
    """Configuration of :class:`DQN`; keys and defaults are RLlib's.

    ``model`` supports ``fcnet_hiddens``, ``fcnet_activation``, ``conv_filters``, ``conv_activation``
    and ``dim`` of the legacy model dict; ``hiddens`` are the layers of the two heads.
    """

    def __init__(self, algo_class: type | None = None):
        super().__init__(algo_class=algo_class or DQN)
        self.env_runner_cls = FactoryEnvRunner
        self._model_config: dict[str, Any] = {}
        self.exploration_temperature: float | None = None
        self.parameter_noise_stddev: float | None = None
        # `rllib evaluate` reads these keys of every configuration.
        self.torch_num_threads = 1
        self.autocast = False
        self.float32_matmul_precision = "highest"

    def training(
        self,
        *,
        model: dict[str, Any] | Any = NotProvided,
        exploration_temperature: float | Any | None = NotProvided,
        parameter_noise_stddev: float | Any | None = NotProvided,
        **kwargs: Any,
    ) -> Self:
        """RLlib's ``training()`` with keys of older releases.

        ``noisy`` and ``sigma0``, which RLlib's new API stack ignores, make the heads' layers noisy.

        Args:
            model: see the class; merged over what was set before.
            exploration_temperature: sample actions from softmax(Q / temperature) instead of
                ε-greedily ("SoftQ"); None: ε-greedy by the schedule ``epsilon``.
            parameter_noise_stddev: initial standard deviation of Gaussian noise on all weights,
                sampled at every episode start ("ParameterNoise"); None disables it.
        """
        require_known(self, {"model": model, **kwargs})
        super().training(**kwargs)
        if model is not NotProvided:
            self._model_config = {**self._model_config, **model}
        set_provided(
            self,
            exploration_temperature=exploration_temperature,
            parameter_noise_stddev=parameter_noise_stddev,
        )
        return self

    def update_from_dict(self, config_dict: Any) -> Self:
        """As RLlib's.

        Raises:
            ValueError: a key that nothing reads, with the nearest valid name.
        """
        require_known(self, config_dict)
        # The whole dict of a configuration has the model merged with RLlib's defaults, too.
        model = {"model"} if "_model_config" in config_dict else set[str]()
        return super().update_from_dict({k: v for k, v in config_dict.items() if k not in model})

    @property
    def environment_options(self) -> dict[str, Any]:
        """See ``environment_options``."""
        return environment_options(self.env, self.env_config, self._model_config)

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """RLlib's hook."""
        return ModuleSpec(module_class=QModule, model_config=self.model_config)

    def get_rl_module_spec(self, env: Any = None, spaces: Any = None, **kwargs: Any) -> Any:
        """As RLlib's; the network sees images with their channels last."""
        if spaces is not None:
            spaces = {name: channels_last_spaces(pair) for name, pair in spaces.items()}
        return super().get_rl_module_spec(env=env, spaces=spaces, **kwargs)

    def get_default_learner_class(self) -> type:
        """RLlib's hook."""
        return QLearner

    @property
    def _model_config_auto_includes(self) -> dict[str, Any]:
        return {
            **super()._model_config_auto_includes,
            "head_fcnet_hiddens": list(self.hiddens or []),
            "exploration_temperature": self.exploration_temperature,
            "parameter_noise_stddev": self.parameter_noise_stddev,
            "noisy": self.noisy,
            "sigma0": self.sigma0,
        }


class QLearner(DQNTorchLearner):
    """RLlib's learner, with ``adam_epsilon``, which RLlib ignores."""

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """RLlib's hook."""
        parameters = self.get_parameters(self._module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam(parameters, eps=config.adam_epsilon),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )


class DQN(Extensible, MonotonicTime, ChecksummedCheckpoints, ReportsEvaluationOnce, RLlibDQN):
    """RLlib's DQN, with legacy result names and, for Atari games, the signs of rewards."""

    default_config_class = DQNConfig

    def setup(self, config: Any) -> None:
        """As RLlib; starts the clock of :meth:`step`."""
        with runner_errors_raised(config["env"]):
            super().setup(config)
        if self.eval_env_runner_group is not None:
            self.eval_env_runner_group.__class__ = EvaluationGroup
        self._window = EpisodeWindow(self.config.metrics_num_episodes_for_smoothing)
        self._logged_at = time.monotonic()

    def step(self) -> dict[str, Any]:
        """One iteration's result, with the names of this project's other algorithms.

        RLlib's own means are of the episodes of one iteration; these are of the last
        ``metrics_num_episodes_for_smoothing``.
        """
        result = super().step()
        runners = result["env_runners"]
        self._window.extend(finished_episodes(runners))
        runners.update(self._window.summary())
        if EVALUATION_RESULTS in result:
            evaluation = result[EVALUATION_RESULTS].setdefault(ENV_RUNNER_RESULTS, {})
            finished = finished_episodes(evaluation)
            cut = max(self.config.evaluation_duration - len(finished), 0)
            evaluation.update({**summary(finished), NUM_EPISODES_CUT: cut})
        steps = runners.get("num_env_steps_sampled_lifetime", 0)
        runners["num_frames_sampled_lifetime"] = steps * frames_per_step(self.config)
        seconds = time.monotonic() - self._logged_at
        self._logged_at += seconds
        sampled = runners.get("num_env_steps_sampled", 0)
        runners["num_env_steps_sampled_per_second"] = sampled / max(seconds, 1e-9)
        return with_legacy_names(result)

    def get_state(self, components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """As RLlib, with the episode window."""
        return {
            **super().get_state(components, **kwargs),
            "episode_window": self._window.state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`get_state`."""
        super().set_state(state)
        if "episode_window" in state:
            self._window.set_state(state["episode_window"])

    def _create_local_replay_buffer_if_necessary(self, config: Any) -> Any:
        settings = dict(config["replay_buffer_config"])
        clip = config.clip_rewards
        if clip or (clip is None and is_atari(config.env)):
            settings["type"] = SIGNED[settings["type"]]
        return super()._create_local_replay_buffer_if_necessary({"replay_buffer_config": settings})
