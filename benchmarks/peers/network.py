"""Worker: a tuned file's network alone, forward or forward with backward; a step is an image.

`python -m rllib_zoo.benchmarks.peers.network pong-ppo-forward-bf16-all --json`
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from rllib_zoo.algorithms.learner.batch import Batch
from rllib_zoo.algorithms.learner.parallel_gradients import parallel_gradients
from rllib_zoo.algorithms.runtime import forward_context, set_up_process, thread_pool
from rllib_zoo.benchmarks.peers.ours import VARIANTS as RUNS
from rllib_zoo.benchmarks.peers.ours import network_of
from rllib_zoo.benchmarks.peers.protocol import Goal, main, threads_of, versions_of
from rllib_zoo.benchmarks.settings.atari import GAMES, NUMBERS, PASSES, THREADS

VARIANTS = [
    f"{game}-{algorithm}-{pass_}-{number}-{threads}"
    for game in GAMES
    for algorithm in ("ppo", "a2c")
    for pass_ in PASSES
    for number in NUMBERS
    for threads in THREADS
]


def train(variant: str, goal: Goal, limit: int) -> dict[str, Any]:
    """Run the network on random images until the goal is reached."""
    file, kind, number, team_size = variant.rsplit("-", 3)
    threads = threads_of(team_size)
    config, network, shape = _build(file, threads)
    context = forward_context(number == "bf16", torch.device("cpu"))
    sizes = {
        "forward": config.num_envs_per_env_runner,
        "training": config.minibatch_size or config.total_train_batch_size,
    }
    batch = _images(sizes[kind], shape)
    parameters = list(network.parameters())

    def loss_of(rows: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        with context():
            dist_inputs, values = network.policy_and_value(rows.obs)
        return dist_inputs.float().mean() + values.float().square().mean(), {}

    def infer(rows: Batch) -> None:
        with torch.inference_mode(), context():
            network.policy_and_value(rows.obs)

    pool, steps = thread_pool(threads), 0
    while not goal.reached(steps, []) and steps < limit:
        if kind == "training":
            parallel_gradients(pool, loss_of, batch, parameters)
        else:
            pool.map(infer, batch.split(pool.num_chunks(sizes[kind], "forward")))
        steps += sizes[kind]
    settings = {"rows": sizes[kind], "threads": threads, "numbers": number}
    return {"settings": settings, "versions": versions_of("torch", "ray")}


def _build(file: str, threads: int) -> tuple[Any, Any, tuple[int, ...]]:
    """Set this process up as a training's; the tuned file's configuration, network, image shape."""
    config = RUNS[file].config()
    set_up_process(config, threads=threads)
    network, (observations, _) = network_of(config)
    return config, network, observations.shape


def _images(rows: int, shape: tuple[int, ...]) -> Batch:
    zeros = torch.zeros(rows)
    images = torch.randint(0, 256, (rows, *shape), dtype=torch.uint8)
    return Batch(images, zeros.long(), torch.zeros(rows, 1), zeros, zeros, zeros, zeros)


if __name__ == "__main__":
    sys.exit(main(__doc__, VARIANTS, train))
