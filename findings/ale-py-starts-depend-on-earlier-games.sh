#!/usr/bin/env bash
# ale-py 0.12.1 with gymnasium 1.2.2: where a game starts depends on how many were begun before it.
#
# Guess: without sticky actions and without no-op frames an Atari game is deterministic, so every `reset()` leads
# to the same state, and a score of fixed actions is the same in the first and in the third episode.
# Seen: a reset presses the console's switch and keeps its memory. In 22 of the 104 games for one player four resets in
# a row, without a step between them, do not all lead to the same memory: in Assault no two do, Tennis
# alternates, Demon Attack differs the third time, Pong never does. `reset(seed=…)` loads the ROM again, which
# gives the first start again and takes several times as long (14 times in the vector environment of Pong).
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check \
  'ale-py==0.12.1' 'gymnasium==1.2.2' 'numpy==2.4.6' 'opencv-python-headless==5.0.0.93'
venv/bin/python - <<'PYTHON' 2> log
import time

import ale_py
import gymnasium as gym
from ale_py import ALEInterface, LoggerMode, roms
from ale_py.vector_env import AtariVectorEnv

gym.register_envs(ale_py)
ALEInterface.setLoggerMode(LoggerMode.Error)
RESETS = 4
SEVERAL_PLAYERS = {"combat", "joust", "maze_craze", "warlords"}


def differ(rom):
    """Whether resets of the emulator alone lead to several memories."""
    console = ALEInterface()
    console.setFloat("repeat_action_probability", 0.0)
    console.loadROM(roms.get_rom_path(rom))
    memories = set()
    for _ in range(RESETS):
        console.reset_game()
        memories.add(console.getRAM().tobytes())
    return len(memories) > 1


def starts(game, seed):
    """The first start as "a", the next other one as "b" and so on: of the console's memory."""
    env = gym.make(f"ALE/{game}-v5", frameskip=4, repeat_action_probability=0.0)
    env.reset(seed=0)
    memories, letters = [], ""
    for number in range(RESETS):
        if number or seed is not None:
            env.reset(seed=seed)
        memory = env.unwrapped.ale.getRAM().tobytes()
        if memory not in memories:
            memories.append(memory)
        letters += "abcd"[memories.index(memory)]
    return letters


def seconds(vector, **options):
    begun = time.process_time()
    vector.reset(**options)
    return time.process_time() - begun


games = ("Assault", "Tennis", "DemonAttack", "Pong")
found = {game: (starts(game, None), starts(game, 0)) for game in games}
print("ale-py", ale_py.__version__, "gymnasium", gym.__version__)
for game, (plain, seeded) in found.items():
    print(f"{game}: {RESETS} starts without a seed {plain}, with the same seed each time {seeded}")
single = sorted(set(roms.get_all_rom_ids()) - SEVERAL_PLAYERS)
number = sum(map(differ, single))
print(f"{number} of {len(single)} games start differently")
vector = AtariVectorEnv("pong", num_envs=4, num_threads=1)
vector.reset(seed=0)
ratio = min(seconds(vector, seed=0) for _ in range(3)) / min(seconds(vector) for _ in range(3))
print(f"processor time of a reset with a seed over one without: {ratio:.0f}")
same = [plain for plain, _ in found.values()] == ["abcd", "abab", "aaba", "aaaa"]
same = same and {seeded for _, seeded in found.values()} == {"aaaa"} and ratio > 3
same = same and (number, len(single)) == (22, 104)
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
