"""Plans of three days, played by the rules. The days are kept here, so that it does not matter what became of their files."""

import json
from pathlib import Path

# name: (target, technicians as {name: (skills, begin, end, parts)}, visits as {id: (x, y, skill, parts, minutes, open, close, fee)})
DAYS = {
    "monday": (
        845,
        {
            "A": (("boiler", "lift", "door"), 450, 990, 18),
            "B": (("boiler", "door"), 450, 960, 16),
            "C": (("boiler", "door"), 480, 1020, 15),
        },
        {
            "V01": (31, 13, "boiler", 0, 40, 420, 960, 220),
            "V02": (-21, 16, "boiler", 1, 50, 630, 720, 150),
            "V03": (-8, -27, "door", 2, 10, 750, 780, 150),
            "V04": (10, 10, "boiler", 2, 40, 780, 840, 220),
            "V05": (-9, -13, "door", 3, 50, 570, 660, 220),
            "V06": (-7, -33, "lift", 1, 20, 720, 960, 220),
            "V07": (9, -23, "door", 3, 20, 420, 720, 150),
            "V08": (-18, -4, "lift", 3, 40, 840, 930, 90),
            "V09": (29, 17, "door", 1, 25, 420, 960, 220),
            "V10": (25, -26, "lift", 0, 25, 720, 960, 220),
            "V11": (29, 27, "door", 1, 30, 450, 510, 150),
            "V12": (-14, -21, "lift", 2, 25, 690, 780, 220),
            "V13": (-26, 15, "door", 2, 10, 720, 750, 70),
            "V14": (-33, 9, "boiler", 0, 50, 810, 870, 220),
            "V15": (24, 19, "lift", 1, 40, 510, 570, 120),
            "V16": (21, -15, "boiler", 3, 20, 660, 690, 150),
            "V17": (21, 13, "door", 3, 50, 780, 870, 70),
            "V18": (13, 22, "lift", 3, 30, 780, 810, 90),
            "V19": (4, 14, "boiler", 2, 40, 420, 720, 150),
            "V20": (-24, -1, "door", 2, 10, 420, 960, 70),
            "V21": (16, -32, "boiler", 0, 30, 720, 960, 90),
            "V22": (4, 12, "door", 0, 25, 420, 960, 90),
        },
    ),
    "tuesday": (
        900,
        {
            "A": (("boiler", "lift", "door"), 480, 1020, 15),
            "B": (("boiler", "door"), 480, 990, 16),
            "C": (("door", "lift"), 480, 1020, 17),
            "D": (("boiler", "door"), 450, 990, 15),
        },
        {
            "V01": (-5, 28, "boiler", 1, 20, 510, 540, 90),
            "V02": (29, -22, "door", 3, 50, 420, 720, 150),
            "V03": (-20, 24, "boiler", 3, 40, 720, 960, 150),
            "V04": (-24, 21, "lift", 2, 40, 660, 750, 150),
            "V05": (-7, 30, "lift", 3, 25, 420, 960, 90),
            "V06": (-14, -31, "lift", 3, 20, 420, 960, 120),
            "V07": (-14, 22, "boiler", 1, 25, 720, 960, 220),
            "V08": (-15, -17, "door", 2, 40, 420, 960, 70),
            "V09": (16, -37, "boiler", 1, 40, 420, 720, 70),
            "V10": (-27, 14, "lift", 0, 10, 540, 570, 120),
            "V11": (-31, -29, "boiler", 0, 10, 420, 720, 70),
            "V12": (25, 27, "door", 0, 25, 870, 900, 220),
            "V13": (21, 23, "boiler", 0, 20, 420, 960, 120),
            "V14": (-18, 21, "door", 3, 50, 420, 720, 220),
            "V15": (28, -31, "door", 0, 25, 750, 810, 90),
            "V16": (-13, 18, "boiler", 2, 20, 720, 960, 120),
            "V17": (-18, 26, "lift", 2, 10, 690, 720, 90),
            "V18": (18, -35, "lift", 0, 15, 420, 720, 90),
            "V19": (-16, 20, "door", 2, 20, 540, 630, 150),
            "V20": (-20, -36, "boiler", 0, 15, 630, 690, 70),
            "V21": (14, 24, "boiler", 0, 30, 420, 960, 150),
            "V22": (-9, 29, "lift", 1, 40, 420, 720, 150),
            "V23": (-2, 12, "door", 1, 10, 420, 720, 150),
            "V24": (-36, -20, "boiler", 2, 20, 420, 960, 120),
            "V25": (-36, -15, "boiler", 0, 50, 420, 720, 150),
            "V26": (27, 39, "door", 0, 10, 420, 720, 120),
            "V27": (25, 28, "boiler", 3, 15, 420, 960, 70),
            "V28": (-20, 18, "boiler", 2, 25, 420, 960, 70),
        },
    ),
    "wednesday": (
        765,
        {
            "A": (("boiler", "lift", "door"), 420, 930, 16),
            "B": (("boiler", "door"), 420, 960, 17),
            "C": (("door", "lift"), 480, 990, 14),
            "D": (("boiler", "lift"), 480, 990, 18),
        },
        {
            "V01": (-21, 14, "door", 2, 25, 810, 840, 220),
            "V02": (19, 2, "door", 1, 20, 720, 960, 70),
            "V03": (-22, 11, "door", 2, 25, 750, 810, 220),
            "V04": (15, 0, "lift", 2, 40, 720, 960, 70),
            "V05": (1, 38, "door", 0, 40, 720, 960, 90),
            "V06": (7, 5, "door", 0, 20, 660, 750, 70),
            "V07": (1, -11, "door", 0, 30, 810, 870, 220),
            "V08": (-14, 18, "lift", 0, 20, 720, 960, 70),
            "V09": (-23, 15, "door", 2, 30, 420, 720, 120),
            "V10": (15, -32, "boiler", 2, 15, 420, 960, 150),
            "V11": (11, 5, "lift", 2, 25, 420, 720, 90),
            "V12": (-5, 25, "boiler", 3, 30, 720, 960, 120),
            "V13": (-14, 15, "boiler", 2, 25, 420, 720, 120),
            "V14": (1, 39, "lift", 0, 20, 660, 690, 120),
            "V15": (6, 7, "boiler", 2, 50, 420, 720, 120),
            "V16": (7, 5, "boiler", 0, 30, 420, 960, 90),
            "V17": (-2, 24, "boiler", 1, 40, 720, 960, 150),
            "V18": (-23, 15, "door", 3, 50, 600, 690, 90),
            "V19": (-16, 16, "boiler", 0, 10, 720, 780, 220),
            "V20": (3, -15, "door", 0, 50, 570, 630, 220),
            "V21": (0, 21, "lift", 3, 20, 720, 960, 150),
            "V22": (12, -3, "boiler", 0, 25, 420, 960, 220),
            "V23": (12, 13, "door", 1, 10, 420, 960, 150),
            "V24": (8, 13, "door", 2, 10, 540, 570, 90),
            "V25": (-25, 18, "door", 3, 30, 420, 720, 70),
            "V26": (-11, -1, "lift", 3, 10, 570, 600, 220),
            "V27": (-16, 0, "lift", 0, 20, 840, 930, 90),
            "V28": (-4, -16, "boiler", 1, 50, 420, 960, 120),
            "V29": (-7, -18, "boiler", 2, 15, 720, 960, 120),
            "V30": (15, 12, "boiler", 0, 50, 720, 960, 70),
            "V31": (-6, -30, "door", 0, 30, 660, 690, 220),
            "V32": (7, -6, "lift", 2, 20, 600, 660, 120),
            "V33": (3, -20, "door", 3, 50, 690, 720, 70),
            "V34": (4, -3, "lift", 0, 30, 720, 960, 150),
        },
    ),
}
START_FEE = 40


