-- Projection "account_insights". Each row belongs permanently to the tenant that its event names.

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
  followers         bigint, -- of a day flow, the newest day; column figures has all days
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

-- The newest reading of each social account, by tenant and member. Responses with figures report
-- the missing metrics per account from this table. The time span of an owner's readings shows when
-- the owner had the account, even if no figures were read.
create table account_newest (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null,
  member_id         bigint      not null,
  captured_at       timestamptz not null,
  event_id          text        not null,
  metrics           text[]      not null, -- metrics that have a figure
  missing           jsonb       not null,
  first_at          timestamptz not null, -- the earliest capture
  tracked_since     timestamptz, -- the earliest capture that was not backfilled; null: none
  tracked_until     timestamptz -- the latest capture that was not backfilled; null: none
) with (fillfactor = 50);

-- Daily figures of an account, one row per month: a response about a hundred accounts and two
-- periods reads a few hundred rows instead of ten thousand. A row has the last value of each day.
-- The day is that of the platform for day flows and for windows that end on a day, and otherwise
-- the UTC day of capture. The arrays have equal length and are ordered by day.
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
) with (fillfactor = 50); -- leaves room in the page for the updates of each day

-- Erasures by agency and social account. Data captured before erased_at produces no row, no matter
-- when it arrives.
create table account_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the last client of the account; '': unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- +keys

alter table tSAccountIns add primary key (social_account_id, parent_account, captured_at);
create index tSAccountIns_tenant on tSAccountIns (parent_account, account_id, captured_at);

-- Only readings with demographics: one per account and day among thousands of others.
create index tSAccountIns_demographics on tSAccountIns (parent_account, captured_at) where demographics <> '[]'::jsonb;

alter table account_newest add primary key (social_account_id, parent_account, account_id, member_id);
create index account_newest_tenant on account_newest (parent_account, account_id, member_id);

alter table account_months add primary key
  (social_account_id, parent_account, account_id, member_id, p_id, metric, kind, month, source, window_name);
create index account_months_tenant on account_months (parent_account, metric, month, member_id, account_id);

alter table account_erasures add primary key (social_account_id, parent_account);
