"""Warnings that users cannot act on are not printed; those of their own code are."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings

import gymnasium as gym
import pytest

from rllib_zoo.experiments import library_warnings
from rllib_zoo.experiments.paths import ROOT

OF_LIBRARIES = [
    (FutureWarning, "ray._private.worker", "Tip: In future versions of Ray, Ray will no longer"),
    (UserWarning, "pygame.pkgdata", "pkg_resources is deprecated as an API."),
    (UserWarning, "gymnasium.envs.registration",
     "\x1b[33mWARN: Overriding environment rllib-single-agent-env-v0 already in registry.\x1b[0m"),
    (UserWarning, "optuna.distributions", "Choices for a categorical distribution should be"),
]  # fmt: skip
OF_USERS = [
    (FutureWarning, "my_env", "Tip: In future versions of Ray"),
    (UserWarning, "my_env", "pkg_resources is deprecated as an API."),
    (FutureWarning, "ray._private.worker", "something new"),
    (UserWarning, "my_env", "units are odd"),
    (DeprecationWarning, "__main__", "old"),
    (UserWarning, "gymnasium.envs.registration", "WARN: Overriding environment Mine-v0 already"),
]  # fmt: skip


@pytest.fixture
def quiet(monkeypatch):
    """The filters, taken away again after the test."""
    before = sys.unraisablehook
    kept = {name: list(logging.getLogger(name).filters) for name in library_warnings.LOGGED}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        library_warnings.quiet_libraries()
        yield caught
    sys.unraisablehook = before
    for name, filters in kept.items():
        logging.getLogger(name).filters = filters
    monkeypatch.delenv("PYGAME_HIDE_SUPPORT_PROMPT", raising=False)


@pytest.mark.parametrize(("warning", "printed"), [*[(w, 0) for w in OF_LIBRARIES],
                                                  *[(w, 1) for w in OF_USERS]])  # fmt: skip
def test_only_named_warnings_are_dropped(quiet, warning, printed):
    category, module, message = warning
    warnings.warn_explicit(message, category, f"{module}.py", 1, module=module, registry={})
    assert len(quiet) == printed


def test_only_named_log_lines_are_dropped(quiet, caplog):
    from ray._common.deprecation import deprecation_warning
    from ray.rllib.core.rl_module.rl_module import RLModuleConfig

    box = gym.spaces.Box(0, 1, (2,))
    for logger in (logging.getLogger("ray._common.deprecation"), logging.getLogger("ray")):
        logger.addHandler(caplog.handler)
    try:
        RLModuleConfig(observation_space=box, action_space=box)  # as RLlib does for every module
        assert "DeprecationWarning" not in caplog.text
        deprecation_warning(old="my_model", new="something else")
        assert "my_model" in caplog.text
    finally:
        for logger in (logging.getLogger("ray._common.deprecation"), logging.getLogger("ray")):
            logger.removeHandler(caplog.handler)


class Own(gym.vector.VectorEnv):
    def close_extras(self, **kwargs):
        raise AttributeError("mine")


class Librarys(gym.vector.VectorEnv):
    """Fails inside gymnasium, as a half-built environment does."""

    def close_extras(self, **kwargs):
        gym.vector.SyncVectorEnv.close_extras(self)


def test_errors_of_deleted_environments(quiet, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", library_warnings._without_deleted(told.append))
    env = Own()
    del env
    assert [str(entry.exc_value) for entry in told] == ["mine"]  # a mistake in a user's environment
    env = Librarys()
    env.envs = [3]
    del env
    assert len(told) == 1
    frozen = sys.unraisablehook
    assert callable(frozen)


MODULE = """
import logging, warnings
import gymnasium as gym

class Warned(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, config=None, render_mode=None):
        warnings.warn("units are odd")
        warnings.warn("a new name soon", FutureWarning)
        logging.getLogger("my_env").warning("a line of my log")

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}
"""


@pytest.mark.slow
def test_what_a_users_environment_warns_of_is_printed(tmp_path):
    (tmp_path / "warned_env.py").write_text(MODULE)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "rllib_zoo.experiments.cli.main", "train", "--algo", "PPO"]
    command += ["--env", "warned_env.Warned", "--stop", "{timesteps_total: 100}", "--dry-run"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for text in ("units are odd", "a new name soon", "a line of my log"):
        assert text in done.stderr
    assert "Deprecat" not in done.stderr
