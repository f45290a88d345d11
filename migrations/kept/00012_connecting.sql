-- +goose Up
-- What a person gave one of our apps. The tokens are sealed in table secrets, under secret_ref. Rows lost: the consent is not given back at
-- the platform when the last connection goes, and pages that a later consent leaves out are not named; each sign-in makes its row anew.
create table grants (
  platform          smallint    not null,
  app               text        not null, -- our client id there
  person            text        not null, -- the platform's id of the person
  secret_ref        text        not null unique,
  granted           text[]      not null, -- scopes, as the platform said
  declined          text[]      not null,
  consented_at      timestamptz not null,
  data_access_until timestamptz,          -- null: not said
  primary key (platform, app, person)
);

-- The connections that hang on a grant, of all agencies.
create table granted_connections (
  connection_id  bigint   primary key,
  parent_account text     not null,
  reads          smallint not null, -- the platform that it reads: Instagram's accounts behind pages hang on grants of Facebook
  token_of       text     not null, -- the platform's id of the page with its own token, else of the person
  secret_ref     text     not null, -- of that token
  platform       smallint not null,
  app            text     not null,
  person         text     not null,
  foreign key (platform, app, person) references grants on delete cascade
);
create index on granted_connections (platform, app, person);
create index on granted_connections (secret_ref);

-- Links by which somebody without a login connects. Rows lost: the links do not work any more.
create table connect_links (
  id             uuid        primary key,
  token          bytea       not null unique, -- SHA-256
  cookie         bytea,                       -- SHA-256, of the browser that followed it first; null: none did
  parent_account text        not null,
  account_id     text        not null,
  platforms      smallint[]  not null,
  made_by        text        not null,
  made_role      text        not null,        -- agency or client: a client's link goes with its maker's right to connect
  made_at        timestamptz not null,
  expires_at     timestamptz not null,
  revoked_at     timestamptz
);
create index on connect_links (parent_account, made_at);

-- Sign-ins under way, and for a day what came of them. Rows lost: they must be begun again.
create table connect_attempts (
  id             uuid        primary key,
  start          bytea       not null unique, -- SHA-256 of what its address ends in
  state          bytea       unique,          -- SHA-256 of what the platform brings back; null until it is opened
  cookie         bytea,                       -- SHA-256, of the browser in which it was opened
  parent_account text        not null,
  account_id     text        not null,
  user_id        text        not null,        -- '': by a link
  role           text        not null,
  link_id        uuid        references connect_links on delete cascade,
  platform       smallint    not null,
  redirect_uri   text        not null,
  return_to      text        not null,
  social_account bigint      not null,        -- that is connected again; 0: none
  step           text        not null check (step in ('begun', 'opened', 'taken', 'choosing', 'done')),
  outcome        jsonb,
  created_at     timestamptz not null,
  expires_at     timestamptz not null
);
create index on connect_attempts (expires_at);

-- +goose Down
drop table connect_attempts, connect_links, granted_connections, grants;
