"""The actor-critic network: its layers, its contract, its options, and stock RLlib training it."""

import copy
import dataclasses
import math
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.models import MODEL_DEFAULTS, ModelCatalog
from torch import nn
from torch.nn import functional

from rllib_zoo.custom_models.actor_critic import SharedEncoderActorCritic
from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.custom_models.layers import hidden_layers

torch.set_num_threads(1)

CARTPOLE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
LEFT_RIGHT = gym.spaces.Discrete(2)
SCREENS = gym.spaces.Box(0.0, 1.0, (4, 80, 80), np.float32)
PONG_ACTIONS = gym.spaces.Discrete(6)
BALL = gym.spaces.Box(-np.inf, np.inf, (8,), np.float32)
TILT = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)

ATARI_DENSE = {
    "encoder_hiddens": [512],
    "policy_hiddens": [],
    "value_hiddens": [],
    "activation": "elu",
    "initializer": "he_uniform",
}
BALL_3D = {
    "encoder_hiddens": [128, 128],
    "policy_hiddens": [],
    "value_hiddens": [],
    "shared_encoder": False,
    "layer_norm": True,
    "activation": "linear",
    "free_log_std": True,
    "log_std_init": 1.0,
}


def build(obs_space=CARTPOLE, action_space=LEFT_RIGHT, num_outputs=2, **options):
    torch.manual_seed(0)
    return SharedEncoderActorCritic(
        obs_space, action_space, num_outputs, dict(MODEL_DEFAULTS), "test", **options
    )


def build_ball(**changes):
    return build(BALL, TILT, 4, **{**BALL_3D, **changes})


def observations(batch, space=CARTPOLE, seed=1):
    return torch.randn(batch, *space.shape, generator=torch.Generator().manual_seed(seed))


def shapes(model):
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def kinds(sequential):
    return [type(layer).__name__ for layer in sequential]


def affine(parameters, name, x):
    return x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]


def gradient_names(model, loss):
    model.zero_grad()
    loss.backward()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }


def test_default_is_the_network_of_the_lecture():
    model = build()
    assert shapes(model) == {
        "encoder.0.weight": (128, 4),
        "encoder.0.bias": (128,),
        "encoder.2.weight": (128, 128),
        "encoder.2.bias": (128,),
        "value_head.0.weight": (128, 128),
        "value_head.0.bias": (128,),
        "value_head.2.weight": (1, 128),
        "value_head.2.bias": (1,),
        "policy_head.0.weight": (128, 128),
        "policy_head.0.bias": (128,),
        "policy_head.2.weight": (2, 128),
        "policy_head.2.bias": (2,),
    }
    assert kinds(model.encoder) == ["Linear", "ELU", "Linear", "ELU"]
    assert kinds(model.value_head) == kinds(model.policy_head) == ["Linear", "ELU", "Linear"]


def test_atari_lecture_is_one_dense_layer_and_two_linear_heads():
    model = build(SCREENS, PONG_ACTIONS, 6, **ATARI_DENSE)
    assert shapes(model) == {
        "encoder.0.weight": (512, 25_600),
        "encoder.0.bias": (512,),
        "value_head.0.weight": (1, 512),
        "value_head.0.bias": (1,),
        "policy_head.0.weight": (6, 512),
        "policy_head.0.bias": (6,),
    }
    assert kinds(model.encoder) == ["Linear", "ELU"]


def test_3d_ball_has_two_normalised_linear_networks_and_a_free_log_std():
    model = build_ball()
    assert shapes(model) == {
        "log_std": (2,),
        "encoder.0.weight": (128, 8),
        "encoder.0.bias": (128,),
        "encoder.1.weight": (128,),
        "encoder.1.bias": (128,),
        "encoder.2.weight": (128, 128),
        "encoder.2.bias": (128,),
        "encoder.3.weight": (128,),
        "encoder.3.bias": (128,),
        "value_encoder.0.weight": (128, 8),
        "value_encoder.0.bias": (128,),
        "value_encoder.1.weight": (128,),
        "value_encoder.1.bias": (128,),
        "value_encoder.2.weight": (128, 128),
        "value_encoder.2.bias": (128,),
        "value_encoder.3.weight": (128,),
        "value_encoder.3.bias": (128,),
        "value_head.0.weight": (1, 128),
        "value_head.0.bias": (1,),
        "policy_head.0.weight": (2, 128),
        "policy_head.0.bias": (2,),
    }
    assert kinds(model.encoder) == ["Linear", "LayerNorm", "Linear", "LayerNorm"]
    assert model.log_std.tolist() == [1.0, 1.0]


