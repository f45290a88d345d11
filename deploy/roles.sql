-- Creates groups of database users with the minimum privileges for each process role. Run this script after each
-- `ledgerboard migrate`, that is, at installation and after each upgrade. Run it as the owner of the database, who must
-- be allowed to create roles. PGHOST, PGDATABASE, PGUSER and PGPASSFILE, or PGSERVICE, name the database: a URL with a
-- password would be visible to other users of the machine.
--
--   psql -v ON_ERROR_STOP=1 --single-transaction -f deploy/roles.sql
--
-- Then create a user for each process, in the groups of its roles:
--
--   create role lb_web login password '...' in role ledgerboard_connect, ledgerboard_fetcher;
--
-- The groups exist on the whole server; their privileges apply to this database.

set local lock_timeout = '5s'; -- if a table is in use, the script fails without changing anything

do $$
declare
  name text;
  item record;
begin
  foreach name in array array['process', 'api', 'connect', 'fetcher', 'projector', 'signer', 'operator'] loop
    if not exists (select from pg_roles where rolname = 'ledgerboard_' || name) then
      execute format('create role %I nologin', 'ledgerboard_' || name);
    end if;
  end loop;

  -- Projectors own the schemas of generations and views.
  execute format('grant ledgerboard_projector to %I', current_user);
  execute format('grant create, temporary on database %I to ledgerboard_projector', current_database());
  for item in
    select nspname from pg_namespace
    where (nspname = 'lb' or nspname ~ '^lb_[a-z_]+_[gv][0-9]+') and nspowner <> 'ledgerboard_projector'::regrole
  loop
    execute format('alter schema %I owner to ledgerboard_projector', item.nspname);
    execute format('grant usage on schema %I to ledgerboard_process', item.nspname);
  end loop;
  for item in
    select nspname, relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind in ('r', 'p', 'v') and (nspname = 'lb' or nspname ~ '^lb_[a-z_]+_[gv][0-9]+')
      and relowner <> 'ledgerboard_projector'::regrole
  loop
    execute format('alter table %I.%I owner to ledgerboard_projector', item.nspname, item.relname);
    execute format('grant select on %I.%I to ledgerboard_process', item.nspname, item.relname);
  end loop;
end $$;

alter default privileges for role ledgerboard_projector grant usage on schemas to ledgerboard_process;
alter default privileges for role ledgerboard_projector grant select on tables to ledgerboard_process;

-- Every process reads the read models and the state of the projections.
grant usage on schema lb_engine, kept to ledgerboard_process;
grant select on all tables in schema lb_engine to ledgerboard_process;
grant select on kept.schema_migrations, kept.pauses, kept.backups to ledgerboard_process;
grant select, insert, update on kept.installation to ledgerboard_process;

-- Every process may erase personal data in schema kept. It can read all columns of secrets and pictures except the sealed
-- content.
grant delete on kept.secrets, kept.grants, kept.granted_connections, kept.fetch_state, kept.post_notes, kept.platform_words, kept.notice_cursors,
  kept.pictures to ledgerboard_process;
grant select (parent_account, social_account_id, external_id, tries, tried_at, next_at, key_id) on kept.pictures to ledgerboard_process;
grant select (ref, key_id, updated_at, signed_in_at, expires_at, renewable_until, data_access_until, granted) on kept.secrets to ledgerboard_process;
grant select, update (secret_ref) on kept.grants to ledgerboard_process; -- needed to lock rows; nothing is changed
grant delete on kept.sessions, kept.sign_in_links, kept.identities to ledgerboard_process;
grant select (user_id) on kept.sessions, kept.sign_in_links, kept.identities to ledgerboard_process;
grant select on kept.granted_connections, kept.notice_cursors, kept.post_notes, kept.platform_words to ledgerboard_process;
grant select, update on kept.fetch_state to ledgerboard_process;

-- Processes of the API. Operators request rebuilds and retry stopped streams over HTTP.
grant ledgerboard_process to ledgerboard_api;
grant insert, delete on lb_engine.generations to ledgerboard_api;
grant update (state, ended_at, error) on lb_engine.generations to ledgerboard_api;
grant update (fold_again) on lb_engine.streams to ledgerboard_api;
grant insert, update, delete on kept.pauses to ledgerboard_api;
grant insert, update on kept.notice_cursors to ledgerboard_api;
grant select, insert on kept.ticket_key to ledgerboard_api;
grant select on kept.connection_marks to ledgerboard_api;
grant select, insert, update on kept.sessions, kept.sign_in_links to ledgerboard_api;
grant select, insert on kept.identities to ledgerboard_api;
grant select, insert, update, delete on kept.reservations to ledgerboard_api;
grant insert on kept.fetch_state to ledgerboard_api; -- makes a connection due immediately

-- Processes of the API that also connect accounts or accept tokens from a main application.
grant ledgerboard_api to ledgerboard_connect;
grant select, insert, update on kept.secrets, kept.grants to ledgerboard_connect;
grant insert, update on kept.granted_connections to ledgerboard_connect;
grant select, insert, update, delete on kept.connect_links, kept.connect_attempts, kept.deletion_requests to ledgerboard_connect;
grant select, insert, update, delete on kept.fetch_budgets, kept.connection_marks to ledgerboard_connect;
grant insert, update on kept.platform_words to ledgerboard_connect;
grant select on kept.pictures to ledgerboard_connect; -- for processes that have the key

-- Fetchers.
grant ledgerboard_process to ledgerboard_fetcher;
grant select, insert, update on kept.secrets to ledgerboard_fetcher;
grant insert on kept.fetch_state to ledgerboard_fetcher;
grant insert, update on kept.post_notes, kept.platform_words to ledgerboard_fetcher;
grant select, insert, update on kept.pictures to ledgerboard_fetcher;
grant select, insert, update, delete on kept.fetch_budgets, kept.connection_marks to ledgerboard_fetcher;

-- Signers.
grant ledgerboard_process to ledgerboard_signer;

-- Projectors.
grant ledgerboard_process to ledgerboard_projector;
grant insert, update, delete on all tables in schema lb_engine to ledgerboard_projector;
grant delete on kept.connection_marks to ledgerboard_projector; -- after an older state was restored
revoke insert, update, delete on lb_engine.schema_migrations, lb_engine.identity from ledgerboard_projector;

-- Operators on the command line.
grant ledgerboard_api, ledgerboard_connect, ledgerboard_fetcher, ledgerboard_projector, ledgerboard_signer to ledgerboard_operator;
grant insert, update on kept.backups to ledgerboard_operator;
grant select on all tables in schema kept to ledgerboard_operator; -- with the next line: pg_dump --schema kept
grant select on all sequences in schema kept to ledgerboard_operator;
