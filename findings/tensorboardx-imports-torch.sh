#!/usr/bin/env bash
# tensorboardX 2.6.5: importing it imports torch, where that is installed, to name a type.
#
# tensorboardX writes TensorBoard's files without TensorFlow or torch; `ray[tune]` requires it and logs with it
# by default.
# Guess: a process that writes numbers with it needs no torch.
# Seen: the module of its writers tries to import torch for the type of an annotation. Ray Tune's driver, which
# trains nothing, so takes a second more to start and 100 MiB and more for its whole life.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check \
  'tensorboardX==2.6.5' 'torch==2.13.0' 'numpy==2.3.5' 'psutil==7.2.2'
cat > run.py <<'PYTHON'
import importlib.metadata
import sys
import time

import numpy  # what both need
import psutil

if sys.argv[1] == "absent":
    sys.modules["torch"] = None
memory, start = psutil.Process().memory_full_info().uss, time.process_time()
from tensorboardX import SummaryWriter

with SummaryWriter("events") as writer:
    writer.add_scalar("return", 1.0, 1)
mib = (psutil.Process().memory_full_info().uss - memory) / 2**20
imported = sys.modules.get("torch") is not None
print(f"tensorboardX {importlib.metadata.version('tensorboardX')}, torch {sys.argv[1]}: "
      f"{'imported' if imported else 'not imported'}, {time.process_time() - start:.1f} s of processor time, "
      f"{mib:.0f} MiB")
raise SystemExit(0 if imported == (sys.argv[1] == "installed") else 1)
PYTHON
same=0
for torch in installed absent; do
    venv/bin/python run.py "$torch" 2>> log || same=1
done
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; cat log; fi
exit "$same"
