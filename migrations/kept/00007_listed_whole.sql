-- +goose Up
-- Only for kind post_insights: when the last finished listing of the whole list began. If it is
-- lost, the whole list is read with the next round.
alter table fetch_state add column listed_whole timestamptz;
