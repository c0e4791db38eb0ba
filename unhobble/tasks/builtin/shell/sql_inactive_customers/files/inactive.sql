-- Customers without an order, for the "we miss you" letter.
SELECT id, name
FROM customers
WHERE id NOT IN (SELECT customer_id FROM orders WHERE status <> 'cancelled')
ORDER BY name;
