-- +goose Up
-- Of which topic next_offset is. A restore gives the log new topics with the same records at the same offsets: a process that was frozen
-- meanwhile holds offsets that fit, of records that may be others. Null: noted by no process yet, or the brokers give no ids.
-- Whoever folds or reads waits behind this one: it gives up before they do, where a check of the tables holds them for long.
set local lock_timeout = '5s';
alter table checkpoints add column topic_id uuid;
