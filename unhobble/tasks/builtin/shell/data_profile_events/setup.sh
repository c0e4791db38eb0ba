python3 - <<'PY'
import json
import random
from datetime import datetime, timedelta, timezone

rng = random.Random(1)
users = ["ana", "Bo", "çelik", "dmitri", "eve", "farid", "gül", "hugo", "zoe", "Zed"]
cities = ["Lyon", "Łódź", "Malmö", "Porto", None]
start = datetime(2024, 3, 30, 18, tzinfo=timezone.utc)
events = []
for number in range(1, 241):
    # Every third event shares its instant with another one, so that seq decides.
    instant = start + timedelta(minutes=rng.randrange(0, 700, 5 if number % 3 else 20))
    if rng.random() < 0.3:
        instant += timedelta(milliseconds=rng.choice([250, 500, 750]))
    zone = timezone(timedelta(minutes=rng.choice([-480, -180, 0, 60, 120, 330])))
    text = instant.astimezone(zone).isoformat(timespec="auto")
    if zone.utcoffset(None) == timedelta(0):
        text = text.replace("+00:00", "Z")
    op = rng.choices(["set", "unset", "add", "delete"], [10, 4, 7, 2])[0]
    event = {"id": f"e{number:04d}", "user": rng.choice(users), "at": text, "seq": rng.randrange(1000) * 1000 + number, "op": op}
    if op == "set":
        fields = {"city": rng.choice(cities), "plan": rng.choice(["free", "pro", "team"]), "credits": rng.randrange(50)}
        event["fields"] = {key: fields[key] for key in sorted(rng.sample(sorted(fields), rng.randrange(1, 3)))}
    elif op == "unset":
        event["fields"] = rng.sample(["city", "plan", "credits"], rng.randrange(1, 3))
    elif op == "add":
        event["fields"] = {"credits": rng.randrange(-5, 20)} if rng.random() < 0.7 else {"credits": rng.randrange(1, 9), "logins": 1}
    events.append(event)
lines = [json.dumps(event, ensure_ascii=rng.random() < 0.5) for event in events]
lines += rng.sample(lines, 30)  # delivered twice
for event in rng.sample(events, 10):  # delivered twice, written differently
    lines.append(json.dumps(dict(reversed(event.items())), separators=(",", ":")))
rng.shuffle(lines)
for position in (17, 90, 171):
    lines.insert(position, lines[position][: 30 + position % 7])  # cut off
lines.insert(60, "")
lines.insert(120, "[]")
with open("events.jsonl", "w", encoding="utf-8", newline="") as out:
    for number, line in enumerate(lines):
        out.write(line + ("\r\n" if number % 11 == 0 else "\n"))
PY
