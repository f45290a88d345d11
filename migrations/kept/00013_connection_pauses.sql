-- +goose Up
-- The reading of one connection can be paused too; its name is the connection's id.
alter table pauses drop constraint pauses_kind_check, add constraint pauses_kind_check check (kind in ('projection', 'platform', 'connection'));
-- What the platform said a stored token may do, and until when Meta gives data with it; null: not asked yet, or it names no end.
-- granted holds the scopes in their order, parted by spaces. It is in the sealed token too; here it can be shown without a key.
alter table secrets add column granted text, add column data_access_until timestamptz;

-- +goose Down
delete from pauses where kind = 'connection';
alter table pauses drop constraint pauses_kind_check, add constraint pauses_kind_check check (kind in ('projection', 'platform'));
alter table secrets drop column granted, drop column data_access_until;
