-- Projection "operations": the audit trail for operators and auditors, and the state of each
-- connection and, where it differs, of its pages.

create table operations_trail (
  parent_account text        not null, -- '-': does not concern a single agency
  event_id       text        not null,
  event_type     text        not null,
  time           timestamptz not null,
  actor          text        not null,
  role           text        not null,
  request_id     text        not null,
  data           jsonb       not null
);

create table connection_states (
  connection_id  bigint      not null,
  social_account_id bigint   not null, -- the only page that is concerned; 0: all pages of the connection
  parent_account text        not null,
  p_id           smallint    not null,
  reason         jsonb,                -- why a person must sign in again; null: the connection works
  at             timestamptz not null, -- when it was last recorded; a later sign-in ends it
  since          timestamptz not null, -- when it began
  event_id       text        not null
);

-- +keys

alter table operations_trail add primary key (parent_account, event_id);
create index operations_trail_parent on operations_trail (parent_account, time, event_id);
-- For the actions of operators, newest first, and their outcomes.
create index operations_trail_acts on operations_trail (time, event_id)
  where event_type in ('operations.operator_acted.v1', 'operations.person_erased.v1', 'operations.data_imported.v1');
create index operations_trail_outcomes on operations_trail ((data ->> 'of'))
  where event_type = 'operations.operator_finished.v1';
-- Each request of a user who is not in the directory checks whether that person was erased.
create index operations_trail_erased on operations_trail ((data ->> 'user'))
  where event_type = 'operations.person_erased.v1';

-- A build may fold partitions separately, and a connection that moved to another agency may
-- have a state in two partitions. Only the later state is kept. Until the key exists, the whole row
-- identifies it: otherwise a publication for all tables refuses the deletion.
alter table connection_states replica identity full;
delete from connection_states s using connection_states t
where s.connection_id = t.connection_id and s.social_account_id = t.social_account_id
  and (t.at > s.at or t.at = s.at and t.event_id collate "C" < s.event_id collate "C");
alter table connection_states add primary key (connection_id, social_account_id);
alter table connection_states replica identity default;

-- +comments

comment on view operations_trail is 'Views of the history, actions of operators and changes of connections. An action has several rows: its request and its outcome.';
comment on view connection_states is 'The state of each connection, as recorded last.';
