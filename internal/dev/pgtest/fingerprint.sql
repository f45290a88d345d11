-- A new database has the object ids and row versions (xmin) of its template. Creating, changing or
-- removing an object changes the number or the newest version of the rows in a catalog. A row of
-- pg_class also gets a new version when its table gets new files, so selected columns are compared
-- instead, including the row count that ANALYZE stores.
select concat_ws(' ',
  (select sum(hashtext(concat_ws(',', oid, relname, relnamespace, reltype, relowner, relam, relpersistence, relkind, relnatts, relchecks,
     relrowsecurity, relispartition, relacl, reloptions,
     case when oid >= 16384 and relkind in ('r', 'p') then reltuples end))::bigint) from pg_class),
  (select (count(*), max(xmin::text::bigint)) from pg_namespace),
  (select (count(*), max(xmin::text::bigint)) from pg_attribute),
  (select (count(*), max(xmin::text::bigint)) from pg_attrdef),
  (select (count(*), max(xmin::text::bigint)) from pg_constraint),
  (select (count(*), max(xmin::text::bigint)) from pg_inherits),
  (select (count(*), max(xmin::text::bigint)) from pg_rewrite),
  (select (count(*), max(xmin::text::bigint)) from pg_trigger),
  (select (count(*), max(xmin::text::bigint)) from pg_proc),
  (select (count(*), max(xmin::text::bigint)) from pg_type),
  (select (count(*), max(xmin::text::bigint)) from pg_extension),
  (select (count(*), max(xmin::text::bigint)) from pg_default_acl),
  (select (count(*), max(xmin::text::bigint)) from pg_statistic_ext),
  (select string_agg(concat_ws(' ', schemaname, sequencename, last_value), ',' order by 1) from pg_sequences),
  (select (count(*), max(xmin::text::bigint)) from lb_engine.identity),
  (select (count(*), max(xmin::text::bigint)) from lb_engine.schema_migrations),
  (select (count(*), max(xmin::text::bigint)) from kept.schema_migrations))