def test_outputs_follow_the_formula_of_the_lecture():
    model = build()
    p, elu, obs = dict(model.named_parameters()), functional.elu, observations(5)
    encoded = elu(affine(p, "encoder.2", elu(affine(p, "encoder.0", obs))))
    logits = affine(p, "policy_head.2", elu(affine(p, "policy_head.0", encoded)))
    values = affine(p, "value_head.2", elu(affine(p, "value_head.0", encoded)))
    outputs, state = model({"obs": obs})
    torch.testing.assert_close(outputs, logits)
    torch.testing.assert_close(model.value_function(), values[:, 0])
    assert state == []


def test_outputs_follow_the_formula_of_the_3d_ball_network():
    model = build_ball()
    p, obs = dict(model.named_parameters()), observations(5, BALL)

    def encode(name):
        x = functional.layer_norm(affine(p, f"{name}.0", obs), (128,))
        return functional.layer_norm(affine(p, f"{name}.2", x), (128,))

    outputs, _ = model({"obs": obs})
    torch.testing.assert_close(outputs[:, :2], affine(p, "policy_head.0", encode("encoder")))
    values = affine(p, "value_head.0", encode("value_encoder"))
    torch.testing.assert_close(model.value_function(), values[:, 0])


def test_layer_norm_stands_before_the_activation_in_heads_too():
    model = build(layer_norm=True)
    assert kinds(model.encoder) == ["Linear", "LayerNorm", "ELU"] * 2
    assert kinds(model.policy_head) == ["Linear", "LayerNorm", "ELU", "Linear"]
    assert kinds(model.value_head) == ["Linear", "LayerNorm", "ELU", "Linear"]


def test_each_part_has_the_layers_of_its_own_option():
    model = build(encoder_hiddens=[10], policy_hiddens=[11, 12], value_hiddens=[13])
    weights = {name: shape for name, shape in shapes(model).items() if name.endswith("weight")}
    assert weights == {
        "encoder.0.weight": (10, 4),
        "value_head.0.weight": (13, 10),
        "value_head.2.weight": (1, 13),
        "policy_head.0.weight": (11, 10),
        "policy_head.2.weight": (12, 11),
        "policy_head.4.weight": (2, 12),
    }


def test_without_any_hidden_layer_the_network_is_linear_in_the_observation():
    model = build(encoder_hiddens=[], policy_hiddens=[], value_hiddens=[])
    assert shapes(model) == {
        "value_head.0.weight": (1, 4),
        "value_head.0.bias": (1,),
        "policy_head.0.weight": (2, 4),
        "policy_head.0.bias": (2,),
    }
    obs = observations(3)
    values = affine(dict(model.named_parameters()), "value_head.0", obs)[:, 0]
    torch.testing.assert_close(model.policy_and_value(obs)[1], values)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("elu", functional.elu),
        ("relu", torch.relu),
        ("tanh", torch.tanh),
        ("silu", functional.silu),
        ("gelu", functional.gelu),
        ("linear", lambda x: x),
    ],
)
def test_activation_is_the_function_it_names(name, function):
    model = build(activation=name, encoder_hiddens=[16], policy_hiddens=[])
    p, obs = dict(model.named_parameters()), observations(5)
    logits = affine(p, "policy_head.0", function(affine(p, "encoder.0", obs)))
    torch.testing.assert_close(model.policy_and_value(obs)[0], logits)


