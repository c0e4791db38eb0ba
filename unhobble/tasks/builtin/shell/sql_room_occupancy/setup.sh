sqlite3 rooms.db <<'SQL'
CREATE TABLE bookings (
  id INTEGER PRIMARY KEY,
  room TEXT NOT NULL,
  starts TEXT NOT NULL, -- YYYY-MM-DD HH:MM
  ends TEXT,            -- YYYY-MM-DD HH:MM, or NULL
  status TEXT NOT NULL  -- confirmed, tentative, cancelled
);
INSERT INTO bookings VALUES
  (1, 'Blue', '2024-02-28 09:00', '2024-02-28 12:00', 'confirmed'),
  (2, 'Blue', '2024-02-28 09:30', '2024-02-28 10:00', 'confirmed'),
  (3, 'Blue', '2024-02-28 11:00', '2024-02-28 12:30', 'tentative'),
  (4, 'Blue', '2024-02-28 12:30', '2024-02-28 13:00', 'confirmed'),
  (5, 'Blue', '2024-02-28 13:30', '2024-02-28 14:00', 'confirmed'),
  (6, 'Blue', '2024-02-28 13:00', '2024-02-28 13:30', 'cancelled'),
  (7, 'Red', '2024-02-28 20:00', NULL, 'confirmed'),
  (8, 'Red', '2024-02-29 00:00', '2024-02-29 01:00', 'confirmed'),
  (9, 'Red', '2024-02-29 05:00', '2024-02-29 05:00', 'confirmed'),
  (10, 'Red', '2024-02-29 23:30', '2024-03-01 00:15', 'confirmed');
SQL
