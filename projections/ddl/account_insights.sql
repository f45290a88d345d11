-- Projection "account_insights". Each row belongs permanently to the owner that its event names.

-- The owners of readings. The other tables refer to id, a hash of the five columns after series. A
-- series is a social account at an agency; series is a hash of the two. Columns that change with
-- each reading are in no index, so that updates are HOT.
create table figure_owners (
  id                bigint      not null,
  series            bigint      not null,
  parent_account    text        not null,
  social_account_id bigint      not null,
  account_id        text        not null,
  member_id         bigint      not null,
  p_id              smallint    not null,
  first_at          timestamptz not null, -- the earliest capture
  last_at           timestamptz not null, -- the latest capture
  event_id          bytea       not null, -- of the reading at last_at
  metrics           text[]      not null, -- metrics that have a figure in that reading
  missing           jsonb       not null, -- why others have none
  tracked_since     timestamptz, -- the earliest capture that was not backfilled; null: none
  tracked_until     timestamptz  -- the latest capture that was not backfilled; null: none
) with (fillfactor = 50);

-- Readings. Of two readings of a series at the same instant, the one with the smaller event id
-- counts. A column holds a figure of the declared kind: of a day flow, the newest day.
create table account_readings (
  series      bigint      not null,
  captured_at timestamptz not null,
  owner       bigint      not null,
  followers   bigint,
  engagement  bigint,
  impressions bigint,
  views       bigint,
  reach       bigint,
  posts       bigint,
  likes       bigint,
  comments    bigint,
  shares      bigint,
  clicks      bigint,
  a_type      smallint    not null,
  backfilled  boolean     not null,
  event_id    bytea       not null, -- a UUID, or 0 and the text of another id
  missing     jsonb, -- null: nothing
  others      jsonb  -- figures of other metrics, kinds and sources than declared; null: none
) partition by range (captured_at);
create table account_readings_rest partition of account_readings default;

-- The steps of stocks and counters, and windows without a day, by owner and UTC day: one row for
-- each day with a reading. total is the gain of this owner up to the end of the day, and gains the
-- number of readings that have a known gain; a baseline adds nothing to either. figure is the
-- number of the metric, plus 100 for a window.
create table account_days (
  owner       bigint      not null,
  total       bigint      not null,
  last_value  bigint      not null,
  gained      bigint, -- by this owner on the day, without earlier days
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  gap_since   timestamptz, -- the reading before a gap of more than 35 days that ends at first_at
  baseline_at timestamptz, -- the last baseline of the day
  day         date        not null,
  gains       integer     not null,
  figure      smallint    not null,
  window_name text        not null,
  source      text        not null
) with (fillfactor = 80);

-- The same by quarter hour of UTC; total and gains count from the start of the UTC day, so that a
-- late reading changes at most 96 rows.
create table account_quarters (
  owner       bigint      not null,
  total       bigint      not null,
  last_value  bigint      not null,
  last_at     timestamptz not null,
  quarter     timestamptz not null,
  gains       integer     not null,
  figure      smallint    not null,
  window_name text        not null
) with (fillfactor = 80);

-- Figures that platforms label with a day: day flows, and windows that end on a day. The value is
-- that of the last capture, the owner that of the first capture that is not backfilled; if all are,
-- of the first one.
create table day_figures (
  series           bigint      not null,
  owner            bigint      not null,
  value            bigint      not null,
  captured_at      timestamptz not null,
  first_at         timestamptz not null, -- the capture that determines the owner
  day              date        not null,
  figure           smallint    not null,
  first_backfilled boolean     not null,
  event_id         bytea       not null,
  first_id         bytea       not null,
  window_name      text        not null,
  source           text        not null
) with (fillfactor = 80);

-- The audience, from the few readings that have it.
create table account_demographics (
  series       bigint      not null,
  captured_at  timestamptz not null,
  owner        bigint      not null,
  demographics jsonb       not null
);

-- Erasures by agency and social account: the latest of each. An erasure deletes all rows of a
-- series; readings that arrive later and were captured before erased_at produce none.
create table account_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the last client of the account; '': unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

