-- +goose Up
-- What failed and why is one code; what programs decide by follows from it (domain.StatusCode.Kind).
alter table fetch_state drop column class;
alter table fetch_state drop column history_class;
alter table platform_words drop column class;
alter table post_notes rename column class to code;
-- How often an account is read, and why not more often, is worded when a person reads it (domain.Pace).
alter table fetch_state drop column calls_a_day, drop column pace;
alter table fetch_state add column pace jsonb not null default '{}'; -- '{}' before the first reading
