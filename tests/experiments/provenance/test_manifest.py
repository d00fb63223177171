"""What a manifest names: packages that compute, the physics, and whether a resume is exact."""

from __future__ import annotations

import importlib.metadata
import random

import gymnasium as gym
import numpy as np
import pytest

from rllib_zoo.envs import make_vector_env, physics_versions
from rllib_zoo.experiments.provenance.manifest import build_manifest, package_versions
from rllib_zoo.experiments.reproduce.determinism import reasons_against
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

MODULE = "tests.experiments.provenance.test_manifest"


class Seeded(gym.Env):
    """Draws from its own generator, as gymnasium's environments do."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.draw(), {}

    def step(self, action):
        return self.draw(), 1.0, False, False, {}

    def draw(self):
        return np.array([self.np_random.uniform(-1, 1)], np.float32)


class DrawsFromNumpy(Seeded):
    def draw(self):
        return np.array([np.random.uniform(-1, 1)], np.float32)  # noqa: NPY002


class DrawsFromPython(Seeded):
    def draw(self):
        return np.array([random.uniform(-1, 1)], np.float32)


class SeedsNumpy(Seeded):
    """Only its reset touches the global generator."""

    def reset(self, *, seed=None, options=None):
        np.random.seed(seed)  # noqa: NPY002
        return super().reset(seed=seed)


def validated(env):
    config = {"num_env_runners": 0, "model": {"fcnet_hiddens": [4]}}
    return validate(Experiment("x", "A2C", env, config, {"training_iteration": 1}))


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("Seeded", True),
        ("DrawsFromNumpy", False),
        ("DrawsFromPython", False),
        ("SeedsNumpy", False),
    ],
)
def test_global_generators_end_exact_resume(name, exact):
    assert validated(f"{MODULE}.{name}").exact_resume == exact


@pytest.mark.parametrize(
    ("env", "package"), [("HalfCheetah-v5", "mujoco"), ("CartPole-v1", None), (Seeded, None)]
)
def test_the_physics_of_an_environment_are_named(env, package):
    vector = make_vector_env(env, 1)
    expected = {} if package is None else {package: importlib.metadata.version(package)}
    versions = physics_versions(env, vector)
    vector.close()
    assert {name: versions[name] for name in expected} == expected
    assert package is not None or versions == {}


def test_packages_that_compute_are_found_by_what_is_imported():
    import cv2  # noqa: F401
    import optuna  # noqa: F401
    import sklearn  # noqa: F401

    versions = package_versions({"mujoco": "3"})
    for name in ("mujoco", "optuna", "scikit-learn", "scipy", "numpy", "torch", "ray"):
        assert versions[name] == importlib.metadata.version(name)
    assert [name for name in versions if name.startswith("opencv")]
    for name in ("rich", "typer", "PyYAML", "requests"):
        assert name not in versions


def test_another_version_of_mujoco_lifts_the_promise():
    checked = validated("HalfCheetah-v5")
    fields = {
        "experiment": checked.experiment,
        "resolved": checked.config,
        "exact_resume": False,
        "reserved_cpus": 1,
    }
    now = {**build_manifest(**fields, physics=checked.physics), "seeds": [0]}
    assert now["environment_signature"]["physics"]["mujoco"] == now["packages"]["mujoco"]
    assert reasons_against({**now, "resumed": []}, now) == []
    older = build_manifest(**fields, physics={**checked.physics, "mujoco": "1.0"})
    older["packages"]["mujoco"] = "1.0"
    reasons = reasons_against({**older, "resumed": []}, now)
    assert reasons == ["other versions of mujoco", "another environment or version of its physics"]
    unrecorded = build_manifest(**fields)
    del unrecorded["packages"]["mujoco"]
    reasons = reasons_against({**unrecorded, "resumed": []}, now)
    assert reasons == ["another environment or version of its physics"]
