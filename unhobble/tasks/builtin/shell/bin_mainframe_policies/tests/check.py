import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import date

DETAILS = {"motor": "M", "home": "H", "life": "L"}


def text(value, width):
    return value.encode("cp273").ljust(width, b"\x40")


def packed(value, digits, sign=None, lead="0"):
    """`value` counts in the last decimal place."""
    sign = sign or ("D" if value < 0 else "C")
    written = f"{abs(value):0{digits}d}{sign}"
    return bytes.fromhex(written if len(written) % 2 == 0 else lead + written)


def zoned(value, digits, sign="F"):
    written = f"{abs(value):0{digits}d}"
    return bytes.fromhex("".join("F" + digit for digit in written[:-1]) + sign + written[-1])


def shown(value, decimals):
    if value is None:
        return None
    written = f"{abs(value):0{decimals + 1}d}"
    return ("-" if value < 0 else "") + written[:-decimals] + "." + written[-decimals:]


class Raw(bytes):
    """Bytes that stand in a field of which the value is None."""


def field(value, make):
    return bytes(value) if isinstance(value, Raw) else make(value)


def number(value):
    return None if isinstance(value, Raw) else value


def policy(no, holder="Muster", birth=date(1970, 1, 31), premium=10000, balance=0, risk=100000, kind="motor", details=None, riders=(), remark="", **odd):
    """One policy as the record's bytes and as the object that must be printed, without claims."""
    details = details or {"motor": ("HB-AB 123", 85, 120000), "home": ("28195", 1005, 25000000), "life": (10000000, "N")}[kind]
    if kind == "motor":
        plate, power, mileage = details
        body = text(plate, 10) + power.to_bytes(2, "big") + field(mileage, lambda v: packed(v, 6, "F")) + bytes(2)
        shape = {"plate": plate, "power_kw": power, "mileage": number(mileage)}
    elif kind == "home":
        postcode, area, insured = details
        body = text(postcode, 5) + field(area, lambda v: packed(v, 5, "F")) + field(insured, lambda v: packed(v, 11, "F")) + b"\xd4\xff\0\x40"
        shape = {"postcode": postcode, "area_sqm": shown(number(area), 1), "sum_insured": shown(number(insured), 2)}
    else:
        total, smoker = details
        body = field(total, lambda v: packed(v, 15, "F")) + text(smoker, 1) + text("", 9)
        shape = {"sum_at_death": shown(number(total), 2), "smoker": {"Y": True, "N": False}.get(smoker)}
    assert len(body) == 18
    record = (
        text("P", 1)
        + packed(no, 9, odd.get("no_sign", "F"))
        + odd.get("holder_bytes", text(holder, 24))
        + field(birth, lambda v: zoned(int(f"{v:%Y%m%d}"), 8))
        + field(premium, lambda v: packed(v, 9, odd.get("premium_sign")))
        + field(balance, lambda v: zoned(v, 9, odd.get("balance_sign") or ("D" if v < 0 else "C")))
        + risk.to_bytes(4, "big", signed=True)
        + text(DETAILS[kind], 1)
        + body
        + zoned(len(riders), 2)
        + b"".join(text(code, 3) + field(sum_, lambda v: packed(v, 6, odd.get("rider_sign"), odd.get("lead", "0"))) for code, sum_ in riders)
        + len(remark).to_bytes(2, "big")
        + remark.encode("cp273")
        + odd.get("surplus", b"")
    )
    result = {
        "policy": f"{no:09d}", "holder": holder, "birth": birth.isoformat() if isinstance(birth, date) else None, "premium": shown(number(premium), 2),
        "balance": shown(number(balance), 2), "risk": shown(risk, 5), "kind": kind, "details": shape,
        "riders": [{"code": code, "surcharge": shown(number(sum_), 2)} for code, sum_ in riders], "remark": remark.rstrip(" "), "claims": [],
    }
    return record, result


def claim(claim_no, no, day=date(2021, 2, 3), amount=100, sign=None):
    when = field(day, lambda v: packed((v.year - 1900) * 1000 + v.timetuple().tm_yday, 7, "F"))
    record = text("C", 1) + text(claim_no, 8) + packed(no, 9, "F") + when + field(amount, lambda v: packed(v, 11, sign))
    return record, {"claim": claim_no, "date": day.isoformat() if isinstance(day, date) else None, "amount": shown(number(amount), 2)}


HEADER = text("H", 1) + zoned(20240630, 8) + text("Hanse Versicherung", 20)


def prefixed(body):
    return (len(body) + 4).to_bytes(2, "big") + bytes(2) + body


def trailer(count, total, surplus=b""):
    return text("T", 1) + count.to_bytes(4, "big") + packed(total, 15) + surplus


def blocks(records, at_once=3):
    groups = [records[i : i + at_once] for i in range(0, len(records), at_once)]
    return b"".join(prefixed(b"".join(map(prefixed, group))) for group in groups)


def premiums(results):
    return sum(int(result["premium"].replace(".", "")) for result in results if result["premium"])


