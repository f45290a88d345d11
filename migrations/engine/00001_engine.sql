-- +goose Up
-- The state of the projection engine. Like the tables of projections, it can be dropped and rebuilt
-- from the log.

-- The id of this database. The names of consumer groups contain it, so that two databases on one
-- log do not share a group.
create table identity (
  only_row    boolean primary key default true check (only_row),
  database_id uuid    not null default gen_random_uuid()
);
insert into identity default values;

-- A generation is one set of tables, built by one version of a projector from one log. The tables
-- are in schema lb_<projection>_g<generation>; the views in schema lb_<projection>_v<version> show
-- the live generation.
create table generations (
  projection    text        not null,
  generation    int         not null,
  version       int         not null, -- of the projector's code
  topic         text        not null,
  topic_id      uuid        not null,
  -- copying: being built in bulk. building: processes fold the log into it; not read yet. live:
  -- processes fold the log into it; readers of its version use it. retired: kept for a rollback.
  -- dropped: no longer usable; its tables are dropped.
  state         text        not null check (state in ('copying', 'building', 'live', 'retired', 'dropped')),
  targets       jsonb       not null, -- by partition: the end offset to reach before readers use it
  created_at    timestamptz not null default clock_timestamp(),
  live_at       timestamptz,
  retired_at    timestamptz,
  primary key (projection, generation)
);

create unique index generations_one_live on generations (projection, version) where state = 'live';

create table checkpoints (
  projection    text        not null,
  generation    int         not null,
  partition     int         not null,
  state         text        not null check (state in ('copying', 'building', 'live', 'retired', 'dropped')),
  next_offset   bigint      not null,
  -- The topic that next_offset belongs to. After a restore, a process that was frozen may have
  -- different records at matching offsets.
  topic_id      uuid,                           -- null: not known yet, or brokers report no ids
  epoch         bigint      not null default 0, -- counts changes of rows at the same offset
  event_time    timestamptz,                    -- of the newest event folded
  progressed_at timestamptz not null,           -- time of the last batch; only for health
  caught_up_at  timestamptz not null,           -- when the end of the log was last reached
  primary key (projection, generation, partition),
  foreign key (projection, generation) references generations
) with (fillfactor = 50);

create table parked (
  projection text        not null,
  generation int         not null,
  partition  int         not null,
  log_offset bigint      not null,
  stream_key text        not null,
  event_type text        not null,
  event_id   text        not null,
  event_time timestamptz,
  reason     text        not null check (reason in
    ('malformed', 'unknown_type', 'undecodable', 'refused', 'write', 'chain_broken', 'behind')),
  detail     text        not null,
  state      text        not null check (state in ('parked', 'skipped', 'left_out')),
  primary key (projection, generation, partition, log_offset)
);
create index parked_stream on parked (projection, generation, stream_key, log_offset);

-- Each row is a rebuild. One process at a time runs it, under a lease number that only increases.
create table rebuilds (
  id            uuid        primary key,
  projection    text        not null,
  version       int         not null,
  generation    int,                  -- null until it is created
  back          boolean     not null default false, -- rollback to an existing generation
  state         text        not null check (state in
    ('requested', 'copying', 'indexing', 'catching_up', 'switching', 'done', 'canceled', 'failed')),
  cancel        boolean     not null default false,
  requested_by  text        not null,
  reason        text        not null,
  requested_at  timestamptz not null default clock_timestamp(),
  started_at    timestamptz,
  finished_at   timestamptz,
  lease         bigint      not null default 0,
  lease_until   timestamptz not null default '-infinity',
  events_done   bigint      not null default 0,
  events_total  bigint      not null default 0,
  rate          float8      not null default 0, -- events per second
  error         text,
  foreign key (projection, generation) references generations
);
create unique index rebuilds_one_at_a_time on rebuilds (projection, version) where finished_at is null;

-- The shards of a rebuild: one for each partition of the topic, and one for the keys and indexes of
-- each table, with the numbers -1, -2 and so on.
create table rebuild_shards (
  rebuild    uuid    not null references rebuilds on delete cascade,
  partition  int     not null,
  first      bigint  not null, -- first offset
  last       bigint  not null, -- end offset, exclusive
  lease      bigint  not null default 0,
  done       boolean not null default false,
  primary key (rebuild, partition)
);

-- The latest comparison of the tables of each generation with the log. Reports name columns but
-- contain none of their values.
create table table_checks (
  projection text        not null,
  generation int         not null,
  at         timestamptz not null,
  equal      boolean     not null,
  report     jsonb       not null,
  primary key (projection, generation)
);

-- The sum of bigint values as bigint: null without rows, an error on overflow. The built-in sum
-- returns numeric, and converting that took a sixth of the time of a ranking of thousands of posts.
create aggregate sum_bigint(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe);

-- +goose StatementBegin
create function attach_months(parent regclass, first date, last date) returns void language plpgsql as $$
declare
  month date := date_trunc('month', first);
  name  text;
begin
  while month <= last loop
    name := format('%s_%s', (select relname from pg_class where oid = parent), to_char(month, 'YYYYMM'));
    if to_regclass(name) is null then
      execute format('create table %I partition of %s for values from (%L) to (%L)',
        name, parent, month::timestamp at time zone 'UTC', (month + interval '1 month')::timestamp at time zone 'UTC');
    end if;
    month := month + interval '1 month';
  end loop;
end $$;
-- +goose StatementEnd
