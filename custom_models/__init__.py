"""Networks: TorchModelV2 classes and the RLModule that wraps them."""

from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic

__all__ = ["SharedEncoderActorCritic"]
