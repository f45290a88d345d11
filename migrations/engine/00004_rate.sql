-- +goose Up
-- The rate of a build follows from its progress and its times.
alter table generations drop column rate;
