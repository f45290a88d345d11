-- +goose Up
-- What ties a session to a session at the identity provider, where it may end first.
alter table sessions
  add column provider_session text not null default '', -- the provider's id (sid); '': it names none
  add column checked_at       timestamptz,              -- when the provider was last asked; null: at the sign-in
  add column key_id           text,                     -- of sealed
  add column sealed           bytea;                    -- the provider's refresh token; null: none, or not kept
