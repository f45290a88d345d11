-- +goose Up
-- Which platforms and kinds of posts have given no figures of late. The rows lost: a silence is told a day later.
create table silent_sources (
  p_id     smallint    not null,
  kind     text        not null, -- of the job, or the type of the posts
  since    timestamptz not null, -- of the first reading in vain
  last_at  timestamptz not null, -- of the last one
  readings int         not null, -- in vain since then
  why      text        not null, -- of the last one: our sentence
  told     boolean     not null default false, -- some process has logged it
  primary key (p_id, kind)
);

-- +goose Down
drop table silent_sources;
