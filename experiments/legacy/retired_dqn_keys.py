"""Tables of the retired DQN's keys: today's words, and why others are left out."""

from __future__ import annotations

from rllib_zoo.experiments.legacy.left_out import LeftOut

# Key, at the top or inside replay_buffer_config → key of today's buffer.
BUFFER_KEYS = {
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
LEFT_OUT = {
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
    "categorical_distribution_temperature": LeftOut("it had an effect in evaluation only"),
    "softmax_temp": LeftOut("exploration is by epsilon", (1.0,), "soft_q is not set"),
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
MODEL_LEFT_OUT = {
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