def extract(policies, claims=(), order=None, at_once=3, **odd):
    """The file of these policies and claims, and the objects that must be printed."""
    results = [result for _, result in policies]
    for _, no, shape in claims:
        next(result for result in results if result["policy"] == f"{no:09d}")["claims"].append(shape)
    for result in results:
        result["claims"].sort(key=lambda c: (c["date"] or "9", c["claim"]))
    records = [record for record, _ in policies] + [record for record, _, _ in claims]
    if order is not None:
        random.Random(order).shuffle(records)
        place = {record: i for i, record in enumerate(records)}
        results = [result for _, result in sorted(policies, key=lambda pair: place[pair[0]])]
    end = trailer(odd.get("count", len(records)), odd.get("total", premiums(results)), odd.get("surplus", b""))
    return blocks([HEADER, *records, end], at_once), results


def run(data):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "policies.dat")
        with open(path, "wb") as out:
            out.write(data)
        return subprocess.run([sys.executable, "-B", "extract.py", path], capture_output=True, timeout=20, env={**os.environ, "LC_ALL": "C.UTF-8"})


def compare(data, results, status=0):
    done = run(data)
    assert done.returncode == status, f"expected exit status {status}, found {done.returncode}: {done.stderr.decode()[-300:]}"
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(found) == len(results), f"expected {len(results)} lines, found {len(found)}"
    for have, want in zip(found, results):
        name = want["policy"]
        assert isinstance(have, dict) and have.keys() == want.keys(), f"{name}: the names of the object are {list(have)}"
        for key, value in want.items():
            same = have[key] == value and json.dumps(have[key], sort_keys=True) == json.dumps(value, sort_keys=True)
            assert same, f"{name}, {key}: expected {value!r}, found {have[key]!r}"


def claims_of(*given):
    return [(claim(*one)[0], one[1], claim(*one)[1]) for one in given]


def test_plain_policies():
    policies = [
        policy(1), policy(123456789, "Ilse Kühn-Weiß", kind="home"), policy(999999999, "Åse [x] {y} §~ |\\ @ß", kind="life"),
        policy(12, "A" * 24, premium=-999999999, balance=-999999999, risk=-1), policy(13, " in front", premium=-7, balance=5, risk=-9999999),
    ]
    compare(*extract(policies))
    compare(*extract(policies, at_once=1))
    compare(*extract(policies, at_once=99))


def test_signs():
    policies = [policy(10 + i, premium=-4711 if s in "BD" else 4711, premium_sign=s, balance=-305 if s in "BD" else 305, balance_sign=s) for i, s in enumerate("ABCDEF")]
    policies += [policy(30 + i, no_sign=s) for i, s in enumerate("ABCDEF")]
    policies += [policy(40, premium=0, premium_sign="D", balance=0, balance_sign="D", riders=[("AAA", 0)], rider_sign="B", risk=0)]
    policies += [policy(41, riders=[("AAA", 999999), ("B", -1)], lead="9"), policy(42, riders=[("ÄÖÜ", -50)], lead="F")]
    compare(*extract(policies))


def test_numbers_without_value():
    low, blank = Raw(bytes(5)), Raw(b"\x40" * 5)
    policies = [policy(50, premium=low, balance=Raw(b"\x40" * 9)), policy(51, premium=blank, balance=Raw(bytes(9)))]
    policies += [policy(52, premium=Raw(bytes.fromhex("00000A123C"))), policy(53, premium=Raw(bytes.fromhex("0000001234"))), policy(54, balance=Raw(bytes.fromhex("F0F0F0F0F0F0F0FAC1")))]
    policies += [policy(55, balance=Raw(bytes.fromhex("F0F0F0F0F0F0E0F1C1"))), policy(56, balance=Raw(bytes.fromhex("F0F0F0F0F0F0F0F191")))]
    policies += [policy(57, kind="motor", details=("", 65535, Raw(bytes.fromhex("00000040")))), policy(58, kind="home", details=("D", Raw(b"\x40\x40\x40"), Raw(bytes(6))))]
    policies += [policy(59, kind="life", details=(Raw(b"\x40" * 8), " ")), policy(60, riders=[("X", Raw(b"\x40\x40\x40\x40")), ("Y", 5)], kind="life", details=(999999999999999, "Y"))]
    policies += [policy(61, risk=2**31 - 1), policy(62, risk=-(2**31)), policy(63, kind="motor", details=("x", 32768, 999999), lead="D")]
    compare(*extract(policies))


