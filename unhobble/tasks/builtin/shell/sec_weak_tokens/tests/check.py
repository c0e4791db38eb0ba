from pathlib import Path

WEAK = [
    70432, 70438, 70457, 70459, 70468, 70472, 70483, 70492, 70495, 70510, 70519, 70532, 70537, 70552,
    70577, 70624, 70630, 70667, 70675, 70682, 70693, 70723, 70732, 70762, 70783, 70832, 71179, 71218,
    71237, 71284,
]
SEEDS = {1770094171: 5, 1770099611: 10, 1770107496: 3, 1770108040: 8, 1770120177: 1, 1770133390: 2, 1770138301: 1}


def numbers(name):
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()]


def test_every_weak_token_is_revoked():
    missing = set(WEAK) - {number for line in numbers("revoke.txt") for number in line}
    assert not missing, f"{len(missing)} of {len(WEAK)} weak tokens are not in revoke.txt"


def test_no_strong_token_is_revoked():
    wrong = {number for line in numbers("revoke.txt") for number in line} - set(WEAK)
    assert not wrong, f"revoke.txt has {len(wrong)} ids too many, such as {min(wrong)}"


def test_revoked_ids_are_in_order():
    assert numbers("revoke.txt") == [[number] for number in WEAK], "revoke.txt is not one id a line, in ascending order"


def test_seeds():
    found = numbers("seeds.txt")
    assert [line[:1] for line in found] == [[seed] for seed in SEEDS], "seeds.txt has other seeds, or in another order"
    assert found == [list(pair) for pair in SEEDS.items()], "seeds.txt has the right seeds, but with other numbers of lines"
