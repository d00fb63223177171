"""The physics of the ball: closed forms on a fixed tilt, energy, turning boards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("mujoco", reason="the extra mujoco is not installed")

from rllib_zoo.envs.ball_balance.scene import (
    BALL_RADIUS,
    BOARD_SIDE,
    FIXED_STEP,
    MAX_TURN,
    STEPS_PER_DECISION,
    SUBSTEPS,
    TILT_LIMIT,
    BallOptions,
    BallScene,
    turned_about_x,
    turned_about_z,
)

UP = np.array([0.0, 1.0, 0.0])


def rotation_of(quaternion):
    return Rotation.from_quat(quaternion, scalar_first=True)


def resting(degrees, axis="z", *, options=None, height=0.0, uphill=1.5):
    """A scene of one board at a fixed tilt with the ball on it; the direction downhill."""
    scene = BallScene(1, options or BallOptions())
    turn = turned_about_z if axis == "z" else turned_about_x
    scene.boards[0] = turn(np.array([1.0, 0.0, 0.0, 0.0]), math.radians(degrees))
    rotation = rotation_of(scene.boards[0])
    normal = rotation.apply(UP)
    downhill = (UP @ normal) * normal - UP
    downhill /= max(np.linalg.norm(downhill), 1e-9)  # there is none on a level board
    reach = BOARD_SIDE / 2 + BALL_RADIUS * scene.options.scale + height
    scene.position[0] = normal * reach - downhill * uphill
    return scene, downhill


def spin(scene):
    """Angular velocity of the only ball along the world's axes, rad/s."""
    return rotation_of(scene.data.qpos[3:7]).apply(scene.data.qvel[3:6])


def slope(scene, downhill, seconds=0.7):
    """Acceleration along the board, m/s², fitted to the second half of the time; the last slip, m/s."""
    speeds = []
    for _ in range(round(seconds / FIXED_STEP)):
        scene.pass_time()
        speeds.append(scene.velocity[0] @ downhill)
    half = len(speeds) // 2
    times = FIXED_STEP * np.arange(len(speeds))
    to_contact = -BALL_RADIUS * scene.options.scale * rotation_of(scene.boards[0]).apply(UP)
    slip = scene.velocity[0] + np.cross(spin(scene), to_contact)
    return np.polyfit(times[half:], speeds[half:], 1)[0], np.linalg.norm(slip)


@pytest.mark.parametrize("axis", ["x", "z"])
@pytest.mark.parametrize("degrees", [3.0, 10.0, -20.0, 29.0])
def test_a_ball_rolls_down_with_five_sevenths_of_g_sine(degrees, axis):
    scene, downhill = resting(degrees, axis)
    scene.model.dof_damping[:] = 0.0  # the drag of the air is not in the closed form
    found, slip = slope(scene, downhill)
    expected = 5 / 7 * 9.81 * math.sin(math.radians(abs(degrees)))
    assert found == pytest.approx(expected, rel=1e-3)
    assert slip < 0.005  # of some 2 m/s


def test_mass_and_radius_change_nothing_and_gravity_does():
    options = BallOptions(mass=3.0, scale=0.6, gravity=1.62)
    scene, downhill = resting(10.0, options=options)
    scene.model.dof_damping[:] = 0.0
    found, _ = slope(scene, downhill)
    assert found == pytest.approx(5 / 7 * 1.62 * math.sin(math.radians(10)), rel=2e-3)


def test_without_friction_it_slides_faster():
    """The closed form above would not tell rolling from sliding if this were 5/7 as well."""
    scene, downhill = resting(10.0)
    scene.model.pair_friction[:] = 1e-5
    found, slip = slope(scene, downhill)
    assert found == pytest.approx(9.81 * math.sin(math.radians(10)), rel=1e-3)
    assert slip > 0.5


def test_the_air_slows_the_spin_as_unity_does():
    """dω/dt = -0.01 ω in free flight."""
    scene, _ = resting(0.0, height=50.0)
    scene.data.qvel[3:6] = (0.0, 0.0, 4.0)
    for _ in range(50):
        scene.pass_time()
    assert spin(scene)[2] == pytest.approx(4.0 * math.exp(-0.01 * 50 * FIXED_STEP), rel=1e-5)


