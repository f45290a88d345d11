-- +goose Up
-- When a stored token cannot be renewed any more, so that a person must sign in again before; null: not known,
-- or never renewed. It is in the sealed token too; here it can be shown without a key.
alter table secrets add column renewable_until timestamptz;

-- +goose Down
alter table secrets drop column renewable_until;
