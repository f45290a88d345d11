-- +goose Up
-- When somebody signed in whose token it is. A renewal moves updated_at alone: it is no reason to try a connection again that waits for a person.
-- Of what is there already it is when that was stored.
set local lock_timeout = '5s';
alter table secrets add column signed_in_at timestamptz not null default now();
update secrets set signed_in_at = updated_at;

-- +goose Down
set local lock_timeout = '5s';
alter table secrets drop column signed_in_at;
