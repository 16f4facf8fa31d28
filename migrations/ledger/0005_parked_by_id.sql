-- Parked messages in the order in which operators list them: however much is pending, nothing of it is read for them. Only a message that is parked costs the row.
CREATE INDEX outbox_parked_id ON outbox (id) WHERE state = 'parked';
