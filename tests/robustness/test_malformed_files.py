"""Hundreds of damaged config files: each gives one line with file and key, none a traceback."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import yaml
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.validation.check import validate

ENOUGH = 200
OURS = "custom_models.SharedEncoderActorCritic"
GOOD = {
    "PPO": {
        "num_env_runners": 0,
        "num_envs_per_env_runner": 4,
        "train_batch_size": 256,
        "minibatch_size": 64,
        "num_epochs": 2,
        "lr": 0.001,
        "gamma": 0.98,
        "lambda": 0.95,
        "clip_param": 0.2,
        "vf_clip_param": None,
        "use_kl_loss": False,
        "entropy_coeff": [[0, 0.01], [1000, 0.001]],
        "env_config": {"sutton_barto_reward": True},
        "model": {
            "custom_model": OURS,
            "custom_model_config": {"policy_hiddens": [8], "layer_norm": True},
        },
    },
    "A2C": {
        "num_env_runners": 0,
        "train_batch_size": 80,
        "grad_clip": 0.5,
        "optimizer": {"type": "rmsprop", "epsilon": 0.0001},
        "evaluation_interval": 5,
        "evaluation_config": {"explore": False},
        "model": {"fcnet_hiddens": [8, 8], "fcnet_activation": "tanh", "vf_share_layers": True},
        "seed": 3,
    },
    "A3C": {
        "num_env_runners": 1,
        "rollout_fragment_length": 10,
        "vf_loss_coeff": 0.5,
        "observation_filter": "MeanStdFilter",
        "standardize_advantages": True,
    },
}
# No value of any key.
WRONG = (["x"], {"x": 1}, "true,", "1e-3,", -7, "nonsense")
# Alone each is a fine setting; beside the others it is not.
CONTRADICTIONS = {
    "PPO": [
        {"train_batch_size": 250},
        {"minibatch_size": 512},
        {"train_batch_size": 3},
        {"rollout_fragment_length": 7},
        {"num_envs_per_env_runner": 5},
        {"num_env_runners": 3},
        {"lambda_": 0.9},
        {"train_batch_size_per_learner": 128},
        {"num_learners": 3},
        {"num_env_runners": 1000, "train_batch_size": 4000},
    ],
    "A2C": [
        {"train_batch_size": 81},
        {"minibatch_size": 81},
        {"rollout_fragment_length": 9},
        {"num_envs_per_env_runner": 7},
        {"train_batch_size_per_learner": 41},
        {"num_learners": 3},
        {"optimizer": {"type": "adam", "alpha": 0.9}},
        {"num_env_runners": 3},
        {"optimizer": {"epsilon": 0.1}},
        {"model": {"custom_model_config": {"layer_norm": True}}},
    ],
    "A3C": [
        {"num_env_runners": 0},
        {"num_learners": 2},
        {"rollout_fragment_length": "auto"},
        {"num_env_runners": 64},
        {"num_gpus_per_learner": 2},
        {"rollout_fragment_length": "auto", "train_batch_size": 10, "num_envs_per_env_runner": 3},
    ],
}
DAMAGED_YAML = ("truncated", "tab", "duplicate", "tag", "bracket")


def document(algorithm):
    return {
        "good": {
            "run": algorithm,
            "env": "CartPole-v1",
            "stop": {"timesteps_total": 1000, "episode_reward_mean": 475},
            "checkpoint_config": {"checkpoint_frequency": 2, "checkpoint_at_end": True},
            "config": copy.deepcopy(GOOD[algorithm]),
        }
    }


def paths(tree, start=()):
    """Every key of a nested mapping, as the keys on the way to it."""
    for key, value in tree.items():
        yield (*start, key)
        if isinstance(value, dict):
            yield from paths(value, (*start, key))


def parent(tree, path):
    for key in path[:-1]:
        tree = tree[key]
    return tree


def misspelt(draw, key):
    """One letter dropped, doubled, or exchanged with the next."""
    i = draw(st.integers(0, len(key) - 2))
    how = draw(st.sampled_from(("drop", "double", "swap")))
    if how == "drop":
        return key[:i] + key[i + 1 :]
    if how == "double":
        return key[:i] + key[i] * 2 + key[i + 1 :]
    return key[:i] + key[i + 1] + key[i] + key[i + 2 :]


def damaged_yaml(draw, tree):
    how = draw(st.sampled_from(DAMAGED_YAML))
    if how == "truncated":
        # In flow style some bracket stays open; in block style the rest may be a good file.
        text = yaml.safe_dump(tree, default_flow_style=True).rstrip()
        return text[: draw(st.integers(1, len(text) - 1))]
    lines = yaml.safe_dump(tree, sort_keys=False).splitlines()
    # A list's items may well occur twice, and the environment takes any value of its option.
    damageable = [n for n, line in enumerate(lines) if ": " in line and "sutton" not in line]
    i = draw(st.sampled_from(damageable))
    if how == "tab":
        lines[i] = "\t" + lines[i].lstrip()
    elif how == "duplicate":
        lines.insert(i, lines[i])
    elif how == "tag":
        lines[i] = lines[i].replace(":", ": !!python/name:os.system", 1)
    else:
        lines[i] += draw(st.sampled_from(("]", "}", " [", " {")))
    return "\n".join(lines)


@st.composite
def malformed(draw):
    """The text of a damaged file, and the key its message must name; None for broken YAML."""
    algorithm = draw(st.sampled_from(sorted(GOOD)))
    tree = document(algorithm)
    entry = tree["good"]
    kind = draw(st.sampled_from(("misspelt", "wrong type", "missing", "contradiction", "yaml")))
    key = None
    if kind == "misspelt":
        path = draw(st.sampled_from(list(paths(entry))))
        level = parent(entry, path)
        key = misspelt(draw, path[-1])
        if key in level or key in ("num_env_runner", "lamba"):
            key = f"{path[-1]}x"
        level[key] = level.pop(path[-1])
    elif kind == "wrong type":
        path = draw(st.sampled_from(list(paths(entry))))
        key = path[-1]
        bad = draw(st.sampled_from(WRONG))
        negative_is_fine = key in ("episode_reward_mean", "sutton_barto_reward")
        parent(entry, path)[key] = "true," if negative_is_fine and bad == -7 else bad
        if key == "sutton_barto_reward":  # the environment takes anything for it
            key = "graviti"
            parent(entry, path)[key] = bad
    elif kind == "missing":
        key = draw(st.sampled_from(("run", "env", "stop")))
        del entry[key]
    elif kind == "contradiction":
        change = draw(st.sampled_from(CONTRADICTIONS[algorithm]))
        entry["config"].update(change)
    if kind == "yaml":
        return damaged_yaml(draw, tree), None
    return yaml.safe_dump(tree, sort_keys=False), key


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    return tmp_path_factory.mktemp("malformed") / "bad.yaml"


def read_and_check(file):
    for experiment in read_experiments(file):
        validate(experiment, cpus=2.0, gpus=0.0)


@pytest.mark.parametrize("algorithm", GOOD)
def test_the_undamaged_files_are_good(config_file, algorithm):
    config_file.write_text(yaml.safe_dump(document(algorithm)))
    read_and_check(config_file)


def test_damaged_files_are_refused_in_one_line(config_file):
    seen = set()

    @fuzzed(250)
    @given(malformed())
    def one(damaged):
        text, key = damaged
        seen.add(text)
        config_file.write_text(text)
        with pytest.raises(RequestError) as caught:
            read_and_check(config_file)
        message = str(caught.value)
        assert message.startswith(f"{config_file}: ")
        assert "\n" not in message
        assert key is None or key in message.removeprefix(str(config_file))

    one()
    assert len(seen) >= ENOUGH


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "good: {run: PPO, env: CartPole-v1, stop: {training_iteration: 1}, config: {lrr: 1}}",
            "config.lrr: is not a key of PPO; did you mean 'lr'?",
        ),
        slow("good:\n\trun: PPO", "line 2: found character '\\t'"),
        slow("good: {run: PPO, env: CartPole-v1, config: {}}", "stop: missing stop rule"),
        slow(
            "good: {run: PPO, env: CartPol-v1, stop: {training_iteration: 1}}",
            "did you mean 'CartPole-v1'?",
        ),
        slow(
            "good: {run: A3C, env: CartPole-v1, stop: {training_iteration: 1}, "
            "config: {num_env_runners: 0}}",
            "config: A3C requires num_env_runners of 1 or more",
        ),
        slow("good: {run: SAC, env: CartPole-v1}", "run: SAC is not offered here"),
    ],
)
def test_the_command_says_so_and_exits_with_2(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "train", "file", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{file}: ")
    assert message in done.stderr
