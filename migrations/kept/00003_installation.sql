-- +goose Up
-- The installation that this database belongs to. The first start writes the single row, so that
-- databases that were created from a common template are different installations. If the row is
-- lost, the service does not start on its own log until `ledgerboard migrate --adopt-log`.
create table installation (
  only_row            boolean primary key default true check (only_row),
  id                  uuid    not null default gen_random_uuid(),
  operations_topic_id text    not null default '', -- of its log; '' before the first start
  next_offset         bigint  not null default 0   -- claims before this offset were read
);
