package projections

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// operatorGenerations selects [operator.Generation]. The size of tables is not read while they are
// copied, because it would wait for the lock under which their keys are created.
const operatorGenerations = `
	select g.projection || '.g' || g.generation, g.projection, g.generation, g.version, g.state,
	       coalesce(g.requested_by, ''), coalesce(g.request_reason, ''), g.created_at, g.started_at, g.live_at, g.ended_at,
	       p.done, g.events_total, coalesce(p.done / took, 0),
	       case when g.state in ('building', 'catching_up') and p.done > 0 then (g.events_total - p.done) * took / p.done end,
	       case when g.state in ('building', 'catching_up') then g.waits else '' end, coalesce(g.error, ''),
	       case when g.state = 'building' then 0 else coalesce((
	         select sum(pg_total_relation_size(c.oid))
	         from pg_class c join pg_namespace n on n.oid = c.relnamespace
	         where c.relkind = 'r' and n.nspname = 'lb_' || g.projection || '_g' || g.generation), 0) end::bigint,
	       ` + folding + `
	from generations g cross join lateral (
		select greatest(g.events_done, ` + eventsFolded + `) as done,
		       greatest(extract(epoch from coalesce(g.live_at, g.ended_at, clock_timestamp()) - g.started_at), 0.001)::float8 as took
	) p`

// eventsFolded is an SQL expression: the number of records up to the targets of generation g that
// its checkpoints have passed; null if it has no checkpoints.
const eventsFolded = `g.events_total - (
	select sum(greatest(0, (g.targets ->> c.partition::text)::bigint - c.next_offset)) from checkpoints c
	where c.projection = g.projection and c.generation = g.generation)::bigint`

// Generations shows the generations of all projections and handles operators' requests for them. It
// writes rows, and the engines act on them.
type Generations struct {
	pool *pgxpool.Pool
}

// NewGenerations returns a Generations that uses a pool of schema lb_engine.
func NewGenerations(pool *pgxpool.Pool) *Generations { return &Generations{pool} }

// Rebuild requests a generation of a projector version. If the build of another one is unfinished,
// the error has code [domain.CodeConflict] and names it.
func (g *Generations) Rebuild(ctx context.Context, p fold.Projector, by, reason string) (generation operator.Generation, err error) {
	err = lockGenerations(ctx, g.pool, p.Name, func(tx pgx.Tx) error {
		first, found, err := findGeneration(ctx, tx,
			`projection = $1 and version = $2 and state in ('building', 'catching_up')`, p.Name, p.Version)
		if err != nil {
			return err
		}
		if found {
			return BeingBuilt(first)
		}
		number, err := insertGeneration(ctx, tx, p, by, reason)
		if err != nil {
			return err
		}
		generation, _, err = findGeneration(ctx, tx, `projection = $1 and generation = $2`, p.Name, number)
		return err
	})
	if err != nil {
		return operator.Generation{}, fmt.Errorf("request rebuild of %s: %w", p.Name, err)
	}
	return generation, nil
}

// BeingBuilt returns the error for a rebuild while a generation is being built. Its code is
// [domain.CodeConflict].
func BeingBuilt(g operator.Generation) error {
	return domain.NewError(domain.CodeConflict,
		"Generation %d of %s has been under construction since %s (%s). Wait until it is in use, or cancel it.",
		g.Generation, g.Projection, g.CreatedAt.UTC().Format("2 Jan 2006, 15:04:05 UTC"), g.ID)
}

// Get returns a generation by its id, PROJECTION.gNUMBER. The error has code [domain.CodeNotFound]
// if no generation has the id.
func (g *Generations) Get(ctx context.Context, id string) (operator.Generation, error) {
	projection, number := splitGenerationID(id)
	generation, found, err := findGeneration(ctx, g.pool, `projection = $1 and generation = $2`, projection, number)
	if err == nil && !found {
		err = domain.NewError(domain.CodeNotFound, "There is no generation %s. Check the id.", id)
	}
	return generation, err
}

func splitGenerationID(id string) (projection string, number int32) {
	projection, after, _ := strings.Cut(id, ".g")
	n, _ := strconv.ParseInt(after, 10, 32) // no generation has number 0
	return projection, int32(n)
}

// List returns all generations, newest first. Generations that have ended are listed until newer
// ones replace them in the list.
func (g *Generations) List(ctx context.Context) ([]operator.Generation, error) {
	return listGenerations(ctx, g.pool, `true order by created_at desc, projection, generation desc`)
}

func listGenerations(ctx context.Context, q pg.Querier, condition string, args ...any) ([]operator.Generation, error) {
	return pg.List(ctx, q, "read generations", pgx.RowToStructByPos[operator.Generation],
		operatorGenerations+` where `+condition, args...)
}

func findGeneration(ctx context.Context, q pg.Querier, condition string, args ...any) (g operator.Generation, found bool, err error) {
	all, err := listGenerations(ctx, q, condition, args...)
	if len(all) > 0 {
		g = all[0]
	}
	return g, len(all) > 0, err
}

// Cancel cancels the build of a generation. The process that builds it stops within a second, and
// its tables are dropped by the next process that folds the projection, in any version. The error
// has code [domain.CodeConflict] if the build has ended.
func (g *Generations) Cancel(ctx context.Context, id string) error {
	projection, number := splitGenerationID(id)
	canceled := false
	err := pg.Durably(ctx, g.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update generations set state = 'dropped', ended_at = clock_timestamp(), error = null
			where projection = $1 and generation = $2 and state in ('building', 'catching_up')`, projection, number)
		if canceled = tag.RowsAffected() > 0; err != nil || !canceled {
			return err
		}
		return notifyStep(ctx, tx, projection)
	})
	if err != nil {
		return fmt.Errorf("cancel build of %s: %w", id, err)
	}
	if canceled {
		return nil
	}
	generation, err := g.Get(ctx, id)
	if err != nil {
		return err
	}
	return NotBeingBuilt(generation)
}

// NotBeingBuilt returns the error for canceling a build that has ended. Its code is
// [domain.CodeConflict].
func NotBeingBuilt(g operator.Generation) error {
	return domain.NewError(domain.CodeConflict,
		"Generation %d of %s is not being built any more (%s). Nothing was canceled.",
		g.Generation, g.Projection, g.State)
}

// lockGenerations runs f in a transaction that holds the lock for creating, switching and dropping
// generations of a projection. The commit is synchronous, because operators and commands rely on
// its result.
func lockGenerations(ctx context.Context, q database, projection string, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, q, func(tx pgx.Tx) error {
		if err := takeGenerations(ctx, tx, projection); err != nil {
			return err
		}
		return f(tx)
	})
}

// takeGenerations takes the lock of [lockGenerations]. It limits each wait for a lock in the
// transaction, so that a step that waits for a frozen projector or a long query does not block all
// other steps of the projection's generations. The caller retries the step.
func takeGenerations(ctx context.Context, tx pgx.Tx, projection string) error {
	_, err := tx.Exec(ctx, `
		select set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '2s', true),
		       pg_advisory_xact_lock(hashtext($1))`,
		"ledgerboard generation "+projection)
	if pg.IsLockTimeout(err) {
		return domain.NewError(domain.CodeUnavailable,
			"Another operation on the generations of %s is in progress. Try again.", projection)
	}
	return pg.Wrap("lock generations", err)
}
