package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

const (
	// switchWait bounds how long the old generation is held until the new one has folded what it has; live waits meanwhile.
	switchWait, switchLook = 30 * time.Millisecond, 3 * time.Millisecond
)

var errNotYet = errors.New("the new generation is behind the one that readers use")

// switchWhenReady points readers to the generation, as soon as nothing speaks against it.
func (r *running) switchWhenReady(ctx context.Context, number int) error {
	if err := r.advance(ctx, nil, operator.RebuildSwitching); err != nil {
		return err
	}
	told := false
	for {
		paused, err := r.paused(ctx)
		if err != nil {
			return fmt.Errorf("read pause flag: %w", err)
		}
		if paused && !told {
			r.tell(ctx, "the projection is paused: the switch waits until it is resumed")
		}
		told = paused
		if !paused {
			if err := r.switchTo(ctx, number); !errors.Is(err, errNotYet) {
				return err
			}
		}
		if err := r.pause(ctx, stepAgain); err != nil {
			return err
		}
	}
}

// switchTo moves the pointer and ends the rebuild, in one transaction that holds the old generation where it is.
func (r *running) switchTo(ctx context.Context, number int) error {
	name := r.projector.Name()
	err := pg.Durably(ctx, r.pool, func(tx pgx.Tx) error { // commands are answered by what readers have seen
		defer endBlockers(ctx, r.pool, tx.Conn(), name)()
		if err := lockGenerations(ctx, tx, name); err != nil {
			return err
		}
		if err := r.advance(ctx, tx, operator.RebuildDone); err != nil {
			return err
		}
		g, found, err := readGeneration(ctx, tx, name, number)
		if err != nil {
			return err
		}
		if !found || g.State != StateLive {
			return domain.NewError(domain.CodeConflict, "generation %d of %s is %s and cannot be read", number, name, g.State)
		}
		old, err := r.pointed(ctx, tx)
		if err != nil {
			return err
		}
		if old == number { // nothing was live before it
			return r.supersedeOthers(ctx, tx, number)
		}
		if err := r.reach(ctx, tx, old, number); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into pointer (projection, version, generation) values ($1, $2, $3)
			on conflict (projection, version) do update set generation = excluded.generation, switched_at = clock_timestamp()`,
			name, r.Version, number)
		if err != nil {
			return fmt.Errorf("point readers: %w", err)
		}
		if err := r.supersedeOthers(ctx, tx, number); err != nil {
			return err
		}
		return notify(ctx, tx, []string{pg.ProgressChannel, pg.FiguresChannel}, []string{name, pg.AnyFigure})
	})
	if err != nil {
		return fmt.Errorf("switch readers of %s to generation %d: %w", name, number, err)
	}
	r.logger.Info("readers use another generation", "generation", number)
	return nil
}

// supersedeOthers notes that readers use this generation: every other one of its version is followed for the grace alone,
// also a first one that is still being built.
func (r *running) supersedeOthers(ctx context.Context, tx pgx.Tx, number int) error {
	_, err := tx.Exec(ctx, `
		update generations set superseded_at = case when generation <> $3 then coalesce(superseded_at, clock_timestamp()) end
		where projection = $1 and version = $2 and (generation = $3 or state in ('building', 'live'))`, r.projector.Name(), r.Version, number)
	if err != nil {
		return fmt.Errorf("note supersession: %w", err)
	}
	return nil
}

// reach holds the checkpoints of the old generation and waits a moment until the new one has passed all of them. It may
// not wait for long: what is appended meanwhile shows nowhere. Positions in another log say nothing.
func (r *running) reach(ctx context.Context, tx pgx.Tx, old, number int) error {
	if same, err := r.sameLog(ctx, tx, old, number); err != nil || !same {
		return err
	}
	near, err := r.atOrBeyond(ctx, tx, old, number, "")
	if err != nil {
		return err
	}
	if !near { // without a lock it may be behind by the batch that it folds
		if err := r.pause(ctx, switchLook); err != nil {
			return err
		}
	}
	reached, err := r.atOrBeyond(ctx, tx, old, number, "for update of o")
	for began := time.Now(); err == nil && !reached && time.Since(began) < switchWait; {
		if err = r.pause(ctx, switchLook); err == nil {
			reached, err = r.atOrBeyond(ctx, tx, old, number, "")
		}
	}
	if err == nil && !reached {
		return errNotYet
	}
	return err
}

// sameLog tells whether two generations are made from one log: a topic that was created again is another one.
func (r *running) sameLog(ctx context.Context, q querier, a, b int) (bool, error) {
	rows, err := q.Query(ctx, `
		select count(distinct topic_id) = 1 from generations where projection = $1 and generation in ($2, $3)`, r.projector.Name(), a, b)
	if err != nil {
		return false, fmt.Errorf("compare logs: %w", err)
	}
	same, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("compare logs: %w", err)
	}
	return same, nil
}

// atOrBeyond tells whether a generation stands, in every partition, where another one stands or after that.
func (r *running) atOrBeyond(ctx context.Context, tx pgx.Tx, old, number int, lock string) (bool, error) {
	rows, err := tx.Query(ctx, `
		select coalesce(n.next_offset, -1) >= o.next_offset from checkpoints o
		left join checkpoints n on n.projection = o.projection and n.generation = $3 and n.partition = o.partition
		where o.projection = $1 and o.generation = $2 order by o.partition `+lock, r.projector.Name(), old, number)
	if err != nil {
		return false, fmt.Errorf("compare checkpoints: %w", err)
	}
	beyond, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("compare checkpoints: %w", err)
	}
	for _, ok := range beyond {
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// pointed is the generation that readers of this version use; 0 without any.
func (w work) pointed(ctx context.Context, q querier) (int, error) {
	rows, err := q.Query(ctx, `select generation from pointer where projection = $1 and version = $2`,
		w.projector.Name(), w.projector.Version())
	if err != nil {
		return 0, fmt.Errorf("read pointer: %w", err)
	}
	number, err := pgx.CollectOneRow(rows, pgx.RowTo[int])
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read pointer: %w", err)
	}
	return number, nil
}

// SwitchBack points readers of a projection version to the newest generation of the same log that they used before. It is a rebuild
// without its first half: the generation is followed until it has caught up. CodeConflict says that there is none, or
// that a rebuild is under way.
func (r *Rebuilds) SwitchBack(ctx context.Context, asked RebuildRequest) (rebuild Rebuild, err error) {
	err = pg.Durably(ctx, r.pool, func(tx pgx.Tx) error {
		defer endBlockers(ctx, r.pool, tx.Conn(), asked.Projection)()
		if err := lockGenerations(ctx, tx, asked.Projection); err != nil {
			return err
		}
		var number int
		var state State
		err := tx.QueryRow(ctx, `
			select generation, state from generations g
			where projection = $1 and version = $2 and superseded_at is not null and state in ('live', 'building', 'retired')
			  and not exists (
				select from pointer p join generations c using (projection, generation)
				where p.projection = $1 and p.version = $2 and c.topic_id <> g.topic_id)
			order by superseded_at desc, generation desc limit 1`, asked.Projection, asked.Version).Scan(&number, &state)
		if errors.Is(err, pgx.ErrNoRows) {
			return domain.NewError(domain.CodeConflict, "no earlier generation of %s, version %d, exists any more; rebuild it",
				asked.Projection, asked.Version)
		}
		if err != nil {
			return fmt.Errorf("read generations: %w", err)
		}
		if rebuild, err = insertRebuild(ctx, tx, RebuildRequest{
			Projection: asked.Projection, Version: asked.Version, By: asked.By, Reason: asked.Reason,
		}, operator.RebuildCatchingUp, &number); err != nil || state != StateRetired {
			return err
		}
		return unretire(ctx, tx, asked.Projection, asked.Version, number)
	})
	if err != nil {
		return Rebuild{}, fmt.Errorf("switch back %s: %w", asked.Projection, err)
	}
	return rebuild, nil
}

// unretire lets a generation be followed again. It is live when it stands where the generation that readers use stands now.
func unretire(ctx context.Context, tx pgx.Tx, projection string, version, number int) error {
	if err := renameSchema(ctx, tx, ddl.RetiredSchema(projection, number), ddl.Schema(projection, number)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update generations set targets = (
			select coalesce(jsonb_object_agg(c.partition::text, c.next_offset), '{}')
			from checkpoints c join pointer p using (projection, generation)
			where p.projection = $1 and p.version = $2)
		where projection = $1 and generation = $3`, projection, version, number)
	if err != nil {
		return fmt.Errorf("set targets: %w", err)
	}
	return setState(ctx, tx, projection, number, StateBuilding)
}