def test_a_ball_falls_freely_until_it_lands():
    scene, _ = resting(0.0, height=3.0, uphill=0.0)
    start = scene.position[0, 1]
    for _ in range(25):
        scene.pass_time()
    fallen, seconds = start - scene.position[0, 1], 25 * FIXED_STEP
    # Velocities are stepped before places: half a step's fall more than ½ g t².
    assert fallen == pytest.approx(0.5 * 9.81 * seconds * (seconds + FIXED_STEP / SUBSTEPS))
    assert scene.velocity[0, 1] == pytest.approx(-9.81 * seconds)


def energy(scene):
    """Of the ball: kinetic, of the spin, and potential from the board's centre, J."""
    mass, radius = scene.options.mass, BALL_RADIUS * scene.options.scale
    spin = scene.data.qvel[3:6]
    moving = 0.5 * mass * np.square(scene.velocity[0]).sum()
    spinning = 0.5 * 0.4 * mass * radius**2 * np.square(spin).sum()
    return moving + spinning + mass * scene.options.gravity * scene.relative()[0, 1]


@pytest.mark.parametrize("degrees", [0.0, 12.0, 25.0])
def test_energy_is_not_created(degrees):
    """Falling 1 m onto a fixed board and rolling: never above the start, nor above what was left
    before by more than the soft contact keeps for a moment."""
    scene, _ = resting(degrees, height=1.0, uphill=1.0)
    energies = [energy(scene)]
    for _ in range(60):
        scene.pass_time()
        energies.append(energy(scene))
    left = np.minimum.accumulate(energies)
    assert max(energies) == energies[0]
    assert (np.array(energies) - left).max() < 0.01 * 9.81 * 1.0
    assert energies[-1] < energies[0] - 3.0  # the fall's energy went into the impact


def test_turns_are_about_the_boards_own_axes():
    q = turned_about_x(
        turned_about_z(np.array([[1.0, 0, 0, 0]]), np.array([0.3])), np.array([-0.2])
    )
    expected = Rotation.from_rotvec([0, 0, 0.3]) * Rotation.from_rotvec([-0.2, 0, 0])
    assert np.allclose(rotation_of(q[0]).as_matrix(), expected.as_matrix())


def test_an_action_of_one_turns_by_two_degrees_in_each_of_five_steps():
    scene = BallScene(3, BallOptions())
    scene.advance(np.array([[1.0, 0.0], [0.0, -0.5], [7.0, 0.0]]))
    turned = STEPS_PER_DECISION * MAX_TURN
    assert math.degrees(turned) == pytest.approx(10.0)
    expected = [
        turned_about_z(np.array([1.0, 0, 0, 0]), turned),
        turned_about_x(np.array([1.0, 0, 0, 0]), -turned / 2),
        turned_about_z(np.array([1.0, 0, 0, 0]), turned),  # clipped
    ]
    assert np.allclose(scene.boards, expected)


@pytest.mark.parametrize(("column", "part"), [(0, 3), (1, 1)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_board_stops_at_the_first_turn_past_the_limit(column, part, sign):
    scene = BallScene(1, BallOptions())
    action = np.zeros((1, 2))
    action[0, column] = sign
    for _ in range(6):
        scene.advance(action)
    # 2·asin(0.25) = 28.96°: fourteen turns of 2° are within it, the fifteenth is the last.
    assert scene.boards[0, part] == pytest.approx(sign * math.sin(math.radians(15)))
    scene.advance(-action)
    assert abs(scene.boards[0, part]) < TILT_LIMIT


def test_x_is_turned_after_z_and_from_what_z_made_of_it():
    scene = BallScene(1, BallOptions())
    scene.advance(np.array([[0.6, -0.8]]))
    q = np.array([1.0, 0, 0, 0])
    for _ in range(STEPS_PER_DECISION):
        q = turned_about_x(turned_about_z(q, 0.6 * MAX_TURN), -0.8 * MAX_TURN)
    assert np.allclose(scene.boards[0], q)


@pytest.mark.parametrize(
    ("place", "dropped"),
    [
        ((0, -1.99, 0), False),
        ((0, -2.01, 0), True),
        ((2.99, 0, -2.99), False),
        ((3.01, 0, 0), True),
        ((0, 0, -3.01), True),
    ],
)
def test_when_a_ball_is_dropped(place, dropped):
    scene = BallScene(2, BallOptions())
    scene.position[1] = np.array(place) + scene.data.mocap_pos[1]
    assert scene.off().tolist() == [False, dropped]
