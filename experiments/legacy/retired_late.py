"""Keys that came with Ray 2.4 to 2.40 and go; most exist still, so they tell no file's age."""

from __future__ import annotations

from collections.abc import Mapping

from rllib_zoo.experiments.legacy.left_out import LeftOut

_STACK = LeftOut("it chose between RLlib's API stacks")
_PERFORMANCE = LeftOut("it tuned the retired sampler's speed")
_ONE_AGENT = "multi-agent training is not supported"
_LEARNER = LeftOut("the algorithm has a learner of its own", (None,), "write an algorithm for it")
_OFFLINE_ONLY = LeftOut("it belonged to offline data")
_CONNECTORS = LeftOut("there are none", (None, [], ()), "connectors are not supported")

LATE: Mapping[str, LeftOut] = {
    "env_runner_cls": LeftOut("the algorithm has a runner of its own"),
    "worker_cls": LeftOut("the algorithm has a runner of its own"),
    "episodes_to_numpy": LeftOut("rollouts are arrays"),
    "add_default_connectors_to_env_to_module_pipeline": _STACK,
    "add_default_connectors_to_module_to_env_pipeline": _STACK,
    "add_default_connectors_to_learner_pipeline": _STACK,
    "rl_module_spec": LeftOut(
        "the network is built from model", (None,), "RLModules are not supported; use custom_model"
    ),
    "rl_module_class": LeftOut("the network is built from model", (None,), "use custom_model"),
    "rl_trainer_class": _LEARNER,
    "_learner_class": _LEARNER,
    "learner_config_dict": LeftOut("nothing is set", ({}, None), "the learner reads no such key"),
    "algorithm_config_overrides_per_module": LeftOut("there is one agent", ({}, None), _ONE_AGENT),
    "_torch_grad_scaler_class": LeftOut("none is set", (None,), "use autocast"),
    "_torch_lr_scheduler_classes": LeftOut("none is set", (None, []), "give lr as a schedule"),
    "_prior_exploration_config": _STACK,
    "_dont_auto_sync_env_runner_states": _STACK,
    "_run_training_always_in_thread": _PERFORMANCE,
    "_evaluation_parallel_to_training_wo_thread": _PERFORMANCE,
    "action_mask_key": LeftOut("actions are not masked"),
    "torch_compile_learner": _PERFORMANCE,
    "torch_compile_worker": _PERFORMANCE,
    "torch_compile_learner_dynamo_mode": _PERFORMANCE,
    "torch_compile_worker_dynamo_mode": _PERFORMANCE,
    "torch_compile_learner_dynamo_backend": _PERFORMANCE,
    "torch_compile_worker_dynamo_backend": _PERFORMANCE,
    "torch_compile_learner_what_to_compile": _PERFORMANCE,
    "torch_ddp_kwargs": _PERFORMANCE,
    "torch_skip_nan_gradients": LeftOut("a gradient that is no number stops the trial"),
    "max_requests_in_flight_per_env_runner": _PERFORMANCE,
    "max_requests_in_flight_per_learner": _PERFORMANCE,
    "episode_lookback_horizon": LeftOut("rollouts are arrays"),
    "log_gradients": LeftOut("learners report the gradient's norm"),
    "evaluation_force_reset_envs_before_iteration": LeftOut("evaluations start afresh"),
    "env_to_module_connector": _CONNECTORS,
    "module_to_env_connector": _CONNECTORS,
    "learner_connector": _CONNECTORS,
    "export_native_model_files": LeftOut("checkpoints hold the weights"),
    "checkpoint_trainable_policies_only": LeftOut("there is one agent"),
    "_validate_config": LeftOut("every configuration is validated"),
    **dict.fromkeys(
        (
            "input_read_method",
            "input_read_method_kwargs",
            "input_read_schema",
            "input_read_episodes",
            "input_read_sample_batches",
            "input_read_batch_size",
            "input_filesystem",
            "input_filesystem_kwargs",
            "input_compress_columns",
            "input_spaces_jsonable",
            "materialize_data",
            "materialize_mapped_data",
            "map_batches_kwargs",
            "iter_batches_kwargs",
            "prelearner_class",
            "prelearner_buffer_class",
            "prelearner_buffer_kwargs",
            "prelearner_module_synch_period",
            "dataset_num_iters_per_learner",
            "output_max_rows_per_file",
            "output_write_method",
            "output_write_method_kwargs",
            "output_write_remaining_data",
            "output_filesystem",
            "output_filesystem_kwargs",
            "output_write_episodes",
        ),
        _OFFLINE_ONLY,
    ),
}
