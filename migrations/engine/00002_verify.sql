-- +goose Up
-- A verification holds a generation back until it stands exactly where the other one was read: its sessions do not move
-- a checkpoint beyond hold_at before hold_until.
alter table checkpoints
  add column hold_at    bigint,      -- offset
  add column hold_until timestamptz; -- a verification that died holds nothing back for long

-- The latest check of the live tables of each projection against the log.
create table table_checks (
  projection text        not null,
  generation int         not null,
  at         timestamptz not null,
  equal      boolean     not null,
  report     jsonb       not null,
  primary key (projection, generation)
);
