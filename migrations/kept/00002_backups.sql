-- +goose Up
-- When the log was last backed up: one row, written by `ledgerboard backup`. If it is lost, the age of the backup is not known until
-- the next one.
create table backups (
  only_row boolean     primary key default true check (only_row),
  ended_at timestamptz not null
);
