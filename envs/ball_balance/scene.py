"""The physics of 3D ball balancing: N boards with a ball each in one MuJoCo scene.

Axes are Unity's: y is up, x and z lie in the plane. Lengths in m, masses in kg, times in s, angles in
radians. Sources of the numbers: ``docs/3dball.md``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import gymnasium as gym
import numpy as np

# --- ML-Agents' numbers (Ball3DAgent.cs, 3DBall.prefab, its project's settings) -------------------
FIXED_STEP = 0.02  # s between two physics steps of Unity
STEPS_PER_DECISION = 5  # fixed steps that one action lasts; it is applied in each
MAX_TURN = math.radians(2.0)  # of a board about one axis in one fixed step, at an action of ±1
TILT_LIMIT = 0.25  # of the quaternion's x and z: 2·asin(0.25) = 29°; checked before a turn
BOARD_SIDE = 5.0  # the board is a cube
BALL_RADIUS = 0.5  # at scale 1
ANGULAR_DRAG = 0.01  # 1/s
START_TILT = math.radians(10.0)  # about x, then about z, each uniform within ±
START_OFFSET = 1.5  # of the ball in x and z, uniform within ±
START_HEIGHT = 4.0  # of the ball's centre above the cube's
LOWEST, FARTHEST = -2.0, 3.0  # of the ball relative to the cube's centre: beyond them it has fallen

# --- chosen here ----------------------------------------------------------------------------------
SUBSTEPS = 2  # MuJoCo steps per fixed step
# Unity's default; the ball's own material is not in the public files.
FRICTION = 0.6
SPACING = 20.0  # between neighbouring boards: a fallen ball never comes near the next one


@dataclass(frozen=True)
class BallOptions:
    """Keys of ``env_config``; the first three are ML-Agents' environment parameters.

    Attributes:
        mass: of the ball, kg.
        scale: of the ball's radius, which is 0.5 m at 1.
        gravity: m/s², downwards.
        max_decisions: an episode is truncated after so many actions.

    Raises:
        ValueError: a value is not a number above 0, or ``max_decisions`` is not an integer.
    """

    mass: float = 1.0
    scale: float = 1.0
    gravity: float = 9.81
    max_decisions: int = 1000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise ValueError(f"{field.name} must be a number above 0, got {value!r}")
        if self.max_decisions != int(self.max_decisions):
            raise ValueError(f"max_decisions must be an integer, got {self.max_decisions!r}")

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> BallOptions:
        """The options of an ``env_config``, with defaults.

        Raises:
            ValueError: an unknown key (with the nearest valid one), or an invalid value.
        """
        names = [field.name for field in fields(cls)]
        for key in options:
            if key not in names:
                near = difflib.get_close_matches(str(key), names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
                raise ValueError(f"{key!r} is unknown; {hint}")
        return cls(**options)


class BallScene:
    """N boards and balls, stepped together.

    Boards move as in Unity's script: they are turned between two physics steps and have no velocity.

    Args:
        num_boards: N >= 1.
        options: see :class:`BallOptions`.

    Attributes:
        model, data: MuJoCo's.
        position, velocity: views of the balls' centres and velocities in the scene's frame, [N, 3].
        boards: view of the boards' rotations as quaternions (w, x, y, z), [N, 4].

    Raises:
        gymnasium.error.DependencyNotInstalled: the package mujoco is missing.
    """

    def __init__(self, num_boards: int, options: BallOptions):
        try:
            import mujoco
        except ImportError as error:
            raise gym.error.DependencyNotInstalled("mujoco is not installed") from error
        self._mujoco = mujoco
        self.num_boards, self.options = num_boards, options
        self.model = mujoco.MjModel.from_xml_string(scene_xml(num_boards, options))
        inertia = 0.4 * options.mass * (BALL_RADIUS * options.scale) ** 2
        self.model.dof_damping.reshape(-1, 6)[:, 3:] = ANGULAR_DRAG * inertia
        self.data = mujoco.MjData(self.model)
        self._view()

    def _view(self) -> None:
        n = self.num_boards
        self._qpos, self._qvel = self.data.qpos.reshape(n, 7), self.data.qvel.reshape(n, 6)
        self._warmstart = self.data.qacc_warmstart.reshape(n, 6)
        self.position, self.velocity = self._qpos[:, :3], self._qvel[:, :3]
        self.boards = self.data.mocap_quat
        self._centres = self.data.mocap_pos

    def begin(self, boards: Sequence[int], generators: Sequence[np.random.Generator]) -> None:
        """Start episodes on some boards, drawn by each board's own generator."""
        for i in boards:
            draw = generators[i].uniform
            tilt_x, tilt_z = draw(-START_TILT, START_TILT), draw(-START_TILT, START_TILT)
            offset = (draw(-START_OFFSET, START_OFFSET), START_HEIGHT)
            self.boards[i] = (1.0, 0.0, 0.0, 0.0)
            self.boards[i] = turned_about_x(self.boards[i], tilt_x)
            self.boards[i] = turned_about_z(self.boards[i], tilt_z)
            place = (*offset, draw(-START_OFFSET, START_OFFSET))
            self._qpos[i] = (*(self._centres[i] + place), 1.0, 0.0, 0.0, 0.0)
            self._qvel[i] = 0.0
            # The solver's memory: otherwise a start would depend on the last episode.
            self._warmstart[i] = 0.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        """One action: five times turn, check for fallen balls, and simulate 0.02 s.

        Args:
            actions: [N, 2], clipped to ±1: the share of 2° per fixed step about z and about x.

        Returns:
            Which balls fell, bool [N].

        Raises:
            ValueError: an action is not a finite number.
        """
        if not np.isfinite(actions).all():
            raise ValueError("actions must be finite numbers")
        turn_z, turn_x = MAX_TURN * np.clip(actions, -1.0, 1.0).T.astype(np.float64)
        fallen = np.zeros(self.num_boards, bool)
        for _ in range(STEPS_PER_DECISION):
            self._turn(turn_z, turn_x)
            fallen |= self.off()
            self.pass_time()
        return fallen

    def pass_time(self) -> None:
        """One fixed step of physics."""
        self._mujoco.mj_step(self.model, self.data, SUBSTEPS)

    def _turn(self, turn_z: np.ndarray, turn_x: np.ndarray) -> None:
        """Turn boards about their own z, then x, unless they are at the tilt limit."""
        q = self.boards
        z = q[:, 3]
        free = ((z < TILT_LIMIT) & (turn_z > 0)) | ((z > -TILT_LIMIT) & (turn_z < 0))
        q = turned_about_z(q, np.where(free, turn_z, 0.0))
        x = q[:, 1]
        free = ((x < TILT_LIMIT) & (turn_x > 0)) | ((x > -TILT_LIMIT) & (turn_x < 0))
        self.boards[:] = turned_about_x(q, np.where(free, turn_x, 0.0))

    def place_shapes(self) -> None:
        """Update the positions of rendered shapes; after a start no physics step has done so yet."""
        self._mujoco.mj_kinematics(self.model, self.data)
        self._mujoco.mj_camlight(self.model, self.data)

    def relative(self) -> np.ndarray:
        """The balls' centres relative to the boards', in the scene's frame, [N, 3]."""
        return self.position - self._centres

    def off(self) -> np.ndarray:
        """Which balls have fallen, bool [N]."""
        place = self.relative()
        return (place[:, 1] < LOWEST) | (np.abs(place[:, [0, 2]]) > FARTHEST).any(axis=1)

    def observations(self) -> np.ndarray:
        """float32 [N, 8]: the board's quaternion z and x, the ball's place (x, y, z) relative to the
        board's centre, its velocity (x, y, z)."""
        obs = np.empty((self.num_boards, 8), np.float32)
        obs[:, 0], obs[:, 1] = self.boards[:, 3], self.boards[:, 1]
        obs[:, 2:5], obs[:, 5:8] = self.relative(), self.velocity
        return obs

    # --- pickling: MuJoCo's objects are rebuilt, then get the saved state ----------------------------

    def __getstate__(self) -> dict[str, Any]:
        kind = self._mujoco.mjtState.mjSTATE_INTEGRATION
        state = np.empty(self._mujoco.mj_stateSize(self.model, kind))
        self._mujoco.mj_getState(self.model, self.data, state, kind)
        return {"num_boards": self.num_boards, "options": self.options, "state": state}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__init__(saved["num_boards"], saved["options"])  # type: ignore[misc]
        kind = self._mujoco.mjtState.mjSTATE_INTEGRATION
        self._mujoco.mj_setState(self.model, self.data, saved["state"], kind)


