-- +goose Up
-- By which log id and tag key the records of the log are judged: this database's copy of the first record operations.epoch_begun.v1 of each
-- number. Rows are only added. If they are lost, the next start finds them in the log again; if the log has lost that record, they are all
-- that tells whose its other records are.
create table epochs (
  number   int         primary key check (number >= 0),
  log_id   text        not null check (log_id ~ '^[0-9a-f]{32}$'),
  key_id   text        not null check (key_id ~ '^[0-9a-f]{16}$'), -- SHA-256 of the key, cut; the key itself is in configuration
  begun_at timestamptz not null default now() -- when this copy was made
);

-- +goose Down
drop table epochs;
