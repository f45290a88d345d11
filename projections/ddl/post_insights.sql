-- Projection "post_insights". Posts, readings and gains share one checkpoint, because a gain
-- depends on the neighboring readings at the same position of the log.

-- One row per post and agency: it belongs to the client and member of its last registration. The
-- texts of posts are in projection "contents"; the view in schema lb shows posts with their texts.
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
  -- The earliest registration; after an erasure, the earliest of the last registrations by origin.
  registered_at     timestamptz not null,
  updated_at        timestamptz not null, -- the latest registration
  listing           jsonb, -- last registration by the platform's listing
  main_app          jsonb -- last one by the main application; its values take precedence
);

-- Readings of posts, each with its step: the previous reading and the gain. A series consists of
-- the readings of one post for one agency, in order of capture. If the page moves to another client,
-- or back, the first value of each figure there is a baseline. Of two readings captured at the same
-- instant, only the one with the smaller event id is stored.
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
  from_zero          boolean     not null, -- a first figure counts as gained in full, unless moved
  published_at       timestamptz, -- as reported at capture
  moved              boolean     not null, -- an earlier reading of the series belongs to another client
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  saves              bigint,
  avg_watch_ms       bigint, -- average per view, as reported by the platform
  engagement         bigint,
  engagement_partial boolean     not null,
  previous_at        timestamptz, -- capture of the client's previous reading; null: its first here
  known_likes        bigint, -- if the reading has no likes: their last known value
  known_comments     bigint,
  known_shares       bigint,
  known_views        bigint,
  known_impressions  bigint,
  known_clicks       bigint,
  known_saves        bigint,
  glikes             bigint, -- gain since the last reading that has likes
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
-- with the newest row of its post and agency, which takes one index lookup; tSPostInsights would
-- need one lookup for each monthly partition.
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
  moved              boolean     not null,
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  saves              bigint,
  avg_watch_ms       bigint, -- average per view, as reported by the platform
  engagement         bigint,
  engagement_partial boolean     not null,
  known_likes        bigint, -- as in tSPostInsights
  known_comments     bigint,
  known_shares       bigint,
  known_views        bigint,
  known_impressions  bigint,
  known_clicks       bigint,
  known_saves        bigint,
  readings           integer     not null, -- number of readings on the day
  glikes             bigint, -- sum of the day's gains; null: no gain is known
  gcomments          bigint,
  gshares            bigint,
  gviews             bigint,
  gimpressions       bigint,
  gclicks            bigint,
  gsaves             bigint,
  gpartial           boolean     not null -- the engagement gain of a reading is partial
) with (fillfactor = 80);

-- Cumulative gains of a post within a month, up to the end of each day with a reading. The gain
-- between two days is a difference of two values instead of a sum over post_daily rows: a ranking
-- of thousands of posts reads two rows per post. Values that are read together are stored next to
-- each other, because memory access takes longer than addition: fixed-length columns come first,
-- and the sums of a day are adjacent. With 31 days, a row has about 2 kB and would be compressed
-- without toast_tuple_target.
create table post_months (
  social_account_id bigint     not null,
  member_id         bigint     not null,
  month             date       not null, -- first day of the month
  likes_days        integer    not null, -- bit mask of days with a known gain; bit 0: the first
  comments_days     integer    not null,
  shares_days       integer    not null,
  views_days        integer    not null,
  impressions_days  integer    not null,
  clicks_days       integer    not null,
  saves_days        integer    not null,
  partial_days      integer    not null, -- bit mask of days with a partial engagement gain
  p_id              smallint   not null,
  external_id       text       not null,
  parent_account    text       not null,
  account_id        text       not null,
  days              smallint[] not null, -- of the month, in order
  -- Seven numbers per day: the likes, comments, shares, views, impressions, clicks and saves gained
  -- from the start of the month to the end of the day.
  gained            bigint[]   not null
) with (fillfactor = 50, toast_tuple_target = 4080); -- leaves room in the page for daily updates

-- Gains of the readings of posts, by owner and quarter hour of capture. In every time zone, days
-- begin at a quarter hour of UTC, so these rows can be summed to the days, weeks and months of any
-- zone. Sums are not null: the counts (_n) distinguish 0 from unknown.
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
  partial_n          bigint      not null -- number of readings whose engagement gain is partial
) with (fillfactor = 80);

-- Erasures by agency and social account, like account_erasures.
create table post_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the last client of the account; '': unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- Pairs of ids that are one post, for example those of a Facebook video and of its post. One of them
-- counts; see post_merged_readings.
create table post_merges (
  social_account_id bigint      not null,
  external_id       text        not null, -- the other id
  merged_into       text        not null, -- the id of the post
  parent_account    text        not null,
  account_id        text        not null,
  member_id         bigint      not null,
  p_id              smallint    not null,
  merged_at         timestamptz not null,
  event_id          text        not null
);

-- All readings of the ids of merged posts that do not count, without their steps. The readings before
-- the first one of the id that counts are also in tSPostInsights, under that id; the others do not
-- count.
create table post_merged_readings (like tSPostInsights);

-- +keys

alter table tSPosts add primary key (social_account_id, external_id, parent_account);
-- For lists of posts, newest first, without reading the wide rows. Ids are compared bytewise, so
-- that the order does not depend on the collation of the database.
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at);

alter table tSPostInsights add primary key (social_account_id, external_id, parent_account, captured_at);

alter table post_daily add primary key (social_account_id, external_id, parent_account, day, account_id, member_id);
-- All rows of an agency for one day are one range of this index.
create index post_daily_days on post_daily (parent_account, day, account_id);

alter table post_months add primary key (social_account_id, external_id, parent_account, month, account_id, member_id);
create index post_months_tenant on post_months (parent_account, month, account_id, member_id);

alter table post_gains add primary key (social_account_id, quarter, parent_account, account_id, member_id, p_id);
create index post_gains_tenant on post_gains (parent_account, quarter);

alter table post_erasures add primary key (social_account_id, parent_account);

alter table post_merges add primary key (social_account_id, parent_account, external_id, merged_into);

alter table post_merged_readings add primary key (social_account_id, external_id, parent_account, captured_at);
