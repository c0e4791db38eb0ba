python3 - <<'PY'
import base64
import hashlib
import os
import random
import zlib
from datetime import datetime, timedelta

rng = random.Random(20240229)
queries = []  # (time, number, address, name, type)
dhcp = []


def at(text):
    return datetime.fromisoformat(f"2024-{text}")


def query(when, address, name, kind="TXT"):
    if rng.random() < 0.5:
        name = "".join(c.upper() if rng.random() < 0.5 else c for c in name)
    queries.append((when, len(queries), address, name, kind))


def lease(when, address, mac, host, extra=True):
    when = at(when)
    if extra:
        dhcp.append((when - timedelta(seconds=2), len(dhcp), f"DHCPDISCOVER from {mac} ({host}) via eth1"))
        dhcp.append((when - timedelta(seconds=1), len(dhcp), f"DHCPOFFER on {address} to {mac} ({host}) via eth1"))
    dhcp.append((when, len(dhcp), f"DHCPREQUEST for {address} from {mac} ({host}) via eth1"))
    dhcp.append((when, len(dhcp), f"DHCPACK on {address} to {mac} ({host}) via eth1"))


def base36(number):
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return digits[number] if number < 36 else base36(number // 36) + digits[number % 36]


def name_of(session, number, chunk, spoil=False):
    text = base64.b32encode(chunk).decode().lower().rstrip("=")
    if spoil:
        i = rng.randrange(2, len(text) - 2)
        text = text[:i] + rng.choice([c for c in "abcdefghijklmnopqrstuvwxyz234567" if c != text[i]]) + text[i + 1 :]
    labels = [text[i : i + 60] for i in range(0, len(text), 60)]
    crc = zlib.crc32(chunk) & 0xFFFF
    return ".".join(labels + [f"{crc:04x}", base36(number), session, "t.cdn-metrics.example"])


def encrypt(session, data):
    stream = b"".join(hashlib.sha256(f"{session}:{i}".encode()).digest() for i in range(len(data) // 32 + 1))
    return bytes(a ^ b for a, b in zip(data, stream))


def chunks(session, data, size=75):
    data = encrypt(session, data)
    return [data[i : i + size] for i in range(0, len(data), size)]


first = ["Anaïs", "Björn", "Chloé", "Dmitri", "Eszter", "Fatima", "Gül", "Håkon", "Iñaki", "Jørgen", "Łukasz", "Zoë"]
last = ["Müller", "O'Neill", "Søndergaard", "Nuñez", "Kowalczyk", "Šimić", "Brontë", "de la Cruz", "Åkesson", "Yılmaz"]
rows = ["customer;name;iban;limit"]
for i in range(118):
    rows.append(f'{70000 + rng.randint(0, 9999)};"{rng.choice(last)}, {rng.choice(first)}";XX{rng.randint(10, 99)}{rng.randint(10**15, 10**16 - 1)};{rng.randint(1, 90) * 50}')
stolen = b"\xef\xbb\xbf" + "\r\n".join(rows).encode("utf-8")
digest = hashlib.sha256(stolen).hexdigest()

# Leases (all times here are UTC).
lease("02-29T18:02:10", "10.20.4.17", "3c:52:82:99:e0:a1", "nb-santos")
lease("02-29T18:20:00", "10.20.4.18", "00:1b:21:c4:d5:e6", "ws120")
lease("02-29T18:21:00", "10.20.4.19", "00:1b:21:c4:d5:e7", "ws121")
lease("02-29T19:00:00", "10.20.9.9", "00:1b:21:aa:09:03", "scanner")
lease("02-29T20:15:00", "10.20.7.88", "a0:36:9f:11:02:5c", "nb-novak")
lease("02-29T20:40:00", "10.20.7.31", "3c:52:82:99:f4:10", "nb-haddad")
lease("02-29T21:05:00", "10.20.7.40", "3c:52:82:7f:00:20", "nb-krug")
dhcp.append((at("02-29T21:50:41"), len(dhcp), "DHCPRELEASE of 10.20.4.17 from 3c:52:82:99:e0:a1 (nb-santos) via eth1 (found)"))
lease("02-29T22:12:30", "10.20.4.17", "3c:52:82:0a:11:9e", "nb-brandt")
lease("02-29T22:35:00", "10.20.7.52", "a0:36:9f:2b:7d:08", "nb-dupont")
lease("02-29T22:41:00", "10.20.7.40", "a0:36:9f:2b:7d:09", "nb-dupont")
lease("02-29T22:50:00", "10.20.4.17", "3c:52:82:0a:11:9e", "nb-brandt", extra=False)
lease("02-29T23:21:07", "10.20.7.88", "3c:52:82:7f:00:21", "nb-brandt")
lease("02-29T23:25:33", "10.20.4.17", "3c:52:82:0a:11:9d", "nb-brandt")
lease("02-29T23:51:07", "10.20.7.88", "3c:52:82:7f:00:21", "nb-brandt", extra=False)
lease("03-01T00:24:00", "10.20.7.88", "a0:36:9f:11:02:5c", "nb-novak")
lease("03-01T00:30:00", "10.20.7.31", "3c:52:82:0a:10:07", "nb-moreau")
for moment, mac in (("02-29T22:39:30", "3c:52:82:99:e0:a2"), ("02-29T23:30:00", "a0:36:9f:2b:7d:08")):
    address = "10.20.4.17" if moment < "02-29T23" else "10.20.7.88"
    dhcp.append((at(moment), len(dhcp), f"DHCPDISCOVER from {mac} via eth1"))
    dhcp.append((at(moment), len(dhcp), f"DHCPOFFER on {address} to {mac} via eth1"))
    dhcp.append((at(moment), len(dhcp), f"DHCPREQUEST for {address} from {mac} via eth1: wrong network."))
    dhcp.append((at(moment), len(dhcp), f"DHCPNAK on {address} to {mac} via eth1"))

# A first attempt, given up; then the transfer that went through, over two networks.
given_up = chunks("0c41fe", stolen)
when = at("02-29T22:14:03")
query(when, "10.20.4.17", f"s.0c41fe.{len(given_up)}.{digest[:8]}.t.cdn-metrics.example")
for number in range(23):
    when += timedelta(milliseconds=rng.randint(900, 9000))
    query(when, "10.20.4.17", name_of("0c41fe", number, given_up[number]))

parts = chunks("9be27d", stolen)
plan = list(range(len(parts)))
for i in range(0, len(plan) - 6, 5):
    window = plan[i : i + 6]
    rng.shuffle(window)
    plan[i : i + 6] = window
steps = [(number, False) for number in plan]
for number in rng.sample(plan, 9):  # damaged, then sent again at some later place; some damaged copies come after a good one
    place = steps.index((number, False))
    steps.insert(place, (number, True))
for number in rng.sample(plan, 5):
    place = steps.index((number, False))
    steps.insert(min(place + rng.randint(1, 12), len(steps)), (number, True))
for number in rng.sample(plan, 11):
    place = steps.index((number, False))
    steps.insert(min(place + rng.randint(1, 20), len(steps)), (number, False))
when = at("02-29T22:43:12")
query(when, "10.20.4.17", f"s.9be27d.{len(parts)}.{digest[:8]}.t.cdn-metrics.example")
half = len(steps) // 2
for i, (number, spoil) in enumerate(steps):
    if i == half:
        when = at("02-29T23:21:15")
    when += timedelta(milliseconds=rng.randint(8000, 32000))
    address = "10.20.4.17" if i < half else "10.20.7.88"
    query(when, address, name_of("9be27d", number, parts[number], spoil))
    if i == half - 1:
        assert when < at("02-29T23:20:59"), when
    if i in (5, 40):
        query(when + timedelta(milliseconds=130), address, "www.cdn-metrics.example", "A")
query(when + timedelta(seconds=4), "10.20.7.88", "e.9be27d.t.cdn-metrics.example")
query(when + timedelta(seconds=9, milliseconds=251), "10.20.7.88", name_of("9be27d", plan[3], parts[plan[3]]))
assert when < at("03-01T00:20:00"), when

# Other infected devices: one gives up, one says that it is done although chunks are missing.
other = "\n".join(f"{i},{rng.random():.6f}" for i in range(150)).encode()
for session, address, begin, left_out, ends in (
    ("d7710a", "10.20.7.31", "02-29T22:58:00", {4, 17}, True),
    ("4ea5b8", "10.20.7.40", "02-29T22:44:30", set(range(6, 99)), False),
):
    pieces = chunks(session, other)
    when = at(begin)
    query(when, address, f"s.{session}.{len(pieces)}.{hashlib.sha256(other).hexdigest()[:8]}.t.cdn-metrics.example")
    for number, piece in enumerate(pieces):
        when += timedelta(milliseconds=rng.randint(3000, 30000))
        if number == 4 or number not in left_out:
            query(when, address, name_of(session, number, piece, spoil=number == 4))
    if ends:
        query(when + timedelta(seconds=3), address, f"e.{session}.t.cdn-metrics.example")

# The scanner looks names up, with another type; honest devices.
for i in (2, 9, 11):
    query(at("02-29T23:55:00") + timedelta(seconds=i), "10.20.9.9", name_of("9be27d", i, parts[i]), "A")
for i, name in enumerate(["at.cdn-metrics.example", "www.cdn-metrics.example", "t.cdn-metrics.example.attacker.test", "cdn-metrics.example"]):
    query(at("02-29T23:27:00") + timedelta(seconds=41 * i), "10.20.4.17", name, "TXT" if i != 1 else "A")
    query(at("02-29T22:00:00") + timedelta(seconds=97 * i), "10.20.4.18", name, "TXT")
query(at("02-29T23:40:00"), "10.20.4.19", "e.9be27d.tt.cdn-metrics.example")
hosts = ["www.example.org", "mail.corp.example", "ntp.corp.example", "_dmarc.example.net", "updates.vendor.example", "s3.storage.example"]
for _ in range(160):
    moment = at("02-29T21:40:00") + timedelta(milliseconds=rng.randint(0, 10 * 10**6))
    query(moment, rng.choice(["10.20.4.18", "10.20.4.19", "10.20.7.52", "10.20.4.17"]), rng.choice(hosts), rng.choice(["A", "AAAA", "TXT", "MX"]))

queries.sort()
os.mkdir("dns")
border = at("02-29T23:00:00")
for path, chosen in (("dns/queries.log.1", [q for q in queries if q[0] < border]), ("dns/queries.log", [q for q in queries if q[0] >= border])):
    with open(path, "w") as stream:
        for moment, _, address, name, kind in chosen:
            stream.write(
                f"{moment:%d-%b-%Y %H:%M:%S}.{moment.microsecond // 1000:03d} queries: info: client @0x7f{rng.getrandbits(28):07x} "
                f"{address}#{rng.randint(1025, 65535)} ({name}): query: {name} IN {kind} +E(0)K (10.20.0.2)\n"
            )
with open("dhcpd.log", "w") as stream:
    for moment, _, text in sorted(dhcp):
        stream.write(f"{moment + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}+01:00 dhcp1 dhcpd[802]: {text}\n")
PY
