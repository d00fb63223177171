"""The networks: TorchModelV2 classes and the RLModule that hosts them."""

from custom_models.actor_critic import SharedEncoderActorCritic

__all__ = ["SharedEncoderActorCritic"]
