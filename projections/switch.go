package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// switchWait limits how long the live generation's checkpoints stay locked while the new generation
// catches up with them. In the meantime, nothing is folded into the live generation.
const switchWait, switchLook = 50 * time.Millisecond, 5 * time.Millisecond

var errNotYet = errors.New("the new generation is behind the live one")

// switchWhenReady switches readers to the generation once the sessions that follow it, in any
// process, have reached its targets.
func (r *running) switchWhenReady(ctx context.Context, number int) error {
	switching, told := false, false
	for {
		stepped, wait := r.stepped(), stepAgain
		g, found, err := readGeneration(ctx, r.pool, r.projector.Name, number)
		if err != nil {
			return err
		}
		if !found || !g.followed() {
			return domain.NewError(domain.CodeConflict, "generation %d of %s is %s and is no longer followed",
				number, r.projector.Name, g.State)
		}
		reached, err := reachedTargets(ctx, r.pool, r.projector.Name, g)
		if err != nil {
			return err
		}
		if reached && !switching {
			if err := r.advance(ctx, r.pool, operator.RebuildSwitching); err != nil {
				return err
			}
			switching, told = true, false // advance has deleted the reason
		}
		paused, err := r.paused(ctx)
		if err != nil {
			return fmt.Errorf("read pause flag: %w", err)
		}
		switch {
		case paused && !told:
			r.tell(ctx, "the projection is paused; the switch waits until it is resumed")
		case reached && !paused:
			if done, err := r.trySwitch(ctx, number); done {
				return err
			}
			wait, stepped = r.every.look, nil
		}
		told = paused
		if err := await(ctx, stepped, wait); err != nil {
			return err
		}
	}
}

// trySwitch switches readers unless the new generation is behind or a reader holds a lock on the
// views. done is true if the switch succeeded or failed permanently.
func (r *running) trySwitch(ctx context.Context, number int) (done bool, err error) {
	err = r.switchTo(ctx, number)
	reason := "a transaction reads the tables that the switch replaces (pg_locks shows it)"
	switch {
	case errors.Is(err, errNotYet):
		reason = "the new tables are behind the live ones"
	case !pg.IsLockTimeout(err) && domain.CodeOf(err) != domain.CodeUnavailable:
		return true, err
	}
	r.tell(ctx, reason+"; the switch is retried every 2 s")
	return false, nil
}

func reachedTargets(ctx context.Context, q pg.Querier, projection string, g generation) (bool, error) {
	stored, err := readCheckpoints(ctx, q, projection, g.Number)
	if err != nil {
		return false, err
	}
	for partition, target := range g.Targets {
		if stored[partition].NextOffset < target {
			return false, nil
		}
	}
	return true, nil
}

func (r *running) switchTo(ctx context.Context, number int) error {
	name := r.projector.Name
	err := lockGenerations(ctx, r.pool, name, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, operator.RebuildDone); err != nil {
			return err
		}
		g, found, err := readGeneration(ctx, tx, name, number)
		if err != nil {
			return err
		}
		if !found || !g.followed() {
			return domain.NewError(domain.CodeConflict,
				"generation %d of %s is %s and cannot be read", number, name, g.State)
		}
		return makeLive(ctx, tx, r.projector, g)
	})
	if err != nil {
		return fmt.Errorf("switch readers of %s to generation %d: %w", name, number, err)
	}
	r.logger.Info("readers switched to another generation", "generation", number)
	r.publish(ctx)
	return nil
}

// makeLive switches readers of a version to a generation that is followed: the views then show this
// generation, and all other followed generations of the version retire. makeLive locks the
// checkpoints of the live generation. The caller must hold the lock of [lockGenerations] in tx.
func makeLive(ctx context.Context, tx pgx.Tx, p fold.Projector, g generation) error {
	name := p.Name
	live, err := liveGeneration(ctx, tx, p)
	if err != nil {
		return err
	}
	if live > 0 && live != g.Number {
		if err := awaitPassed(ctx, tx, name, live, g.Number); err != nil {
			return err
		}
	}
	superseded, err := pg.List(ctx, tx, "read superseded generations", pgx.RowTo[int], `
		select generation from generations
		where projection = $1 and version = $2 and generation <> $3 and state in ('building', 'live')`,
		name, g.Version, g.Number)
	if err != nil {
		return err
	}
	for _, number := range superseded {
		if err := setState(ctx, tx, name, number, StateRetired); err != nil {
			return err
		}
	}
	if err := setState(ctx, tx, name, g.Number, StateLive); err != nil {
		return err
	}
	err = notify(ctx, tx, []string{pg.ProgressChannel, pg.FiguresChannel, pg.ProgressChannel},
		[]string{name, pg.AnyFigure, generationsOf(name)})
	if err != nil {
		return err
	}
	if err := beginViews(ctx, tx); err != nil { // last: readers wait from here to the commit
		return err
	}
	_, err = tx.Conn().PgConn().Exec(ctx, p.Definition.Views(name, g.Version, g.Number)).ReadAll()
	return pg.Wrap("replace views", err)
}

