-- A small plant to try plan.sql on: a cart of two axles, four wheels and a box.
CREATE TABLE parts (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, cost INTEGER NOT NULL, scrap INTEGER NOT NULL,
  lead INTEGER NOT NULL, lot INTEGER NOT NULL, on_hand INTEGER NOT NULL
);
CREATE TABLE bom (parent INTEGER NOT NULL REFERENCES parts, child INTEGER NOT NULL REFERENCES parts, qty INTEGER NOT NULL, PRIMARY KEY (parent, child));
CREATE TABLE demand (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, week INTEGER NOT NULL, qty INTEGER NOT NULL);
CREATE TABLE receipts (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, week INTEGER NOT NULL, qty INTEGER NOT NULL);
INSERT INTO parts VALUES (10, 'cart', 500, 0, 1, 1, 2);
INSERT INTO parts VALUES (11, 'axle', 120, 0, 1, 5, 0);
INSERT INTO parts VALUES (12, 'wheel', 75, 10, 2, 10, 8);
INSERT INTO parts VALUES (13, 'bolt', 3, 5, 1, 100, 40);
INSERT INTO bom VALUES (10, 11, 2), (10, 13, 6), (11, 12, 2), (11, 13, 3);
INSERT INTO demand VALUES (1, 10, 4, 5), (2, 12, 2, 4), (3, 10, 4, 1);
INSERT INTO receipts VALUES (1, 12, 1, 3);
