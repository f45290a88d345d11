-- The rights of each role, in a database that stands at this version. The groups are made before; they are of the whole server, and what they may do
-- is of this database. It may be run again at any time: what a later version needs is granted then. Whoever runs it owns schemas kept and
-- lb_engine, and is a member of ledgerboard_projector, which owns the tables that are folded.

-- Every process: what it is, who folds what; and the read models.
grant usage on schema lb, lb_engine, kept to ledgerboard_process;
grant select on all tables in schema lb_engine to ledgerboard_process;
grant insert, update, delete on lb_engine.processes to ledgerboard_process;
grant select on kept.schema_migrations, kept.pauses to ledgerboard_process;

-- Every start erases again what the list of erasures names. Of a secret all is shown for that but what is sealed.
grant delete on kept.secrets, kept.grants, kept.granted_connections, kept.fetch_state, kept.post_notes, kept.platform_words, kept.notice_cursors,
  kept.pictures to ledgerboard_process;
grant select (parent_account, social_account_id, external_id, tries, tried_at, next_at, key_id) on kept.pictures to ledgerboard_process;
grant select (ref, key_id, updated_at, signed_in_at, expires_at, renewable_until, data_access_until, granted) on kept.secrets to ledgerboard_process;
grant select, update (secret_ref) on kept.grants to ledgerboard_process; -- locks rows, and changes none
grant delete on kept.sessions, kept.sign_in_links, kept.identities, kept.sign_in_refusals to ledgerboard_process;
grant select (user_id) on kept.sessions, kept.sign_in_links, kept.identities, kept.sign_in_refusals to ledgerboard_process;
grant select on kept.granted_connections, kept.notice_cursors, kept.post_notes, kept.platform_words to ledgerboard_process;
grant select, update on kept.fetch_state to ledgerboard_process;

-- Who answers people. Operators ask for rebuilds and note parked events over HTTP.
grant ledgerboard_process to ledgerboard_api;
grant insert, delete on lb_engine.rebuilds to ledgerboard_api;
grant update (cancel, state, finished_at) on lb_engine.rebuilds to ledgerboard_api;
grant delete on lb_engine.rebuild_shards to ledgerboard_api;
grant update (state) on lb_engine.parked to ledgerboard_api;
grant insert, update, delete on kept.pauses to ledgerboard_api;
grant insert, update on kept.notice_cursors to ledgerboard_api;
grant select, insert on kept.ticket_key to ledgerboard_api;
grant select on kept.connection_marks to ledgerboard_api;
grant select, insert, update on kept.sessions, kept.sign_in_links, kept.sign_in_refusals to ledgerboard_api;
grant select, insert on kept.identities to ledgerboard_api;
grant insert on kept.fetch_state to ledgerboard_api; -- reads a connection now

-- Who answers people and has their accounts connected, or takes tokens of a main application.
grant ledgerboard_api to ledgerboard_connect;
grant select, insert, update on kept.secrets, kept.grants to ledgerboard_connect;
grant insert, update on kept.granted_connections to ledgerboard_connect;
grant select, insert, update, delete on kept.connect_links, kept.connect_attempts, kept.deletion_requests to ledgerboard_connect;
grant select, insert, update, delete on kept.token_leases, kept.fetch_budgets, kept.connection_marks to ledgerboard_connect;
grant insert, update on kept.platform_words to ledgerboard_connect;
grant select on kept.pictures to ledgerboard_connect; -- who answers people shows them where it has the key

-- Who reads the platforms.
grant ledgerboard_process to ledgerboard_fetcher;
grant select, insert, update on kept.secrets to ledgerboard_fetcher;
grant insert on kept.fetch_state to ledgerboard_fetcher;
grant insert, update on kept.post_notes, kept.platform_words to ledgerboard_fetcher;
grant select, insert, update, delete on kept.silent_sources to ledgerboard_fetcher;
grant select, insert, update on kept.pictures to ledgerboard_fetcher;
grant select, insert, update, delete on kept.token_leases, kept.fetch_budgets, kept.connection_marks to ledgerboard_fetcher;

-- Who signs reads.
grant ledgerboard_process to ledgerboard_signer;

-- Who folds owns what is folded: the schemas of the generations and the views over them. What is there already is given in owners.go, since that
-- waits for who uses it.
grant ledgerboard_process to ledgerboard_projector;
grant insert, update, delete on all tables in schema lb_engine to ledgerboard_projector;
grant delete on kept.connection_marks to ledgerboard_projector; -- after a restore of an older state
revoke insert, update, delete on lb_engine.schema_migrations, lb_engine.identity from ledgerboard_projector;
do $$ begin
  execute format('grant create, temporary on database %I to ledgerboard_projector', current_database());
end $$;
alter default privileges for role ledgerboard_projector grant usage on schemas to ledgerboard_process;
alter default privileges for role ledgerboard_projector grant select on tables to ledgerboard_process;

-- Operators on the command line do what all of them do.
grant ledgerboard_api, ledgerboard_connect, ledgerboard_fetcher, ledgerboard_projector, ledgerboard_signer to ledgerboard_operator;
