"""A3C: gradients of runners, staleness, lost runners, broken gradients."""

import os
import signal
import time

import numpy as np
import pytest
import ray
import torch
from numpy.testing import assert_allclose
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_zoo.algorithms.a3c.env_runner import A3CEnvRunner
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.learner.learner import learner_batch

SMALL = {"num_envs_per_env_runner": 2, "min_sample_timesteps_per_iteration": 400}


class Broken(A3CEnvRunner):
    """Its second worker's rewards are not numbers."""

    def sample(self, **kwargs):
        rollout = super().sample(**kwargs)
        if self.worker_index == 2:
            rollout.rewards[:] = np.nan
        return rollout


class Sleeper(A3CEnvRunner):
    """Its second worker needs much longer than the first."""

    def sample(self, **kwargs):
        if self.worker_index == 2:
            time.sleep(0.2)
        return super().sample(**kwargs)


@pytest.fixture
def runner(make_config):
    config = make_config("A3C", num_envs_per_env_runner=4, rollout_fragment_length=30)
    built = A3CEnvRunner(config=config, worker_index=1, num_workers=1)
    yield built
    built.stop()


def test_a_runners_gradient_is_the_one_the_learner_would_compute(runner, make_learner):
    """One A2C update on the same rollout leaves the same gradient on the learner."""
    learner = make_learner(runner, "A2C", train_batch_size=120, num_envs_per_env_runner=4)
    module = learner.module["default_policy"]
    module.set_state(runner.module.get_state())
    twin = VectorEnvRunner(config=runner.config, worker_index=1, num_workers=1)
    twin.module.set_state(runner.module.get_state())
    message = runner.compute_gradients(runner.module.get_state(), timestep=0)
    rollout = twin.sample()
    learner.update(
        training_data=TrainingData(batch=learner_batch(rollout)),
        timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: 0},
    )
    assert message.num_steps == rollout.num_steps < 120
    assert message.episodes == rollout.episodes != []
    total = 0.0
    for theirs, parameter in zip(message.gradients, module.parameters(), strict=True):
        expected = np.zeros(theirs.shape) if parameter.grad is None else parameter.grad.numpy()
        assert_allclose(theirs, expected, rtol=1e-4, atol=1e-7)
        total += float(np.square(theirs).sum())
    assert total**0.5 == pytest.approx(0.5, rel=1e-3)  # grad_clip: clipped on the runner


def test_weights_are_adopted_before_playing(runner, make_runner):
    other = make_runner(seed=9)
    weights = other.module.get_state()
    message = runner.compute_gradients(weights, timestep=0)
    assert np.isfinite(message.stats["total_loss"])
    mine = runner.module.get_state()
    assert all(np.array_equal(mine[key], weights[key]) for key in weights)


def test_a_gradient_that_is_not_finite_is_an_error(make_config):
    runner = Broken(config=make_config("A3C"), worker_index=2, num_workers=2)
    with pytest.raises(FloatingPointError, match="environment step 77, runner 2"):
        runner.compute_gradients(runner.module.get_state(), timestep=77)
    runner.stop()


