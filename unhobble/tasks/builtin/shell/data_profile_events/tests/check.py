import json
from pathlib import Path

PROFILES = [
    ('Bo', {'credits': 5, 'logins': 1}),
    ('Zed', {'credits': 12, 'logins': 1}),
    ('ana', {}),
    ('dmitri', {'credits': 19, 'logins': 2}),
    ('eve', {'city': None, 'credits': -2, 'plan': 'free'}),
    ('farid', {'city': 'Porto', 'credits': 50, 'logins': 4}),
    ('gül', {'credits': 31, 'logins': 2}),
    ('hugo', {'city': 'Malmö', 'credits': 5, 'logins': 2, 'plan': 'pro'}),
    ('çelik', {'credits': 14, 'plan': 'team'}),
]
DAMAGED = ['18', '61', '92', '121', '174']


def profiles():
    path = Path("profiles.jsonl")
    assert path.is_file(), "profiles.jsonl does not exist"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_users_in_order():
    users = [entry.get("user") for entry in profiles()]
    want = [user for user, _profile in PROFILES]
    assert users == want, f"users: expected {want}, found {users}"


def test_profiles():
    for user, want in PROFILES:
        for entry in profiles():
            if entry["user"] == user:
                assert set(entry) == {"user", "profile"}, f"keys of the line of {user}: {sorted(entry)}"
                assert entry["profile"] == want, f"profile of {user}: expected {want}, found {entry['profile']}"
                break
        else:
            raise AssertionError(f"no line for {user}")


def test_damaged_lines():
    path = Path("damaged.txt")
    assert path.is_file(), "damaged.txt does not exist"
    found = path.read_text(encoding="utf-8").split()
    assert found == DAMAGED, f"damaged lines: expected {DAMAGED}, found {found}"
