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
  told_at           timestamptz not null -- when the origin said so
);

-- The planner keeps values of columns for long after their rows are gone; of these it keeps none.
alter table post_contents
  alter column content set statistics 0, alter column media_url set statistics 0, alter column permalink set statistics 0;

-- +keys

-- Both origins of a post are one probe.
alter table post_contents add primary key (parent_account, social_account_id, external_id, origin);
create index post_contents_account on post_contents (social_account_id);
