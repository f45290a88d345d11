-- Projection "account_insights". Every row belongs forever to the tenant that its event names.

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
  followers         bigint, -- newest day of a day flow; figures has all days
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
  demographics      jsonb       not null
) partition by range (captured_at);
create table tSAccountIns_rest partition of tSAccountIns default;

-- The newest reading of each social account, by tenant and member: every answer about figures
-- reports what is missing per account. The time span of the readings of each owner shows who had
-- the account, whatever figures were read.
create table account_newest (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null,
  member_id         bigint      not null,
  captured_at       timestamptz not null,
  event_id          text        not null,
  metrics           text[]      not null, -- metrics with a figure
  missing           jsonb       not null,
  first_at          timestamptz not null, -- the earliest capture
  tracked_since     timestamptz, -- the earliest capture that was not back-filled; null: none
  tracked_until     timestamptz -- the latest such capture
) with (fillfactor = 50);

-- Daily figures of an account, one row per month: an answer about a hundred accounts and two
-- periods reads some hundred rows instead of ten thousand. A row has the last value of each day:
-- the platform's day for day flows and windows that end on a day, otherwise the UTC day of capture.
-- The arrays have equal length and are in day order.
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
  month             date          not null, -- first day of the month
  days              smallint[]    not null, -- of the month
  day_values        bigint[]      not null,
  captured_at       timestamptz[] not null,
  event_ids         text[]        not null
) with (fillfactor = 50); -- each day extends a row within its page

-- Erasures per agency and social account. Data captured before erased_at makes no row, however late
-- it arrives.
create table account_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the last client of the account, whose answers report the erasure; '' unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- +keys

alter table tSAccountIns add primary key (social_account_id, parent_account, captured_at);
create index tSAccountIns_tenant on tSAccountIns (parent_account, account_id, captured_at);

-- Readings with demographics: one per day among thousands.
create index tSAccountIns_demographics on tSAccountIns (parent_account, captured_at) where demographics <> '[]'::jsonb;

alter table account_newest add primary key (social_account_id, parent_account, account_id, member_id);
create index account_newest_tenant on account_newest (parent_account, account_id, member_id);

alter table account_months add primary key
  (social_account_id, parent_account, account_id, member_id, p_id, metric, kind, month, source, window_name);
create index account_months_tenant on account_months (parent_account, metric, month, member_id, account_id);

alter table account_erasures add primary key (social_account_id, parent_account);
