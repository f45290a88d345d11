-- Projection "dashboards". All tables share one checkpoint.

create table dashboard_preferences (
  parent_account         text        collate "C" not null,
  sub_account_id         text        collate "C" not null,
  document_id            text        not null,
  sub_account_ids        text[]      not null,
  users                  text[]      not null,
  main_poc               text[]      not null,
  allow_client_dashboard boolean     not null,
  scopes                 text[]      not null,
  created_at             timestamptz not null,
  updated_at             timestamptz not null,
  version                bigint      not null
) with (fillfactor = 50); -- room for the next version of each row, so that its users are not indexed again

-- One row for each dashboard that a record changed, and one row without a dashboard each time an
-- operator skipped an event.
create table dashboard_history (
  parent_account         text        collate "C" not null,
  sub_account_id         text        collate "C" not null, -- empty for a skip
  version                bigint      not null,
  event_id               text        not null,
  event_type             text        not null,
  time                   timestamptz not null,
  actor                  text        not null,
  role                   text        not null,
  on_behalf_of           text        not null,
  command_id             text        not null,
  request_id             text        not null,
  hash                   bytea       not null,
  -- The dashboard after the record; empty or null for a skip. Its users are in dashboard_listed.
  document_id            text,
  sub_account_ids        text[]      not null,
  users_count            bigint      not null,
  main_poc               text[]      not null,
  allow_client_dashboard boolean,
  scopes                 text[]      not null,
  created_at             timestamptz,
  updated_at             timestamptz,
  changed                text[]      not null, -- members that differ from those before the record
  skip                   jsonb                 -- payload of a skip
);

-- Who was on the list of a dashboard: a row for each uninterrupted period.
-- Who had access is the overlap of these rows with those of dashboard_allowed that are open.
create table dashboard_listed (
  parent_account text   collate "C" not null,
  sub_account_id text   collate "C" not null,
  user_id        text   collate "C" not null,
  from_version   bigint not null, -- of the record that added the user
  to_version     bigint not null  -- of the record that removed the user; the largest number while the user is listed
);

-- What a dashboard allowed: a row for each period between two changes of the flag or the scopes.
create table dashboard_allowed (
  parent_account text     collate "C" not null,
  sub_account_id text     collate "C" not null,
  from_version   bigint   not null, -- of the record that changed one of them, or created the dashboard
  to_version     bigint   not null, -- of the next such record; the largest number for the current row
  open           boolean  not null, -- to its clients
  open_since     bigint   not null, -- version since which it has been open or closed
  scopes         text[]   not null,
  scopes_since   bigint[] not null  -- versions that added the scopes, in their order
);

create table dashboard_commands (
  parent_account  text        not null,
  subject         text        not null, -- the sender; idempotency keys are scoped to it
  idempotency_key text        not null,
  command_id      text        not null,
  request_digest  text        not null,
  sub_account_id  text        not null, -- of the primary dashboard, which was in the response
  version         bigint      not null,
  time            timestamptz not null
);

create table access_notices (
  parent_account  text        not null,
  version         bigint      not null,
  user_id         text        collate "C" not null, -- pages are in byte order
  time            timestamptz not null,
  kind            text        not null, -- name of the notice: client_access_removed, board_closed
  sub_account_ids text[]      not null  -- dashboards that were closed; empty if access was removed
);

-- For people.
create view boards as
select parent_account, sub_account_id as account_id, allow_client_dashboard as open, scopes,
       sub_account_ids as clients, users, main_poc as contacts, created_at, updated_at, version
from dashboard_preferences;

-- For people: the overlap of dashboard_listed with dashboard_allowed.
create view access as
select l.parent_account, l.sub_account_id as account_id, l.user_id, a.scopes, b.time as began_at, e.time as ended_at,
       greatest(l.from_version, a.from_version) as began_version, e.version as ended_version
from dashboard_listed l
join dashboard_allowed a on a.parent_account = l.parent_account and a.sub_account_id = l.sub_account_id and a.open
  and a.to_version > l.from_version and l.to_version > a.from_version
join dashboard_history b on b.parent_account = l.parent_account and b.sub_account_id = l.sub_account_id
  and b.version = greatest(l.from_version, a.from_version)
left join dashboard_history e on e.parent_account = l.parent_account and e.sub_account_id = l.sub_account_id
  and e.version = least(l.to_version, a.to_version);

-- +keys

alter table dashboard_preferences add primary key (parent_account, sub_account_id);
create index dashboard_preferences_users on dashboard_preferences using gin (users);

alter table dashboard_history add primary key (parent_account, sub_account_id, version);
-- For pages of an agency's history in stream order.
create index dashboard_history_stream on dashboard_history (parent_account, version, sub_account_id);
-- Finds the version at a given time in one lookup, because times increase with versions.
create index dashboard_history_time on dashboard_history (parent_account, time, version);

-- All indexes contain all columns: they have the order of pages by dashboard and by user, and find the users of a
-- dashboard at a version.
alter table dashboard_listed
  add primary key (parent_account, sub_account_id, user_id, from_version) include (to_version);
create index dashboard_listed_users on dashboard_listed (parent_account, user_id, sub_account_id, from_version)
  include (to_version);
create index dashboard_listed_ends on dashboard_listed (parent_account, sub_account_id, to_version)
  include (from_version, user_id);

alter table dashboard_allowed add primary key (parent_account, sub_account_id, from_version);

alter table dashboard_commands add primary key (parent_account, subject, idempotency_key);
create unique index dashboard_commands_version on dashboard_commands (parent_account, version);
create index dashboard_commands_time on dashboard_commands (parent_account, time);

alter table access_notices add primary key (parent_account, user_id, version);
create index access_notices_stream on access_notices (parent_account, version, user_id);

-- +comments

comment on view boards is 'A row per board, as it is now.';
comment on column boards.parent_account is 'The agency.';
comment on column boards.account_id is 'The client whose board it is.';
comment on column boards.open is 'Whether its clients can open it.';
comment on column boards.scopes is 'What its clients can see.';
comment on column boards.clients is 'The clients whose figures it shows.';
comment on column boards.users is 'The users on its list. They have access if the board is open.';
comment on column boards.contacts is 'The main contacts at the agency.';
comment on column boards.version is 'The last change of the agency that changed the board.';
comment on view access is 'A row per period in which a user was on the list of an open board with the same scopes. Staff of the agency can open every board.';
comment on column access.parent_account is 'The agency.';
comment on column access.account_id is 'The client whose board it is.';
comment on column access.user_id is 'The user.';
comment on column access.scopes is 'What the user could see.';
comment on column access.began_at is 'When the period began.';
comment on column access.ended_at is 'When the period ended, exclusive. Null: it has not.';
comment on column access.began_version is 'The change with which it began.';
comment on column access.ended_version is 'The change with which it ended. Null: it has not.';
comment on view dashboard_preferences is 'Boards, for the program. Use boards.';
comment on view dashboard_listed is 'Who was on a list, for the program, also while the board was closed: use access.';
comment on view dashboard_allowed is 'What boards allowed, for the program. Use access.';
comment on view dashboard_history is 'A row per board that a change changed, and a row without a board per skipped event. To count changes, count distinct versions of an agency.';
comment on view dashboard_commands is 'Commands and their outcomes, for the program.';
comment on view access_notices is 'Notices to people whose access changed: several per change.';
