#!/usr/bin/env bash
# Ray Tune 2.60.0: after a change of the time zone `Tuner.restore` takes an older state of the experiment.
#
# Every run and every restore of an experiment writes a state file of its own, experiment_state-DATE_TIME.json.
# Guess: a restore continues from the state that was saved last.
# Seen: it takes the file whose name sorts last, and names are in local time. A trial that fails in a run with
# Tokyo's time is done after a restore with Los Angeles' time; the next restore reads Tokyo's state again, and
# continues the trial once more.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[tune]==2.60.0' 'pandas==3.0.0'
cat > run.py <<'PYTHON'
import json
import os
import pathlib
import sys

import ray
from ray import tune


class Counts(tune.Trainable):
    def setup(self, config):
        with open(f"{os.environ['FOLDER']}/starts", "a") as file:
            file.write(os.environ["TZ"] + "\n")

    def step(self):
        if self.iteration == 2 and os.environ["STEP"] == "fails":
            raise RuntimeError("the first run stops here")
        return {"done": self.iteration == 3}

    def save_checkpoint(self, folder):
        pathlib.Path(folder, "file").touch()

    def load_checkpoint(self, folder):
        pass


storage = os.environ["FOLDER"]
ray.init(address="local", num_cpus=1, include_dashboard=False)
if os.environ["STEP"] == "fails":
    tuner = tune.Tuner(Counts, run_config=tune.RunConfig(name="x", storage_path=storage, verbose=0))
else:
    tuner = tune.Tuner.restore(f"{storage}/x", trainable=Counts, resume_errored=True)
[result] = tuner.fit()
print("ray", ray.__version__, os.environ["TZ"], "trial failed" if result.error else "trial done")
PYTHON
export FOLDER="$folder"
TZ=Asia/Tokyo STEP=fails venv/bin/python run.py 2>> log | grep '^ray'
TZ=America/Los_Angeles STEP=works venv/bin/python run.py 2>> log | grep '^ray'
TZ=America/Los_Angeles STEP=works venv/bin/python run.py 2>> log | grep '^ray'
ls x | grep experiment_state
starts=$(tr '\n' ' ' < starts)
echo "trainings began in: $starts"
if [ "$starts" = "Asia/Tokyo America/Los_Angeles America/Los_Angeles " ]; then
    echo "as described: the last restore continued a trial that was done"
else
    echo "CHANGED"
    exit 1
fi
