-- +goose Up
-- Whom the identity provider knows as whom: linked at the first sign-in, taken off by the command line alone.
create table identities (
  issuer    text not null,
  subject   text not null,
  user_id   text not null unique,
  linked_at timestamptz not null,
  primary key (issuer, subject)
);

-- +goose Down
drop table identities;
