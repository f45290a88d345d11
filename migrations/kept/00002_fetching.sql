-- +goose Up
-- What the fetchers share about when to read what. Nothing here is truth: if it is lost, everything is
-- due at once, the quotas are refilled slowly, and nothing is read wrongly.

-- One row for each social account and kind of job (account_insights, post_insights, token_refresh).
create table fetch_state (
  kind              text     not null,
  p_id              smallint not null,
  social_account_id bigint   not null,
  slot              timestamptz, -- the slot that it was last planned for …
  shard             int,         -- … and in which shard
  planned_at        timestamptz,
  served_slot       timestamptz, -- the last slot in which it was read; null: never
  served_at         timestamptz, -- when that was
  not_before        timestamptz, -- left alone until then
  failures          int         not null default 0, -- since it was last read
  class             text        not null default '', -- of the last failure; '' after a success
  reason            text        not null default '',
  backfilled_at     timestamptz, -- when its history was read
  demographics_at   timestamptz,
  updated_at        timestamptz not null,
  primary key (kind, p_id, social_account_id)
) with (fillfactor = 70); -- rows change all the time, no index does

-- One row for each quota (see internal/quota).
create table fetch_budgets (
  name       text primary key,
  calls      double precision not null, -- left at that time
  at         timestamptz      not null,
  held_until timestamptz
) with (fillfactor = 50);

-- Who renews the tokens of a connection now; a holder that died is overtaken when its time is up.
create table token_leases (
  ref   text primary key,
  token text        not null,
  until timestamptz not null
);

-- That a change of a connection's state was recorded in the log, until the read side shows it.
create table connection_marks (
  connection_id bigint primary key,
  state         text        not null,
  at            timestamptz not null
);

-- +goose Down
drop table connection_marks, token_leases, fetch_budgets, fetch_state;
