-- +goose Up
-- All pages that an agency reads with a grant have one connection, and the tokens of pages are stored
-- with the token of the person. People sign in again.
delete from secrets where ref in (select secret_ref from granted_connections);
delete from granted_connections;
alter table granted_connections
  drop column parent_account, drop column reads, drop column token_of, drop column secret_ref;
alter table granted_connections rename column hung_at to consented_at; -- when pages were last chosen
-- The state of a page may differ from that of its connection.
delete from connection_marks; -- they last at most an hour
alter table connection_marks
  add column social_account_id bigint not null, -- 0: all pages of the connection
  drop constraint connection_marks_pkey,
  add primary key (connection_id, social_account_id);
