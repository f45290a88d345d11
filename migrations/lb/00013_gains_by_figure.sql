-- +goose Up
-- What posts gained is compared figure by figure: post_gains takes each figure against the last reading before
-- it of the same post and agency that had it, and not against the last reading, which may lack it. What a
-- figure shows when it is read first stands in the rows by the time of publication, as first readings do. The
-- projection of posts is folded anew.

truncate tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains;
delete from parked where projection = 'post_insights';
delete from checkpoints where projection = 'post_insights';
delete from generations where projection = 'post_insights';

-- +goose Down
truncate tSPosts, tSPostInsights, tSPostGrowth, post_daily, post_gains;
delete from parked where projection = 'post_insights';
delete from checkpoints where projection = 'post_insights';
delete from generations where projection = 'post_insights';