// awaitPassed locks the checkpoints of the live generation and waits up to [switchWait] until the
// new generation has passed all of them. Records that are appended in the meantime do not become
// visible. If the two generations were built from different topics, their checkpoints cannot be
// compared, and awaitPassed returns nil.
func awaitPassed(ctx context.Context, tx pgx.Tx, projection string, live, number int) error {
	lock := "for update of o"
	for began := time.Now(); ; lock = "" {
		passed, err := pg.List(ctx, tx, "compare checkpoints", pgx.RowTo[bool], `
			select coalesce(n.next_offset, -1) >= o.next_offset from checkpoints o
			left join checkpoints n on n.projection = o.projection and n.generation = $3 and n.partition = o.partition
			where o.projection = $1 and o.generation = $2 and (
				select count(distinct topic_id) = 1 from generations where projection = $1 and generation in ($2, $3))
			order by o.partition `+lock, projection, live, number)
		if err != nil || !slices.Contains(passed, false) {
			return err
		}
		if lock != "" {
			began = time.Now() // the first query may have waited for the lock
		}
		if time.Since(began) >= switchWait {
			return errNotYet
		}
		if err := pause(ctx, switchLook); err != nil {
			return err
		}
	}
}

// liveGeneration returns the number of the generation that readers of this version use; 0 if no
// generation is live.
func liveGeneration(ctx context.Context, q pg.Querier, p fold.Projector) (int, error) {
	number, _, err := pg.Find(ctx, q, "read live generation", pgx.RowTo[int],
		`select generation from generations where projection = $1 and version = $2 and state = 'live'`,
		p.Name, p.Version)
	return number, err
}

// goLive makes the first generation of a version live once it has reached its targets. A live
// generation is replaced only by a rebuild.
func (f *session) goLive(ctx context.Context) error {
	g := f.current()
	if g.State != StateBuilding {
		return nil
	}
	if reached, err := reachedTargets(ctx, f.pool, f.projector.Name, g); err != nil || !reached {
		return err
	}
	live := false
	err := lockGenerations(ctx, f.work.pool, f.projector.Name, func(tx pgx.Tx) error {
		now, found, err := readGeneration(ctx, tx, f.projector.Name, g.Number)
		if err != nil {
			return err
		}
		if !found || !now.followed() {
			return errRetired
		}
		number, err := liveGeneration(ctx, tx, f.projector)
		if err != nil || number > 0 {
			return err
		}
		live = true
		return makeLive(ctx, tx, f.projector, now)
	})
	if pg.IsLockTimeout(err) || domain.CodeOf(err) == domain.CodeUnavailable {
		return nil // the next check tries again
	}
	if err != nil {
		return fmt.Errorf("make generation %d of %s live: %w", g.Number, f.projector.Name, err)
	}
	if live {
		g.State = StateLive
		f.update(func() { f.gen = g })
		f.logger.Info("read model is live")
		f.publish(ctx)
	}
	return nil
}

// SwitchBack requests that readers of a projector version are switched back to the newest retired
// generation of the same log. The request is a rebuild without the copy: the generation is followed
// until it has caught up. The error has code conflict if there is no such generation or a rebuild
// is unfinished.
func (r *Rebuilds) SwitchBack(ctx context.Context, request RebuildRequest) (rebuild operator.Rebuild, err error) {
	err = lockGenerations(ctx, r.pool, request.Projection, func(tx pgx.Tx) error {
		number, found, err := pg.Find(ctx, tx, "read generations", pgx.RowTo[int], `
			select generation from generations g
			where projection = $1 and version = $2 and state = 'retired' and live_at is not null and not exists (
				select from generations l
				where l.projection = $1 and l.version = $2 and l.state = 'live' and l.topic_id <> g.topic_id)
			order by retired_at desc, generation desc limit 1`, request.Projection, request.Version)
		if err == nil && !found {
			err = domain.NewError(domain.CodeConflict,
				"There is no earlier generation of %s, version %d, to roll back to. Rebuild the projection instead.",
				request.Projection, request.Version)
		}
		if err == nil {
			rebuild, err = insertRebuild(ctx, tx, request, operator.RebuildCatchingUp, &number)
		}
		return err
	})
	if err != nil {
		return operator.Rebuild{}, fmt.Errorf("switch back %s: %w", request.Projection, err)
	}
	return rebuild, nil
}

// unretire lets sessions follow a retired generation again, with the live generation's checkpoints
// as targets.
func (r *running) unretire(ctx context.Context, g generation) (generation, error) {
	name := r.projector.Name
	err := lockGenerations(ctx, r.pool, name, func(tx pgx.Tx) error {
		if err := r.advance(ctx, tx, operator.RebuildCatchingUp); err != nil {
			return err
		}
		err := pg.Exec(ctx, tx, "set targets", `
			update generations set targets = (
				select coalesce(jsonb_object_agg(c.partition::text, c.next_offset), '{}')
				from checkpoints c join generations l using (projection, generation)
				where l.projection = $1 and l.version = $2 and l.state = 'live')
			where projection = $1 and generation = $3`, name, r.Version, g.Number)
		if err != nil {
			return err
		}
		g.State = StateBuilding
		if err := setState(ctx, tx, name, g.Number, StateBuilding); err != nil {
			return err
		}
		return notifyStep(ctx, tx, name)
	})
	if err != nil {
		return g, fmt.Errorf("follow generation %d of %s again: %w", g.Number, name, err)
	}
	return g, nil
}
