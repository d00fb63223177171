"""Networks: TorchModelV2 classes and the RLModule that wraps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic

__all__ = ["SharedEncoderActorCritic"]


def __getattr__(name: str) -> Any:
    # Its options can be read without RLlib and torch.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rllib_zoo.custom_models import actor_critic

    return getattr(actor_critic, name)
