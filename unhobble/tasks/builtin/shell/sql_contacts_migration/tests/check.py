import random
import re
import sqlite3
import subprocess
import tempfile
from pathlib import Path

OLD = """
PRAGMA user_version = 1;
CREATE TABLE contacts (id INTEGER PRIMARY KEY, company TEXT, vat TEXT, person TEXT NOT NULL, emails TEXT, created TEXT NOT NULL);
CREATE TABLE calls (
  id INTEGER PRIMARY KEY, contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  at TEXT NOT NULL, seconds INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX calls_contact ON calls (contact_id);
CREATE VIEW talk_time AS SELECT contact_id, COUNT(*) AS calls, SUM(seconds) AS seconds FROM calls GROUP BY contact_id;
"""
GIVEN = [
    (3, "Nordlicht GmbH", "DE 811.907.980", "Imke Brandt", "Imke@Nordlicht.example, sales@nordlicht.example", "2021-03-04"),
    (4, " NORDLICHT gmbh ", None, "Ole Harms", "sales@nordlicht.example;", "7.11.2021"),
    (5, "Nordlicht", "de811907980", "Jan Voss", None, "28.02.2022"),
    (8, None, None, "Paula Freelance", "paula@mail.example", "2022-01-31"),
    (9, "Tischlerei Sommer", "", "Gerd Sommer", "; ,", "01.01.2023"),
    (12, "tischlerei sommer", None, "Ada Sommer", "ada@sommer.example,ADA@sommer.example ; büro@sommer.example", "2023-01-02"),
    (15, "", "SE556036079301", "Nils Ek", "nils@ek.example", "29.2.2024"),
]
GIVEN_CALLS = [
    (1, 3, "2024-05-01 10:00", 340), (2, 3, "2024-05-02 09:12", 61), (5, 12, "2024-05-02 11:40", 1200), (9, 15, "2024-05-03 16:05", 0),
]


def ascii_case(text, lower):
    return re.sub("[A-Z]+" if lower else "[a-z]+", lambda match: match[0].swapcase(), text)


def iso(text):
    if "-" in text:
        return text
    day, month, year = text.split(".")
    return f"{year}-{int(month):02d}-{int(day):02d}"


def reference(contacts):
    contacts = sorted(contacts)
    clean = {}
    for number, company, vat, _person, _emails, _created in contacts:
        name = (company or "").strip(" ") or None
        vat = ascii_case(re.sub("[ .-]", "", vat or ""), False) or None
        clean[number] = (name, vat)
    vat_names = {}
    for name, vat in clean.values():
        if vat and (vat not in vat_names or vat_names[vat] is None):
            vat_names[vat] = name
    vat_names = {vat: name or vat for vat, name in vat_names.items()}
    companies, company_of = [], {}
    keys = {}
    for number, (name, vat) in clean.items():
        if not vat and not name:
            company_of[number] = None
            continue
        if not vat:
            same = [v for v, n in vat_names.items() if ascii_case(n, True) == ascii_case(name, True)]
            vat = same[0] if len(same) == 1 else None
        key = ("vat", vat) if vat else ("name", ascii_case(name, True))
        if key not in keys:
            keys[key] = len(keys) + 1
            companies.append((keys[key], vat_names[vat] if vat else name, vat))
        company_of[number] = keys[key]
    persons = [(number, company_of[number], person, iso(created)) for number, _c, _v, person, _e, created in contacts]
    emails = []
    for number, _c, _v, _p, text, _created in contacts:
        parts = [ascii_case(part.strip(" "), True) for part in re.split("[,;]", text or "")]
        for position, address in enumerate(dict.fromkeys(part for part in parts if part), 1):
            emails.append((number, position, address))
    view = []
    for number, company, person, created in persons:
        name, vat = companies[company - 1][1:] if company else (None, None)
        view.append((number, name, vat, person, ", ".join(a for n, _p, a in emails if n == number) or None, created))
    return {"company": companies, "person": persons, "email": emails, "contacts": view}


COLUMNS = {
    "company": ["id", "name", "vat"],
    "person": ["id", "company_id", "name", "created"],
    "email": ["person_id", "position", "address"],
    "calls": ["id", "contact_id", "at", "seconds"],
    "contacts": ["id", "company", "vat", "person", "emails", "created"],
    "talk_time": ["contact_id", "calls", "seconds"],
}


