-- +goose Up
-- How far an account's posts were listed (rows of kind post_insights). A listing goes from the newest post
-- back, and may take several rounds.
alter table fetch_state
  add column list_cursor text        not null default '', -- where an unfinished walk goes on; '' : none is
  add column list_began  timestamptz,                      -- when the unfinished walk began
  add column listed_to   timestamptz;                      -- when the last finished walk began; null: none has come to its end

-- +goose Down
alter table fetch_state drop column list_cursor, drop column list_began, drop column listed_to;
