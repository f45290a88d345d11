-- +goose Up
-- Posts that were asked for in vain: deleted, hidden, not for this token, or nothing that can be recorded. So
-- that they are asked for ever less often too. A reading takes the row away.
create table post_notes (
  social_account_id bigint      not null,
  external_id       text        not null,
  class             text        not null, -- of the reason
  since             timestamptz not null,
  tried_at          timestamptz not null, -- last
  primary key (social_account_id, external_id)
);
create index on post_notes (tried_at); -- rows that nobody has touched for long go

-- +goose Down
drop table post_notes;
