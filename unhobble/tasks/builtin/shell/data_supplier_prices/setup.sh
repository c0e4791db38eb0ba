python3 - <<'PY'
import csv
import json
import random
import unicodedata

rng = random.Random(4006381)


def with_check_digit(body):
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


things = ["Müsli", "Crème brûlée", "Weißbier", "Jalapeño", "Smörgås", "Kefir", "Soße", "Café crème", "Pâté", "Olivenöl"]
kinds = ["fein", "grob", "N° 5", "½ l", "Große Dose", "bio", "classic", "ohne Zucker"]
names = [f"{thing} {kind}" for thing in things for kind in kinds]
rng.shuffle(names)
catalog = []
for number, name in enumerate(names[:56]):
    body = "".join(rng.choice("0123456789") for _ in range(rng.choice([12, 12, 12, 7, 11])))
    if number % 5 == 0:
        body = "00" + body[2:]
    catalog.append([f"P{rng.randrange(10)}{number:03d}", name, with_check_digit(body) if number % 4 else ""])
# Two products that differ only in the writing of their names.
catalog.append(["P0777", "WEISSBIER  Spezial", ""])
catalog.append(["P9777", "Weißbier spezial", with_check_digit("400638133393")])
catalog.append(["P0500", "Tee ﬁnest", ""])
rng.shuffle(catalog)
with open("catalog.csv", "w", encoding="utf-8-sig", newline="") as out:
    writer = csv.writer(out)
    writer.writerow(["sku", "name", "gtin"])
    writer.writerows(catalog)


def vary_name(name):
    way = rng.randrange(7)
    if way == 0:
        return unicodedata.normalize("NFD", name)
    if way == 1:
        return name.upper()
    if way == 2:
        return name.replace(" ", "\u00a0")
    if way == 3:
        return "  " + name.replace(" ", "   ") + " "
    if way == 4:
        return unicodedata.normalize("NFD", name.swapcase())
    if way == 5:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
    return name


def vary_gtin(gtin):
    way = rng.randrange(9)
    if not gtin or way == 0:
        return rng.choice(["", "n/a", "0000000000000"])
    if way == 1:
        return gtin.lstrip("0")
    if way == 2:
        return gtin.zfill(14)
    if way == 3:
        return gtin[:1] + " " + gtin[1:-6] + "-" + gtin[-6:]
    if way == 4:
        return f"{float(gtin):.5E}"
    if way == 5:
        return gtin[:-1] + str((int(gtin[-1]) + 1) % 10)
    if way == 6 and rng.random() < 0.4:
        return with_check_digit("".join(rng.choice("123456789") for _ in range(12)))
    return gtin


def offer(number):
    if rng.random() < 0.1:
        return rng.choice(["Tofu natur", "Müsli", "Kefir extra", "Sosse"]), with_check_digit(f"76{rng.randrange(10**10):010d}")
    _sku, name, gtin = rng.choice(catalog)
    text, code = vary_name(name), vary_gtin(gtin)
    if code and rng.random() < 0.2:
        text = "Sonderposten " + str(number)
    return text, code


with open("supplier_a.csv", "w", encoding="utf-8", newline="") as out:
    writer = csv.writer(out, delimiter=";")
    writer.writerow(["ref", "name", "ean", "pack", "price"])
    cheap = []
    for number in range(1, 91):
        text, code = offer(number)
        cents = rng.choice([99, 149, 1000, 1250, 12345, 199900, 333])
        price = f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"
        pack = rng.choice([1, 1, 6, 7, 12, 24])
        writer.writerow([f"A-{number}", text, code, pack, price])
        if cents <= 1250 and number % 3 == 0:
            cheap.append((text, code, pack, cents))
with open("supplier_b.jsonl", "w", encoding="utf-8") as out:
    for number in range(1, 71):
        text, code = offer(number)
        row = {"ref": f"B-{number}", "name": text, "gtin": code or None, "pack": rng.choice([1, 1, 6, 7, 12]),
               "price": rng.choice([1.15, 0.99, 10, 12.5, 2.675, 123.45])}
        if code.isdigit() and rng.random() < 0.5:
            row["gtin"] = int(code)
        if rng.random() < 0.3:
            row["discount_percent"] = rng.choice([5, 12.5, 33, None])
        if number % 4 == 0 and cheap:
            text, code, pack, cents = cheap.pop(0)
            row = {"ref": f"B-{number}", "name": text, "gtin": code, "pack": pack * 3, "price": cents * 3 / 100}
        out.write(json.dumps(row, ensure_ascii=rng.random() < 0.5) + "\n")
PY
