-- +goose Up
-- A connection works, or waits for a sign-in with a code.
delete from connection_marks; -- they last at most an hour
alter table connection_marks drop column state, add column works boolean not null;
-- The claims in the log are read once more, because they name another format of the log.
update installation set next_offset = 0;
