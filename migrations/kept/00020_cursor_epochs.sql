-- +goose Up
-- A cursor counts versions of one epoch of the log (epochs.number): a restore of an older state gives versions out again for something else. One of
-- an earlier epoch is none: its user begins at the head. If the column is lost with the table, so do all.
set local lock_timeout = '5s';
alter table notice_cursors add column epoch int not null default 0 check (epoch >= 0);

-- +goose Down
set local lock_timeout = '5s';
delete from notice_cursors where epoch > 0;
alter table notice_cursors drop column epoch;
