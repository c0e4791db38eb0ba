cat > meters.csv <<'CSV'
meter,customer,digits,factor,installed,removed
E-101,Albers,5,1,2024-01-10 08:00,2024-10-27 02:30
E-102,Albers,6,1,2024-10-27 02:30,
E-200,Bakker,4,20,2024-01-31 23:30,
E-300,Cieślik,6,1,2023-12-01 00:00,2024-07-01 00:00
E-301,Cieślik,6,1,2024-03-15 12:00,
E-400,Dahl,5,1,2024-02-01 00:00,
E-500,Ek,3,1,2023-06-01 09:00,
E-600,Faure,7,0.5,2024-03-01 00:00,
CSV
cat > tariffs.csv <<'CSV'
valid_from,cents_per_kwh,cents_per_day
2024-04-01,31.275,41.5
2023-01-01,36.9,38
2024-10-27,29.905,43.25
2024-07-18,30.01,41.5
CSV
python3 - <<'PY'
import json
import random
from datetime import datetime, timedelta

rng = random.Random(1027)
lines = []


def add(meter, at, value, **more):
    lines.append({"meter": meter, "at": at, "value": value, **more})


def series(meter, first, last, start, per_day, digits, gap):
    moment, value = datetime.fromisoformat(first), float(start)
    end = datetime.fromisoformat(last)
    while moment < end:
        add(meter, moment.strftime("%Y-%m-%d %H:%M"), int(value) % 10**digits)
        step = timedelta(minutes=rng.randrange(gap * 800, gap * 1800))
        value += per_day * (step / timedelta(days=1)) * rng.uniform(0.6, 1.4)
        moment += step
        if moment.strftime("%m-%d %H") == "03-31 02":
            moment += timedelta(hours=1)
    return int(value)


v = series("E-101", "2024-01-10 08:00", "2024-10-20 00:00", 98400, 11, 5, 19)
add("E-101", "2024-10-27 02:30", (v + 80) % 100000, summer=True)
add("E-102", "2024-10-27 02:30", 12, summer=False)
add("E-102", "2024-12-03 17:45", 611)
series("E-200", "2024-01-31 23:30", "2024-12-20 00:00", 9911, 3, 4, 33)
series("E-300", "2023-12-01 00:00", "2024-06-20 00:00", 5200, 7, 6, 24)
add("E-300", "2024-07-01 00:00", 7103)
series("E-301", "2024-03-15 12:00", "2024-11-04 00:00", 0, 5, 6, 41)
add("E-400", "2024-03-30 12:00", 100)
add("E-400", "2024-03-31 02:15", 113)  # does not exist
add("E-400", "2024-03-31 12:00", 123)
add("E-400", "2024-04-01 00:00", 147)
add("E-400", "2024-10-26 12:00", 147)
add("E-400", "2024-10-27 01:59", 190)
add("E-400", "2024-10-27 02:10", 200, summer=True)
add("E-400", "2024-10-27 02:10", 223)
add("E-400", "2024-10-27 02:50", 215, summer=True)
add("E-400", "2024-10-27 03:00", 260, summer=True)
add("E-400", "2024-10-28 00:00", 301)
add("E-500", "2023-12-31 18:00", 990)
add("E-500", "2024-01-01 06:00", 2)
add("E-500", "2024-02-29 12:00", 2)
add("E-500", "2024-02-29 12:00", 777, rev=1)
add("E-500", "2024-02-29 12:00", 640, rev=1)
add("E-500", "2024-03-01 00:00", 652)
add("E-600", "2024-05-05 05:05", 9999990)  # the only one
add("E-100", "2024-05-05 05:05", 1)
add("E-101", "2024-10-27 02:31", 6)
add("E-102", "2024-10-27 02:29", 6)
add("E-101", "2024-01-10 07:59", 98399)
add("E-102", "2024-10-27 02:30", 12, summer=True)
add("E-500", "2024-02-02 12:00", 1000)
add("E-500", "2024-02-02 12:00", -1, rev=4)
for line in rng.sample(lines[:30], 8):
    lines.append({**line, "value": line["value"] + 1, "rev": 2})
    lines.append({**line, "value": line["value"] + 3, "rev": rng.choice([1, 1, 2])})
rng.shuffle(lines)
with open("readings.jsonl", "w", encoding="utf-8") as out:
    for line in lines:
        out.write(json.dumps(line) + "\n")
PY
