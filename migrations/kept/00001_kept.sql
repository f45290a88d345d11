-- +goose Up
-- What the log must not contain. For each table: who uses it, and what losing its rows costs.

-- Sealed tokens. Times, scopes and the end of data access are also in the sealed token; here they
-- can be shown without a key.
create table secrets (
  ref               text        primary key,
  key_id            text        not null,
  sealed            bytea       not null,
  updated_at        timestamptz not null,
  expires_at        timestamptz, -- null: never, unknown, or no token
  renewable_until   timestamptz, -- after that a person must sign in again; null: unknown, or never renewed
  granted           text,        -- scopes in order, separated by spaces; null: not queried yet
  data_access_until timestamptz, -- null: not queried yet, or the platform reports no end
  -- When the person signed in. A renewal changes only updated_at: it is no reason to retry a
  -- connection that waits for a person.
  signed_in_at      timestamptz not null default now()
);

create table notice_cursors (
  parent_account text        not null,
  user_id        text        not null,
  version        bigint      not null,
  updated_at     timestamptz not null,
  primary key (parent_account, user_id)
);

-- What the fetchers share: one row for each social account and kind of reading (account_insights, post_insights,
-- token_refresh). If it is lost, everything is due at once, and nothing is read wrongly.
create table fetch_state (
  kind               text        not null,
  p_id               smallint    not null,
  social_account_id  bigint      not null,
  read_at            timestamptz,
  due_at             timestamptz not null,
  failures           int         not null default 0,  -- since it was last read
  class              text        not null default '', -- of the last failure; '' after a success
  reason             text        not null default '',
  backfilled_at      timestamptz, -- when the whole history was read
  demographics_at    timestamptz,
  updated_at         timestamptz not null,
  -- Rows of kind post_insights: how far the posts were listed, from the newest back. A listing may take several rounds.
  list_cursor        text        not null default '', -- where an unfinished listing continues
  list_began         timestamptz, -- when the unfinished listing began
  listed_to          timestamptz, -- when the last finished listing began
  -- Rows of kind account_insights: how far back the history was read, a part with each reading.
  history_from       date,        -- this day and those after it were read
  history_failures   int         not null default 0, -- in a row
  history_not_before timestamptz,
  history_class      text        not null default '', -- of the last failure; '' after a success
  history_reason     text        not null default '',
  claimed_until      timestamptz, -- by the database's clock; null or past: not claimed
  pace               text        not null default '', -- a sentence for people: how often it is read, and why not more often
  calls_a_day        int         not null default 0,  -- calls per day at this pace
  -- The account comes first: while the table is not analyzed, the planner would otherwise read a
  -- whole queue for a few rows.
  primary key (social_account_id, kind, p_id)
) with (fillfactor = 70); -- rows change often, indexed columns do not

-- One row per quota (see internal/quota). If it is lost, the quotas are refilled slowly.
create table fetch_budgets (
  name       text primary key,
  calls      double precision not null, -- remaining at that time
  at         timestamptz      not null,
  held_until timestamptz
) with (fillfactor = 50);

-- Who renews the tokens of a connection now. If a holder dies, another may take over after expiry.
create table token_leases (
  ref   text primary key,
  token text        not null,
  until timestamptz not null
);

-- A change of a connection's state that was recorded in the log, until the read side shows it.
create table connection_marks (
  connection_id bigint primary key,
  state         text        not null,
  at            timestamptz not null,
  recorded      timestamptz -- time of the recorded change; null: unknown whether the log has one
);

-- Posts whose request failed: deleted, hidden, not readable with this token, or without recordable
-- figures. They are requested less and less often. A reading deletes the row.
create table post_notes (
  social_account_id bigint      not null,
  external_id       text        not null,
  class             text        not null, -- of the reason
  since             timestamptz not null,
  tried_at          timestamptz not null, -- last
  primary key (social_account_id, external_id)
);
create index on post_notes (tried_at); -- old rows are deleted

-- What is paused until an operator resumes it. If it is lost, all of it continues; topic operations records what was paused.
create table pauses (
  kind   text        not null check (kind in ('projection', 'platform', 'connection')),
  name   text        not null, -- of a connection its id
  since  timestamptz not null,
  actor  text        not null,
  code   text        not null, -- of the reason
  ticket text        not null, -- of the reason; '': none
  primary key (kind, name)
);

-- The key that seals the tickets of streams. All processes share it, including a main application
-- that mounts the API and has none of our keys. It is not sealed: it opens streams that report
-- changes, which readers of this database can read anyway. Deleting the row and restarting creates
-- a new key; pages then request new tickets.
create table ticket_key (
  one boolean primary key default true check (one),
  key bytea   not null check (length(key) = 32)
);

