-- Projection "post_insights": posts, their readings and what these gained share a checkpoint, because a gain
-- needs its neighbours at the same position.

-- What a post says stands in projection "contents": schema lb shows both as one.
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
  registered_at     timestamptz not null, -- the earliest registration; where some are erased, the earliest of what each origin last said
  updated_at        timestamptz not null, -- the latest one
  newer_accounts    text[], -- other sub-accounts of the agency under which it was registered later; null without any
  listing           jsonb, -- what the platform's listing says, with its time and event
  main_app          jsonb -- what the main application says; stands before the listing, field by field
);

-- A reading, and its step: what stood before it, and what it gained. The series is the readings of one post for one
-- agency, in order of capture; at one instant the smaller event id is in it.
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
  from_zero          boolean     not null, -- what it is the first to have was gained, all of it
  published_at       timestamptz, -- as the reading knew it
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  saves              bigint,
  avg_watch_ms       bigint, -- of a view, on average: shown as read
  engagement         bigint,
  engagement_partial boolean     not null,
  previous_at        timestamptz, -- of the reading before it; null: it is the first
  known_likes        bigint, -- of a figure that it lacks: what the last reading before it that has the figure said
  known_comments     bigint,
  known_shares       bigint,
  known_views        bigint,
  known_impressions  bigint,
  known_clicks       bigint,
  known_saves        bigint,
  glikes             bigint, -- gained since the last reading before it that has the figure
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

-- The last reading of each post, owner and UTC day, and what all of the day's gained. The newest row of a post and agency
-- is what a new reading is compared with: one probe of one index, where the monthly partitions would need one probe each.
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
  avg_watch_ms       bigint, -- of a view, on average: shown as read
  engagement         bigint,
  engagement_partial boolean     not null,
  known_likes        bigint, -- as in tSPostInsights
  known_comments     bigint,
  known_shares       bigint,
  known_views        bigint,
  known_impressions  bigint,
  known_clicks       bigint,
  known_saves        bigint,
  readings           integer     not null, -- of the day
  glikes             bigint, -- sums over the day's readings; null: of none it is known
  gcomments          bigint,
  gshares            bigint,
  gviews             bigint,
  gimpressions       bigint,
  gclicks            bigint,
  gsaves             bigint,
  gpartial           boolean     not null -- of a reading it is known what a part of the engagement gained, and of another part not
) with (fillfactor = 80);

-- What a post gained in a month up to the end of each day on which it was read: what it gained from one day to another is
-- one difference, where post_daily would be summed row by row. A ranking of thousands of posts reads two rows of each. What it
-- reads stands close together, because fetching that from memory takes longer than adding it up: numbers first, and the sums
-- of one day side by side. With 31 days a row has some 2 kB, above which it would be compressed if nothing said otherwise.
create table post_months (
  social_account_id bigint     not null,
  member_id         bigint     not null,
  month             date       not null, -- its first day
  likes_days        integer    not null, -- the days of which a gain is known; the lowest bit is the first of the month
  comments_days     integer    not null,
  shares_days       integer    not null,
  views_days        integer    not null,
  impressions_days  integer    not null,
  clicks_days       integer    not null,
  saves_days        integer    not null,
  partial_days      integer    not null, -- the days whose gain of engagement lacks a part at a reading
  p_id              smallint   not null,
  external_id       text       not null,
  parent_account    text       not null,
  account_id        text       not null,
  days              smallint[] not null, -- of the month, in order
  -- For each of the days seven numbers: likes, comments, shares, views, impressions, clicks and saves gained in the month up to
  -- its end.
  gained            bigint[]   not null
) with (fillfactor = 50, toast_tuple_target = 4080); -- a row grows by a day each day, in its page

-- What the readings of posts gained, by owner and quarter of an hour of capture. In every zone days begin at a quarter of an
-- hour (UTC), so a few rows a day answer for days, weeks and months of any zone. Sums are null-free: the counts beside
-- them tell a 0 from nothing.
create table post_gains (
  social_account_id  bigint      not null,
  quarter            timestamptz not null,
  parent_account     text        not null,
  account_id         text        not null,
  member_id          bigint      not null,
  p_id               smallint    not null,
  readings           bigint      not null,
  last_at            timestamptz not null, -- of the last capture
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
  partial_n          bigint      not null -- of engagement_n: what a part gained is not known
) with (fillfactor = 80);

-- Up to when what an agency read of a social account is erased: as account_erasures.
create table post_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  account_id        text        not null, -- the client who had it last, whose answers say so; '' unknown
  p_id              smallint    not null,
  erased_at         timestamptz not null
);

-- +keys

alter table tSPosts add primary key (social_account_id, external_id, parent_account, account_id);
-- Lists of posts, newest first, without the wide rows. Ids are compared by their bytes, whatever the database's
-- collation is, so that pages come in one order everywhere.
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C", account_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at, newer_accounts);

alter table tSPostInsights add primary key (social_account_id, external_id, parent_account, captured_at);

alter table post_daily add primary key (social_account_id, external_id, parent_account, day, account_id, member_id);
-- All posts of an agency on one day are one stretch of this index.
create index post_daily_days on post_daily (parent_account, day, account_id);

alter table post_months add primary key (social_account_id, external_id, parent_account, month, account_id, member_id);
create index post_months_tenant on post_months (parent_account, month, account_id, member_id);

alter table post_gains add primary key (social_account_id, quarter, parent_account, account_id, member_id, p_id);
create index post_gains_tenant on post_gains (parent_account, quarter);

alter table post_erasures add primary key (social_account_id, parent_account);
