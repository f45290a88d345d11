-- +goose Up
-- The planner cannot take a whole queue for a few rows then, as it does while the table is not analysed: looks are for accounts. The one
-- that is for a queue, an operator's command that makes all of it due, reads the whole table, which is rare.
-- A start that does not get the table says so, rather than keep the fetchers that run from it while it waits behind somebody's transaction.
set local lock_timeout = '5s';
alter table fetch_state drop constraint fetch_state_pkey, add primary key (social_account_id, kind, p_id);

-- +goose Down
set local lock_timeout = '5s';
alter table fetch_state drop constraint fetch_state_pkey, add primary key (kind, p_id, social_account_id);