def compare(connection, contacts, calls):
    want = reference(contacts)
    want["calls"] = sorted(calls)
    talk = {}
    for _id, contact, _at, seconds in calls:
        talk[contact] = (talk.get(contact, (0, 0))[0] + 1, talk.get(contact, (0, 0))[1] + seconds)
    want["talk_time"] = sorted((contact, *numbers) for contact, numbers in talk.items())
    for name, columns in COLUMNS.items():
        cursor = connection.execute(f"SELECT * FROM {name}")
        names = [column[0] for column in cursor.description]
        assert names == columns, f"columns of {name}: expected {columns}, found {names}"
        found = sorted(cursor.fetchall(), key=lambda row: row[:2] if name == "email" else row[:1])
        for a, b in zip(want[name], found):
            assert a == b, f"{name}: expected {a}, found {b}"
        assert len(found) == len(want[name]), f"{name}: expected {len(want[name])} rows, found {len(found)}"


def check_schema(connection):
    objects = set(connection.execute("SELECT type, name FROM sqlite_master WHERE type <> 'trigger' AND name NOT LIKE 'sqlite%'").fetchall())
    want = {("table", name) for name in ("company", "person", "email", "calls")}
    want |= {("view", "contacts"), ("view", "talk_time"), ("index", "calls_contact")}
    assert want <= objects, f"missing in the schema: {sorted(want - objects)}"
    extra = [o for o in objects - want if o[0] == "table"]
    assert not extra, f"left behind: {extra}"
    assert connection.execute("PRAGMA user_version").fetchone() == (2,), "user_version is not 2"
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == [], "foreign_key_check finds something"
    for table, target, cascade in (("person", "company", None), ("email", "person", "CASCADE"), ("calls", "person", "CASCADE")):
        keys = [(row[2], row[3], row[6]) for row in connection.execute(f"PRAGMA foreign_key_list({table})")]
        column = {"person": "company_id", "email": "person_id", "calls": "contact_id"}[table]
        assert [k[:2] for k in keys] == [(target, column)], f"foreign keys of {table}: {keys}"
        assert cascade is None or keys[0][2] == cascade, f"{table}: deleting a person does not delete its rows"
    columns = [row[2] for row in connection.execute("PRAGMA index_info(calls_contact)")]
    assert columns == ["contact_id"], f"index calls_contact: {columns}"


def migrate(path):
    script = Path("migrate.sql")
    assert script.is_file(), "migrate.sql does not exist"
    with script.open("rb") as lines:
        return subprocess.run(["sqlite3", "-bail", path], stdin=lines, capture_output=True, text=True, timeout=30)


class Database:
    """A fresh database of version 1."""

    def __init__(self, contacts, calls, version=1):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name + "/other.db"
        self.connection = sqlite3.connect(self.path)
        self.connection.executescript(OLD + f"PRAGMA user_version = {version};")
        self.connection.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?)", contacts)
        self.connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?)", calls)
        self.connection.commit()

    def dump(self):
        return list(self.connection.iterdump()), self.connection.execute("PRAGMA user_version").fetchone()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.folder.cleanup()


def random_contacts(seed):
    rng = random.Random(seed)
    names = ["Acme", "ACME", " acme ", "Borg & Sön", "borg & sön", "BORG & SÖN", "Delta's", "delta's", "", "  ", None, "Echo, Inc."]
    vats = ["AT U1", "atu-1", "ATU.1", "FR2", "fr 2", "IT3", "", " - ", None, None, None, None, None, None]
    mails = ["a@x.example", "A@X.example", " b@x.example", "c@y.example ", "", " ", "É@z.example", "o'neil@z.example"]
    contacts = []
    for number in rng.sample(range(1, 400), 60):
        emails = None if rng.random() < 0.2 else "".join(rng.choice(mails) + rng.choice([",", ";", ", ", " ; "]) for _ in range(rng.randrange(6)))
        if emails and rng.random() < 0.6:
            emails = emails.rstrip(",; ")
        day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1999, 2025)
        created = rng.choice([f"{year}-{month:02d}-{day:02d}", f"{day}.{month}.{year}", f"{day:02d}.{month:02d}.{year}", f"{day}.{month:02d}.{year}"])
        contacts.append((number, rng.choice(names), rng.choice(vats), f" Person {number}", emails, created))
    calls = [(n, rng.choice(contacts)[0], "2024-01-01 00:00", rng.randrange(900)) for n in rng.sample(range(1, 500), 50)]
    return contacts, calls


