-- +goose Up
-- When a stored token ends, as the platform said when it gave it; null: never, not known, or no token. It is
-- in the sealed token too; here it can be shown without a key.
alter table secrets add column expires_at timestamptz;

-- +goose Down
alter table secrets drop column expires_at;
