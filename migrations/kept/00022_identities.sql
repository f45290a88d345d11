-- +goose Up
-- Whom the identity provider knows as whom: linked at the first sign-in, taken off by the command line alone.
create table identities (
  issuer    text not null,
  subject   text not null,
  user_id   text not null unique,
  linked_at timestamptz not null,
  primary key (issuer, subject)
);

-- When it was last recorded that a user was not let in: once in an hour is enough.
create table sign_in_refusals (
  user_id     text primary key,
  recorded_at timestamptz not null
);

-- +goose Down
drop table sign_in_refusals;
drop table identities;
