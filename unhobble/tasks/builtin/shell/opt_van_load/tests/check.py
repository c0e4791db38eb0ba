"""A load of the van: permitted, and worth 658 euros, the most there is (all 262,144 subsets were tried)."""

from pathlib import Path

# id: (kg, litres, fee, kind)
PARCELS = {
    "P11": (63, 432, 82, "chemical"), "P12": (184, 213, 116, "plain"), "P13": (189, 181, 97, "food"), "P14": (141, 175, 92, "glass"),
    "P15": (51, 435, 93, "food"), "P16": (114, 364, 79, "plain"), "P17": (70, 442, 81, "chemical"), "P18": (86, 202, 62, "plain"),
    "P19": (88, 340, 66, "chemical"), "P20": (56, 438, 67, "plain"), "P21": (92, 404, 98, "glass"), "P22": (149, 547, 121, "food"),
    "P23": (189, 382, 115, "plain"), "P24": (103, 556, 100, "plain"), "P25": (102, 191, 66, "glass"), "P26": (174, 403, 140, "chemical"),
    "P27": (154, 297, 103, "plain"), "P28": (58, 210, 51, "food"),
}


def load():
    path = Path("load.txt")
    assert path.is_file(), "load.txt does not exist"
    ids = path.read_text().split()
    assert ids, "load.txt is empty"
    assert not (odd := [name for name in ids if name not in PARCELS]), f"not the id of a parcel: {odd[0][:40]!r}"
    assert len(set(ids)) == len(ids), "a parcel is listed twice"
    return [PARCELS[name] for name in ids]


def test_it_fits():
    kg, litres = sum(p[0] for p in load()), sum(p[1] for p in load())
    assert kg <= 780 and litres <= 2400, f"the load has {kg} kg and {litres} litres"


def test_kinds_agree():
    kinds = [p[3] for p in load()]
    assert not {"food", "chemical"} <= set(kinds), "food and chemical parcels share the van"
    assert kinds.count("glass") <= 2, "more than two glass parcels"


def test_fees():
    assert (fees := sum(p[2] for p in load())) >= 658, f"a permitted load with higher fees than {fees} exists"
