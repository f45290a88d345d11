-- +goose Up
-- The code of what a build waits for; '' if it makes progress. The column error has errors only.
alter table generations add column waits text not null default '';