-- The planner keeps values of columns long after their rows are gone; statistics 0 prevents that for the columns below.

-- The platform's last error message for a reading of an account. Messages may name people, so they
-- are neither in the event log nor in log files, and are deleted after 30 days. If it is lost,
-- class and code remain.
create table platform_words (
  social_account_id bigint      not null,
  kind              text        not null, -- of the reading, or history
  said_at           timestamptz not null,
  class             text        not null, -- of the failure
  words             text        not null, -- tokens removed
  primary key (social_account_id, kind)
);
create index on platform_words (said_at);
alter table platform_words alter column words set statistics 0;

-- A person's grant to one of our apps. The tokens are sealed in table secrets, under secret_ref. If
-- it is lost, the grant is not revoked at the platform with the last connection, and pages that a
-- later grant omits are not reported; each sign-in creates its row again.
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

-- The connections that use a grant, of all agencies.
create table granted_connections (
  connection_id  bigint      primary key,
  parent_account text        not null,
  reads          smallint    not null, -- the platform that the connection reads: Instagram accounts linked to pages use grants of Facebook
  token_of       text        not null, -- the platform's id of the page with its own token, otherwise of the person
  secret_ref     text        not null, -- of that token
  platform       smallint    not null,
  app            text        not null,
  person         text        not null,
  hung_at        timestamptz not null default 'epoch', -- the last grant that attached it; only that one may detach it
  foreign key (platform, app, person) references grants on delete cascade
);
create index on granted_connections (platform, app, person);
create index on granted_connections (secret_ref);

-- Links for people without a login to connect accounts. If it is lost, the links no longer work.
create table connect_links (
  id             uuid        primary key,
  token          bytea       not null unique, -- SHA-256
  cookie         bytea,                       -- SHA-256, of the browser that opened it first
  parent_account text        not null,
  account_id     text        not null,
  platforms      smallint[]  not null,
  made_by        text        not null,
  made_role      text        not null,        -- agency or client: a client's link ends with its maker's right to connect
  made_at        timestamptz not null,
  expires_at     timestamptz not null,
  revoked_at     timestamptz
);
create index on connect_links (parent_account, made_at);

-- Sign-ins in progress, and their outcome for a day. If it is lost, they must be restarted.
create table connect_attempts (
  id             uuid        primary key,
  start          bytea       not null unique, -- SHA-256 of the end of its address
  state          bytea       unique,          -- SHA-256 of the state that the platform returns; null until it is opened
  cookie         bytea,                       -- SHA-256, of the browser that opened it
  parent_account text        not null,
  account_id     text        not null,
  user_id        text        not null,        -- '': by a link
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
  -- The grant (its secret_ref) that the waiting tokens would renew. It is not revoked in the
  -- meantime. Null: unknown.
  grant_ref      text
);
create index on connect_attempts (expires_at);
create index on connect_attempts (grant_ref);
alter table connect_attempts alter column outcome set statistics 0;

-- Deletion requests of people to Meta, until 90 days after completion. If it is lost, status pages
-- do not find them, and incomplete requests must be made again.
create table deletion_requests (
  code          text        not null, -- names no person
  platform      smallint    not null,
  person        text        not null, -- the platform's id; '' when it is done
  asked_at      timestamptz not null,
  claimed_until timestamptz,          -- null: no process works on it
  done_at       timestamptz,
  primary key (code, platform)
);

-- Sessions of the console. Only the browser has the secret of a session or a link; this table has
-- its SHA-256.
create table sessions (
  digest     bytea primary key check (octet_length(digest) = 32),
  id         text not null unique, -- the id that its person sees
  user_id    text not null,
  account_id text not null,        -- '': no account, for operators
  role       text not null,        -- or several, separated by commas
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

-- The user of a person at the identity provider: linked at the first sign-in, unlinked only on the
-- command line.
create table identities (
  issuer    text not null,
  subject   text not null,
  user_id   text not null unique,
  linked_at timestamptz not null,
  primary key (issuer, subject)
);

-- Small copies of posts' pictures, sealed because they show people. A row without a picture was
-- requested without success. If it is lost, pictures with valid addresses are fetched again; the
-- others show a letter.
create table pictures (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  tries             smallint    not null,
  tried_at          timestamptz not null,
  next_at           timestamptz not null, -- not requested before; infinity: never
  key_id            text,                 -- of the key that sealed it
  sealed            bytea,                -- null: no picture
  primary key (parent_account, social_account_id, external_id),
  check ((key_id is null) = (sealed is null))
);
create index on pictures (social_account_id);
alter table pictures alter column sealed set storage external, alter column sealed set statistics 0;
