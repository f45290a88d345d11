-- Projection "post_insights". Posts, readings and gains share one checkpoint, because a gain
-- depends on the neighboring readings at the same position of the log.

-- One row per post and agency: it belongs to the client and member of its last registration. The
-- texts of posts are in projection "contents"; the view in schema lb shows posts with their texts.
create table tSPosts (
  social_account_id bigint   not null,
  external_id       text     not null,
  parent_account    text     not null,
  post              bigint   not null, -- its id in the tables of readings
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

-- The ids with which posts were read, and those that were merged with them. id is a hash of the others.
create table post_ids (
  id                bigint not null,
  social_account_id bigint not null,
  parent_account    text   not null,
  external_id       text   not null
);

-- The owners of readings; id is a hash of the next five columns. Columns that change with each
-- reading are in no index, so that updates are HOT.
create table post_owners (
  id                bigint      not null,
  parent_account    text        not null,
  social_account_id bigint      not null,
  account_id        text        not null,
  member_id         bigint      not null,
  p_id              smallint    not null,
  first_at          timestamptz not null, -- the earliest capture
  last_at           timestamptz not null  -- the latest capture
) with (fillfactor = 50);

-- Readings, each with its step: the previous reading and the gain. A series consists of the readings
-- that count for one post, in order of capture. If the page moves to another client, or back, the
-- first value of each figure there is a baseline. Of two readings of an id captured at the same
-- instant, only the one with the smaller event id is stored. The newest reading of a post is one
-- lookup, so the table has no partitions.
create table post_readings (
  post              bigint      not null, -- the post for which it counts; if it does not count, its own id
  captured_at       timestamptz not null,
  owner             bigint      not null,
  read_as           bigint, -- the id with which it was read, if that is not the post's
  published_at      timestamptz, -- as reported at capture
  previous_at       timestamptz, -- capture of the client's previous reading; null: its first here
  likes             bigint,
  comments          bigint,
  shares            bigint,
  views             bigint,
  impressions       bigint,
  reach             bigint,
  clicks            bigint,
  saves             bigint,
  avg_watch_ms      bigint, -- average per view, as reported by the platform
  known_likes       bigint, -- if the reading has no likes: their last known value
  known_comments    bigint,
  known_shares      bigint,
  known_views       bigint,
  known_impressions bigint,
  known_clicks      bigint,
  known_saves       bigint,
  glikes            bigint, -- gain since the last reading that has likes
  gcomments         bigint,
  gshares           bigint,
  gviews            bigint,
  gimpressions      bigint,
  gclicks           bigint,
  gsaves            bigint,
  a_type            smallint    not null,
  counted           boolean     not null,
  backfilled        boolean     not null,
  growth_eligible   boolean     not null,
  from_zero         boolean     not null, -- a first figure counts as gained in full, unless moved
  moved             boolean     not null, -- an earlier reading of the series belongs to another client
  event_id          bytea       not null -- a UUID, or 0 and the text of another id
);

-- Gains of a post by owner and week, from Monday in UTC: a sum and the number of gains in it for each
-- figure.
create table post_weeks (
  post          bigint      not null,
  owner         bigint      not null,
  begins        timestamptz not null,
  likes         bigint      not null,
  comments      bigint      not null,
  shares        bigint      not null,
  views         bigint      not null,
  impressions   bigint      not null,
  clicks        bigint      not null,
  saves         bigint      not null,
  likes_n       integer     not null,
  comments_n    integer     not null,
  shares_n      integer     not null,
  views_n       integer     not null,
  impressions_n integer     not null,
  clicks_n      integer     not null,
  saves_n       integer     not null,
  readings      integer     not null
) with (fillfactor = 80);

-- Gains of all posts of an owner by UTC day, and by quarter hour of capture: in every time zone, days
-- begin at a quarter hour of UTC.
create table post_days (
  owner      bigint      not null,
  begins     timestamptz not null,
  first_at   timestamptz not null, -- the earliest capture
  last_at    timestamptz not null, -- the latest capture
  likes      bigint      not null,
  comments   bigint      not null,
  shares     bigint      not null,
  views      bigint      not null,
  likes_n    integer     not null,
  comments_n integer     not null,
  shares_n   integer     not null,
  views_n    integer     not null,
  readings   integer     not null
) with (fillfactor = 80);
create table post_quarters (like post_days) with (fillfactor = 80);

create view tSPostInsights as
select i.social_account_id, i.external_id, case when r.counted then c.external_id end as counted_as, r.captured_at,
       case when length(r.event_id) = 16 then encode(r.event_id, 'hex')::uuid::text
         else convert_from(substring(r.event_id from 2), 'UTF8') end as event_id,
       o.parent_account, o.account_id, o.member_id, o.p_id, r.a_type, r.backfilled, r.growth_eligible, r.from_zero,
       r.published_at, r.moved,
       r.likes, r.comments, r.shares, r.views, r.impressions, r.reach, r.clicks, r.saves, r.avg_watch_ms,
       case when num_nonnulls(r.likes, r.comments, r.shares) > 0
         then coalesce(r.likes, 0) + coalesce(r.comments, 0) + coalesce(r.shares, 0) end as engagement,
       num_nonnulls(r.likes, r.comments, r.shares) < 3 as engagement_partial,
       r.previous_at, r.known_likes, r.known_comments, r.known_shares, r.known_views, r.known_impressions,
       r.known_clicks, r.known_saves, r.glikes, r.gcomments, r.gshares, r.gviews, r.gimpressions, r.gclicks, r.gsaves
from post_readings r
join post_owners o on o.id = r.owner
join post_ids c on c.id = r.post
join post_ids i on i.id = coalesce(r.read_as, r.post);

create view tSPostGrowth as
select social_account_id, counted_as as external_id, captured_at, previous_at, parent_account, account_id, member_id,
       p_id, glikes, gcomments, gshares, gviews, gimpressions, gclicks, gsaves,
       case when num_nonnulls(glikes, gcomments, gshares) > 0
         then coalesce(glikes, 0) + coalesce(gcomments, 0) + coalesce(gshares, 0) end as gengagement,
       num_nonnulls(glikes, gcomments, gshares) in (1, 2) as gengagement_partial
from tSPostInsights
where growth_eligible and previous_at is not null and counted_as is not null;

-- For people. The readings of each owner are grouped for themselves, so that few are sorted at once.
create view daily_posts as
select o.parent_account, o.account_id, o.member_id, o.social_account_id, i.external_id,
       {platform of o.p_id} as platform,
       d.day, d.published_at, d.likes, d.comments, d.shares, d.views,
       d.likes_gained, d.comments_gained, d.shares_gained, d.views_gained
from post_owners o
cross join lateral (
  select post, (captured_at at time zone 'UTC')::date as day, max(published_at) as published_at,
         (array_agg(likes order by captured_at desc) filter (where likes is not null))[1] as likes,
         (array_agg(comments order by captured_at desc) filter (where comments is not null))[1] as comments,
         (array_agg(shares order by captured_at desc) filter (where shares is not null))[1] as shares,
         (array_agg(views order by captured_at desc) filter (where views is not null))[1] as views,
         sum(glikes)::bigint as likes_gained,
         sum(gcomments)::bigint as comments_gained,
         sum(gshares)::bigint as shares_gained,
         sum(gviews)::bigint as views_gained
  from post_readings
  where owner = o.id and counted
  group by post, (captured_at at time zone 'UTC')::date) d
join post_ids i on i.id = d.post;

-- For people: rankings of posts read a row per week instead of each reading.
create view weekly_posts as
select o.parent_account, o.account_id, o.member_id, o.social_account_id, i.external_id,
       {platform of o.p_id} as platform,
       (w.begins at time zone 'UTC')::date as week,
       case when w.likes_n + w.comments_n + w.shares_n > 0 then w.likes + w.comments + w.shares end as engagement_gained,
       case when w.likes_n > 0 then w.likes end as likes_gained,
       case when w.comments_n > 0 then w.comments end as comments_gained,
       case when w.shares_n > 0 then w.shares end as shares_gained,
       case when w.views_n > 0 then w.views end as views_gained
from post_owners o
join post_weeks w on w.owner = o.id
join post_ids i on i.id = w.post;

-- For people.
create view gains as
select o.parent_account, o.account_id, o.member_id, o.social_account_id,
       {platform of o.p_id} as platform,
       (d.begins at time zone 'UTC')::date as day,
       case when d.likes_n + d.comments_n + d.shares_n > 0 then d.likes + d.comments + d.shares end as engagement,
       case when d.likes_n > 0 then d.likes end as likes,
       case when d.comments_n > 0 then d.comments end as comments,
       case when d.shares_n > 0 then d.shares end as shares,
       case when d.views_n > 0 then d.views end as views
from post_owners o
join post_days d on d.owner = o.id;

-- Erasures by agency and social account, like account_erasures.
create table post_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the last client of the account; '': unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- Pairs of ids that are one post, for example those of a Facebook video and of its post. One of them
-- is the post: its readings count, and those of the others before its first.
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

-- +keys

alter table tSPosts add primary key (social_account_id, external_id, parent_account);
create unique index tSPosts_post on tSPosts (post);
-- For lists of posts, newest first, without reading the wide rows. Ids are compared bytewise, so
-- that the order does not depend on the collation of the database.
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at);

