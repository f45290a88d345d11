-- +goose Up
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
  listing           jsonb, -- what the platform's listing says, with its time and event
  main_app          jsonb, -- what the main application says; stands before the listing, field by field
  primary key (social_account_id, external_id, parent_account, account_id)
);
create index tSPosts_tenant on tSPosts (parent_account, account_id, published_at);

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
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  engagement         bigint,
  engagement_partial boolean     not null,
  primary key (social_account_id, external_id, captured_at)
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
  gengagement_partial boolean     not null,
  primary key (social_account_id, external_id, captured_at)
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
  likes              bigint,
  comments           bigint,
  shares             bigint,
  views              bigint,
  impressions        bigint,
  reach              bigint,
  clicks             bigint,
  engagement         bigint,
  engagement_partial boolean     not null,
  primary key (social_account_id, external_id, day, parent_account, account_id)
) with (fillfactor = 80);
create index post_daily_tenant on post_daily (parent_account, account_id, day);

-- +goose Down
drop table post_daily, tSPostGrowth, tSPostInsights, tSPosts;
