python3 - <<'PY'
import random

rng = random.Random(1995)
rows = []


def add(service, count, low, high, digits, lost=0.0, timeouts=0):
    """`count` measurements between low and high thousandths of a millisecond, rounded to `digits` decimals."""
    for place in range(count):
        value = rng.randint(low, high)
        unit = 10 ** (3 - digits)
        value = value // unit * unit
        text = f"{value // 1000}.{value % 1000:03d}"
        text = text[: len(text) - 3 + digits].rstrip(".") if rng.random() < 0.8 else text
        rows.append([service, "timeout" if place < timeouts else text])
        if rng.random() < lost:
            rows.append([service, ""])


add("checkout", 100, 8_000, 240_000, 3, 0.05, 4)
add("search", 200, 900, 31_000, 2, 0.02, 1)
add("login", 40, 12_000, 99_999, 3)
add("export", 20, 400_000, 9_900_000, 3, 0.1, 3)
add("avatar", 14, 5_000, 5_400, 3, 0.2)
add("mail", 9, 100_000, 900_000, 1, 0, 5)
add("audit", 2, 12_340, 12_400, 3)
add("health", 1, 1_000, 2_000, 3)
add("legacy", 2, 1_000, 2_000, 3, 0, 2)
rows.append(["audit", ""])
rng.shuffle(rows)
# Two tied services: their means end in a 5 at the fourth decimal.
rows += [["tiles", "1.0005"], ["tiles", "1.001"], ["tiles", "1"], ["tiles", "1.0025"], ["pixel", "2.675"], ["pixel", "2.676"]]
with open("measurements.csv", "w", newline="\n") as stream:
    stream.write("at,service,ms\n")
    for place, (service, text) in enumerate(rows):
        second = place * 7
        stream.write(f"{9 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d},{service},{text}\n")
PY
