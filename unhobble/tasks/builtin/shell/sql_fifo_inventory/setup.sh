sqlite3 stock.db <<'SQL'
CREATE TABLE moves (
  id INTEGER PRIMARY KEY,
  item TEXT NOT NULL,
  at TEXT NOT NULL, -- YYYY-MM-DD HH:MM:SS
  kind TEXT NOT NULL CHECK (kind IN ('receipt', 'issue', 'count')),
  qty INTEGER NOT NULL CHECK (qty > 0 OR kind = 'count' AND qty = 0),
  unit_cost INTEGER CHECK ((unit_cost IS NULL) = (kind <> 'receipt')) -- cents
);
INSERT INTO moves VALUES
  (1, 'bolt', '2024-01-01 08:00:00', 'receipt', 100, 20),
  (2, 'bolt', '2024-01-05 10:00:00', 'issue', 30, NULL),
  (3, 'bolt', '2024-01-09 08:00:00', 'receipt', 50, 24),
  (4, 'bolt', '2024-01-10 12:00:00', 'issue', 90, NULL),
  (5, 'bolt', '2024-01-31 18:00:00', 'count', 26, NULL),
  (6, 'bolt', '2024-01-20 09:00:00', 'issue', 40, NULL),
  (7, 'bolt', '2024-02-02 09:00:00', 'issue', 10, NULL),
  (8, 'nut', '2024-01-02 09:00:00', 'issue', 5, NULL),
  (9, 'nut', '2024-01-03 09:00:00', 'count', 8, NULL),
  (10, 'nut', '2024-01-04 09:00:00', 'receipt', 10, 7),
  (11, 'nut', '2024-01-05 09:00:00', 'count', 6, NULL),
  (12, 'nut', '2024-01-06 09:00:00', 'issue', 9, NULL);
SQL
