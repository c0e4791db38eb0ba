sqlite3 crm.db <<'SQL'
PRAGMA user_version = 1;
CREATE TABLE contacts (
  id INTEGER PRIMARY KEY,
  company TEXT,
  vat TEXT,
  person TEXT NOT NULL,
  emails TEXT,
  created TEXT NOT NULL
);
CREATE TABLE calls (
  id INTEGER PRIMARY KEY,
  contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  at TEXT NOT NULL,
  seconds INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX calls_contact ON calls (contact_id);
CREATE VIEW talk_time AS SELECT contact_id, COUNT(*) AS calls, SUM(seconds) AS seconds FROM calls GROUP BY contact_id;
INSERT INTO contacts VALUES
  (3, 'Nordlicht GmbH', 'DE 811.907.980', 'Imke Brandt', 'Imke@Nordlicht.example, sales@nordlicht.example', '2021-03-04'),
  (4, ' NORDLICHT gmbh ', NULL, 'Ole Harms', 'sales@nordlicht.example;', '7.11.2021'),
  (5, 'Nordlicht', 'de811907980', 'Jan Voss', NULL, '28.02.2022'),
  (8, NULL, NULL, 'Paula Freelance', 'paula@mail.example', '2022-01-31'),
  (9, 'Tischlerei Sommer', '', 'Gerd Sommer', '; ,', '01.01.2023'),
  (12, 'tischlerei sommer', NULL, 'Ada Sommer', 'ada@sommer.example,ADA@sommer.example ; büro@sommer.example', '2023-01-02'),
  (15, '', 'SE556036079301', 'Nils Ek', 'nils@ek.example', '29.2.2024');
INSERT INTO calls VALUES (1, 3, '2024-05-01 10:00', 340), (2, 3, '2024-05-02 09:12', 61), (5, 12, '2024-05-02 11:40', 1200),
  (9, 15, '2024-05-03 16:05', 0);
SQL
