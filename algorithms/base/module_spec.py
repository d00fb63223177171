"""RLlib's RLModuleSpec without its second attempt, which hides errors."""

from __future__ import annotations

from typing import Any

from ray.rllib.core.rl_module.rl_module import RLModuleSpec


class ModuleSpec(RLModuleSpec):
    """Builds a module once, and raises what its constructor raises.

    RLlib's takes an AttributeError for a sign of an old class and calls it in another way, whose error
    replaces the first one.
    """

    def build(self) -> Any:
        """RLlib's hook."""
        return self.module_class(
            observation_space=self.observation_space,
            action_space=self.action_space,
            inference_only=self.inference_only,
            model_config=self._get_model_config(),
            catalog_class=self.catalog_class,
        )
