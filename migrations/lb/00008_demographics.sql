-- +goose Up
-- Splits of the audience come with one reading a day among thousands.
create index tSAccountIns_demographics on tSAccountIns (parent_account, captured_at) where demographics <> '[]'::jsonb;

-- +goose Down
drop index tSAccountIns_demographics;
