"""Rendering a ball scene with MuJoCo, also on machines without a screen."""

from __future__ import annotations

import os
import sys

import numpy as np

from rllib_zoo.envs.ball_balance.scene import BallScene
from rllib_zoo.envs.errors import EnvironmentRequestError

HEIGHT, WIDTH = 240, 320


class BallRenderer:
    """Renders one scene.

    Raises:
        EnvironmentRequestError: MuJoCo finds no OpenGL on this machine.
    """

    def __init__(self, scene: BallScene):
        from gymnasium.envs.mujoco.mujoco_rendering import OffScreenViewer

        if sys.platform == "linux" and not os.environ.get("DISPLAY"):
            # Gymnasium tries a window first, which warns without a screen.
            os.environ.setdefault("MUJOCO_GL", "egl")
        self._scene = scene
        try:
            self._viewer = OffScreenViewer(scene.model, scene.data, WIDTH, HEIGHT)
        except Exception as error:  # EGL, OSMesa and GLFW each raise errors of their own
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise EnvironmentRequestError(
                f"3DBall-v0 cannot be rendered on this machine: {reason}; install EGL or OSMesa and "
                "set MUJOCO_GL to egl or osmesa"
            ) from error

    def draw(self) -> np.ndarray:
        """The first board from in front and above, uint8 [HEIGHT, WIDTH, 3]."""
        self._scene.place_shapes()
        return self._viewer.render("rgb_array", camera_id=0)

    def close(self) -> None:
        """Release the OpenGL context."""
        self._viewer.close()
