python3 - <<'PY'
import gzip
import os
import random

rng = random.Random(503)
PATHS = ["/", "/cart", "/checkout", "/api/v1/items", "/api/v1/items/503", "/login", "/static/app.js", "/search?q=error+503+fix"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/7.88.1", "uptime-check/503", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"]
os.mkdir("logs")
clock = 20 * 60
for age in range(11, -1, -1):
    lines = []
    for _ in range(90):
        clock += rng.randint(20, 460)
        day, rest = divmod(clock, 86400)
        stamp = f"{3 + day:02d}/Jun/2024:{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d} +0000"
        path = rng.choice(PATHS)
        status = rng.choices([200, 304, 404, 500, 502], [80, 10, 6, 2, 1])[0]
        if age <= 9 and rng.random() < 0.05:
            status = 503
        size = rng.choice([503, 512, 1503, 0, 2048, 5030, 777])
        request = f"{rng.choice(['GET', 'GET', 'POST'])} {path} HTTP/1.1"
        if rng.random() < 0.06:
            request = rng.choice(["-", "GET /files/annual report.pdf HTTP/1.1", "GET /503 503 HTTP/1.1", "HEAD"])
            if request in ("-", "HEAD"):
                status = rng.choice([400, 408])
            elif age <= 9 and rng.random() < 0.5:
                status = 503
        referrer = rng.choice(["-", "-", "https://shop.example/", "https://shop.example/help/503"])
        address = f"198.51.100.{rng.randint(1, 90)}"
        lines.append(f'{address} - - [{stamp}] "{request}" {status} {size} "{referrer}" "{rng.choice(AGENTS)}"\n')
    text = "".join(lines).encode()
    name = "logs/access.log" + (f".{age}" if age else "")
    if age >= 2:
        with open(name + ".gz", "wb") as stream:
            stream.write(gzip.compress(text, mtime=0))
    else:
        with open(name, "wb") as stream:
            stream.write(text)
PY
