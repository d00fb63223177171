"""Hundreds of damaged legacy files: one line or a run, and never a key that is ignored silently."""

from __future__ import annotations

import copy

import pytest
import yaml
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from rllib_zoo import algorithms
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.legacy.removed_keys import REMOVED
from rllib_zoo.experiments.legacy.renamed_keys import MOVED, RENAMED
from rllib_zoo.experiments.validation.check import validate
from rllib_zoo.experiments.validation.fit_resources import fit_resources
from rllib_zoo.experiments.validation.names import check_names

FILES = {
    "A2C": {
        "env": "CartPole-v0",
        "config": {
            "framework": "tf",
            "num_workers": 2,
            "num_envs_per_worker": 3,
            "rollout_fragment_length": 20,
            "microbatch_size": 60,
            "train_batch_size": 240,
            "lr_schedule": [[0, 0.0007], [200000, 1e-12]],
            "sample_async": False,
            "min_iter_time_s": 1,
            "evaluation_num_episodes": 3,
            "evaluation_interval": 2,
            "evaluation_config": {"explore": False, "num_workers": 1},
        },
    },
    "A3C": {
        "env": "PongDeterministic-v4",
        "config": {
            "framework": "tf2",
            "num_workers": 16,
            "rollout_fragment_length": 20,
            "grad_clip": 40.0,
            "lambda": 1.0,
            "preprocessor_pref": "rllib",
            "model": {
                "use_lstm": True,
                "conv_activation": "elu",
                "dim": 42,
                "grayscale": True,
                "zero_mean": False,
                "conv_filters": [[32, [3, 3], 2]] * 4,
            },
        },
    },
    "PPO": {
        "env": "Pendulum-v0",
        "config": {
            "use_pytorch": True,
            "num_workers": 0,
            "num_envs_per_worker": 20,
            "sample_batch_size": 10,
            "train_batch_size": 512,
            "sgd_minibatch_size": 64,
            "num_sgd_iter": 6,
            "vf_share_layers": True,
            "batch_mode": "complete_episodes",
            "observation_filter": "ConcurrentMeanStdFilter",
            "horizon": 100,
            "num_gpus": 1,
            "entropy_coeff_schedule": 5000,
            "model": {"fcnet_hiddens": [16], "squash_to_range": False},
        },
    },
    "PG": {
        "env": "CartPole-v1",
        "config": {"eager": False, "num_workers": 0, "num_gpus": 2, "_fake_gpus": True},
    },
    "DDPG": {
        "env": "Pendulum-v0",
        "config": {
            "num_workers": 0,
            "buffer_size": 5000,
            "prioritized_replay": True,
            "prioritized_replay_alpha": 0.5,
            "learning_starts": 100,
            "n_step": 3,
            "rollout_fragment_length": 1,
            "exploration_config": {"scale_timesteps": 2000, "ou_base_scale": 0.2},
            "actor_hiddens": [32],
            "actor_lr": 1e-4,
            "use_huber": True,
            "timesteps_per_iteration": 1000,
        },
    },
    "DQN": {
        "env": "CartPole-v0",
        "config": {
            "num_workers": 0,
            "buffer_size": 5000,
            "prioritized_replay": True,
            "prioritized_replay_alpha": 0.5,
            "learning_starts": 100,
            "n_step": 3,
            "rollout_fragment_length": 1,
            "exploration_config": {"epsilon_timesteps": 2000, "final_epsilon": 0.01},
            "hiddens": [32],
            "adam_epsilon": 1e-4,
            "timesteps_per_iteration": 1000,
        },
    },
}
VALUES = (
    ["x"],
    {"x": 1},
    "true,",
    "1e-3,",
    -7,
    "nonsense",
    None,
    0,
    3,
    True,
    {"grid_search": [1, 2]},
)


def document(algorithm):
    return {"run": algorithm, "stop": {"timesteps_total": 1000}, **copy.deepcopy(FILES[algorithm])}


def paths(tree, start=()):
    """Every key of a nested mapping, as the keys on the way to it."""
    for key, value in tree.items():
        yield (*start, key)
        if isinstance(value, dict):
            yield from paths(value, (*start, key))


@st.composite
def damaged(draw):
    """A legacy entry with one to three things changed."""
    entry = document(draw(st.sampled_from(sorted(FILES))))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([p for p in paths(entry) if p != ("config",)]))
        level = entry
        for key in path[:-1]:
            level = level[key]
        kind = draw(st.sampled_from(("misspelt", "value", "missing", "more")))
        if kind == "misspelt":
            level[path[-1][:-1] + draw(st.sampled_from("xyz"))] = level.pop(path[-1])
        elif kind == "value":
            level[path[-1]] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif kind == "missing":
            del level[path[-1]]
        else:
            more = draw(st.sampled_from(sorted(RENAMED.keys() | MOVED.keys() | REMOVED.keys())))
            entry["config"][more] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return entry


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    return tmp_path_factory.mktemp("legacy") / "old.yaml"


def read_and_check(file):
    (experiment,) = read_experiments(file)
    check_names(experiment)
    defaults = algorithms.config_class(experiment.algorithm)()
    experiment = fit_resources(experiment, defaults, 2.0, 0.0)
    validate(experiment, cpus=2.0, gpus=0.0)
    return experiment


def ignored(entry, experiment):
    """Keys of the file that neither stand in the experiment nor are spoken of."""
    spoken = {str(change.old) for change in experiment.changes}
    stand = {".".join(path) for path in paths({"config": dict(experiment.config)})}
    above = {path.rsplit(".", n)[0] for path in spoken for n in range(path.count("."))}
    return [
        name
        for path in paths({"config": entry.get("config", {})})
        if (name := ".".join(map(str, path))) not in spoken | stand | above
        and not any(name.startswith(f"{other}.") for other in spoken)
    ]


@pytest.mark.parametrize("algorithm", FILES)
def test_the_undamaged_files_run(config_file, algorithm):
    config_file.write_text(yaml.safe_dump({"old": document(algorithm)}))
    assert not ignored(document(algorithm), read_and_check(config_file))


@pytest.mark.parametrize("examples", [120, pytest.param(1000, marks=pytest.mark.slow)])
def test_damaged_files_run_or_are_refused_in_a_line_per_mistake(config_file, examples):
    ran = refused = 0

    @fuzzed(examples)
    @given(damaged())
    def one(entry):
        nonlocal ran, refused
        config_file.write_text(yaml.safe_dump({"old": entry}))
        experiment, message = None, ""
        try:
            experiment = read_and_check(config_file)
        except RequestError as error:
            message = str(error)
        if experiment is None:
            refused += 1
            lines = message.split("\n")
            assert all(line.startswith(f"{config_file}: ") for line in lines)
            assert len(set(lines)) == len(lines)
        else:
            ran += 1
            assert ignored(entry, experiment) == []

    one()
    assert ran > examples // 20
    assert refused > examples // 4
