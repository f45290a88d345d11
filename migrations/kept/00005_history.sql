-- +goose Up
-- How far back an account's history was read (rows of kind account_insights; all of it when backfilled_at is
-- set), and what became of the last try. History is read in parts, one with each reading.
alter table fetch_state
  add column history_from       date,        -- this day and those after it were read
  add column history_failures   int         not null default 0, -- in a row
  add column history_not_before timestamptz, -- left alone until then
  add column history_class      text        not null default '', -- of the last failure; '' after a success
  add column history_reason     text        not null default '';

-- +goose Down
alter table fetch_state drop column history_from, drop column history_failures, drop column history_not_before,
  drop column history_class, drop column history_reason;
