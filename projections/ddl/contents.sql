-- Projection "contents": what posts say. Personal content: it lies here, and on its compacted topic, alone.

-- What each origin last said of a post, as one agency has it.
create table post_contents (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  origin            text        not null, -- listing or main_app; what the main application says stands before the listing, field by field
  account_id        text        not null, -- client under whom it was said: another one who had the page is not shown it
  content           text,
  media_url         text,
  permalink         text,
  told_at           timestamptz not null, -- when the origin said so
  covered           boolean     not null, -- a record that is not later lies over its own in the log: compaction would keep that one
  log_partition     integer     not null -- of its key: each partition is erased by a record of its own
);

-- What was erased, so that what was read before and comes later is not shown again. The log forgets tombstones in time and a
-- rebuild then knows less of them: they are no part of a comparison.
create table erased_contents (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  origin            text        not null,
  erased_at         timestamptz not null,
  covered           boolean     not null -- a record that is not later lies over the tombstone in the log
);

-- Up to when all that was said of the posts of an account is erased, as each partition of the topic says so.
create table content_erasures (
  social_account_id bigint      not null,
  parent_account    text        not null,
  log_partition     integer     not null,
  account_id        text        not null, -- client who had it last; '' when that is not known
  p_id              smallint    not null,
  erased_at         timestamptz not null,
  covered           boolean not null -- another record lies over its own in the log: compaction would keep that one
);

-- The planner keeps values of columns for long after their rows are gone; of these it keeps none.
alter table post_contents
  alter column content set statistics 0, alter column media_url set statistics 0, alter column permalink set statistics 0;

-- +keys

-- Both origins of a post are one probe.
alter table post_contents add primary key (parent_account, social_account_id, external_id, origin);
create index post_contents_account on post_contents (social_account_id);
create index post_contents_covered on post_contents (told_at) where covered;

alter table erased_contents add primary key (parent_account, social_account_id, external_id, origin);
create index erased_contents_covered on erased_contents (erased_at) where covered;

alter table content_erasures add primary key (social_account_id, parent_account, log_partition);
create index content_erasures_covered on content_erasures (erased_at) where covered;
