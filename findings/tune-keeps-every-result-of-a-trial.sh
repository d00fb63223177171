#!/usr/bin/env bash
# Ray Tune 2.60.0: the process that runs Tune keeps every result of a trial until the trial ends.
#
# Tune hands each result to callbacks, loggers and schedulers, and keeps the last one.
# Guess: the memory of the process does not depend on the number of results.
# Seen: the actor manager adds the reference of every call of an actor to a set and removes it only when the
# actor ends, so the object store of the process holds the answer of every `train()`. With 100 KB a result
# the process grows by more than 50 MiB in 900 results.
# With the references dropped after each result it grows by a few MiB.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[tune]==2.60.0' 'pandas==3.0.0' 'psutil==7.2.2'
cat > run.py <<'PYTHON'
import os
import sys

import psutil
import ray
from ray import tune

DROP = sys.argv[1] == "drop"
RESULTS = 1000


class Reports(tune.Trainable):
    def step(self):
        return {"text": "x" * 100_000, "done": self.iteration == RESULTS}

    def save_checkpoint(self, folder):
        return {}

    def load_checkpoint(self, state):
        pass


class Measures(tune.schedulers.FIFOScheduler):
    def __init__(self):
        super().__init__()
        self.megabytes, self.references = [], []

    def on_trial_result(self, tune_controller, trial, result):
        manager = tune_controller._actor_manager
        futures = manager._tracked_actors_to_task_futures
        if DROP:
            for references in futures.values():
                references &= manager._actor_task_events.get_futures()
        if result["training_iteration"] in (100, RESULTS):
            self.megabytes.append(psutil.Process().memory_full_info().uss / 2**20)
            self.references.append(sum(len(references) for references in futures.values()))
        return super().on_trial_result(tune_controller, trial, result)


os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
ray.init(address="local", num_cpus=1, include_dashboard=False)
scheduler = Measures()
tune.Tuner(
    Reports,
    tune_config=tune.TuneConfig(scheduler=scheduler),
    run_config=tune.RunConfig(storage_path=os.getcwd(), verbose=0),
).fit()
first, last = scheduler.megabytes
kept = scheduler.references
print(f"ray {ray.__version__}, references {sys.argv[1]}: {kept[0]} and {kept[1]} of them after 100 and "
      f"{RESULTS} results, {last - first:+.0f} MiB")
as_seen = kept == [0, 0] and last - first < 25 if DROP else kept == [100, RESULTS] and last - first > 50
raise SystemExit(0 if as_seen else 1)
PYTHON
same=0
for references in keep drop; do
    venv/bin/python run.py "$references" 2>> log | grep '^ray' || same=1
done
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; cat log; fi
exit "$same"
