python3 - <<'PY'
import hashlib
import hmac
import os
import random

rng = random.Random(31)
key = rng.randbytes(32)
with open("release.key", "w") as out:
    out.write(key.hex() + "\n")
NAMES = [
    "bin/agent", "bin/agentctl", "doc/NEWS", "doc/read me first.txt", "etc/agent.toml", "etc/limits.toml", "lib/core.so", "lib/net.so",
    "lib/tls.so", "share/empty", "share/locale/de.mo", "share/locale/en.mo", "share/Zones.tab", "var/.keep",
]
contents = {}
for name in NAMES:
    contents[name] = rng.randbytes(rng.randint(40, 900)) if "/lib" in name or name.startswith(("lib", "bin")) else (
        "".join(f"{name} line {n} {rng.randrange(10**6)}\n" for n in range(rng.randint(2, 9))).encode()
    )
contents["share/empty"] = b""
contents["share/locale/de.mo"] = contents["share/locale/en.mo"] = b"\xde\x12\x04\x95" + bytes(24)
contents["lib/tls.so"] = contents["lib/net.so"][::-1]


def tag(name):
    return hmac.new(key, name.encode() + b"\0" + contents[name], hashlib.sha256).hexdigest()


order = NAMES[:]
rng.shuffle(order)
lines = [f"{tag(name)}  {name}\n" for name in order]
# What happened to the release since it was signed.
contents["lib/net.so"], contents["lib/tls.so"] = contents["lib/tls.so"], contents["lib/net.so"]
contents["etc/limits.toml"] = contents["etc/limits.toml"].rstrip(b"\n")
contents["lib/debug.so"] = contents["lib/core.so"]
contents["share/.profile"] = b"umask 022\n"
lines = [line if not line.endswith("  bin/agentctl\n") else hashlib.sha256(contents["bin/agentctl"]).hexdigest() + "  bin/agentctl\n" for line in lines]
for gone in ("doc/NEWS", "var/.keep"):
    del contents[gone]
for name, data in contents.items():
    path = os.path.join("release", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
with open("MANIFEST", "w") as out:
    out.writelines(lines)
PY
