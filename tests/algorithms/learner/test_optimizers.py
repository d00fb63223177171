"""The optimizers take torch's steps, without torch's compiler."""

import subprocess
import sys

import pytest
import torch

from rllib_zoo.algorithms.learner import optimizers

SETTINGS = {"Adam": {"lr": 0.1, "fused": True}, "RMSprop": {"lr": 0.1, "foreach": True}}


def stepped(cls, settings):
    """The values after three steps, with the state saved and loaded before the last; and the state."""
    values = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    optimizer = cls([values], **settings)
    for number in range(3):
        if number == 2:
            saved = optimizer.state_dict()
            optimizer = cls([values], **settings)
            optimizer.load_state_dict(saved)
        optimizer.zero_grad()
        (values**3).sum().backward()
        optimizer.step()
    return values.tolist(), str(optimizer.state_dict())


@pytest.mark.parametrize("name", SETTINGS)
def test_steps_are_those_of_torch(name):
    ours = stepped(getattr(optimizers, name), SETTINGS[name])
    assert ours == stepped(getattr(torch.optim, name), SETTINGS[name])
    assert ours[0] != [1.0, -2.0, 3.0]


def test_the_compiler_is_not_imported():
    code = f"""
import sys, torch
from rllib_zoo.algorithms.learner import optimizers
values = torch.ones(2, requires_grad=True)
for name, settings in {SETTINGS!r}.items():
    values.sum().backward()
    getattr(optimizers, name)([values], **settings).step()
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