def turned_about_z(q: np.ndarray, angle: Any) -> np.ndarray:
    """q ⊗ (cos ½φ, 0, 0, sin ½φ): quaternions (w, x, y, z) [..., 4] turned about their own z."""
    c, s = np.cos(0.5 * angle), np.sin(0.5 * angle)
    w, x, y, z = np.moveaxis(q, -1, 0)
    return np.stack([w * c - z * s, x * c + y * s, y * c - x * s, z * c + w * s], axis=-1)


def turned_about_x(q: np.ndarray, angle: Any) -> np.ndarray:
    """q ⊗ (cos ½φ, sin ½φ, 0, 0): quaternions (w, x, y, z) [..., 4] turned about their own x."""
    c, s = np.cos(0.5 * angle), np.sin(0.5 * angle)
    w, x, y, z = np.moveaxis(q, -1, 0)
    return np.stack([w * c - x * s, x * c + w * s, y * c + z * s, z * c - y * s], axis=-1)


def scene_xml(num_boards: int, options: BallOptions) -> str:
    """The scene in MuJoCo's format.

    Only the contacts of every ball with its own board are computed. One solver for all balls
    ("islands" off) takes a fifth of the time of one per ball.
    """
    half, radius = 0.5 * BOARD_SIDE, BALL_RADIUS * options.scale
    bodies, pairs = [], []
    for i in range(num_boards):
        bodies.append(
            f'<body mocap="true" pos="{i * SPACING} 0 0">'
            f'<geom name="board{i}" type="box" size="{half} {half} {half}" rgba="0.25 0.45 0.75 1"/></body>'
            f'<body pos="{i * SPACING} {START_HEIGHT} 0"><freejoint/><geom name="ball{i}" type="sphere" '
            f'size="{radius}" mass="{options.mass}" rgba="0.9 0.5 0.2 1"/></body>'
        )
        pairs.append(
            f'<pair geom1="board{i}" geom2="ball{i}" condim="3" friction="{FRICTION} {FRICTION}"/>'
        )
    return (
        f'<mujoco><option timestep="{FIXED_STEP / SUBSTEPS}" gravity="0 {-options.gravity} 0">'
        '<flag island="disable"/></option>'
        '<default><geom contype="0" conaffinity="0"/></default>'
        '<visual><headlight ambient="0.4 0.4 0.4"/><global offwidth="640" offheight="480"/></visual>'
        '<asset><texture type="skybox" builtin="gradient" rgb1="0.8 0.9 1" rgb2="0.5 0.6 0.7" width="64" '
        'height="384"/></asset>'
        '<worldbody><light pos="4 12 -8" dir="-0.3 -1 0.6"/>'
        '<camera name="view" pos="6 7 -12" xyaxes="-0.894 0 -0.447 -0.2 0.894 0.4"/>'
        f"{''.join(bodies)}</worldbody><contact>{''.join(pairs)}</contact></mujoco>"
    )
