sqlite3 shop.db <<'SQL'
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), status TEXT, placed TEXT NOT NULL);
INSERT INTO customers VALUES
  (1, 'Ida'), (2, 'bertil'), (3, 'Oskar'), (4, 'Astrid'), (5, 'Knut'), (6, 'ida'), (7, 'Cecilia'), (8, 'Bo');
INSERT INTO orders VALUES
  (1, 1, 'shipped', '2024-01-03'), (2, NULL, 'shipped', '2024-01-05'), (3, 2, 'cancelled', '2024-01-09'),
  (4, 3, NULL, '2024-02-01'), (5, 4, 'cancelled', '2024-02-02'), (6, 4, 'paid', '2024-02-02'), (7, NULL, NULL, '2024-02-11'),
  (8, 7, 'cancelled', '2024-02-12'), (9, 7, 'cancelled', '2024-02-13');
SQL
