#!/usr/bin/env bash
# torch 2.13.0: creating an optimizer imports the compiler, although nothing is compiled.
#
# torch.compile is opt-in, and `import torch` does not load its frontend, torch._dynamo.
# Guess: eager training never imports it.
# Seen: the first `torch.optim` optimizer does, through the decorator of a method of its base class: some 800
# modules, a second of processor time and 60 MiB in every process that learns. So does
# `torch.use_deterministic_algorithms`, which RLlib calls for every run with a seed.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'torch==2.13.0' 'numpy==2.3.5' 'psutil==7.2.2'
cat > run.py <<'PYTHON'
import sys
import time

import psutil
import torch

values = torch.ones(3, requires_grad=True)
values.sum().backward()
memory, modules, start = psutil.Process().memory_full_info().uss, len(sys.modules), time.process_time()
if sys.argv[1] == "optimizer":
    torch.optim.Adam([values], lr=0.1)
elif sys.argv[1] == "determinism":
    torch.use_deterministic_algorithms(True)
else:
    with torch.no_grad():
        values -= 0.1 * values.grad
more = len(sys.modules) - modules
mib = (psutil.Process().memory_full_info().uss - memory) / 2**20
print(f"torch {torch.__version__}, {sys.argv[1]}: {more} more modules, "
      f"{time.process_time() - start:.1f} s of processor time, {mib:.0f} MiB")
as_seen = more > 300 and "torch._dynamo" in sys.modules
raise SystemExit(0 if as_seen == (sys.argv[1] != "by hand") else 1)
PYTHON
same=0
for use in "optimizer" "determinism" "by hand"; do
    venv/bin/python run.py "$use" 2>> log | grep '^torch' || same=1
done
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; cat log; fi
exit "$same"
