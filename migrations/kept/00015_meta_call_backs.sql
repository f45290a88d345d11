-- +goose Up
-- The grant (its secret_ref, which names nobody) that a sign-in's waiting tokens would renew: it is not given back meanwhile. Null: not known yet.
alter table connect_attempts add column grant_ref text;
create index on connect_attempts (grant_ref);

-- What people had deleted at Meta, until a while after it is done. Rows lost: their pages say that nothing is known; what was not done yet is
-- not done, and must be erased by hand.
create table deletion_requests (
  code     text        primary key, -- a digest that names nobody
  platform smallint    not null,
  person   text,                    -- the platform's id; null when it is done
  asked_at timestamptz not null,
  done_at  timestamptz              -- null: not done yet
);

-- +goose Down
drop table deletion_requests;
alter table connect_attempts drop column grant_ref;
