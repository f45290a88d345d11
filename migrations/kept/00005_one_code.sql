-- +goose Up
-- What failed and why is one code; what programs decide by follows from it (domain.StatusCode.Kind).
alter table fetch_state drop column class;
alter table fetch_state drop column history_class;
alter table platform_words drop column class;
alter table post_notes rename column class to code;
