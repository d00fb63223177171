"""What stands between options and Ray: refused before anything starts."""

from __future__ import annotations

import pytest

from experiments.errors import RequestError
from experiments.launch import launch
from experiments.options import FileOptions


@pytest.mark.parametrize("name", ["pbt", "nonsense"])
def test_a_scheduler_that_cannot_be_made_is_one_line(name):
    with pytest.raises(RequestError, match="--scheduler") as caught:
        launch([], FileOptions(scheduler=name), None)
    assert "\n" not in str(caught.value)


def test_a_missing_tracker_is_said_of_the_option_given(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match="--wandb-project: wandb is missing"):
        launch([], FileOptions(wandb_project="mine"), None)