alter table post_ids add primary key (id);
create index post_ids_social on post_ids (social_account_id, parent_account);

alter table post_owners add primary key (id);
create index post_owners_tenant on post_owners (parent_account, account_id);
create index post_owners_social on post_owners (social_account_id, parent_account);

alter table post_readings add primary key (post, counted, captured_at);
create index post_readings_owner on post_readings (owner, captured_at);

alter table post_weeks add primary key (post, begins, owner);
create index post_weeks_owner on post_weeks (owner, begins);

alter table post_days add primary key (owner, begins);

alter table post_quarters add primary key (owner, begins);

alter table post_erasures add primary key (social_account_id, parent_account);

alter table post_merges add primary key (social_account_id, parent_account, external_id, merged_into);

-- +comments

comment on view daily_posts is 'A row per post, client, member and UTC day with a reading. It reads each reading of the pages that you select: rank posts by weekly_posts. A null is not known, not 0.';
comment on column daily_posts.parent_account is 'The agency.';
comment on column daily_posts.account_id is 'The client that owned the page when the post was read.';
comment on column daily_posts.member_id is 'The member of the client to whom the page belonged.';
comment on column daily_posts.social_account_id is 'The page.';
comment on column daily_posts.external_id is 'The id of the post at the platform.';
comment on column daily_posts.platform is 'One of {platform names}.';
comment on column daily_posts.published_at is 'As the platform reports it.';
comment on column daily_posts.likes is 'Since the post was published, at the last reading of the day. Never add up days.';
comment on column daily_posts.comments is 'Since the post was published, at the last reading of the day. Never add up days.';
comment on column daily_posts.shares is 'Since the post was published, at the last reading of the day. Never add up days.';
comment on column daily_posts.views is 'Since the post was published, at the last reading of the day. Never add up days.';
comment on column daily_posts.likes_gained is 'Gained since the reading before. Can be added up.';
comment on column daily_posts.comments_gained is 'Gained since the reading before. Can be added up.';
comment on column daily_posts.shares_gained is 'Gained since the reading before. Can be added up.';
comment on column daily_posts.views_gained is 'Gained since the reading before. Can be added up.';
comment on view weekly_posts is 'What a post gained, per client, member and week from Monday in UTC. All figures can be added up. A null is not known, not 0.';
comment on column weekly_posts.parent_account is 'The agency.';
comment on column weekly_posts.account_id is 'The client that owned the page when the post was read.';
comment on column weekly_posts.member_id is 'The member of the client to whom the page belonged.';
comment on column weekly_posts.social_account_id is 'The page.';
comment on column weekly_posts.external_id is 'The id of the post at the platform.';
comment on column weekly_posts.platform is 'One of {platform names}.';
comment on column weekly_posts.week is 'The Monday.';
comment on column weekly_posts.engagement_gained is 'The sum of likes, comments and shares.';
comment on column weekly_posts.likes_gained is 'In the week.';
comment on column weekly_posts.comments_gained is 'In the week.';
comment on column weekly_posts.shares_gained is 'In the week.';
comment on column weekly_posts.views_gained is 'In the week: views of videos.';
comment on view gains is 'What all posts of a page gained, per client, member and UTC day. All figures can be added up. A null is not known, not 0.';
comment on column gains.parent_account is 'The agency.';
comment on column gains.account_id is 'The client that owned the page when its posts were read.';
comment on column gains.member_id is 'The member of the client to whom the page belonged.';
comment on column gains.social_account_id is 'The page.';
comment on column gains.platform is 'One of {platform names}.';
comment on column gains.engagement is 'The sum of likes, comments and shares.';
comment on column gains.likes is 'Of all posts of the page.';
comment on column gains.comments is 'Of all posts of the page.';
comment on column gains.shares is 'Of all posts of the page.';
comment on column gains.views is 'Views of videos.';
comment on view tSPostInsights is 'A row per reading, many a day. Its figures are running totals: do not add them up. Use daily_posts or gains.';
comment on view tSPostGrowth is 'A row per gain between two readings of a post, until the post reaches the age up to which growth is counted. gains and daily_posts have all gains.';
comment on view post_readings is 'Readings without their owners, for the program. Use daily_posts.';
comment on view post_weeks is 'Gains of a post in a week, for the program. Use weekly_posts.';
comment on view post_days is 'Gains of a day, for the program. Use gains.';
comment on view post_quarters is 'Gains of a quarter hour, for the program: post_days has the same gains. Use gains.';
comment on view tSPosts is 'Posts as registered last. A row per post and agency, without figures: use daily_posts or weekly_posts.';
comment on view post_ids is 'Ids of posts, for the program. Use tsposts.';
comment on view post_owners is 'Who owned the readings of posts, for the program. Use gains.';
comment on view post_erasures is 'Erasures of pages: the latest of each.';
comment on view post_merges is 'Pairs of ids that are one post. Its readings count once in daily_posts, weekly_posts and gains.';
