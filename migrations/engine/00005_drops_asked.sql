-- +goose Up
-- Who may not drop tables asks for it here; a process that folds drops, or says what keeps it from it.
alter table generations
  add column drop_asked   timestamptz, -- null: nobody asks, or it is answered
  add column drop_refused text;        -- the answer to the last who asked; null: it is dropped, or not answered yet