@pytest.mark.parametrize("batch", [1, 3, 7])
@pytest.mark.parametrize("setting", ["lecture", "ball"])
def test_shapes_and_types_with_odd_batches(setting, batch):
    make, space, width = (build, CARTPOLE, 2) if setting == "lecture" else (build_ball, BALL, 4)
    model = make()
    outputs, _ = model({"obs": observations(batch, space)})
    values = model.value_function()
    assert (outputs.shape, outputs.dtype) == ((batch, width), torch.float32)
    assert (values.shape, values.dtype) == ((batch,), torch.float32)


def test_empty_batch_of_images_gives_empty_outputs():
    model = build(gym.spaces.Box(0.0, 1.0, (2, 3, 3), np.float32))
    outputs, values = model.policy_and_value(torch.zeros(0, 2, 3, 3))
    assert (outputs.shape, values.shape) == ((0, 2), (0,))


def test_state_and_unread_inputs_are_left_alone():
    model, state = build(), [torch.ones(3, 2)]
    outputs, state_out = model.forward({"obs_flat": observations(3), "obs": None}, state, None)
    assert state_out is state
    torch.testing.assert_close(outputs, model.policy_and_value(observations(3))[0])


def test_policy_and_value_stores_nothing():
    model = build()
    model({"obs": observations(3)})
    before = model.value_function()
    model.policy_and_value(observations(5))
    assert model.value_function() is before


def test_uint8_is_scaled_as_image_bytes_and_other_types_are_not():
    model = build(gym.spaces.Box(0, 255, (2, 3), np.uint8))
    pixels = torch.arange(12, dtype=torch.uint8).reshape(2, 2, 3) * 20
    expected = model.policy_and_value(pixels.flatten(1).float() / 255.0)[0]
    torch.testing.assert_close(model.policy_and_value(pixels)[0], expected)
    torch.testing.assert_close(model({"obs": pixels})[0], expected)
    assert pixels[1, 1, 2] == 220
    unscaled = model.policy_and_value(pixels.flatten(1).float())[0]
    torch.testing.assert_close(model.policy_and_value(pixels.long())[0], unscaled)
    torch.testing.assert_close(model.policy_and_value(pixels.double())[0], unscaled)


def test_shared_encoder_learns_from_both_losses():
    model = build()
    logits, values = model.policy_and_value(observations(6))
    encoder = {name for name in shapes(model) if name.startswith("encoder.")}
    from_policy = gradient_names(model, logits.square().sum() + 0 * values.sum())
    logits, values = model.policy_and_value(observations(6))
    from_value = gradient_names(model, values.square().sum())
    assert from_policy == encoder | {n for n in shapes(model) if n.startswith("policy_head.")}
    assert from_value == encoder | {n for n in shapes(model) if n.startswith("value_head.")}


def test_separate_encoders_learn_from_their_own_loss_only():
    model = build_ball()
    policy_side = {n for n in shapes(model) if not n.startswith("value_")}
    value_side = {n for n in shapes(model) if n.startswith("value_")}
    logits, values = model.policy_and_value(observations(6, BALL))
    assert gradient_names(model, values.square().sum()) == value_side
    assert gradient_names(model, logits.square().sum()) == policy_side


@pytest.mark.parametrize("initializer", ["default", "he_uniform", "orthogonal", "xavier_uniform"])
@pytest.mark.parametrize("setting", ["lecture", "ball"])
def test_every_parameter_moves_in_one_step_of_both_losses(setting, initializer):
    make, space = (build, CARTPOLE) if setting == "lecture" else (build_ball, BALL)
    model = make(initializer=initializer)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    outputs, values = model.policy_and_value(observations(16, space))
    log_probability = torch.log_softmax(outputs, dim=1)[:, 0]
    loss = -log_probability.mean() + (values - 1.0).square().mean() + outputs[:, -1].mean()
    assert gradient_names(model, loss) == set(shapes(model))
    optimizer.step()
    after = model.state_dict()
    assert [name for name in before if torch.equal(before[name], after[name])] == []


