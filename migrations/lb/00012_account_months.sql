-- +goose Up
-- The daily figures of an account stand by the month: an answer about a hundred accounts and two periods reads
-- some hundred rows instead of ten thousand. The projection of accounts is folded anew.

drop table account_daily;
truncate tSAccountIns, account_newest;
delete from parked where projection = 'account_insights';
delete from checkpoints where projection = 'account_insights';
delete from generations where projection = 'account_insights';

-- The last value of each day: of the platform's day for day flows and windows that end on a day, of the UTC day of
-- capture otherwise. The arrays are of equal length, in the order of the days.
create table account_months (
  social_account_id bigint        not null,
  parent_account    text          not null,
  account_id        text          not null,
  member_id         bigint        not null,
  p_id              smallint      not null,
  metric            text          not null,
  kind              text          not null,
  source            text          not null,
  window_name       text          not null,
  month             date          not null, -- its first day
  days              smallint[]    not null, -- of the month
  day_values        bigint[]      not null,
  captured_at       timestamptz[] not null,
  event_ids         text[]        not null,
  primary key (social_account_id, parent_account, account_id, member_id, p_id, metric, kind, month, source, window_name)
) with (fillfactor = 50); -- a row grows by a day each day, in its page
create index account_months_tenant on account_months (parent_account, metric, month, member_id, account_id);

-- +goose Down
drop table account_months;
create table account_daily (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null,
  metric            text        not null,
  day               date        not null,
  member_id         bigint      not null,
  p_id              smallint    not null,
  a_type            smallint    not null,
  kind              text        not null,
  value             bigint      not null,
  source            text        not null,
  window_name       text        not null,
  captured_at       timestamptz not null,
  event_id          text        not null,
  primary key (social_account_id, parent_account, account_id, member_id, metric, kind, day, source, window_name)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
create index account_daily_tenant on account_daily (parent_account, metric, day)
  include (social_account_id, account_id, member_id, p_id, kind, source, window_name, value, captured_at, event_id);
