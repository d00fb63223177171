"""torch's Adam and RMSprop for eager training, without torch.compile.

torch imports its compiler when an optimizer is created, whether or not anything is compiled: 1.1 seconds of
processor time and 67 MiB in every process that learns. Its decorators keep the undecorated methods.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch


def _eager(cls: Any) -> Any:
    """A subclass of an optimizer class with the methods that its decorators wrap."""
    methods = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
    own = {name: inspect.unwrap(getattr(cls, name)) for name in methods}
    own["step"] = torch.no_grad()(inspect.unwrap(cls.step))
    return type(cls.__name__, (cls,), {**own, "__module__": __name__, "__doc__": cls.__doc__})


Adam = _eager(torch.optim.Adam)
RMSprop = _eager(torch.optim.RMSprop)
