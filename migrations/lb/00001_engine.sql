-- +goose Up
-- What every projection needs: generations, checkpoints, parked records, and the monthly partitions
-- of the reading tables. Names are unqualified on purpose: the search path decides the schema, so
-- that a shadow schema is made by the same files.

create table generations (
  projection text    not null,
  generation int     not null,
  version    int     not null, -- of the projector's code
  topic      text    not null,
  topic_id   uuid    not null,
  state      text    not null check (state in ('building', 'live', 'retired')),
  targets    jsonb   not null, -- partition → end offset to reach before it may go live
  primary key (projection, generation)
);
create unique index generations_one_current on generations (projection) where state <> 'retired';

create table checkpoints (
  projection    text        not null,
  generation    int         not null,
  partition     int         not null,
  state         text        not null check (state in ('building', 'live', 'retired')),
  next_offset   bigint      not null,
  epoch         bigint      not null default 0, -- counts what changed rows without moving the offset
  event_time    timestamptz,                    -- of the newest event folded
  progressed_at timestamptz not null,           -- wall clock of the last batch; for health only
  caught_up_at  timestamptz not null,           -- wall clock when the end of the log was last reached
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
  state      text        not null check (state in ('parked', 'skipped')),
  primary key (projection, generation, partition, log_offset)
);
create index parked_stream on parked (projection, generation, stream_key, log_offset);

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

-- +goose Down
drop function attach_months;
drop table parked, checkpoints, generations;
