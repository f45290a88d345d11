-- +goose Up
-- Further names of the person at the sign-in, by which the list of withdrawn people can name the
-- person: issuer and subject separated by a space, subject, email address; null: none.
alter table sessions add column known_as text[];
