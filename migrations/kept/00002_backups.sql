-- +goose Up
-- When the log was last backed up. `ledgerboard backup` writes the single row. If the row is lost,
-- the age of the last backup is unknown until the next backup.
create table backups (
  only_row boolean     primary key default true check (only_row),
  ended_at timestamptz not null
);
