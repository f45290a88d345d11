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
  demographics      jsonb       not null
) partition by range (captured_at);
create table tSAccountIns_rest partition of tSAccountIns default;

-- What the newest reading of each social account says, by tenant and member: every answer about figures says of each
-- account what is missing. From when to when each of them read it says who had it, whatever figures were read.
create table account_newest (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null,
  member_id         bigint      not null,
  captured_at       timestamptz not null,
  event_id          text        not null,
  metrics           text[]      not null, -- that it has a figure of
  missing           jsonb       not null,
  first_at          timestamptz not null, -- the earliest capture
  tracked_since     timestamptz, -- the earliest capture that was not filled in from the past; null: there is none
  tracked_until     timestamptz -- the latest such one
) with (fillfactor = 50);

-- The daily figures of an account stand by the month: an answer about a hundred accounts and two periods reads
-- some hundred rows instead of ten thousand.
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
  event_ids         text[]        not null
) with (fillfactor = 50); -- a row grows by a day each day, in its page

-- Up to when what an agency read of a social account is erased. What was captured before makes no row, however late it comes.
create table account_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the client who had it last, whose answers say so; '' unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- +keys

alter table tSAccountIns add primary key (social_account_id, parent_account, captured_at);
create index tSAccountIns_tenant on tSAccountIns (parent_account, account_id, captured_at);

-- Splits of the audience come with one reading a day among thousands.
create index tSAccountIns_demographics on tSAccountIns (parent_account, captured_at) where demographics <> '[]'::jsonb;

alter table account_newest add primary key (social_account_id, parent_account, account_id, member_id);
create index account_newest_tenant on account_newest (parent_account, account_id, member_id);

alter table account_months add primary key
  (social_account_id, parent_account, account_id, member_id, p_id, metric, kind, month, source, window_name);
create index account_months_tenant on account_months (parent_account, metric, month, member_id, account_id);

alter table account_erasures add primary key (social_account_id, parent_account);
