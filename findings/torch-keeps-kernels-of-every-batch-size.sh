#!/usr/bin/env bash
# torch 2.13.0 on a CPU: memory grows with the number of different batch sizes, by MiBs each.
#
# Guess: a small convolution needs memory for its weights and one batch; batches of 100 to 159 rows need no
# more than as many of 160.
# Seen: torch compiles a convolution, forward and backward, for every number of rows. It keeps 1,024 such kernels,
# and so does oneDNN: a MiB and more for every batch size (one layer; small images). On-policy learners meet
# it, whose batches lack the steps that reset an environment. The same is true of matrix products with
# torch.set_float32_matmul_precision("medium") where the processor multiplies bfloat16.
# LRU_CACHE_CAPACITY (torch's) and ONEDNN_PRIMITIVE_CACHE_CAPACITY (oneDNN's) set the limits;
# one alone changes little.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'torch==2.13.0' 'numpy==2.3.5' 'psutil==7.2.2'
cat > run.py <<'PYTHON'
import os
import sys

import psutil
import torch

torch.set_num_threads(1)
network = torch.nn.Conv2d(4, 32, 3, 2)


def train(rows):
    network(torch.rand(rows, 4, 21, 21)).sum().backward()


def mib():
    return psutil.Process().memory_full_info().uss / 2**20


train(160)
start = mib()
for i in range(60):
    train(160 if sys.argv[1] == "one" else 100 + i)
grown = mib() - start
limit = os.environ.get("LRU_CACHE_CAPACITY", "1,024")
print(f"torch {torch.__version__}, batch sizes: {sys.argv[1]}, at most {limit} kernels: {grown:.0f} MiB more")
raise SystemExit(0 if (grown > 40) == (sys.argv[2] == "grows") else 1)
PYTHON
same=0
venv/bin/python run.py one stays || same=1
venv/bin/python run.py many grows || same=1
LRU_CACHE_CAPACITY=16 ONEDNN_PRIMITIVE_CACHE_CAPACITY=16 venv/bin/python run.py many stays || same=1
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; fi
exit "$same"
