#!/usr/bin/env bash
# Ray RLlib 2.60.0: results between two evaluations hold the last one again, then NaN.
#
# Guess: with `evaluation_interval=3` the key `evaluation` is in results 3 and 6 alone; or the last evaluation
# is in every later result, as an old value that is marked as such.
# Seen: result 3 has it; result 4 has the same mean return again; result 5 has NaN in its place. So a mean over
# the results counts an evaluation twice, a scheduler or stop rule that reads the key meets NaN, and
# nothing tells a repetition from a new evaluation.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check \
  'ray[rllib]==2.60.0' 'torch==2.13.0' 'gymnasium==1.2.2' 'numpy==2.4.6'
venv/bin/python - <<'PYTHON' 2> log
import math

import ray
from ray.rllib.algorithms.ppo import PPOConfig

config = (
    PPOConfig()
    .environment("CartPole-v1")
    .env_runners(num_env_runners=0)
    .training(train_batch_size_per_learner=200, minibatch_size=100, num_epochs=1)
    .evaluation(evaluation_interval=3, evaluation_duration=2, evaluation_num_env_runners=0)
    .debugging(seed=0)
)
ray.init(num_cpus=1, include_dashboard=False)
algorithm = config.build_algo()
means = []
for _ in range(6):
    result = algorithm.train()
    numbers = result.get("evaluation", {}).get("env_runners", {})
    means.append(numbers.get("episode_return_mean", "absent"))
print("ray", ray.__version__)
print("evaluation/env_runners/episode_return_mean of results 1 to 6:", means)
third, fourth, fifth = means[2:5]
missing = fifth is None or (isinstance(fifth, float) and math.isnan(fifth))
same = third == fourth and isinstance(third, float) and missing
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