def test_crm_db():
    assert Path("crm.db").is_file(), "crm.db does not exist"
    connection = sqlite3.connect("file:crm.db?mode=ro", uri=True)
    try:
        check_schema(connection)
        compare(connection, GIVEN, GIVEN_CALLS)
    finally:
        connection.close()


def test_other_databases():
    for seed in (11, 12, 13):
        contacts, calls = random_contacts(seed)
        with Database(contacts, calls) as database:
            run = migrate(database.path)
            assert run.returncode == 0, f"migrate.sql failed: {run.stderr[-300:]}"
            check_schema(database.connection)
            compare(database.connection, contacts, calls)
    with Database([], []) as database:
        assert migrate(database.path).returncode == 0, "migrate.sql fails on a database without contacts"
        check_schema(database.connection)


def test_names_shared_by_several_vat_numbers():
    contacts = [
        (2, "Twin", None, "a", None, "1.1.2020"), (3, "TWIN", "X1", "b", None, "1.1.2020"), (4, "twin", "X2", "c", None, "1.1.2020"),
        (5, None, "X3", "d", None, "1.1.2020"), (6, "Solo", "x-3", "e", None, "1.1.2020"), (7, "SOLO", " ", "f", None, "1.1.2020"),
        (1, "solo", None, "g", None, "1.1.2020"), (8, "x9", None, "h", None, "1.1.2020"), (9, "", "X9", "i", None, "1.1.2020"),
        (10, "Other", "X1", "j", None, "1.1.2020"), (11, "other", None, "k", None, "1.1.2020"), (12, "tWIN", None, "l", None, "1.1.2020"),
    ]
    with Database(contacts, []) as database:
        run = migrate(database.path)
        assert run.returncode == 0, f"migrate.sql failed: {run.stderr[-300:]}"
        compare(database.connection, contacts, [])


def test_delete_through_the_view():
    with Database(GIVEN, GIVEN_CALLS) as database:
        migrate(database.path)
        database.connection.execute("PRAGMA foreign_keys = ON")
        database.connection.execute("DELETE FROM contacts WHERE person LIKE 'I%' OR id = 12")
        database.connection.commit()
        left = {table: database.connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("person", "email", "calls", "company")}
        want = {"person": 5, "email": 3, "calls": 1, "company": 3}
        assert left == want, f"rows left after deleting two contacts: expected {want}, found {left}"


def test_keys_are_enforced():
    with Database(GIVEN, GIVEN_CALLS) as database:
        migrate(database.path)
        database.connection.execute("PRAGMA foreign_keys = ON")
        for statement in (
            "INSERT INTO company (name, vat) VALUES ('x', 'DE811907980')",
            "INSERT INTO company (name, vat) VALUES (NULL, NULL)",
            "INSERT INTO email VALUES (3, 1, 'new@x.example')",
            "INSERT INTO email VALUES (3, 7, 'imke@nordlicht.example')",
            "INSERT INTO email VALUES (77, 1, 'new@x.example')",
            "INSERT INTO calls VALUES (77, 77, '2024-01-01 00:00', 1)",
        ):
            try:
                database.connection.execute(statement)
            except sqlite3.IntegrityError:
                continue
            raise AssertionError(f"the new schema allows: {statement}")


def test_safety():
    cases = [("user_version 2", GIVEN, 2), ("user_version 0", GIVEN, 0)]
    for text in ("2024/01/01", "1.1.24", "", "2024-1-1", "1.1.2024 ", "x.1.2024", "2024-01-01T00:00"):
        cases.append((f"created {text!r}", GIVEN + [(99, None, None, "Z", None, text)], 1))
    for what, contacts, version in cases:
        with Database(contacts, GIVEN_CALLS, version) as database:
            before = database.dump()
            run = migrate(database.path)
            assert run.returncode != 0, f"{what}: migrate.sql succeeds"
            assert database.dump() == before, f"{what}: the database was changed"
    with Database(GIVEN, GIVEN_CALLS) as database:
        assert migrate(database.path).returncode == 0, "migrate.sql fails"
        before = database.dump()
        assert migrate(database.path).returncode != 0, "migrate.sql succeeds a second time"
        assert database.dump() == before, "a second run changed the database"
