-- +goose Up
-- Claims read due accounts in this order. It begins with an expression that only they contain: while
-- the table is not analyzed, other statements would use the index instead of the primary key and read
-- all rows of a kind to find a few.
create index fetch_state_due on fetch_state
  ((p_id + 0), kind, ((read_at is null and failures = 0)) desc, due_at, social_account_id);
