#!/usr/bin/env bash
# Ray Tune 2.60.0: a run with any callback imports MLflow and Weights & Biases, if they are installed.
#
# Tune's integrations with trackers are opt-in: a callback class of each, imported from its own module.
# Guess: a run that uses no tracker, with usage statistics off, imports none.
# Seen: before the first trial Tune counts the callbacks by kind for its usage statistics, on or off, and
# imports all of its integrations for that, which import their libraries: more than 500 modules, one to two
# seconds of the start. Without any callback it imports neither.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[tune]==2.60.0' 'pandas==3.0.0' \
    'mlflow-skinny==3.6.0' 'wandb==0.23.0'
cat > run.py <<'PYTHON'
import os
import sys
import time

import ray
from ray import tune

os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
TRACKERS = ("mlflow", "wandb")
callbacks = [tune.Callback()] if sys.argv[1] == "one" else []


def trainable(config):
    tune.report({"score": 1})


ray.init(address="local", num_cpus=1, include_dashboard=False)
before, start = len(sys.modules), time.process_time()
tune.Tuner(
    trainable,
    run_config=tune.RunConfig(storage_path=os.getcwd(), verbose=0, callbacks=callbacks),
).fit()
seconds, modules = time.process_time() - start, len(sys.modules) - before
imported = [name for name in TRACKERS if name in sys.modules]
print(f"ray {ray.__version__}, {sys.argv[1]} callback: imported {imported or 'neither'}, "
      f"{modules} modules, {seconds:.1f} s of processor time")
as_seen = imported == list(TRACKERS) and modules > 500 if callbacks else imported == []
raise SystemExit(0 if as_seen else 1)
PYTHON
export RAY_USAGE_STATS_ENABLED=0
same=0
for callbacks in one no; do
    venv/bin/python run.py "$callbacks" 2>> log | grep '^ray' || same=1
done
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; cat log; fi
exit "$same"
