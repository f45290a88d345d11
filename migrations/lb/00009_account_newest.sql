-- +goose Up
-- What the newest reading of each social account says, by tenant: every answer about figures says of each
-- account what is missing. The table is filled by folding anew.

truncate tSAccountIns, account_daily;
delete from parked where projection = 'account_insights';
delete from checkpoints where projection = 'account_insights';
delete from generations where projection = 'account_insights';

create table account_newest (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null,
  captured_at       timestamptz not null,
  event_id          text        not null,
  metrics           text[]      not null, -- that it has a figure of
  missing           jsonb       not null,
  primary key (social_account_id, parent_account, account_id)
) with (fillfactor = 50);

-- +goose Down
drop table account_newest;
