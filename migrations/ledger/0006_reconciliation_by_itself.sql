-- When the reconciliation last came to the last account, ms since the epoch; null before it ever did. What drives it by itself looks at all accounts once a day.
ALTER TABLE reconciliation ADD COLUMN walked_at INTEGER;
-- What the clearing account held beyond its entries when the walk last began anew to find out why; null where that has been found. Told until the walk has come to its
-- end and knows better, and not walked for twice.
ALTER TABLE reconciliation ADD COLUMN unexplained INTEGER;
