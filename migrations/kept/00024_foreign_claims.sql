-- +goose Up
-- Whose stream a foreign record claims to be of: the id that its key is, '' where it is none, and for records that were met before.
set local lock_timeout = '5s';
alter table foreign_records add column claims text not null default '';

-- +goose Down
set local lock_timeout = '5s';
alter table foreign_records drop column claims;
