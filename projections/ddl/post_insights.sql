-- Projection "post_insights": posts, their readings and growth share a checkpoint, because growth
-- needs its neighbours at the same position.

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
  content           text,
  media_url         text,
  permalink         text,
  registered_at     timestamptz not null, -- the earliest registration
  updated_at        timestamptz not null, -- the latest one
  newer_accounts    text[], -- other sub-accounts of the agency under which it was registered later; null without any
  listing           jsonb, -- what the platform's listing says, with its time and event
  main_app          jsonb -- what the main application says; stands before the listing, field by field
);

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
  published_at       timestamptz, -- as the reading knew it
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  engagement         bigint,
  engagement_partial boolean     not null
) partition by range (captured_at);
create table tSPostInsights_rest partition of tSPostInsights default;

create table tSPostGrowth (
  social_account_id   bigint      not null,
  external_id         text        not null,
  captured_at         timestamptz not null, -- of the newer reading
  previous_at         timestamptz not null,
  parent_account      text        not null,
  account_id          text        not null,
  member_id           bigint      not null,
  p_id                smallint    not null,
  glikes              bigint,
  gcomments           bigint,
  gshares             bigint,
  gviews              bigint,
  gimpressions        bigint,
  gclicks             bigint,
  gengagement         bigint,
  gengagement_partial boolean     not null
) partition by range (captured_at);
create table tSPostGrowth_rest partition of tSPostGrowth default;

-- The last reading of each post and UTC day. Its newest row is the post's latest reading, which is
-- what a new reading is compared with: one probe of one index, where the monthly partitions would
-- need one probe each.
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
  growth_eligible    boolean     not null,
  published_at       timestamptz,
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  engagement         bigint,
  engagement_partial boolean     not null
) with (fillfactor = 80);

-- What the readings of posts gained, by social account and quarter of an hour of capture. In every zone
-- days begin at a quarter of an hour (UTC), so a few rows a day answer for days, weeks and months of any
-- zone. A reading gains against the one before it of the same post and sub-account; a first reading
-- gains all it counts, in ranges that began before the post was published. Sums are null-free: the
-- counts beside them tell a 0 from nothing.
create table post_gains (
  social_account_id  bigint      not null,
  quarter            timestamptz not null,
  parent_account     text        not null,
  account_id         text        not null,
  member_id          bigint      not null,
  p_id               smallint    not null,
  began              timestamptz not null, -- counts in ranges that begin at this instant or before it
  readings           bigint      not null,
  last_at            timestamptz,          -- of the last capture; null in the rows of first readings
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
  partial_n          bigint      not null -- of engagement_n: a part was missing on both sides
) with (fillfactor = 80);

-- +keys

alter table tSPosts add primary key (social_account_id, external_id, parent_account, account_id);
-- Lists of posts, newest first, without the wide rows. Ids are compared by their bytes, whatever the database's
-- collation is, so that pages come in one order everywhere.
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C", account_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at, newer_accounts);

alter table tSPostInsights add primary key (social_account_id, external_id, captured_at);

alter table tSPostGrowth add primary key (social_account_id, external_id, captured_at);

alter table post_daily add primary key (social_account_id, external_id, day, parent_account, account_id);
-- All posts of an agency on one day are one stretch of this index.
create index post_daily_days on post_daily (parent_account, day, account_id);

alter table post_gains add primary key (social_account_id, quarter, parent_account, account_id, member_id, p_id, began);
create index post_gains_tenant on post_gains (parent_account, quarter);
