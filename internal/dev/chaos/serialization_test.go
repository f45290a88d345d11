package chaos_test

import (
	"fmt"
	"time"
)

// unserializable makes every second transaction that folds fail as one does that a concurrent writer has overtaken.
const unserializable = `
	set lock_timeout = '2s';
	create or replace function public.chaos_overtaken() returns trigger language plpgsql as $$ begin
		if random() < 0.5 then
			raise exception 'could not serialize access due to concurrent update' using errcode = 'serialization_failure';
		end if;
		return null;
	end $$;
	create or replace trigger chaos_overtaken before update on lb_engine.checkpoints for each statement execute function public.chaos_overtaken()`

const serializable = `set lock_timeout = '2s'; drop trigger if exists chaos_overtaken on lb_engine.checkpoints;
	drop function if exists public.chaos_overtaken()`

// alter executes statements that need a lock on a table which is written all the time: it is asked for until it is there. They can be executed
// again: that they were executed may be heard too late.
func (d *database) alter(sql string) error {
	for giveUp := time.Now().Add(patience); ; time.Sleep(pauseAfterRefusal) {
		err := d.exec(sql)
		if err == nil {
			return nil
		}
		if time.Now().After(giveUp) {
			return fmt.Errorf("change the tables: %w", err)
		}
	}
}
