-- +goose Up
-- Each row says when its connection is due next, and until when a job has claimed it; slots, shards and plans are gone.
alter table fetch_state rename column not_before to due_at;
alter table fetch_state rename column served_at to read_at;
update fetch_state set due_at = updated_at where due_at is null; -- as after a downtime: due at once
alter table fetch_state
  alter column due_at set not null,
  add column claimed_until timestamptz, -- by the database's clock; null or past: nobody has it
  add column pace text not null default '', -- a sentence for people: how often it is read, and why not more often
  add column calls_a_day int not null default 0, -- that it costs at this pace
  drop column slot, drop column shard, drop column planned_at, drop column served_slot;

-- +goose Down
alter table fetch_state
  add column slot timestamptz, add column shard int, add column planned_at timestamptz, add column served_slot timestamptz,
  drop column calls_a_day, drop column pace, drop column claimed_until, alter column due_at drop not null;
alter table fetch_state rename column read_at to served_at;
alter table fetch_state rename column due_at to not_before;
