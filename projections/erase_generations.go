package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Earlier are the generations that no record reaches any more: retired ones, still ones, and those of another version that
// nobody folds. An erasure is a record, so that what they hold of a person goes with them alone.
type Earlier struct {
	Pool        *pgxpool.Pool    // of schema lb_engine
	Projectors  []fold.Projector // all that there are; [fold.Personal] ones say where they hold a person
	DeleteGroup func(ctx context.Context, group string) error
}

// Holding names those that hold the person.
func (e Earlier) Holding(ctx context.Context, p domain.Person) (held []domain.OperatorTarget, err error) {
	if len(e.Projectors) == 0 {
		return nil, errors.New("projections.Earlier needs Projectors: without them no person is found anywhere")
	}
	for _, projector := range e.Projectors {
		personal, is := projector.(fold.Personal)
		if !is {
			continue // ids alone
		}
		numbers, err := e.unreached(ctx, projector)
		if err != nil {
			return nil, err
		}
		for _, g := range numbers {
			holds, err := e.holds(ctx, g.Schema, personal.PersonRows(), p)
			if err != nil {
				return nil, err
			}
			if holds {
				held = append(held, domain.OperatorTarget{Projection: projector.Name(), Generation: g.Number})
			}
		}
	}
	return held, nil
}

// unreached says that no record reaches the tables of a generation g; the version of the projector is $2.
const unreached = `(
	g.state in ('retired', 'still')
	or g.state = 'dropped' and exists (select from pg_namespace where nspname = 'lb_' || g.projection || '_g' || g.generation)
	or g.version <> $2 and g.state in ('building', 'live') and not exists (
		select from processes s where s.` + seenOfLate + ` and g.projection || '.g' || g.generation = any(s.folds)))`

// unreachedGeneration is one with its tables.
type unreachedGeneration struct {
	Number int
	Schema string
}

// unreached are the generations of a projection that no record reaches any more.
func (e Earlier) unreached(ctx context.Context, p fold.Projector) (list []unreachedGeneration, err error) {
	rows, err := e.Pool.Query(ctx, `select generation, state from generations g where projection = $1 and `+unreached+` order by generation`,
		p.Name(), p.Version())
	if err != nil {
		return nil, fmt.Errorf("read earlier generations of %s: %w", p.Name(), err)
	}
	var number int
	var state State
	_, err = pgx.ForEachRow(rows, []any{&number, &state}, func() error {
		schema := ddl.Schema(p.Name(), number)
		if state == StateRetired {
			schema = ddl.RetiredSchema(p.Name(), number)
		}
		list = append(list, unreachedGeneration{number, schema})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read earlier generations of %s: %w", p.Name(), err)
	}
	return list, nil
}

// holds looks for rows of a person. Another version may lack a table.
func (e Earlier) holds(ctx context.Context, schema string, where map[string]string, p domain.Person) (bool, error) {
	connections := make([]int64, len(p.Connections))
	for i, c := range p.Connections {
		connections[i] = c.ID
	}
	for table, condition := range where {
		name := pgx.Identifier{schema, strings.ToLower(table)}.Sanitize()
		var exists, holds bool
		if err := e.Pool.QueryRow(ctx, `select to_regclass($1) is not null`, name).Scan(&exists); err != nil {
			return false, fmt.Errorf("look for %s: %w", name, err)
		}
		if !exists {
			continue
		}
		// Every argument is named, so that its type is known where the condition has no use for it.
		err := e.Pool.QueryRow(ctx, `
			select exists (select from `+name+` where `+condition+`) and
				($1::text is null or $2::bigint[] is null or $3::bigint[] is null or $4::bigint[] is null or true)`,
			p.User, list(p.Members), list(connections), list(p.Going())).Scan(&holds)
		if err != nil {
			return false, fmt.Errorf("look for the person in %s: %w", name, err)
		}
		if holds {
			return true, nil
		}
	}
	return false, nil
}

// Drop drops one of them; conflict names who uses it. One whose tables cannot go, because something that somebody made hangs on
// them, is emptied: an erasure must not wait for a view of whom nobody knows, and once its tombstones are in the log nobody finds the
// person again to repeat it. What stays is a generation that is left: empty tables, which nothing reads or switches back to, and which go
// when what hangs on them has gone.
func (e Earlier) Drop(ctx context.Context, on domain.OperatorTarget) error {
	err := DropGeneration(ctx, e.Pool, on.Projection, on.Generation, e.DeleteGroup)
	if _, hangs := errors.AsType[hangsError](err); !hangs {
		return err
	}
	err = pgx.BeginFunc(ctx, e.Pool, func(tx pgx.Tx) error { return emptyGeneration(ctx, e.Pool, tx, on.Projection, on.Generation) })
	if lockedOut(err) {
		return domain.NewError(domain.CodeConflict, "an open transaction holds its tables; end that, or try again (pg_locks names it)")
	}
	if err != nil {
		return fmt.Errorf("empty generation %s: %w", generationName(on.Projection, on.Generation), err)
	}
	return forgetGroup(ctx, e.Pool, generationName(on.Projection, on.Generation), e.DeleteGroup)
}

// emptyGeneration takes all rows of a generation that nobody uses, and leaves its tables.
func emptyGeneration(ctx context.Context, pool *pgxpool.Pool, tx pgx.Tx, projection string, number int) error {
	defer endBlockers(ctx, pool, tx.Conn(), projection)()
	if err := lockGenerations(ctx, tx, projection); err != nil {
		return err
	}
	g, found, err := readGeneration(ctx, tx, projection, number)
	if err != nil || !found {
		return err
	}
	if err := refuseInUse(ctx, tx, projection, g); err != nil {
		return err
	}
	schema := ddl.Schema(projection, number)
	if g.State == StateRetired { // a generation that is left is looked for under this name
		if err := renameSchema(ctx, tx, ddl.RetiredSchema(projection, number), schema); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `
		select format('truncate table %I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition order by c.relname`, schema)
	if err != nil {
		return fmt.Errorf("list its tables: %w", err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list its tables: %w", err)
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	if _, err := tx.Exec(ctx, `delete from parked where projection = $1 and generation = $2`, projection, number); err != nil {
		return fmt.Errorf("forget parked events: %w", err)
	}
	return setState(ctx, tx, projection, number, StateDropped)
}
