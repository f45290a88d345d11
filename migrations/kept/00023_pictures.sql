-- +goose Up
-- Pictures of posts: small copies that this program has drawn anew, sealed, because they show people. A row without a picture is of one that was
-- asked for in vain. The rows lost: pictures whose addresses still live are taken again; of the others a letter is drawn.
create table pictures (
  parent_account    text        not null,
  social_account_id bigint      not null,
  external_id       text        not null,
  tries             smallint    not null,
  tried_at          timestamptz not null,
  next_at           timestamptz not null, -- no earlier is it asked for again; infinity: never
  key_id            text,                 -- of the key that sealed it
  sealed            bytea,                -- null: there is none
  primary key (parent_account, social_account_id, external_id),
  check ((key_id is null) = (sealed is null))
);
create index on pictures (social_account_id);
alter table pictures alter column sealed set storage external, alter column sealed set statistics 0;

-- +goose Down
drop table pictures;
