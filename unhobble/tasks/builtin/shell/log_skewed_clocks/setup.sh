python3 - <<'PY'
import gzip
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

rng = random.Random(184)
START = 1729988400_000_000  # 2024-10-27 00:20 UTC, in microseconds
STEP = START + 37 * 60_000_000
SLOW_FROM = START + 48 * 60_000_000
SKEW = {"edge1": 0, "app1": 1_734_210, "app2": -412_077, "db1": -3_205_618}
AFTER_STEP = -2_950_333
logs = {host: [] for host in SKEW}
spans = {}
requests = {}
numbers = iter(range(10_001, 99_999))
STATEMENTS = {
    "cart": ["SELECT * FROM cart WHERE customer = {n}", "SELECT price, tax\n\tFROM article\n\tWHERE id IN ({n}, {m})"],
    "checkout": ["UPDATE stock SET pieces = pieces - {m}\n\tWHERE article = {n}", "SELECT pieces FROM stock WHERE article = {n} FOR UPDATE"],
    "search": ["SELECT id FROM article WHERE name LIKE 'lamp {m}%'\n\tLIMIT 20", "INSERT INTO terms VALUES ('span=s10007 ok 9000.000 ms: {m}')"],
}


def clock(host, time):
    if host == "app2" and time >= STEP:
        return time + AFTER_STEP
    return time + SKEW[host]


def wire():
    return rng.randint(300, 2500) + (rng.random() < 0.08) * rng.randint(5_000, 90_000)


def edge(time, text):
    time -= time % 1000
    zone = timezone(timedelta(hours=2 if time < 1729990800_000_000 else 1))
    stamp = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=time)
    logs["edge1"].append((time, f"{stamp.astimezone(zone).isoformat(timespec='milliseconds')} {text}"))
    return time


def record(writer, time, **fields):
    value = clock(writer, time)
    logs[writer].append((time, json.dumps({"t": value, **fields}, ensure_ascii=False)))
    return value


def query(kind, slow):
    text = rng.choice(STATEMENTS[kind]).format(n=rng.randint(1, 9999), m=rng.randint(1, 60))
    took = rng.randint(400, 30_000)
    if "FOR UPDATE" in text and slow:
        took = rng.randint(900_000, 2_600_000)
    elif "LIKE" in text:
        took += rng.randint(40_000, 400_000)
    return text, took


def call(caller, host, time, kind, request, depth):
    """Carry out a call that is sent at this time; returns when the caller has the answer."""
    span = f"s{next(numbers)}"
    found = spans[span] = {"request": request, "caller": caller, "host": host, "depth": depth, "true": [time]}
    if caller == "-":
        found["sent"] = edge(time, f"{request} call {span} {host}")
    else:
        found["sent"] = record(spans[caller]["host"], time, event="call", span=caller, child=span, host=host)
    time += wire()
    found["true"].append(time)
    if host == "db1":
        text, took = query(kind, time >= SLOW_FROM)
        time += took
        state = "error" if rng.random() < 0.03 else "ok"
        ended = clock(host, time)
        stamp = (datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=ended)).strftime("%Y-%m-%d %H:%M:%S.%f")
        millis = f"{took // 1000}.{took % 1000:03d}"
        logs[host].append((time, f"{stamp} UTC [{rng.randint(700, 720)}] span={span} {state} {millis} ms: {text}"))
        found.update(started=ended - took, ended=ended, statement=text)
    else:
        found["started"] = record(host, time, event="begin", span=span, request=request)
        time += rng.randint(500, 20_000)
        if rng.random() < 0.3:
            record(host, time, event="note", span=span, text=f'retry "event": "end", "span": "s{rng.randint(10_001, 10_400)}"')
        if host == "app1" and rng.random() < 0.25:
            time = call(span, "app2", time, kind, request, depth + 1) + rng.randint(100, 9_000)
        for _ in range(rng.randint(0, 2)):
            together = [call(span, "db1", time + lag, kind, request, depth + 1) for lag in sorted(rng.sample(range(4_000), rng.randint(1, 3)))]
            time = max(together) + rng.randint(200, 30_000)
        found["ended"] = record(host, time, event="end", span=span, status=rng.choice(["ok", "ok", "ok", "failed"]))
    found["true"].append(time)
    time += wire()
    if caller == "-":
        found["received"] = edge(time, f"{request} return {span} {rng.choice([200, 200, 200, 502])}")
    else:
        found["received"] = record(spans[caller]["host"], time, event="return", span=caller, child=span)
    found["true"].append(time)
    return time


moment = START
for number in range(1, 131):
    moment += rng.randint(4_000_000, 50_000_000)
    if number % 9 == 0:
        moment += 1_000
    time, request = moment, f"r{number:04d}"
    kind = rng.choice(["cart", "checkout", "search"])
    requests[request] = [edge(time, f"{request} arrive {rng.choice(['GET', 'POST'])} /{kind}?return=s{rng.randint(10_001, 10_400)}"), None]
    time += rng.randint(1_000, 4_000)
    for _ in range(rng.choice([1, 1, 1, 2])):
        time = call("-", rng.choice(["app1", "app2"]), time, kind, request, 1) + rng.randint(1_000, 5_000)
    if rng.random() > 0.06:
        requests[request][1] = edge(time, f"{request} depart 200")
# Requests that are under way while the clock of app2 is set, and at the end of summer time.
for request, moment in {"r0900": STEP - 3_000, "r0901": 1729990800_000_000 - 4_000}.items():
    requests[request] = [edge(moment - 2_000, f"{request} arrive GET /cart"), None]
    requests[request][1] = edge(call("-", "app2", moment, "cart", request, 1) + 2_000, f"{request} depart 200")
record("app2", STEP, event="clock", text="stepped by the time service")
for host in logs:
    logs[host].sort(key=lambda line: line[0])
for number in range(40):
    time = START + rng.randint(0, 55 * 60_000_000)
    stamp = (datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=clock("db1", time))).strftime("%Y-%m-%d %H:%M:%S.%f")
    logs["db1"].append((time, f"{stamp} UTC [699] checkpoint complete: wrote {rng.randint(3, 90)} buffers, {rng.randint(1, 9)} ms"))
logs["db1"].sort(key=lambda line: line[0])
# The disk was full now and then: lines of the applications are cut off, at most one for each span.
lost = {}
for host in ("app1", "app2"):
    for place, (time, line) in enumerate(logs[host]):
        fields = json.loads(line)
        span = fields.get("child", fields.get("span"))
        if fields["event"] in ("clock", "note") or span in lost or rng.random() > 0.05:
            continue
        column = {"call": "sent", "return": "received", "begin": "started", "end": "ended"}[fields["event"]]
        lost[span] = column
        spans[span][column] = None
        logs[host][place] = (time, line[: rng.randint(20, len(line) - 2)])


def write(name, lines):
    text = "".join(line + "\n" for _, line in lines).encode()
    Path("logs", name).write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)


Path("logs").mkdir()
for host, name in {"edge1": "edge1.log", "app1": "app1.jsonl", "app2": "app2.jsonl", "db1": "db1.log"}.items():
    lines = logs[host]
    first, second = len(lines) * 2 // 7, len(lines) * 5 // 7
    # What was written while the shipper changed files is in both of them.
    write(f"{name}.2.gz", lines[: first + 4])
    write(f"{name}.1", lines[first : second + 3])
    write(name, lines[second:])
PY