def test_gradients_are_applied_with_one_optimizer_step(runner, make_learner):
    learner = make_learner(
        runner, "A3C", train_batch_size=None, num_envs_per_env_runner=4, rollout_fragment_length=2
    )
    parameters = list(learner.module["default_policy"].parameters())
    before = [p.detach().clone() for p in parameters]
    gradients = [np.full(p.shape, 0.5, np.float32) for p in parameters]
    assert learner.apply_gradient_arrays(gradients, timestep=0)["curr_lr"] == pytest.approx(7e-4)
    # RMSProp's first step, α = 0.99: -lr · g / (sqrt(0.01 g²) + 1e-5).
    step = 7e-4 * 0.5 / (0.05 + 1e-5)
    for old, new in zip(before, parameters, strict=True):
        torch.testing.assert_close(new.detach(), old - step, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        learner.apply_gradient_arrays(gradients[:-1], timestep=0)


@pytest.mark.ray
@pytest.mark.parametrize("runners", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_staleness_stays_below_the_number_of_runners(make_algo, make_config, runners):
    algo = make_algo(make_config("A3C", num_env_runners=runners, **SMALL))
    for _ in range(3):
        numbers = algo.train()["learners"]["default_policy"]
        mean, largest = (numbers[f"gradient_staleness_{kind}"] for kind in ("mean", "max"))
        assert 0 <= mean <= largest
        assert mean < runners + 1
    if runners == 1:
        assert largest == 0  # nobody else's gradients come between
    else:
        assert largest >= 1


@pytest.mark.slow
@pytest.mark.ray
def test_a_slow_runner_does_not_hold_up_the_other(make_algo, make_config):
    config = make_config("A3C", num_env_runners=2, **SMALL).env_runners(env_runner_cls=Sleeper)
    algo = make_algo(config)
    learners = [algo.train()["learners"]["default_policy"] for _ in range(8)]
    # In the 0.2 seconds of the slow one's fragment the fast one sends several gradients.
    assert max(numbers["gradient_staleness_max"] for numbers in learners) >= 3
    assert min(numbers["gradient_staleness_mean"] for numbers in learners) < 1


def contributing(algo, iterations):
    """Ids of the runners whose gradients were applied in some iterations."""
    ids = set()
    for _ in range(iterations):
        algo.train()
        ids |= algo.applied_from
    return ids


@pytest.fixture
def watched(make_algo, make_config):
    """A3C with two runners, noting whose gradients it applies."""

    def build(**settings):
        config = make_config("A3C", num_env_runners=2, **{**SMALL, **settings})

        class Watched(config.algo_class):
            def _wait_for_gradients(self):
                answers = super()._wait_for_gradients()
                self.applied_from |= {runner_id for runner_id, _ in answers}
                return answers

            def training_step(self):
                self.applied_from = set()
                super().training_step()

        config.algo_class = Watched
        return make_algo(config)

    return build


def pids(algo):
    return algo.env_runner_group.foreach_env_runner(lambda r: os.getpid(), local_env_runner=False)


@pytest.mark.slow
@pytest.mark.ray
def test_a_killed_runner_is_replaced_and_contributes_again(watched):
    algo = watched()
    assert contributing(algo, 2) == {1, 2}
    before = pids(algo)
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 60
    algo.train()  # the other runner carries on
    while contributing(algo, 1) != {1, 2}:
        assert time.monotonic() < deadline, "the killed runner never came back"
    after = pids(algo)
    assert len(after) == 2
    assert before[0] not in after
    assert before[1] in after


@pytest.mark.ray
@pytest.mark.slow
def test_with_all_runners_killed_training_still_goes_on(watched):
    algo = watched()
    algo.train()
    before = pids(algo)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    steps = algo.train()["timesteps_total"]
    assert steps < algo.train()["timesteps_total"]
    assert set(pids(algo)).isdisjoint(before)


@pytest.mark.ray
def test_runners_killed_for_good_end_training_with_a_sentence(make_algo, make_config):
    config = make_config("A3C", num_env_runners=1, sample_timeout_s=3.0, **SMALL)
    algo = make_algo(config.fault_tolerance(restart_failed_env_runners=False))
    algo.train()
    for actor in algo.env_runner_group._worker_manager.actors().values():
        ray.kill(actor, no_restart=True)
    with pytest.raises((RuntimeError, ray.exceptions.RayError)):
        algo.train()


def train(algo, iterations):
    for _ in range(iterations):
        algo.train()


@pytest.mark.slow
@pytest.mark.ray
def test_a_runners_broken_gradient_stops_training(make_algo, make_config):
    config = make_config("A3C", num_env_runners=2, **SMALL).env_runners(env_runner_cls=Broken)
    algo = make_algo(config)
    with pytest.raises(FloatingPointError, match=r"gradient norm is nan at environment step \d+"):
        train(algo, 20)
    weights = algo.learner_group.get_weights()["default_policy"]
    assert all(np.isfinite(value).all() for value in weights.values())
