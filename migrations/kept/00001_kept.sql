-- +goose Up
-- Data that the log must not contain. Comments say what is lost if the rows of a table are lost.

-- Sealed tokens. The times, the scopes and the end of data access are also in the sealed token, but
-- these columns can be read without a key.
create table secrets (
  ref               text        primary key,
  key_id            text        not null,
  sealed            bytea       not null,
  updated_at        timestamptz not null,
  expires_at        timestamptz, -- null: never, unknown, or no token
  renewable_until   timestamptz, -- then a person must sign in again; null: unknown, or not renewable
  granted           text,        -- scopes in order, separated by spaces; null: not queried yet
  data_access_until timestamptz, -- null: not queried yet, or the platform reports no end
  -- When the person signed in. A renewal changes only updated_at, because it does not help a
  -- connection that waits for a person to sign in.
  signed_in_at      timestamptz not null default now()
);

create table notice_cursors (
  parent_account text        not null,
  user_id        text        not null,
  version        bigint      not null,
  updated_at     timestamptz not null,
  primary key (parent_account, user_id)
);

-- The state that the fetchers share: one row for each social account and kind of reading
-- (account_insights, post_insights, token_refresh). If it is lost, everything is due at once, but
-- all readings stay correct.
create table fetch_state (
  kind               text        not null,
  p_id               smallint    not null,
  social_account_id  bigint      not null,
  read_at            timestamptz,
  due_at             timestamptz not null,
  failures           int         not null default 0,  -- since the last success
  class              text        not null default '', -- of the last failure; '' after a success
  problem            text        not null default '', -- what people must do about it; '' if that is unknown
  reason             text        not null default '', -- the cause
  backfilled_at      timestamptz, -- when the whole history was read
  demographics_at    timestamptz,
  updated_at         timestamptz not null,
  -- Only for kind post_insights: how far the posts were listed, from the newest to older ones. A
  -- listing may take several rounds.
  list_cursor        text        not null default '', -- where an unfinished listing continues
  list_began         timestamptz, -- when the unfinished listing began
  listed_to          timestamptz, -- when the last finished listing began
  -- Only for kind account_insights: how far back the history was read. Each reading reads a part of
  -- it.
  history_from       date,        -- this day and those after it were read
  history_failures   int         not null default 0, -- consecutive failures
  history_not_before timestamptz,
  history_class      text        not null default '', -- of the last failure; '' after a success
  history_problem    text        not null default '',
  history_reason     text        not null default '',
  claimed_until      timestamptz, -- time of the database; null or past: not claimed
  -- For people: how often the account is read, and why not more often.
  pace               text        not null default '',
  calls_a_day        int         not null default 0,  -- calls per day at this pace
  -- The account comes first, because while the table is not analyzed, the planner would otherwise
  -- read all rows of a kind to find a few.
  primary key (social_account_id, kind, p_id)
) with (fillfactor = 70); -- rows change often, indexed columns do not

-- One row per quota (see commands/collect). If it is lost, the quotas refill slowly.
create table fetch_budgets (
  name       text primary key,
  calls      double precision not null, -- remaining at time at
  at         timestamptz      not null,
  held_until timestamptz
) with (fillfactor = 50);

-- Leases of processes that renew the tokens of a connection. If the holder dies, another process
-- can take over when the lease expires.
create table token_leases (
  ref   text primary key,
  token text        not null,
  until timestamptz not null
);

-- Changes of the states of connections that a fetcher has recorded in the log or is about to
-- record. They ensure that only one of several fetchers records a change.
create table connection_marks (
  connection_id bigint primary key,
  state         text        not null,
  at            timestamptz not null,
  recorded      timestamptz -- time of the record in the log; null: may not be in the log
);

-- Posts whose request failed because they are deleted, hidden, not readable with the token, or
-- without usable figures. They are requested less and less often. A successful reading deletes the
-- row.
create table post_notes (
  social_account_id bigint      not null,
  external_id       text        not null,
  class             text        not null, -- of the failure
  since             timestamptz not null,
  tried_at          timestamptz not null, -- the last attempt
  primary key (social_account_id, external_id)
);
create index on post_notes (tried_at); -- old rows are deleted

-- Pauses, which last until an operator resumes what is paused. If they are lost, everything
-- continues; topic operations shows what was paused.
create table pauses (
  kind   text        not null check (kind in ('projection', 'platform', 'connection')),
  name   text        not null, -- of a connection: its id
  since  timestamptz not null,
  actor  text        not null,
  code   text        not null, -- of the reason
  ticket text        not null, -- of the reason; '': none
  primary key (kind, name)
);

-- The key that seals the tickets of streams. All processes share it, including a main application
-- that mounts the API and has none of our keys. The key itself is not sealed: it only gives access
-- to streams of changes, which anyone who can read this database can see anyway. To replace the
-- key, delete the row and restart all processes; pages then request new tickets.
create table ticket_key (
  one boolean primary key default true check (one),
  key bytea   not null check (length(key) = 32)
);

-- The planner's statistics contain column values long after the rows are deleted. A statistics
-- target of 0 prevents that for the columns below.

-- The platform's last error message for a reading of an account. Messages may name people, so they
-- are neither in the event log nor in log files, and are deleted after 30 days. If a message is
-- lost, the class of the failure is still known.
create table platform_words (
  social_account_id bigint      not null,
  kind              text        not null, -- the kind of reading, or history
  said_at           timestamptz not null,
  class             text        not null, -- of the failure
  words             text        not null, -- the message, without tokens
  primary key (social_account_id, kind)
);
create index on platform_words (said_at);
alter table platform_words alter column words set statistics 0;

