-- +goose Up
-- The import whose withdrawal the tables do not show, so that they are built again; null: they show all.
alter table generations add column outdated text;
