-- +goose Up
-- A page that moves between two clients of one agency goes on where it was: post_gains compares a reading
-- with the one before it of the same post and agency, whoever of its clients had the page then, and a post that is
-- registered again under its new owner is one post. The projection of posts is folded anew.

truncate tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains;
delete from parked where projection = 'post_insights';
delete from checkpoints where projection = 'post_insights';
delete from generations where projection = 'post_insights';

-- The other sub-accounts of the agency under which the post was registered later; null without any. An
-- answer shows a post under the newest registration of those that it may see.
alter table tSPosts add column newer_accounts text[];
drop index tSPosts_newest;
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C", account_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at, newer_accounts);

-- +goose Down
drop index tSPosts_newest;
alter table tSPosts drop column newer_accounts;
create index tSPosts_newest on tSPosts (
  parent_account, coalesce(published_at, '-infinity'), social_account_id, external_id collate "C", account_id collate "C"
) include (external_id, account_id, p_id, member_id, c_id, published_at);
