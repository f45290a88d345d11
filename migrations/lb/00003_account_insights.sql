-- +goose Up
-- Projection "account_insights". Every row belongs to the tenant that its event names, for ever.

create table tSAccountIns (
  social_account_id bigint      not null,
  captured_at       timestamptz not null,
  event_id          text        not null,
  parent_account    text        not null,
  account_id        text        not null,
  member_id         bigint      not null,
  p_id              smallint    not null,
  a_type            smallint    not null,
  backfilled        boolean     not null,
  followers         bigint, -- a day flow stands here with its newest day; figures holds all of it
  engagement        bigint,
  impressions       bigint,
  views             bigint,
  reach             bigint,
  posts             bigint,
  likes             bigint,
  comments          bigint,
  shares            bigint,
  clicks            bigint,
  figures           jsonb       not null,
  missing           jsonb       not null,
  demographics      jsonb       not null,
  primary key (social_account_id, captured_at)
) partition by range (captured_at);
create table tSAccountIns_rest partition of tSAccountIns default;
create index tSAccountIns_tenant on tSAccountIns (parent_account, account_id, captured_at);

-- The last value per day: of the platform's day for day flows, of the UTC day of capture otherwise.
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
  primary key (social_account_id, parent_account, account_id, metric, kind, day, source, window_name)
) with (fillfactor = 80);
create index account_daily_tenant on account_daily (parent_account, metric, day);

-- +goose Down
drop table account_daily, tSAccountIns;
