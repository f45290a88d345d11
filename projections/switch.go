package projections

import (
	"cmp"
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
// process, have reached its targets. While an operator has paused the projection, readers stay with
// the tables that they use.
func (b *build) switchWhenReady(ctx context.Context) error {
	return b.run(ctx, "switch", b.Stepped, func(ctx context.Context) (time.Duration, error) {
		g, found, err := readGeneration(ctx, b.pool, b.projector.Name, b.number)
		if err == nil && (!found || g.State != operator.StateCatchingUp) {
			err = errLeaseLost
		}
		if err != nil {
			return 0, err
		}
		reached, err := pg.QueryBool(ctx, b.pool, "look whether the targets are reached", `
			select coalesce(`+eventsFolded+` = g.events_total, false) from generations g where projection = $1 and generation = $2`,
			b.projector.Name, b.number)
		if err != nil || !reached {
			return stepAgain, err
		}
		reason, sessions, err := b.trySwitch(ctx)
		if reason == "" {
			return 0, cmp.Or(err, errDone)
		}
		b.waitsFor(ctx, reason, sessions)
		return b.every.look, nil
	})
}

// trySwitch switches readers unless the projection is paused, the new generation is behind, or a
// reader holds a lock on the views or an older snapshot. It then returns what the switch waits for,
// and for which sessions.
func (b *build) trySwitch(ctx context.Context) (waitsFor operator.Wait, sessions string, err error) {
	live, err := liveGeneration(ctx, b.pool, b.projector)
	if err != nil {
		return "", "", err
	}
	paused, err := b.paused(ctx)
	if err != nil {
		return "", "", fmt.Errorf("read pause flag: %w", err)
	}
	if paused && live.Number > 0 {
		return operator.WaitsResume, "", nil
	}
	var late string
	if live.Number > 0 {
		if sessions, late, err = b.older.readers(ctx, b.pool, b.every.reports); err != nil {
			return "", "", err
		}
		if sessions != "" {
			return operator.WaitsReports, sessions, nil
		}
	}
	// Who waits for the switch, such as `ledgerboard prepare`, hears of it before the answer to the commit is
	// here, and may end the process then.
	ctx, end := b.every.finishing(ctx)
	defer end()
	err = lockGenerations(ctx, b.pool, b.projector.Name, func(tx pgx.Tx) error {
		g, err := b.owned(ctx, tx)
		if err != nil {
			return err
		}
		return makeLive(ctx, tx, b.projector, g)
	})
	switch {
	case errors.Is(err, errNotYet):
		return operator.WaitsTables, "", nil
	case pg.IsLockTimeout(err) || domain.CodeOf(err) == domain.CodeUnavailable:
		return operator.WaitsReaders, late, nil
	case err != nil:
		return "", "", fmt.Errorf("switch readers of %s to generation %d: %w", b.projector.Name, b.number, err)
	}
	b.logger.Info("readers switched to the generation", "generation", b.number, "replaced", live.Number)
	b.warnLate(late)
	b.publish(ctx)
	return "", "", nil
}

// makeLive makes a generation live: the views of its version then show it, and the one that they
// showed before is dropped. makeLive locks the checkpoints of the replaced generation and deletes
// them, so that its sessions store and announce nothing afterwards. The caller must hold the lock of
// [lockGenerations] in tx.
func makeLive(ctx context.Context, tx pgx.Tx, p fold.Projector, g generation) error {
	live, err := liveGeneration(ctx, tx, p)
	if err != nil {
		return err
	}
	if live.Number > 0 {
		if err := awaitPassed(ctx, tx, p.Name, live.Number, g.Number); err != nil {
			return err
		}
		if err := endGeneration(ctx, tx, p.Name, live.Number, operator.StateDropped, ""); err != nil {
			return err
		}
	}
	err = pg.Exec(ctx, tx, "make generation live", `
		update generations set state = 'live', live_at = clock_timestamp(), error = null, events_done = events_total
		where projection = $1 and generation = $2`, p.Name, g.Number)
	if err != nil {
		return err
	}
	err = notify(ctx, tx, []string{pg.ProgressChannel, pg.FiguresChannel, pg.ProgressChannel},
		[]string{p.Name, pg.AnyFigure, generationsOf(p.Name)})
	if err != nil {
		return err
	}
	if err := beginViews(ctx, tx); err != nil { // last: readers wait from here to the commit
		return err
	}
	_, err = tx.Conn().PgConn().Exec(ctx, p.Definition.Views(p.Name, g.Version, g.Number)).ReadAll()
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

// liveGeneration returns the generation that readers of this version use; with number 0 if none is
// live.
func liveGeneration(ctx context.Context, q pg.Querier, p fold.Projector) (generation, error) {
	g, _, err := pg.Find(ctx, q, "read live generation", pgx.RowToStructByPos[generation],
		`select `+generationColumns+` from generations where projection = $1 and version = $2 and state = 'live'`,
		p.Name, p.Version)
	return g, err
}