@pytest.mark.parametrize("make", [build, build_ball])
def test_state_dict_carries_everything(make):
    model, other = make(), make(log_std_init=-0.5) if make is build_ball else make()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1)
    obs = observations(3, CARTPOLE if make is build else BALL)
    assert not torch.allclose(model.policy_and_value(obs)[0], other.policy_and_value(obs)[0])
    other.load_state_dict(pickle.loads(pickle.dumps(model.state_dict())))
    for mine, theirs in zip(model.policy_and_value(obs), other.policy_and_value(obs), strict=True):
        assert torch.equal(mine, theirs)


def test_free_log_std_is_a_parameter_that_no_observation_changes():
    model = build_ball(log_std_init=-0.5)
    assert isinstance(model.log_std, torch.nn.Parameter)
    one = model.policy_and_value(observations(3, BALL))[0]
    other = model.policy_and_value(observations(3, BALL, seed=2))[0]
    assert one[:, 2:].tolist() == other[:, 2:].tolist() == [[-0.5, -0.5]] * 3
    assert not torch.allclose(one[:, :2], other[:, :2])


def test_without_free_log_std_the_network_computes_the_log_std():
    model = build(BALL, TILT, 4)
    assert model.log_std is None
    assert "log_std" not in shapes(model)
    one = model.policy_and_value(observations(3, BALL))[0]
    other = model.policy_and_value(observations(3, BALL, seed=2))[0]
    assert not torch.allclose(one[:, 2:], other[:, 2:])


def linears(model):
    return {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}


@pytest.mark.parametrize("initializer", ["he_uniform", "xavier_uniform"])
def test_uniform_initializers_fill_their_range(initializer):
    model = build(BALL, TILT, 4, initializer=initializer, encoder_hiddens=[300, 200])
    for name, layer in linears(model).items():
        fan_out, fan_in = layer.weight.shape
        fan = fan_in if initializer == "he_uniform" else fan_in + fan_out
        bound = math.sqrt(6.0 / fan)
        assert layer.weight.abs().max() <= bound, name
        assert torch.count_nonzero(layer.bias) == 0, name
        if layer.weight.numel() > 1_000:
            # U(-b, b) has standard deviation b / sqrt(3); at 2,400 weights, 5 % is 4 sigma.
            assert layer.weight.abs().max() > 0.99 * bound, name
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05), name


def test_orthogonal_gains_are_those_of_ppo_practice():
    model = build(initializer="orthogonal")
    gains = {"policy_head.2": 0.01, "value_head.2": 1.0}
    for name, layer in linears(model).items():
        rows, columns = layer.weight.shape
        weight = layer.weight if rows <= columns else layer.weight.T
        expected = gains.get(name, math.sqrt(2.0)) ** 2 * torch.eye(min(rows, columns))
        torch.testing.assert_close(weight @ weight.T, expected, rtol=1e-4, atol=1e-5)
        assert torch.count_nonzero(layer.bias) == 0, name


def test_default_initializer_is_that_of_torch():
    layer = build().policy_head[0]
    # torch's nn.Linear: weight and bias from U(±1 / sqrt(fan_in)).
    bound = 1.0 / math.sqrt(128)
    assert 0.99 * bound < layer.weight.abs().max() <= bound
    assert 0.9 * bound < layer.bias.abs().max() <= bound


def test_value_before_forward_raises():
    with pytest.raises(RuntimeError, match=r"value_function\(\) was called before the first"):
        build().value_function()


def test_wrong_observation_width_names_both_numbers():
    sentence = r"each observation has 5 numbers, but the observation space of shape \(4,\) has 4"
    with pytest.raises(ValueError, match=sentence):
        build()({"obs": torch.zeros(3, 5)})
    with pytest.raises(ValueError, match=r"has 25600$"):
        build(SCREENS, PONG_ACTIONS, 6, encoder_hiddens=[]).policy_and_value(
            torch.zeros(1, 4, 84, 84)
        )


def test_observation_space_that_is_no_box_is_named():
    with pytest.raises(ValueError, match=r"needs Box observations, got Discrete\(5\)"):
        build(gym.spaces.Discrete(5))


def test_outputs_must_be_some():
    with pytest.raises(ValueError, match="num_outputs must be at least 1, got 0"):
        build(num_outputs=0)