def plan(day):
    """The plan as {technician: stops}, its form checked."""
    path = Path("plans", f"{day}.json")
    assert path.is_file(), f"{path} does not exist"
    tours = json.loads(path.read_text())
    _, technicians, visits = DAYS[day]
    assert isinstance(tours, dict), f"{day}: the plan is not an object"
    for name, stops in tours.items():
        assert name in technicians, f"{day}: no technician is called {name!r}"
        assert isinstance(stops, list), f"{day}: the tour of {name} is not a list"
        for stop in stops:
            assert stop == "lunch" or stop in visits, f"{day}: {name}: no stop is called {stop!r}"
        assert not stops or stops.count("lunch") == 1, f"{day}: {name} has lunch {stops.count('lunch')} times"
    planned = [stop for stops in tours.values() for stop in stops if stop != "lunch"]
    assert len(planned) == len(set(planned)), f"{day}: a visit is planned twice"
    return {name: stops for name, stops in tours.items() if stops}


def play(day, name, stops):
    """The minutes of travel of one tour; raises AssertionError where it is not permitted."""
    skills, clock, end, room = DAYS[day][1][name]
    here, travel, used = (0, 0), 0, 0
    for stop in stops:
        if stop == "lunch":
            earliest, latest, length = 690, 780, 30
        else:
            x, y, skill, parts, length, earliest, latest, _ = DAYS[day][2][stop]
            assert skill in skills, f"{day}: {name} cannot do {stop}, a {skill}"
            minutes = abs(here[0] - x) + abs(here[1] - y)
            here, travel, clock, used = (x, y), travel + minutes, clock + minutes, used + parts
        start = max(clock, earliest)
        assert start <= latest, f"{day}: {name} begins {stop} at {start}, after {latest}"
        clock = start + length
    back = abs(here[0]) + abs(here[1])
    assert clock + back <= end, f"{day}: {name} is back at {clock + back}, after {end}"
    assert used <= room, f"{day}: {name} needs {used} parts and has {room}"
    return travel + back


def judge(day):
    target, _, visits = DAYS[day]
    tours = plan(day)
    cost = sum(play(day, name, stops) + START_FEE for name, stops in tours.items())
    planned = {stop for stops in tours.values() for stop in stops}
    cost += sum(visit[-1] for stop, visit in visits.items() if stop not in planned)
    assert cost <= target, f"{day}: the plan costs {cost}, the target is {target}"


def test_monday():
    judge("monday")


def test_tuesday():
    judge("tuesday")


def test_wednesday():
    judge("wednesday")
