-- +goose Up
-- An answer about accounts reads a few days of all accounts of an agency: rows that lie scattered over the
-- table, because readings of a day come at the same time for all agencies. This index has all that is read, so
-- that the table itself is not opened. Pages that a vacuum has not seen since they changed are opened all the
-- same, therefore vacuums come sooner than for other tables.
drop index account_daily_tenant;
create index account_daily_tenant on account_daily (parent_account, metric, day)
  include (social_account_id, account_id, member_id, p_id, kind, source, window_name, value, captured_at, event_id);
alter table account_daily set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- +goose Down
alter table account_daily reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
drop index account_daily_tenant;
create index account_daily_tenant on account_daily (parent_account, metric, day);
