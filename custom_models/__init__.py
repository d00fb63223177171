"""The networks: TorchModelV2 classes and the RLModule that hosts them."""

from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic

__all__ = ["SharedEncoderActorCritic"]
