#!/usr/bin/env bash
# Ray Tune 2.60.0: population based training never changes the integers 1 and 2.
#
# PBT multiplies a number by 1.2 or 0.8 when a trial copies a better one.
# Guess: an integer moves by at least one, for example `num_epochs` from 2 to 1 or 3.
# Seen: the product is converted back to the integer type after rounding, 2.4 and 1.6 to 2, 1.2 and 0.8 to 1:
# with resampling off, a population that starts at 1 and 2 ends there, however often it explores.
# A float beside it changes.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[tune]==2.60.0' 'pandas==3.0.0'
venv/bin/python - <<'PYTHON' 2> log
import os

import ray
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining


class Counter(tune.Trainable):
    def setup(self, config):
        self.seen = []

    def step(self):
        self.seen.append([self.config["epochs"], self.config["rate"]])
        return {"score": self.config["epochs"], "seen": list(self.seen)}

    def reset_config(self, config):
        return True

    def save_checkpoint(self, folder):
        return {"seen": self.seen}

    def load_checkpoint(self, state):
        self.seen = state["seen"]


ray.init(num_cpus=2, include_dashboard=False)
scheduler = PopulationBasedTraining(
    time_attr="training_iteration", metric="score", mode="max", perturbation_interval=1,
    resample_probability=0.0, quantile_fraction=0.5, synch=True,
    hyperparam_mutations={"epochs": tune.randint(1, 10), "rate": tune.uniform(0.1, 1.0)},
)
space = {"epochs": tune.grid_search([1, 2]), "rate": 0.5}
run = tune.RunConfig(storage_path=os.getcwd(), stop={"training_iteration": 12}, verbose=0)
tuner = tune.Tuner(
    Counter, param_space=space, run_config=run,
    tune_config=tune.TuneConfig(scheduler=scheduler, reuse_actors=True),
)
seen = [tuple(pair) for result in tuner.fit() for pair in result.metrics["seen"]]
epochs, rates = sorted({e for e, _ in seen}), sorted({round(r, 3) for _, r in seen})
print("ray", ray.__version__)
print("values of epochs:", epochs, "of rate:", rates)
same = epochs == [1, 2] and len(rates) > 1
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
