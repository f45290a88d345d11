-- +goose Up
-- What the analytics read. The projections of `metrics` are folded anew: their tables get columns that
-- only the log can fill.

truncate tSAccountIns, account_daily, tSPosts, tSPostInsights, tSPostGrowth, post_daily;
delete from parked where projection in ('account_insights', 'post_insights');
delete from checkpoints where projection in ('account_insights', 'post_insights');
delete from generations where projection in ('account_insights', 'post_insights');

-- The member is part of the key: a page that changes hands within a day has a last value of each.
alter table account_daily
  drop constraint account_daily_pkey,
  add primary key (social_account_id, parent_account, account_id, member_id, metric, kind, day, source, window_name);

-- When the post was published, as the reading knew it: of a post published in a range, everything was
-- gained in the range.
alter table tSPostInsights add column published_at timestamptz;
alter table post_daily add column published_at timestamptz;

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
  partial_n          bigint      not null, -- of engagement_n: a part was missing on both sides
  primary key (social_account_id, quarter, parent_account, account_id, member_id, p_id, began)
) with (fillfactor = 80);
create index post_gains_tenant on post_gains (parent_account, quarter);

-- All posts of an agency on one day are one stretch of this index.
drop index post_daily_tenant;
create index post_daily_days on post_daily (parent_account, day, account_id);

-- Lists of posts, newest first; without the wide rows. Ids are compared by their bytes, whatever the
-- database's collation is, so that pages come in one order everywhere.
drop index tSPosts_tenant;
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C", account_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at);

-- +goose Down
drop index tSPosts_newest, post_daily_days;
create index tSPosts_tenant on tSPosts (parent_account, account_id, published_at);
create index post_daily_tenant on post_daily (parent_account, account_id, day);
drop table post_gains;
alter table post_daily drop column published_at;
alter table tSPostInsights drop column published_at;
alter table account_daily
  drop constraint account_daily_pkey,
  add primary key (social_account_id, parent_account, account_id, metric, kind, day, source, window_name);