def test_dates():
    births = [date(2000, 2, 29), date(1899, 12, 31), Raw(b"\x40" * 8), Raw(bytes(8)), Raw(b"\xf0" * 8), Raw(zoned(19010229, 8)), Raw(zoned(20241301, 8)), Raw(zoned(19000100, 8))]
    policies = [policy(70 + i, birth=birth) for i, birth in enumerate(births)] + [policy(79)]
    days = [date(1999, 12, 31), date(2000, 12, 31), date(2024, 2, 29), date(1900, 1, 1), date(2100, 3, 1), Raw(packed(123366, 7)), Raw(packed(124000, 7)), Raw(packed(124367, 7)), Raw(bytes(4))]
    days += [Raw(b"\x40" * 4), Raw(packed(0, 7)), Raw(packed(1124001, 7)), date(2024, 12, 31), date(2024, 2, 29)]
    claims = claims_of(*((f"K{100 - i}", 79, day, -i) for i, day in enumerate(days)))
    compare(*extract(policies, claims))


def test_texts():
    policies = [policy(80, "Low values", holder_bytes=b"Low values".decode().encode("cp273") + bytes(14)), policy(81, "a  b", holder_bytes="a".encode("cp273") + b"\0\x40" + "b".encode("cp273") + b"\0\x40" * 10)]
    policies += [policy(82, "", remark="x" * 200), policy(83, remark=" blanks around  "), policy(84, remark="Straße \"quoted\", back\\slash", surplus=b"\xc1" * 50), policy(85, surplus=bytes(3))]
    policies += [policy(86, riders=[(f"R{i:02d}", i * 101 - 300) for i in range(12)], remark="after twelve"), policy(87, kind="motor", details=("", 0, 0))]
    compare(*extract(policies, surplus=b"\x40" * 7))


def test_claims_in_any_order():
    policies = [policy(100 + i, premium=i * 7919 - 9000, riders=[("ABC", i)] * (i % 4), kind=("motor", "home", "life")[i % 3], remark="*" * i) for i in range(25)]
    rng = random.Random(5)
    claims = claims_of(*((f"{rng.choice('ÄAZ')}{i:05d}", 100 + rng.randrange(25), date(2020, 1, 1 + i % 5), rng.randrange(-99999999999, 99999999999)) for i in range(60)))
    for order in (1, 2):
        for one in policies:
            one[1]["claims"].clear()
        compare(*extract(policies, claims, order=order, at_once=7))
    compare(*extract([], at_once=1))


def test_a_trailer_that_disagrees():
    policies = [policy(1, premium=500), policy(2, premium=-120), policy(3, premium=Raw(bytes(5)))]
    compare(*extract(policies), status=0)
    compare(*extract(policies, count=4), status=1)
    compare(*extract(policies, total=381), status=1)
    compare(*extract(policies, total=-380), status=1)
    data, results = extract(policies)
    bad = trailer(3, 380)[:5] + b"\x40" * 8
    compare(blocks([HEADER, *(record for record, _ in policies), bad]), results, status=1)


def test_damaged_files():
    record, end = policy(1, premium=500, remark="remark", riders=[("ABC", 1)])[0], trailer(1, 500)
    good = blocks([HEADER, record, end])
    compare(good, extract([policy(1, premium=500, remark="remark", riders=[("ABC", 1)])])[1])
    at = record.index("ABC".encode("cp273")) - 2
    damaged = {
        "an empty file": b"", "a file cut short": good[:-1], "a byte too many": good + b"\0", "half a block's head": good + b"\0\x08",
        "no header": blocks([record, end]), "two headers": blocks([HEADER, HEADER, record, end]), "no trailer": blocks([HEADER, record]),
        "something behind the trailer": blocks([HEADER, end, record]), "an unknown type": blocks([HEADER, text("X", 9), record, end]),
        "a record of no bytes": blocks([HEADER, b"", record, end]), "a policy cut short": blocks([HEADER, record[:-1], end]),
        "a claim cut short": blocks([HEADER, record, claim("A", 1)[0][:-1], end]), "a trailer cut short": blocks([HEADER, record, end[:-1]]),
        "a header cut short": blocks([HEADER[:-1], record, end]), "a claim without policy": blocks([HEADER, record, claim("A", 2)[0], end]),
        "two policies of one number": blocks([HEADER, record, record, end]), "13 riders": blocks([HEADER, record[:at] + b"\xf1\xf3" + record[at + 2 :] + bytes(200), end]),
        "a number of riders without value": blocks([HEADER, record[:at] + b"\x40\x40" + record[at + 2 :] + bytes(99), end]),
        "a remark of 201": blocks([HEADER, record[: at + 9] + b"\0\xc9" + bytes(300), end]), "a length of 3": good[:4] + b"\0\3" + good[6:],
        "a reserved byte": good[:2] + b"\1" + good[3:], "a reserved byte of a record": good[:7] + b"\1" + good[8:],
        "a record across blocks": prefixed(prefixed(HEADER) + prefixed(record)[:9]) + prefixed(prefixed(record)[9:] + prefixed(end)),
        "an unknown kind": blocks([HEADER, record[:56] + text("Z", 1) + record[57:], end]), "a policy without number": blocks([HEADER, record[:1] + bytes(5) + record[6:], end]),
    }
    for what, data in damaged.items():
        done = run(data)
        assert done.returncode == 2, f"{what}: expected exit status 2, found {done.returncode}"
        assert not done.stdout, f"{what}: something on standard output"
