"""When what is done to the server: drawn by chance, the same for the same seed."""

import random
from dataclasses import dataclass

# In this part of the time things are done; before it all warms up, and after it memory is measured in peace.
FIRST, LAST = 0.1, 0.6
# Once in so many seconds everything is done, and at least once.
ROUND = 75.0
# How many seconds a database stays away; in every second round longer than a request waits for its turn.
BRIEF, LONG = (1.0, 3.0), (6.0, 8.0)
ROUTINE = ("kill_worker", "kill_background", "reload", "promote", "promote")


@dataclass(frozen=True, order=True)
class Due:
    """`at` is in seconds after the load began, `lasting` how long a database stays away."""

    at: float
    what: str
    lasting: float = 0.0


def schedule(seed: int, seconds: float, stops: tuple[str, ...]) -> list[Due]:
    """What is due, in order; `stops` are the ways in which this database goes away, which take turns."""
    chance = random.Random(seed)
    rounds = max(1, round(seconds / ROUND))
    each = (LAST - FIRST) * seconds / rounds
    found = []
    for number in range(rounds):
        acts = [*ROUTINE, stops[number % len(stops)]]
        chance.shuffle(acts)
        times = sorted(chance.uniform(0, each) for _ in acts)
        for at, what in zip(times, acts, strict=True):
            lasting = round(chance.uniform(*(LONG if number % 2 else BRIEF)), 2) if what in stops else 0.0
            found.append(Due(round(FIRST * seconds + number * each + at, 2), what, lasting))
    return found
