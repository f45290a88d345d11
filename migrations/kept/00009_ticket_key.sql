-- +goose Up
-- The key that seals the tickets of streams: one for all processes, also of a main application that mounts the api and
-- has no keys of ours. It stands here in clear: it opens streams that say what changed, and whoever reads this database
-- reads that anyway. Deleting the row and restarting makes a new key; pages then take new tickets.
create table ticket_key (
  one boolean primary key default true check (one),
  key bytea   not null check (length(key) = 32)
);

-- +goose Down
drop table ticket_key;
