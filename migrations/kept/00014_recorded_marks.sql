-- +goose Up
-- Of which time the change is that the log has of a mark; null: nobody knows yet whether it has one.
alter table connection_marks add column recorded timestamptz;

-- +goose Down
alter table connection_marks drop column recorded;
