-- +goose Up
-- The grant (its secret_ref, which names nobody) that a sign-in's waiting tokens would renew: it is not given back meanwhile. Null: not known yet.
alter table connect_attempts add column grant_ref text;
create index on connect_attempts (grant_ref);

-- What people asked Meta to have deleted, until 90 days after it is done. Rows lost: their pages say that nothing is known of them; what was
-- not done yet must be asked for again.
create table deletion_requests (
  code          text        not null, -- it names nobody
  platform      smallint    not null,
  person        text        not null, -- the platform's id; '' when it is done
  asked_at      timestamptz not null,
  claimed_until timestamptz,          -- a process is at it; null: none is
  done_at       timestamptz,          -- null: not done yet
  primary key (code, platform)
);

-- +goose Down
drop table deletion_requests;
alter table connect_attempts drop column grant_ref;
