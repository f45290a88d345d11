-- +goose Up
-- Why a reading failed, or a part of it: a code with parameters (domain.StatusReason), not a sentence.
alter table fetch_state drop column problem;
alter table fetch_state drop column reason;
alter table fetch_state drop column history_problem;
alter table fetch_state drop column history_reason;
alter table fetch_state add column reason jsonb; -- null after a success
alter table fetch_state add column history_reason jsonb;
-- The claims in the log are read once more, because they now name the format of the log.
update installation set next_offset = 0;
