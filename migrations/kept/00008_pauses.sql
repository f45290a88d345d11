-- +goose Up
-- What stands still until an operator resumes it: the folding of a projection, the fetching of a platform. If it
-- is lost, all of it goes on; the trail in topic operations says what was paused.
create table pauses (
  kind   text        not null check (kind in ('projection', 'platform')),
  name   text        not null,
  since  timestamptz not null,
  actor  text        not null,
  code   text        not null, -- of the reason
  ticket text        not null, -- of the reason; '': none
  primary key (kind, name)
);
-- paused_projections had no reason of the fixed list, and is not read any more.
insert into pauses select 'projection', projection, at, actor, 'maintenance', '' from paused_projections;

-- +goose Down
drop table pauses;
