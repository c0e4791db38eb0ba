python3 - <<'PY'
import json
import random
from datetime import datetime, timedelta

rng = random.Random(29102023)
ORIGIN = datetime(2023, 10, 28, 22, 20)  # UTC
CHANGE = datetime(2023, 10, 29, 1, 0)
STEPS = {"worker-1": (datetime(2023, 10, 29, 0, 41, 8, 112000), -37250), "worker-2": (datetime(2023, 10, 29, 1, 22, 40, 9000), 12500)}

gateway = []
workers = {name: [] for name in STEPS}
psp = []


def hexa(digits):
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def ms(number):
    return timedelta(milliseconds=number)


def say(when, text):
    gateway.append((when, len(gateway), text))


def accept(order, when):
    request = hexa(8)
    say(when, f"ACCEPT req={request} order={order['id']} customer=c-{order['id'] % 37} amount={order['cents'] // 100}.{order['cents'] % 100:02d}")
    return request


def event(when, kind, live=True, **data):
    record = {"id": f"evt_{hexa(10)}", "type": kind, "created": int((when - datetime(1970, 1, 1)) / ms(1)), "livemode": live, "data": data}
    psp.append((when, len(psp), record))
    return record


def charge(order, when, cents=None, outcome="succeeded", live=True):
    number = f"ch_{hexa(9)}"
    key = order["id"] if rng.random() < 0.5 else str(order["id"])
    cents = order["cents"] if cents is None else cents
    event(when, "charge.created", live, charge=number, order=key, amount=cents)
    record = event(when + ms(rng.randint(150, 900)), f"charge.{outcome}", live, charge=number, order=key, amount=cents)
    return number, record


def refund(when, number, cents, outcome="succeeded"):
    name = f"re_{hexa(9)}"
    event(when, "refund.created", refund=name, charge=number, amount=cents)
    return event(when + ms(rng.randint(900, 4000)), f"refund.{outcome}", refund=name, charge=number, amount=cents)


def again(record, delay, new_id=False):
    copy = dict(record, id=f"evt_{hexa(10)}") if new_id else record
    psp.append((datetime(1970, 1, 1) + ms(record["created"] + delay), len(psp), copy))


def pickup(order, request, when, worker=None, attempt=1):
    worker = worker or rng.choice(sorted(workers))
    log = workers[worker]
    log.append((when, len(log), f"PICKUP job={request} order={order['id']} try={attempt}"))
    log.append((when + ms(rng.randint(20, 60)), len(log), f"CHARGE job={request} order={order['id']} key=idem-{hexa(6)}"))
    return worker


def other(worker):
    return "worker-2" if worker == "worker-1" else "worker-1"


KINDS = {
    3: "client", 9: "webhook", 13: "worker", 17: "client_refunded", 22: "failed_first", 26: "test_mode", 31: "worker", 37: "triple",
    41: "split", 44: "partial", 49: "client", 52: "rejected_then_worker", 55: "client", 58: "worker", 61: "refund_failed", 64: "webhook_new_id", 65: "client_late",
    68: "client_refunded", 71: "worker", 75: "rejected", 79: "triple", 84: "client_late", 90: "split_twice", 95: "worker", 101: "failed_first",
    104: "partial", 108: "client", 111: "refund_twice_told", 115: "goodwill",
}
orders = []
clock = ORIGIN
for index in range(120):
    clock += ms(rng.randint(40000, 260000))
    kind = KINDS.get(index, "plain")
    order = {"id": 9950 + index, "cents": rng.choice([1990, 995, 2999, 110, 429, 123450, 5810, 1715, 805, 25620]), "kind": kind}
    orders.append(order)
    if rng.random() < 0.3:
        say(clock - ms(20000), rng.choice(["HEALTH ok", "HEALTH ok", "RELOAD config", "HEALTH slow"]))
    request = accept(order, clock)
    first = clock + ms(rng.randint(180, 4200))
    worker = pickup(order, request, first)
    done = first + ms(rng.randint(200, 800))
    cents = order["cents"]
    if kind in ("plain", "webhook", "webhook_new_id", "rejected", "test_mode", "goodwill"):
        number, record = charge(order, done)
        if kind == "webhook":
            again(record, 30000)
            again(record, 90000)
        elif kind == "webhook_new_id":
            again(record, 60000, new_id=True)
        elif kind == "rejected":
            say(clock + ms(15000), f"REJECT req={hexa(8)} order={order['id']} customer=c-{order['id'] % 37} reason=already_paid")
        elif kind == "test_mode":
            charge(order, done + ms(7000), live=False)
        elif kind == "goodwill":
            refund(done + ms(200000), number, cents // 2)
    elif kind in ("client", "client_refunded", "client_late", "refund_failed", "refund_twice_told", "partial", "triple"):
        number, _ = charge(order, done)
        delay = 400000 if kind == "client_late" else rng.randint(9000, 45000)
        repeat = accept(order, clock + ms(delay))
        late = clock + ms(delay + rng.randint(200, 3000))
        pickup(order, repeat, late)
        second, record = charge(order, late + ms(500))
        if kind == "client_refunded":
            refund(late + ms(100000), second, cents)
        elif kind == "refund_failed":
            refund(late + ms(100000), second, cents, "failed")
        elif kind == "partial":
            again(refund(late + ms(90000), number, cents // 3), 20000, new_id=True)
        elif kind == "refund_twice_told":
            again(record, 40000)
            again(refund(late + ms(90000), second, cents), 20000)
        elif kind == "triple":
            pickup(order, repeat, late + ms(30000), attempt=2)
            charge(order, late + ms(31000))
            again(refund(late + ms(150000), number, cents), 10000)
    elif kind in ("worker", "rejected_then_worker"):
        charge(order, done)
        if kind == "rejected_then_worker":
            say(clock + ms(9000), f"REJECT req={hexa(8)} order={order['id']} customer=c-{order['id'] % 37} reason=in_progress")
        pickup(order, request, first + ms(30000), other(worker), 2)
        charge(order, first + ms(30700))
    elif kind == "failed_first":
        charge(order, done, outcome="failed")
        pickup(order, request, first + ms(30000), other(worker), 2)
        charge(order, first + ms(30700))
    elif kind == "split":
        charge(order, done, cents=cents // 4)
        charge(order, done + ms(300), cents=cents - cents // 4)
    elif kind == "split_twice":
        for turn in range(2):
            charge(order, done + ms(31000 * turn), cents=cents // 4)
            charge(order, done + ms(31000 * turn + 300), cents=cents - cents // 4)
        pickup(order, request, first + ms(30000), other(worker), 2)

with open("gateway.log", "w") as stream:
    for when, _, text in sorted(gateway):
        local = when + timedelta(hours=2 if when < CHANGE else 1)
        stream.write(f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {text}\n")
for name, (moment, step) in STEPS.items():
    lines = [(when, number, text) for when, number, text in workers[name] if abs(when - moment) > ms(5)]
    lines.append((moment, 0, f"chronyd: System clock was stepped by {step / 1000:+.3f} seconds"))
    with open(f"{name}.log", "w") as stream:
        for when, _, text in sorted(lines):
            shown = when if when >= moment else when - ms(step)
            stream.write(f"{shown:%Y-%m-%dT%H:%M:%S}.{shown.microsecond // 1000:03d}Z {name} {text}\n")
with open("psp.jsonl", "w") as stream:
    jitter = sorted(psp, key=lambda item: (item[0] + ms(rng.randint(0, 5000)), item[1]))
    for _, _, record in jitter:
        stream.write(json.dumps(record, separators=(",", ":")) + "\n")
PY
