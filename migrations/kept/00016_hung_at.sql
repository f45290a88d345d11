-- +goose Up
-- The consent by which a connection was hung on its grant last. Whoever takes it off does so by the one that they have seen: a consent to
-- another page of the same person does not keep it.
alter table granted_connections add column hung_at timestamptz not null default 'epoch';
update granted_connections c set hung_at = g.consented_at from grants g where (g.platform, g.app, g.person) = (c.platform, c.app, c.person);

-- +goose Down
alter table granted_connections drop column hung_at;