create view tSAccountIns as
select o.social_account_id, r.captured_at,
       case when length(r.event_id) = 16 then encode(r.event_id, 'hex')::uuid::text
         else convert_from(substring(r.event_id from 2), 'UTF8') end as event_id,
       o.parent_account, o.account_id, o.member_id, o.p_id, r.a_type, r.backfilled,
       r.followers, r.engagement, r.impressions, r.views, r.reach, r.posts, r.likes, r.comments, r.shares, r.clicks,
       coalesce(r.missing, '[]') as missing, coalesce(r.others, '[]') as others
from figure_owners o
join account_readings r on r.series = o.series and r.owner = o.id;

-- For people. A figure is the number of a metric (domain/figure_scopes.go). The days of each owner are
-- grouped for themselves, so that few rows are sorted at once.
create view daily_accounts as
select o.parent_account, o.account_id, o.member_id, o.social_account_id,
       {platform of o.p_id} as platform,
       d.day, d.followers, d.followers_gained, d.engagement, d.impressions, d.views
from figure_owners o
cross join lateral (
  select day,
         max(last_value) filter (where figure = 1) as followers,
         sum(gained) filter (where figure = 1)::bigint as followers_gained,
         sum(gained) filter (where figure = 2)::bigint as engagement,
         sum(gained) filter (where figure = 3)::bigint as impressions,
         sum(gained) filter (where figure = 4)::bigint as views
  from (
    select day, figure, last_value, gained
    from account_days
    where owner = o.id and figure <= 4
    union all
    select day, figure, null, value
    from day_figures f
    where f.series = o.series and f.owner = o.id and figure <= 4) figures
  group by day) d;

-- +keys

alter table figure_owners add primary key (id);
create index figure_owners_series on figure_owners (series);
create index figure_owners_tenant on figure_owners (parent_account, account_id, member_id);
create index figure_owners_social on figure_owners (social_account_id, parent_account);

alter table account_readings add primary key (series, captured_at);

alter table account_days add primary key (owner, figure, day, window_name);
create index account_days_marks on account_days (owner, figure, day)
  where gap_since is not null or baseline_at is not null;

alter table account_quarters add primary key (owner, figure, quarter, window_name);

alter table day_figures add primary key (series, figure, day, window_name);

alter table account_demographics add primary key (series, captured_at);

alter table account_erasures add primary key (social_account_id, parent_account);

-- +comments

comment on view daily_accounts is 'A row per page, client, member and day with figures. The days of flows are those of the platform, other days are UTC. Without windows, such as reach, which cannot be added up. A null is not known, not 0.';
comment on column daily_accounts.parent_account is 'The agency.';
comment on column daily_accounts.account_id is 'The client that owned the page when it was read.';
comment on column daily_accounts.member_id is 'The member of the client to whom the page belonged.';
comment on column daily_accounts.social_account_id is 'The page.';
comment on column daily_accounts.platform is 'One of {platform names}.';
comment on column daily_accounts.followers is 'At the last reading of the day. A level: never add up days.';
comment on column daily_accounts.followers_gained is 'Gained or lost on the day. Can be added up.';
comment on column daily_accounts.engagement is 'Gained on the day. Can be added up.';
comment on column daily_accounts.impressions is 'Gained on the day. Can be added up. On Facebook and Instagram the same number as views.';
comment on column daily_accounts.views is 'Gained on the day: views of the page. Can be added up.';
comment on view tSAccountIns is 'A row per reading, many a day. Do not add up its figures: a column holds a level, a running total, or the newest day. Use daily_accounts.';
comment on view account_readings is 'Readings without their owners, for the program. Use daily_accounts.';
comment on view account_days is 'Running totals, for the program. Do not add them up; use daily_accounts.';
comment on view account_quarters is 'Running totals of a day, for the program. Do not add them up.';
comment on view day_figures is 'Figures of a day, for the program. Windows (figure above 100) must not be added up; use daily_accounts.';
comment on view figure_owners is 'Who owned the readings of a page, for the program. Use daily_accounts.';
comment on view account_demographics is 'The audience at a reading. Its groups overlap, and each reading has all of them: do not add them up.';
comment on view account_erasures is 'Erasures of pages: the latest of each.';
