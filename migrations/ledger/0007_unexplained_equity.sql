-- As `unexplained`, of the equity account: a deposit that was booked behind is found by beginning anew as well.
ALTER TABLE reconciliation ADD COLUMN unexplained_equity INTEGER;