-- A person's grant to one of our apps. The tokens are sealed in table secrets, under secret_ref. If
-- a row is lost, the grant is not revoked at the platform when its last connection is removed, and
-- pages that a later grant omits are not reported. Each sign-in creates the row again.
create table grants (
  platform          smallint    not null,
  app               text        not null, -- our client id on the platform
  person            text        not null, -- the platform's id of the person
  secret_ref        text        not null unique,
  granted           text[]      not null, -- scopes, as the platform reported them
  declined          text[]      not null,
  consented_at      timestamptz not null,
  data_access_until timestamptz,          -- null: not reported
  primary key (platform, app, person)
);

-- The connections of all agencies that use a grant.
create table granted_connections (
  connection_id  bigint      primary key,
  parent_account text        not null,
  -- The platform that the connection reads. Instagram accounts linked to pages use Facebook grants.
  reads          smallint    not null,
  -- The platform's id of the page if the page has a token, otherwise of the person.
  token_of       text        not null,
  secret_ref     text        not null, -- of that token
  platform       smallint    not null,
  app            text        not null,
  person         text        not null,
  hung_at        timestamptz not null default 'epoch', -- consent time of the grant that attached it
  foreign key (platform, app, person) references grants on delete cascade
);
create index on granted_connections (platform, app, person);
create index on granted_connections (secret_ref);

-- Links with which people without a login can connect accounts. If a row is lost, its link no
-- longer works.
create table connect_links (
  id             uuid        primary key,
  token          bytea       not null unique, -- SHA-256
  cookie         bytea,                       -- SHA-256, of the browser bound to the link
  parent_account text        not null,
  account_id     text        not null,
  platforms      smallint[]  not null,
  made_by        text        not null,
  made_role      text        not null,        -- agency or client
  made_at        timestamptz not null,
  expires_at     timestamptz not null,
  revoked_at     timestamptz
);
create index on connect_links (parent_account, made_at);

-- Sign-ins in progress, and their outcomes for a day. If a row is lost, the sign-in must be started
-- again.
create table connect_attempts (
  id             uuid        primary key,
  start          bytea       not null unique, -- SHA-256 of the last part of the start URL
  state          bytea       unique,          -- SHA-256 of the OAuth state; null until it is opened
  cookie         bytea,                       -- SHA-256, of the browser that opened it
  parent_account text        not null,
  account_id     text        not null,
  user_id        text        not null,        -- '': the sign-in began with a link
  role           text        not null,
  link_id        uuid        references connect_links on delete cascade,
  platform       smallint    not null,
  redirect_uri   text        not null,
  return_to      text        not null,
  social_account bigint      not null,        -- the account to reconnect; 0: none
  step           text        not null check (step in ('begun', 'opened', 'taken', 'choosing', 'done')),
  outcome        jsonb,
  created_at     timestamptz not null,
  expires_at     timestamptz not null,
  -- The secret_ref of the grant that the waiting tokens would renew. The grant is not revoked in
  -- the meantime. Null: unknown.
  grant_ref      text
);
create index on connect_attempts (expires_at);
create index on connect_attempts (grant_ref);
alter table connect_attempts alter column outcome set statistics 0;

-- Requests that people have made to Meta to delete their data, until 90 days after completion. If a
-- row is lost, its status page no longer works, and an incomplete request must be made again.
create table deletion_requests (
  code          text        not null, -- identifies no person
  platform      smallint    not null,
  person        text        not null, -- the platform's id; '' once the request is completed
  asked_at      timestamptz not null,
  claimed_until timestamptz,          -- null: no process works on it
  done_at       timestamptz,
  primary key (code, platform)
);

-- Sessions of the console. Only the browser has the secret of a session; this table has its
-- SHA-256.
create table sessions (
  digest     bytea primary key check (octet_length(digest) = 32),
  id         text not null unique, -- shown to people
  user_id    text not null,
  account_id text not null,        -- '': an operator, who has no account
  role       text not null,        -- roles, separated by commas
  way        text not null,        -- how the person signed in
  begun_at   timestamptz not null,
  seen_at    timestamptz not null,
  expires_at timestamptz not null
);
create index on sessions (user_id);

create table sign_in_links (
  digest     bytea primary key check (octet_length(digest) = 32),
  user_id    text not null,
  account_id text not null,
  role       text not null,
  made_by    text not null,
  made_at    timestamptz not null,
  expires_at timestamptz not null
);
create index on sign_in_links (user_id);

-- The users of people at the identity provider. A person is linked at the first sign-in or on the
-- command line, and unlinked only on the command line. Links to an earlier issuer remain, in case the
-- operator returns to it.
create table identities (
  issuer    text not null,
  subject   text not null,
  user_id   text not null,
  linked_at timestamptz not null,
  primary key (issuer, subject),
  unique (user_id, issuer)
);

-- What is being added to the directory and must not be added twice: the address of an invitation, the
-- first agency. The tables of the directory show it only after a moment. If a row is lost, two
-- concurrent requests can both succeed.
create table reservations (
  key    bytea       primary key, -- SHA-256
  holder bytea       not null,    -- SHA-256 of the id that is being added
  until  timestamptz not null
);

-- Small copies of the pictures of posts, sealed because they may show people. A row without a
-- picture stands for a picture that could not be loaded. If a row is lost, the picture is loaded
-- again if its URL is still valid; otherwise a letter is shown.
create table pictures (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  tries             smallint    not null,
  tried_at          timestamptz not null,
  next_at           timestamptz not null, -- the next attempt; infinity: never
  key_id            text,                 -- of the key that sealed the picture
  sealed            bytea,                -- null: no picture
  primary key (parent_account, social_account_id, external_id),
  check ((key_id is null) = (sealed is null))
);
create index on pictures (social_account_id);
alter table pictures alter column sealed set storage external, alter column sealed set statistics 0;
