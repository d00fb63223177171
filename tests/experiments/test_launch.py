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
