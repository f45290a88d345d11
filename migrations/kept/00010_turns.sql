-- +goose Up
-- The earliest time of the next reading, if the last one failed for a time, or our own quota refused
-- it. The account stays due at its time, so that it keeps its place. If it is lost, the account is tried at once.
alter table fetch_state add column not_before timestamptz;

-- Accounts and posts that wait for the same budget take turns. If the columns are lost, posts wait
-- until the budget is half full.
alter table fetch_budgets
  add column posts_wait_until timestamptz, -- posts were refused, and will try again before then
  add column posts_are_next   boolean not null default false; -- accounts took calls since posts did
