-- +goose Up
-- Who is signed in to the console. What opens a session or a link is in the browser alone: here is its SHA-256.
create table sessions (
  digest     bytea primary key check (octet_length(digest) = 32),
  id         text not null unique, -- names it where its person sees it
  user_id    text not null,
  account_id text not null,        -- '' for who is of no account, as operators
  role       text not null,        -- or several, with commas between them
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

-- +goose Down
drop table sign_in_links;
drop table sessions;