def test_without_outputs_it_gives_features_and_has_no_heads():
    model = build(num_outputs=None, encoder_hiddens=[8, 5])
    assert model.num_outputs == 5
    assert not any("head" in name for name, _ in model.named_parameters())
    obs = observations(3)
    features, state = model({"obs": obs})
    assert features.shape == (3, 5)
    assert state == []
    torch.testing.assert_close(features, model.lstm_features(obs))
    with pytest.raises(RuntimeError, match="before the first forward"):
        model.value_function()


@pytest.mark.parametrize(
    "option",
    [{"policy_hiddens": [8]}, {"value_hiddens": [8]}, {"shared_encoder": False}],
    ids=lambda option: next(iter(option)),
)
def test_options_of_heads_are_refused_without_heads(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"'{name}' is not supported with use_lstm"):
        build(num_outputs=None, **option)
    build(num_outputs=None, policy_hiddens=[], value_hiddens=[], shared_encoder=True)


def test_free_log_std_needs_pairs_of_outputs_and_continuous_actions():
    with pytest.raises(ValueError, match=r"even num_outputs .* got 3"):
        build(BALL, TILT, 3, free_log_std=True)
    with pytest.raises(ValueError, match=r"needs a Box action space, got Discrete\(2\)"):
        build(free_log_std=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activaton": "elu"}, "key 'activaton' is unknown; did you mean 'activation'?"),
        ({"shared_encoders": True}, "key 'shared_encoders' is unknown; did you mean 'shared_en"),
        ({"zzz": 1}, "key 'zzz' is unknown; choose from conv_filters, conv_padding, encoder_hi"),
        ({3: 1}, "key 3 is unknown; choose from "),
        ({"activation": "elux"}, "key 'activation' must be one of elu, relu, tanh, silu, gelu, li"),
        ({"activation": ["elu"]}, "key 'activation' must be one of"),
        ({"initializer": None}, "key 'initializer' must be one of default, he_uniform, orthogonal"),
        ({"encoder_hiddens": 128}, "'encoder_hiddens' must be a list of integers of at least 1"),
        ({"encoder_hiddens": "128"}, "key 'encoder_hiddens' must be a list of integers"),
        ({"policy_hiddens": [128, 0]}, "key 'policy_hiddens' must be a list"),
        ({"policy_hiddens": [12.5]}, "key 'policy_hiddens' must be a list"),
        ({"value_hiddens": [True]}, "key 'value_hiddens' must be a list"),
        ({"layer_norm": 1}, "key 'layer_norm' must be true or false, got 1"),
        ({"shared_encoder": "no"}, "key 'shared_encoder' must be true or false, got 'no'"),
        ({"free_log_std": None}, "key 'free_log_std' must be true or false, got None"),
        ({"free_log_std": True, "log_std_init": "1"}, "key 'log_std_init' must be a finite number"),
        ({"free_log_std": True, "log_std_init": math.nan}, "must be a finite number, got nan"),
        ({"free_log_std": True, "log_std_init": True}, "must be a finite number, got True"),
        ({"log_std_init": 1.0}, "key 'log_std_init' is 1.0, but needs free_log_std: true"),
        (None, "custom_model_config must map option names to values, got a NoneType"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        ActorCriticOptions.from_dict(options)
    assert message in str(error.value)
    assert str(error.value).startswith("custom_model_config ")
    assert "\n" not in str(error.value)


def test_options_are_frozen_comparable_and_picklable():
    options = ActorCriticOptions.from_dict({"encoder_hiddens": [128, np.int64(128)]})
    assert options == ActorCriticOptions() == ActorCriticOptions.from_dict({})
    assert options.encoder_hiddens == (128, 128)
    assert hash(options) == hash(ActorCriticOptions())
    assert pickle.loads(pickle.dumps(options)) == options
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.activation = "relu"


def test_model_is_picklable_and_leaves_its_config_unchanged():
    config = {**MODEL_DEFAULTS, "custom_model_config": copy.deepcopy(BALL_3D)}
    model = SharedEncoderActorCritic(BALL, TILT, 4, config, "test", **BALL_3D)
    assert config == {**MODEL_DEFAULTS, "custom_model_config": BALL_3D}
    clone, obs = pickle.loads(pickle.dumps(model)), observations(3, BALL)
    assert torch.equal(clone.policy_and_value(obs)[0], model.policy_and_value(obs)[0])


@pytest.mark.parametrize(
    "custom_model",
    [SharedEncoderActorCritic, "rllib_zoo.custom_models.actor_critic.SharedEncoderActorCritic"],
)
def test_catalog_hands_over_the_options_of_a_class_and_of_a_dotted_name(custom_model):
    config = {**MODEL_DEFAULTS, "custom_model": custom_model, "custom_model_config": BALL_3D}
    model = ModelCatalog.get_model_v2(BALL, TILT, 4, config, framework="torch")
    assert isinstance(model, SharedEncoderActorCritic)
    assert shapes(model) == shapes(build_ball())
    assert model({"obs": observations(3, BALL)})[0].shape == (3, 4)
    wrong = {**config, "custom_model_config": {"activaton": "elu"}}
    with pytest.raises(ValueError, match="did you mean 'activation'"):
        ModelCatalog.get_model_v2(BALL, TILT, 4, wrong, framework="torch")


def test_options_left_in_custom_model_config_count_without_keywords():
    config = {**MODEL_DEFAULTS, "custom_model_config": BALL_3D}
    model = SharedEncoderActorCritic(BALL, TILT, 4, config, "test")
    assert shapes(model) == shapes(build_ball())


def test_free_log_std_of_the_model_dict_is_not_dropped_silently():
    config = {**MODEL_DEFAULTS, "free_log_std": True}
    with pytest.raises(ValueError, match="free_log_std belongs in custom_model_config"):
        SharedEncoderActorCritic(BALL, TILT, 4, config, "test")


@pytest.mark.ray
@pytest.mark.parametrize("lstm", [{}, {"use_lstm": True, "lstm_cell_size": 16}], ids=["", "lstm"])
def test_stock_rllib_ppo_trains_it_on_the_old_stack(ray_session, lstm):
    from ray.rllib.algorithms.ppo import PPOConfig

    config = (
        PPOConfig()
        .api_stack(enable_rl_module_and_learner=False, enable_env_runner_and_connector_v2=False)
        .environment("CartPole-v1")
        .env_runners(num_env_runners=0)
        .training(
            model={
                "custom_model": SharedEncoderActorCritic,
                "custom_model_config": {"encoder_hiddens": [32], "initializer": "orthogonal"},
                **lstm,
            },
            train_batch_size=400,
            minibatch_size=100,
            num_epochs=2,
        )
    )
    algo = config.build_algo()
    try:
        model = algo.get_policy().model
        assert isinstance(model, SharedEncoderActorCritic)
        assert hasattr(model, "lstm") == bool(lstm)
        assert shapes(model)["encoder.0.weight"] == (32, 4)
        before = copy.deepcopy(model.state_dict())
        results = [algo.train() for _ in range(2)]
        after = model.state_dict()
        assert [name for name in before if torch.equal(before[name], after[name])] == []
        for result in results:
            stats = result["info"]["learner"]["default_policy"]["learner_stats"]
            losses = [stats[key] for key in ("total_loss", "policy_loss", "vf_loss")]
            assert np.isfinite(losses).all(), losses
    finally:
        algo.stop()


@pytest.mark.parametrize("name", ["elu", "relu"])
def test_activations_that_overwrite_have_the_gradients_of_those_that_do_not(name: str) -> None:
    torch.manual_seed(0)
    layers = hidden_layers(4, [8, 8], ActorCriticOptions(activation=name))
    obs = torch.randn(16, 4)
    weights = [layer.weight for layer in layers if isinstance(layer, nn.Linear)]
    apart = obs
    for layer in layers:
        if isinstance(layer, nn.Linear):
            apart = getattr(functional, name)(functional.linear(apart, layer.weight, layer.bias))
    expected = torch.autograd.grad(apart.square().sum(), weights)
    for gradient, other in zip(
        torch.autograd.grad(layers(obs).square().sum(), weights), expected, strict=True
    ):
        torch.testing.assert_close(gradient, other)
