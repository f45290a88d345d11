-- +goose Up
-- What cannot be derived from the log: secrets, notice cursors, pause flags. Nothing else belongs here.

create table secrets (
  ref        text primary key,
  key_id     text        not null,
  sealed     bytea       not null,
  updated_at timestamptz not null
);

create table notice_cursors (
  parent_account text        not null,
  user_id        text        not null,
  version        bigint      not null,
  updated_at     timestamptz not null,
  primary key (parent_account, user_id)
);

create table paused_projections (
  projection text primary key,
  reason     text        not null,
  actor      text        not null,
  at         timestamptz not null
);

-- +goose Down
drop table paused_projections, notice_cursors, secrets;
