"""Grids in legacy files: every alternative is translated, or the grid is refused as one."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.translate import translate


def grid(*values):
    return {"grid_search": list(values)}


def config_of(run="PPO", **config):
    entry = {"run": run, "env": "CartPole-v1", "stop": {"training_iteration": 1}, "config": config}
    return translate(entry, legacy=True)[0]["config"]


def refusal(run="PPO", **config):
    with pytest.raises(RequestError) as caught:
        config_of(run, **config)
    return str(caught.value)


def test_every_bound_of_a_grid_is_divided():
    new_config = config_of("A2C", train_batch_size=40, grad_clip=grid(40, 0.5, None), num_workers=0)
    assert new_config["grad_clip"] == grid(1.0, 0.0125, None)


@pytest.mark.parametrize(
    ("run", "key"),
    [
        ("A3C", "rollout_fragment_length"),
        ("A3C", "num_envs_per_worker"),
        ("A2C", "train_batch_size"),
        ("A2C", "minibatch_size"),
    ],
)
def test_a_grid_over_what_bounds_are_divided_by_is_refused(run, key):
    message = refusal(run, **{key: grid(20, 40)})
    assert "different values of grad_clip" in message
    assert message.endswith("; split the grid")


def test_no_bound_and_another_optimizer_leave_such_a_grid_alone():
    legacy_keys = {"grad_clip": None, "optimizer": {"type": "rmsprop"}, "num_workers": 1}
    new_config = config_of("A3C", rollout_fragment_length=grid(20, 40), **legacy_keys)
    assert new_config["rollout_fragment_length"] == grid(20, 40)


def test_every_batch_of_a_grid_is_whole_rounds():
    legacy_keys = {"num_workers": 2, "num_envs_per_worker": 5, "rollout_fragment_length": 20}
    assert config_of(train_batch_size=grid(400, 500), **legacy_keys)["train_batch_size"] == grid(
        400, 600
    )
    message = refusal(train_batch_size=grid(100, 500), **legacy_keys)
    assert "more than some of these batches; split the grid" in message


def test_schedules_beside_null_are_refused_as_a_grid():
    schedules = grid([[0, 1e-3], [10, 0]], None)
    for key, name in (("lr_schedule", "lr"), ("entropy_coeff_schedule", "entropy_coeff")):
        message = refusal(**{key: schedules})
        assert f"{key}: this grid mixes null and schedules" in message
        assert message.endswith(f"under {name}")


def test_steps_in_grids_are_schedules():
    fallen = [[0, 0.02], [500, 0.0]]
    new_config = config_of(entropy_coeff=0.02, entropy_coeff_schedule=grid(500, [[0, 1], [9, 0]]))
    assert new_config["entropy_coeff"] == grid(fallen, [[0, 1.0], [9, 0.0]])
    new_config = config_of(entropy_coeff=grid(0.02, 0.01), entropy_coeff_schedule=500)
    assert new_config["entropy_coeff"] == grid(fallen, [[0, 0.01], [500, 0.0]])
    both = {"entropy_coeff": grid(0.02, 0.01), "entropy_coeff_schedule": grid(500, 900)}
    assert "cannot be a grid if entropy_coeff is one" in refusal(**both)
    assert config_of(entropy_coeff_schedule=float("inf"))["entropy_coeff"] == float("inf")


@pytest.mark.parametrize("key", ["prioritized_replay", "parameter_noise", "soft_q"])
def test_grids_over_dqns_switches_are_refused(key):
    message = refusal("DQN", **{key: grid(True, False)}, num_workers=0)
    assert f"config.{key}: cannot be a grid" in message
    assert message.endswith("give one value, or split the file")


def test_agents_in_a_grid_are_found():
    assert "multi-agent" in refusal(multiagent=grid({"policies": {"a": 1}}, {}), num_workers=1)
    assert "multiagent" not in config_of(multiagent=grid({"policies": {}}, {}), num_workers=1)


def test_every_alternative_of_a_grid_of_mappings_is_translated():
    new_config = config_of(
        evaluation_config=grid({"num_workers": 1}, {"explore": False}),
        model=grid(
            {"fcnet_hiddens": [64], "max_seq_len": 20, "grayscale": True},
            {"use_lstm": True, "lstm_use_prev_action_reward": False, "max_seq_len": 20},
        ),
    )
    assert new_config["evaluation_config"] == grid({"num_env_runners": 1}, {"explore": False})
    assert new_config["model"] == grid(
        {"fcnet_hiddens": [64]}, {"use_lstm": True, "max_seq_len": 20}
    )


def test_a_legacy_key_inside_such_a_grid_makes_a_file_legacy():
    model = grid({"custom_options": {"a": 1}}, {"dim": 8})
    entry = {"run": "PPO", "env": "CartPole-v1", "stop": {"a": 1}, "config": {"model": model}}
    assert translate(entry)[0]["config"]["model"] == grid(
        {"custom_model_config": {"a": 1}}, {"dim": 8}
    )


def test_alternatives_that_differ_elsewhere_are_refused():
    kinds = grid({"epsilon_timesteps": 5}, {"epsilon_timesteps": 10})
    message = refusal("DQN", exploration_config=kinds, num_workers=0)
    assert message == (
        "config.exploration_config: the alternatives of this grid need different values of epsilon; "
        "split the file"
    )
    assert "normalize_actions" in refusal(model=grid({"squash_to_range": True}, {"dim": 8}))


@pytest.mark.parametrize(
    ("legacy_keys", "message"),
    [
        ({"use_gae": grid(True, False)}, "list the alternatives under lambda"),
        (
            {"run": "DQN", "exploration_config": {"epsilon_timesteps": grid(1, 2)}},
            "cannot be a grid",
        ),
        ({"remote_worker_envs": grid(True, False)}, "cannot be a grid"),
        ({"model": {"lstm_use_prev_action_reward": grid(True, False)}}, "cannot be a grid"),
        ({"model": grid({"dim": 1}, {"dim": 2}, None), "use_lstm": True}, "must map keys"),
    ],
)
def test_the_message_says_that_the_grid_is_the_problem(legacy_keys, message):
    assert message in refusal(**legacy_keys)


def test_grids_that_have_an_answer():
    assert config_of("A2C", use_gae=grid(True, False), num_workers=0)["use_gae"]
    new_config = config_of(evaluation_interval=grid(0, 5))
    assert new_config["evaluation_interval"] == grid(None, 5)


def test_each_alternative_of_an_optimizer_is_scaled():
    alternatives = [{"type": "adam", "epsilon": 1e-8}, {"type": "sgd"}]
    config = config_of(
        "A2C", num_workers=0, train_batch_size=40, optimizer={"grid_search": alternatives}
    )
    scaled = {"type": "adam", "epsilon": pytest.approx(2.5e-10)}
    assert config["optimizer"] == {"grid_search": [scaled, {"type": "sgd"}]}
