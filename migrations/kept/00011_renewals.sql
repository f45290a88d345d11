-- +goose Up
-- The process that renews a token claims its row for longer than the renewal takes. If it dies,
-- another process can take over after that.
drop table token_leases;
alter table secrets
  add column renewed_by     text,        -- the claim; null: the token is not being renewed
  add column renewing_until timestamptz; -- time of the database
