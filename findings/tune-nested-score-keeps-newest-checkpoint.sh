#!/usr/bin/env bash
# Ray Tune 2.60.0: `checkpoint_score_attribute` with a nested name ranks checkpoints by age.
#
# Metrics of Tune's stop rules, schedulers and result tables may be nested, written `evaluation/score`.
# Guess: with `num_to_keep=1` and `checkpoint_score_attribute="evaluation/score"` the checkpoint with the
# highest score stays; or the name is refused.
# Seen: the name is looked up in the result that is not flattened, is never found, and without an error the
# newest checkpoint stays: the best one is deleted. The same score at the top level works.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'ray[tune]==2.60.0' 'pandas==3.0.0'
venv/bin/python - <<'PYTHON' 2> log
import os
import pathlib
import tempfile

import ray
from ray import tune

SCORES = (1.0, 9.0, 2.0)


def train(_):
    for score in SCORES:
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "score").write_text(str(score))
            result = {"evaluation": {"score": score}, "score": score}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))


def kept(attribute):
    config = tune.CheckpointConfig(num_to_keep=1, checkpoint_score_attribute=attribute)
    run = tune.RunConfig(storage_path=os.getcwd(), checkpoint_config=config, verbose=0)
    result = tune.Tuner(train, run_config=run).fit()[0]
    return [pathlib.Path(c.path, "score").read_text() for c, _ in result.best_checkpoints]


ray.init(num_cpus=1, include_dashboard=False)
top, nested = kept("score"), kept("evaluation/score")
print("ray", ray.__version__, "scores", SCORES)
print("kept by score:", top, "kept by evaluation/score:", nested)
same = top == ["9.0"] and nested == ["2.0"]
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
