-- +goose Up
-- The planner keeps values of columns for long after their rows are gone: of platforms' words and of what came of sign-ins it keeps none. A column
-- whose type is set anew, to the same one, loses what was kept of it.
alter table platform_words alter column words type text, alter column words set statistics 0;
alter table connect_attempts alter column outcome type jsonb, alter column outcome set statistics 0;

-- +goose Down
alter table platform_words alter column words set statistics -1;
alter table connect_attempts alter column outcome set statistics -1;
