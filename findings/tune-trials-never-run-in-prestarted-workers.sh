#!/usr/bin/env bash
# Ray 2.60.0: the workers that Ray starts in advance, one per CPU, are of no use to Tune's trials.
#
# Ray starts idle worker processes with the first driver so that tasks and actors begin without waiting.
# Guess: a Tune trial on an idle Ray runs in one of them.
# Seen: an actor does. A trial does not: Tune gives each a runtime environment with an environment variable,
# Ray reuses only processes with the same environment, and starts a new one. The idle ones only delay
# `ray.init` and hold about 45 MiB each.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[tune]==2.60.0' 'pandas==3.0.0' 'psutil==7.2.2'
cat > run.py <<'PYTHON'
import os
import time

import psutil
import ray
from ray import tune


def process(config):
    tune.report({"process": os.getpid()})


@ray.remote
class Actor:
    def process(self):
        return os.getpid()


def idle():
    children = psutil.Process().children(recursive=True)
    return {p.pid for p in children if p.name().startswith("ray::IDLE")}


ray.init(address="local", num_cpus=2, include_dashboard=False)
deadline = time.monotonic() + 60
while len(started := idle()) < 2 and time.monotonic() < deadline:
    time.sleep(0.2)
results = tune.Tuner(process, run_config=tune.RunConfig(storage_path=os.getcwd(), verbose=0)).fit()
trial = results[0].metrics["process"]
actor = ray.get(Actor.remote().process.remote())
print(f"ray {ray.__version__}: {len(started)} processes started in advance, the trial ran in "
      f"{'one of them' if trial in started else 'a new one'}, a plain actor in "
      f"{'one of them' if actor in started else 'a new one'}")
raise SystemExit(0 if len(started) == 2 and trial not in started and actor in started else 1)
PYTHON
same=0
venv/bin/python run.py 2> log | grep '^ray' || same=1
if [ "$same" = 0 ]; then echo "as described"; else echo "CHANGED"; cat log; fi
exit "$same"
