#!/bin/sh
# RL Zoo: rl_zoo.sh PYTHON DATA, with rl_zoo3. Without the zipped networks, which no reader needs.
set -e
"$1" -m rl_zoo3.train --algo ppo --env CartPole-v1 -n 2000 --seed 7 --eval-freq 1000 --eval-episodes 3 \
    -P --verbose 0 --log-folder "$2/rl_zoo" --hyperparams "n_envs:4" "n_steps:64" 2>/dev/null
find "$2/rl_zoo" -name "*.zip" -delete
