"""Gradients from several threads are those of the whole minibatch."""

import threading

import pytest
import torch

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.parallel_gradients import parallel_gradients
from rllib_zoo.algorithms.runtime import MIN_ROWS, ThreadPool

MIN_ROWS_PER_THREAD = MIN_ROWS["backward"]


def batch_of(rows, seed=0):
    generator = torch.Generator().manual_seed(seed)
    column = torch.randn(rows, generator=generator)
    return Batch(
        obs=torch.randn(rows, 5, generator=generator),
        actions=torch.randint(0, 2, (rows,), generator=generator),
        old_dist_inputs=torch.randn(rows, 2, generator=generator),
        old_log_probs=column,
        old_values=column + 1,
        advantages=column + 2,
        value_targets=column + 3,
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))


def loss_with(network, seen=None):
    def loss_of(rows):
        if seen is not None:
            seen.append((len(rows.advantages), threading.get_ident(), torch.get_num_threads()))
        errors = network(rows.obs).squeeze(1) - rows.value_targets
        loss = errors.square().mean()
        return loss, {"loss": loss.detach(), "largest_mean": errors.detach().mean()}

    return loss_of


@pytest.mark.parametrize("rows", [MIN_ROWS_PER_THREAD * 2, 101, 333])
def test_equal_to_one_pass_over_all_rows(network, rows):
    batch, parameters = batch_of(rows), list(network.parameters())
    loss, stats = loss_with(network)(batch)
    loss.backward()
    expected = [parameter.grad.clone() for parameter in parameters]
    numbers = parallel_gradients(ThreadPool(3), loss_with(network), batch, parameters)
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert numbers.keys() == stats.keys()
    for name in numbers:
        torch.testing.assert_close(numbers[name], stats[name])


def test_every_thread_has_a_chunk_and_computes_alone(network):
    seen = []
    before = torch.get_num_threads()
    parallel_gradients(
        ThreadPool(2), loss_with(network, seen), batch_of(201), list(network.parameters())
    )
    assert sorted(size for size, _, _ in seen) == [100, 101]
    assert threading.get_ident() not in {thread for _, thread, _ in seen}
    assert {threads for _, _, threads in seen} == {1}
    assert torch.get_num_threads() == before


def test_small_minibatches_are_not_cut(network):
    seen = []
    rows = 2 * MIN_ROWS_PER_THREAD - 1
    parallel_gradients(
        ThreadPool(2), loss_with(network, seen), batch_of(rows), list(network.parameters())
    )
    assert [size for size, _, _ in seen] == [rows]


def test_unreached_parameters_have_no_gradient(network):
    unused = torch.nn.Parameter(torch.ones(2))
    parallel_gradients(
        ThreadPool(2), loss_with(network), batch_of(128), [*network.parameters(), unused]
    )
    assert unused.grad is None
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_same_bits_every_time(network):
    batch, parameters = batch_of(500), list(network.parameters())
    pool, found = ThreadPool(2), []
    for _ in range(5):
        parallel_gradients(pool, loss_with(network), batch, parameters)
        found.append([parameter.grad.clone() for parameter in parameters])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_errors_of_a_thread_reach_the_caller(network):
    def broken(rows):
        raise FloatingPointError("from the thread")

    with pytest.raises(FloatingPointError, match="from the thread"):
        parallel_gradients(ThreadPool(2), broken, batch_of(100), list(network.parameters()))
