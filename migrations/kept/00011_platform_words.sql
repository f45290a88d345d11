-- +goose Up
-- What a platform last said when the reading of an account failed, in its own words. They name people, so they are neither in
-- the log nor in logs, and go 30 days after they were said. The rows lost: nobody can read the words, the class and code remain.
create table platform_words (
  social_account_id bigint      not null,
  kind              text        not null, -- of the job, or history
  said_at           timestamptz not null,
  class             text        not null, -- of the failure
  words             text        not null, -- tokens removed
  primary key (social_account_id, kind)
);
create index on platform_words (said_at);

-- Reasons of before this held such words; the next failure writes its own sentence.
update fetch_state set reason = '', history_reason = '' where reason <> '' or history_reason <> '';

-- +goose Down
drop table platform_words;
