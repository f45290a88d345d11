-- Removes the rows that a new database does not contain. A table that has grown is truncated, which
-- gives it new files, so that neither its size nor dead rows affect the query plans of the next test.
do $$
declare
  stored record;
begin
  set local session_replication_role = replica; -- disables foreign keys, which would require an order
  for stored in
    select oid::regclass as name, pg_relation_size(oid) > 10 * current_setting('block_size')::int as grown from pg_class
    where relkind = 'r' and oid >= 16384 and pg_relation_size(oid) > 0 and relname not in ('schema_migrations', 'identity')
  loop
    if stored.grown then
      execute 'truncate ' || stored.name || ' cascade';
    else
      execute 'delete from only ' || stored.name;
    end if;
  end loop;
end $$
