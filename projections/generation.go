package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// State is a generation's place in its life.
type State = operator.State

// The states of a generation.
const (
	StateCopying  State = "copying"  // made in bulk
	StateBuilding State = "building" // followed, and not read yet
	StateLive     State = "live"     // followed, and what readers of its version use
	StateRetired  State = "retired"  // not followed any more; kept for a way back
	StateDropped  State = "dropped"  // its tables are gone
)

// generation is one set of tables made by one version of a projector from one log.
type generation struct {
	Number  int
	Version int
	TopicID eventlog.TopicID
	State   State
	Targets map[int32]int64 // end offsets to reach before readers may use it
}

// followed tells whether sessions fold the log into the generation.
func (g generation) followed() bool { return g.State == StateBuilding || g.State == StateLive }

const generationColumns = `generation, version, topic_id, state, targets`

// toFollow returns the generations of this projector version that are to be followed. With none, as in an empty
// database or with a projector of a new version, it makes one, which is live only once it has reached the log's
// present end. An advisory lock keeps two processes from making two.
func (e *Engine) toFollow(ctx context.Context) ([]generation, error) {
	found, err := e.followable(ctx, e.pool)
	if err != nil || len(found) > 0 {
		return found, err
	}
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic())
	if err != nil {
		return nil, fmt.Errorf("read ends of topic %s: %w", e.projector.Topic(), err)
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := lockGenerations(ctx, tx, e.projector.Name()); err != nil {
			return err
		}
		var err error
		if found, err = e.followable(ctx, tx); err != nil || len(found) > 0 {
			return err
		}
		if made, err := e.beingMade(ctx, tx); err != nil || made {
			return err
		}
		g, err := e.createGeneration(ctx, tx, StateBuilding, ranges, topicID)
		found = []generation{g}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open generation of %s: %w", e.projector.Name(), err)
	}
	return found, nil
}

// beingMade tells whether a rebuild makes, or is about to make, a generation of this version in bulk: one that is followed
// from the beginning beside it would fold everything twice, and come later.
func (e *Engine) beingMade(ctx context.Context, tx pgx.Tx) (made bool, err error) {
	err = tx.QueryRow(ctx, `
		select exists (
			select from rebuilds where projection = $1 and version = $2 and finished_at is null and not back and not cancel)`,
		e.projector.Name(), e.projector.Version()).Scan(&made)
	if err != nil {
		return false, fmt.Errorf("look for a rebuild that makes a generation: %w", err)
	}
	return made, nil
}

// followable reads the generations of this version that can be followed. One whose tables somebody dropped is none,
// nor is one that may lack tombstones: both are noted as dropped.
func (e *Engine) followable(ctx context.Context, q database) (found []generation, err error) {
	rows, err := q.Query(ctx, `
		select `+generationColumns+` from generations
		where projection = $1 and version = $2 and state in ('building', 'live') order by generation`, e.projector.Name(), e.projector.Version())
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[generation])
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	for _, g := range all {
		reason, err := e.unusable(ctx, q, g)
		if err != nil {
			return nil, err
		}
		if reason == "" {
			found = append(found, g)
			continue
		}
		e.logger.Warn("a generation is left and the read model made anew", "generation", g.Number, "reason", reason)
		if err := e.leave(ctx, q, g.Number); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// database is a pool or a transaction.
type database interface {
	querier
	beginner
}

// Generations returns all generations that have tables; one that was left is dropped, and listed until its tables are.
func Generations(ctx context.Context, pool *pgxpool.Pool) ([]operator.Generation, error) {
	rows, err := pool.Query(ctx, `
		select g.projection, g.generation, g.version, g.state,
		       coalesce((select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		         where c.relkind = 'r' and n.nspname = 'lb_' || g.projection || '_g' || g.generation), 0)::bigint,
		       g.created_at, g.live_at, g.retired_at, `+folding+`
		from generations g
		where g.state <> 'dropped' or exists (select from pg_namespace where nspname = 'lb_' || g.projection || '_g' || g.generation)
		order by g.projection, g.generation`)
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[operator.Generation])
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	return all, nil
}

func readGeneration(ctx context.Context, q querier, projection string, number int) (g generation, found bool, err error) {
	return queryGeneration(ctx, q, `projection = $1 and generation = $2::bigint`, projection, number)
}

// queryGeneration reads the one generation that a condition selects.
func queryGeneration(ctx context.Context, q querier, where string, args ...any) (g generation, found bool, err error) {
	rows, err := q.Query(ctx, `select `+generationColumns+` from generations where `+where, args...)
	if err != nil {
		return g, false, fmt.Errorf("read generation: %w", err)
	}
	g, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[generation])
	if errors.Is(err, pgx.ErrNoRows) {
		return generation{}, false, nil
	}
	if err != nil {
		return g, false, fmt.Errorf("read generation: %w", err)
	}
	return g, true, nil
}

// setState moves a generation that is not dropped, and its checkpoints, to a state.
func setState(ctx context.Context, tx pgx.Tx, projection string, generation int, state State) error {
	for _, table := range []string{"generations", "checkpoints"} {
		_, err := tx.Exec(ctx, `update `+table+` set state = $3 where projection = $1 and generation = $2 and state <> 'dropped'`,
			projection, generation, string(state))
		if err != nil {
			return fmt.Errorf("set %s %s: %w", table, state, err)
		}
	}
	_, err := tx.Exec(ctx, `
		update generations set live_at = case $3 when 'live' then coalesce(live_at, clock_timestamp()) else live_at end,
		       retired_at = case $3 when 'retired' then clock_timestamp() when 'dropped' then coalesce(retired_at, clock_timestamp())
		                            when 'live' then null else retired_at end
		where projection = $1 and generation = $2`, projection, generation, string(state))
	if err != nil {
		return fmt.Errorf("note time of state %s: %w", state, err)
	}
	return nil
}

// topicOf finds the topic's definition.
func topicOf(specs []eventlog.TopicSpec, name string) (eventlog.TopicSpec, error) {
	for _, s := range specs {
		if s.Name == name {
			return s, nil
		}
	}
	return eventlog.TopicSpec{}, domain.NewError(domain.CodeInternal, "topic %s has no definition", name)
}
