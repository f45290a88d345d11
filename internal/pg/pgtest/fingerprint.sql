-- A copy of a database has the object ids and the row versions of its template: whatever is made,
-- changed or removed later shows in the count or the newest version of a catalog's rows. Of
-- pg_class, whose rows change with the files of a table, the text counts; so does what ANALYZE
-- writes there.
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
