"""Seeds, streams of randomness, and continuing interrupted episodes bitwise."""

import pickle

import numpy as np
import pytest

NATIVE = {"num_envs_per_env_runner": 3}
SYNC = {"num_envs_per_env_runner": 2, "gym_env_vectorize_mode": "sync"}
REMEMBERING = {"model": {"fcnet_hiddens": [8], "use_lstm": True, "lstm_cell_size": 8}}
CONTINUABLE = {
    "CartPole-v1": NATIVE,
    "Acrobot-v1": {**SYNC, **REMEMBERING},
    "MountainCar-v0": SYNC,
    "Pendulum-v1": SYNC,
    "FrozenLake-v1": SYNC,
    "envs.probes.ObservedReward": SYNC,
}


def rollouts(runner, count=3, length=30):
    return [runner.sample(num_steps=length).copy() for _ in range(count)]


def equal(first, second):
    """Whether two lists of rollouts are bitwise equal, episodes included."""
    return all(
        a.episodes == b.episodes
        and all(np.array_equal(x, b.arrays()[name]) for name, x in a.arrays().items())
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("env", CONTINUABLE)
def test_one_seed_gives_one_stream_of_rollouts_and_another_seed_another(make_runner, env):
    settings = CONTINUABLE[env]
    first = rollouts(make_runner(env, seed=3, **settings))
    assert equal(first, rollouts(make_runner(env, seed=3, **settings)))
    other = rollouts(make_runner(env, seed=4, **settings))
    assert not any(equal([a], [b]) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("env", CONTINUABLE)
@pytest.mark.parametrize("before", [7, 41])
def test_another_runner_continues_a_saved_one_bitwise(make_runner, env, before):
    settings = CONTINUABLE[env]
    saved = make_runner(env, seed=3, **settings)
    saved.sample(num_steps=before)
    state = pickle.loads(pickle.dumps(saved.get_state()))
    resumed = make_runner(env, seed=99, **settings)
    resumed.sample(num_steps=5)
    resumed.set_state(state)
    assert equal(rollouts(saved), rollouts(resumed))
    # Nothing is shared: the saved one played on, and its state still leads to the same place.
    again = make_runner(env, seed=5, **settings)
    again.set_state(state)
    assert not equal(rollouts(saved), rollouts(again))


def test_without_the_environments_a_resumed_run_would_differ(make_runner):
    saved, resumed = (make_runner(seed=seed, **NATIVE) for seed in (3, 99))
    saved.sample(num_steps=7)
    state = saved.get_state()
    resumed.set_state({**state, "groups": [{**group, "env": None} for group in state["groups"]]})
    assert not equal(rollouts(saved, 1), rollouts(resumed, 1))


def test_environments_in_other_processes_start_fresh_episodes(make_runner):
    options = {"num_envs_per_env_runner": 2, "gym_env_vectorize_mode": "async"}
    saved, resumed = (make_runner(seed=seed, **options) for seed in (3, 99))
    rollout = saved.sample(num_steps=7)
    assert rollout.num_steps == 14
    state = saved.get_state()
    assert [group["env"] for group in state["groups"]] == [None]
    resumed.set_state(state)
    rollout = resumed.sample(num_steps=1)
    assert (np.abs(rollout.obs) < 0.05).all()  # where CartPole's episodes start


def test_weights_alone_leave_the_episodes_alone(make_runner):
    settings = {"seed": 3, **NATIVE}
    first, second, other = make_runner(**settings), make_runner(**settings), make_runner(seed=5)
    second.set_state({"rl_module": other.module.get_state()})
    one, two = first.sample(num_steps=1).copy(), second.sample(num_steps=1)
    assert np.array_equal(one.obs, two.obs)
    assert not np.allclose(one.dist_inputs, two.dist_inputs)


def test_older_weights_are_not_adopted(make_runner):
    runner, other = make_runner(seed=3), make_runner(seed=5)
    mine, theirs = runner.module.get_state(), other.module.get_state()
    key = next(iter(mine))
    assert not np.array_equal(mine[key], theirs[key])
    runner.set_state({"rl_module": mine, "weights_seq_no": 7})
    runner.set_state({"rl_module": theirs, "weights_seq_no": 6})
    assert np.array_equal(runner.module.get_state()[key], mine[key])
    runner.set_state({"rl_module": theirs, "weights_seq_no": 8})
    assert np.array_equal(runner.module.get_state()[key], theirs[key])


def test_no_two_runners_share_environment_seeds_or_action_streams(make_runner):
    """Workers 0 to 3, worker 1 of the next user seed, and worker 1 of evaluation."""
    env = "envs.probes.ConstantReward"  # always the same observation: actions differ by noise only
    runners = [make_runner(env, worker_index=i, seed=7, **SYNC) for i in range(4)]
    runners.append(make_runner(env, worker_index=1, seed=8, **SYNC))
    runners.append(make_runner(env, worker_index=1, seed=7, evaluation=True, **SYNC))
    seeds = [seed for runner in runners for seed in runner.env.np_random_seed]
    assert len(set(seeds)) == 2 * len(runners)
    weights = runners[0].module.get_state()
    streams = set()
    for runner in runners:
        runner.set_state({"rl_module": weights})
        streams.add(runner.sample(num_steps=64).actions.tobytes())
    assert len(streams) == len(runners)


def test_a_runner_without_a_seed_still_has_a_stream_of_its_own(make_runner):
    env = "envs.probes.ConstantReward"
    first, second = (make_runner(env, seed=None, **SYNC) for _ in range(2))
    assert set(first.env.np_random_seed).isdisjoint(second.env.np_random_seed)
    actions = [runner.sample(num_steps=64).actions.copy() for runner in (first, second)]
    assert not np.array_equal(*actions)


def test_environment_seeds_fit_in_31_bits(make_runner):
    """ale-py's vector environment refuses larger ones with a TypeError about its arguments."""
    seeds = [
        seed
        for user_seed in range(20)
        for seed in make_runner(
            "envs.probes.ConstantReward", seed=user_seed, **SYNC
        ).env.np_random_seed
    ]
    assert max(seeds) < 2**31
    assert max(seeds) > 2**28  # and yet they are spread wide
    assert len(set(seeds)) == 40


def test_make_env_again_closes_the_old_environments(make_runner):
    runner = make_runner(**SYNC)
    old = runner.env
    runner.make_env()
    assert runner.env is not old
    assert old.closed
    assert runner.sample(num_steps=4).mask.all()
