-- Projection "contents": the content of posts. Personal content is stored only here and on the
-- compacted topic.

-- The last content of each post of an agency, by origin.
create table post_contents (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  -- listing or main_app. A field of the main application overrides the field of the listing.
  origin            text        not null,
  account_id        text        not null, -- the client that it was sent for; others must not see it
  content           text,
  media_url         text,
  permalink         text,
  told_at           timestamptz not null -- time of the record
);

-- The planner's statistics contain column values long after the rows are deleted. A statistics
-- target of 0 prevents that for these columns.
alter table post_contents
  alter column content set statistics 0, alter column media_url set statistics 0, alter column permalink set statistics 0;

-- +keys

-- One index lookup finds both origins of a post.
alter table post_contents add primary key (parent_account, social_account_id, external_id, origin);
create index post_contents_account on post_contents (social_account_id);

-- +comments

comment on view post_contents is 'The content of posts, by origin: up to two rows a post. To count posts, use tsposts.';
