-- Projection "post_insights": posts, their readings and their gains share a checkpoint, because a
-- gain depends on the neighboring readings at the same position.

-- The texts of posts are in projection "contents"; schema lb shows both together.
create table tSPosts (
  social_account_id bigint   not null,
  external_id       text     not null,
  parent_account    text     not null,
  account_id        text     not null,
  member_id         bigint   not null,
  p_id              smallint not null,
  a_type            smallint not null,
  published_at      timestamptz,
  c_id              bigint,
  post_type         text,
  registered_at     timestamptz not null, -- the earliest registration; after an erasure, the earliest of the last registrations of each origin
  updated_at        timestamptz not null, -- the latest registration
  newer_accounts    text[], -- other sub-accounts of the agency that registered it later; null if none
  listing           jsonb, -- registration by the platform's listing, with its time and event
  main_app          jsonb -- registration by the main application; overrides the listing, field by field
);

-- A reading and its step: the reading before it, and the gain. A series is the readings of one post
-- for one agency, in order of capture; of two readings at one instant the smaller event id is in
-- it.
create table tSPostInsights (
  social_account_id  bigint      not null,
  external_id        text        not null,
  captured_at        timestamptz not null,
  event_id           text        not null,
  parent_account     text        not null,
  account_id         text        not null,
  member_id          bigint      not null,
  p_id               smallint    not null,
  a_type             smallint    not null,
  backfilled         boolean     not null,
  growth_eligible    boolean     not null,
  from_zero          boolean     not null, -- a figure without earlier reading was gained completely
  published_at       timestamptz, -- as reported at capture
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  saves              bigint,
  avg_watch_ms       bigint, -- average per view, as read
  engagement         bigint,
  engagement_partial boolean     not null,
  previous_at        timestamptz, -- capture of the reading before; null: it is the first
  known_likes        bigint, -- for a figure that the reading lacks: the last known value
  known_comments     bigint,
  known_shares       bigint,
  known_views        bigint,
  known_impressions  bigint,
  known_clicks       bigint,
  known_saves        bigint,
  glikes             bigint, -- gain since the last reading that has the figure
  gcomments          bigint,
  gshares            bigint,
  gviews             bigint,
  gimpressions       bigint,
  gclicks            bigint,
  gsaves             bigint
) partition by range (captured_at);
create table tSPostInsights_rest partition of tSPostInsights default;

create view tSPostGrowth as
select social_account_id, external_id, captured_at, previous_at, parent_account, account_id, member_id, p_id,
       glikes, gcomments, gshares, gviews, gimpressions, gclicks, gsaves,
       case when num_nonnulls(glikes, gcomments, gshares) > 0
         then coalesce(glikes, 0) + coalesce(gcomments, 0) + coalesce(gshares, 0) end as gengagement,
       num_nonnulls(glikes, gcomments, gshares) in (1, 2) as gengagement_partial
from tSPostInsights
where growth_eligible and previous_at is not null;

-- The last reading of each post, owner and UTC day, with the day's gains. A new reading is compared
-- with the newest row of a post and agency: one index lookup, where the monthly partitions would
-- need one each.
create table post_daily (
  social_account_id  bigint      not null,
  external_id        text        not null,
  day                date        not null,
  parent_account     text        not null,
  account_id         text        not null,
  member_id          bigint      not null,
  p_id               smallint    not null,
  a_type             smallint    not null,
  captured_at        timestamptz not null,
  event_id           text        not null,
  published_at       timestamptz,
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  saves              bigint,
  avg_watch_ms       bigint, -- average per view, as read
  engagement         bigint,
  engagement_partial boolean     not null,
  known_likes        bigint, -- as in tSPostInsights
  known_comments     bigint,
  known_shares       bigint,
  known_views        bigint,
  known_impressions  bigint,
  known_clicks       bigint,
  known_saves        bigint,
  readings           integer     not null, -- number of readings of the day
  glikes             bigint, -- sums of the day's gains; null: none is known
  gcomments          bigint,
  gshares            bigint,
  gviews             bigint,
  gimpressions       bigint,
  gclicks            bigint,
  gsaves             bigint,
  gpartial           boolean     not null -- for a reading, the gain is known for only a part of the engagement
) with (fillfactor = 80);

-- Cumulative gains of a post within a month, up to the end of each day with a reading. The gain
-- between two days is one difference, instead of a sum of post_daily rows: a ranking of thousands
-- of posts reads two rows per post. Values that are read together are stored together, because
-- memory access takes longer than the addition: numbers first, and the sums of one day next to each
-- other. With 31 days a row has some 2 kB and would be compressed without toast_tuple_target.
create table post_months (
  social_account_id bigint     not null,
  member_id         bigint     not null,
  month             date       not null, -- first day of the month
  likes_days        integer    not null, -- bit mask of the days with a known gain; the lowest bit is the first of the month
  comments_days     integer    not null,
  shares_days       integer    not null,
  views_days        integer    not null,
  impressions_days  integer    not null,
  clicks_days       integer    not null,
  saves_days        integer    not null,
  partial_days      integer    not null, -- bit mask of the days with a reading whose engagement gain is partial
  p_id              smallint   not null,
  external_id       text       not null,
  parent_account    text       not null,
  account_id        text       not null,
  days              smallint[] not null, -- of the month, in order
  -- Seven numbers per day: likes, comments, shares, views, impressions, clicks and saves gained in
  -- the month up to the end of the day.
  gained            bigint[]   not null
) with (fillfactor = 50, toast_tuple_target = 4080); -- each day extends a row within its page

-- Gains of the readings of posts, by owner and quarter of an hour of capture. In every time zone
-- days begin at a quarter of an hour (UTC), so a few rows per day give the days, weeks and months
-- of any zone. Sums are not null: the counts distinguish 0 from unknown.
create table post_gains (
  social_account_id  bigint      not null,
  quarter            timestamptz not null,
  parent_account     text        not null,
  account_id         text        not null,
  member_id          bigint      not null,
  p_id               smallint    not null,
  readings           bigint      not null,
  last_at            timestamptz not null, -- time of the last capture
  likes              bigint      not null,
  likes_n            bigint      not null,
  comments           bigint      not null,
  comments_n         bigint      not null,
  shares             bigint      not null,
  shares_n           bigint      not null,
  views              bigint      not null,
  views_n            bigint      not null,
  engagement         bigint      not null,
  engagement_n       bigint      not null,
  partial_n          bigint      not null -- number of engagement parts with an incomplete gain
) with (fillfactor = 80);

-- Erasures per agency and social account, like account_erasures.
create table post_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the last client of the account, whose answers report the erasure; '' unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- +keys

alter table tSPosts add primary key (social_account_id, external_id, parent_account, account_id);
-- Lists of posts, newest first, without the wide rows. Ids are compared bytewise, whatever the
-- database's collation, so pages have the same order everywhere.
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C", account_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at, newer_accounts);

alter table tSPostInsights add primary key (social_account_id, external_id, parent_account, captured_at);

alter table post_daily add primary key (social_account_id, external_id, parent_account, day, account_id, member_id);
-- All posts of an agency on one day are one range of this index.
create index post_daily_days on post_daily (parent_account, day, account_id);

alter table post_months add primary key (social_account_id, external_id, parent_account, month, account_id, member_id);
create index post_months_tenant on post_months (parent_account, month, account_id, member_id);

alter table post_gains add primary key (social_account_id, quarter, parent_account, account_id, member_id, p_id);
create index post_gains_tenant on post_gains (parent_account, quarter);

alter table post_erasures add primary key (social_account_id, parent_account);
