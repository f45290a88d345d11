-- Projection "contents": the content of posts. Personal content exists only here and on its
-- compacted topic.

-- The last content of a post by origin, per agency.
create table post_contents (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  origin            text        not null, -- listing or main_app; values of the main application override those of the listing, field by field
  account_id        text        not null, -- the client under which it was sent: another client that had the page does not see it
  content           text,
  media_url         text,
  permalink         text,
  told_at           timestamptz not null -- time of the record
);

-- The planner keeps column values long after their rows are gone; statistics 0 prevents that for
-- these.
alter table post_contents
  alter column content set statistics 0, alter column media_url set statistics 0, alter column permalink set statistics 0;

-- +keys

-- Both origins of a post are one index lookup.
alter table post_contents add primary key (parent_account, social_account_id, external_id, origin);
create index post_contents_account on post_contents (social_account_id);
