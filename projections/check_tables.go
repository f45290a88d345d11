package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// CheckTables compares the tables that readers use with a fold of the log. In one snapshot of the
// database, it folds the topic in bulk up to the checkpoints and copies the rows into temporary
// tables, which need as much space as the tables. Events that the database has refused are dead
// letters here too. The database user needs the privilege to create temporary tables. CheckTables
// uses its own connection, so it does not delay the rest of the engine. The error wraps [ErrNotLive]
// if no generation is live.
func (e *Engine) CheckTables(ctx context.Context) (Report, error) {
	began := time.Now()
	r := Report{ID: uuid.NewString(), At: began.UTC(), Projection: e.projector.Name}
	pool, err := pg.Open(ctx, pg.Config{
		URL: e.databaseURL, SearchPath: []string{migrations.Engine}, Name: "check", MaxConns: 1, AsyncCommit: true,
		Params: pg.Limits("0", lockInFold, "0"),
	})
	if err != nil {
		return r, fmt.Errorf("open a connection for a check: %w", err)
	}
	defer pool.Close()
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return checkTables(ctx, tx, e.work, &r)
	})
	if err != nil {
		return r, fmt.Errorf("check tables of %s: %w", e.projector.Name, err)
	}
	r.Equal = !slices.ContainsFunc(r.Tables, func(t TableReport) bool { return !t.Equal })
	r.Took = time.Since(began).Round(time.Millisecond).String()
	return r, nil
}

// ErrNotLive means that readers have no tables of this version yet.
var ErrNotLive = errors.New("the tables are not live: they were never built, or are being built; check them later")

func checkTables(ctx context.Context, tx pgx.Tx, w work, r *Report) error {
	g, err := liveGeneration(ctx, tx, w.projector)
	if err == nil && g.Number == 0 {
		err = ErrNotLive
	}
	if err != nil {
		return err
	}
	checkpoints, err := readCheckpoints(ctx, tx, w.projector.Name, g.Number)
	if err != nil {
		return err
	}
	r.Generation, r.Version, r.Positions = g.Number, g.Version, map[int32]int64{}
	var ranges []eventlog.PartitionRange
	for partition, at := range checkpoints {
		r.Positions[partition] = at.NextOffset
		ranges = append(ranges, eventlog.PartitionRange{Partition: partition, End: at.NextOffset})
	}
	if w.refused, err = refusedEvents(ctx, tx, w.projector, g.Number); err != nil {
		return err
	}
	schema, shapes := ddl.Schema(w.projector.Name, g.Number), make([]tableShape, len(w.projector.Tables))
	for i, table := range w.projector.Tables {
		if shapes[i], err = readShape(ctx, tx, schema, table); err != nil {
			return err
		}
		create := "create temporary table " + pgx.Identifier{shapes[i].Name}.Sanitize() +
			" (like " + pgx.Identifier{schema, shapes[i].Name}.Sanitize() + ") on commit drop"
		if err := pg.Exec(ctx, tx, "create temporary table", create); err != nil {
			return err
		}
	}
	if err := foldInto(ctx, w, g.TopicID, ranges, tx); err != nil {
		return err
	}
	seed := rand.Int64() // must not be predictable
	for i, table := range w.projector.Tables {
		t, err := shapes[i].compare(ctx, tx, schema, seed)
		if err != nil {
			return err
		}
		t.Name = table
		r.Tables = append(r.Tables, t)
	}
	return nil
}

// refusedEvents returns the dead letters of a generation whose values the database has refused.
func refusedEvents(
	ctx context.Context, q pg.Querier, p fold.Projector, number int,
) (map[domain.Position]*fold.BadEventError, error) {
	refused := map[domain.Position]*fold.BadEventError{}
	_, err := pg.List(ctx, q, "read refused events", func(row pgx.CollectableRow) (at domain.Position, err error) {
		at.Topic = p.Topic
		bad := &fold.BadEventError{Reason: operator.ReasonWrite}
		err = row.Scan(&at.Partition, &at.Offset, &bad.Params)
		refused[at] = bad
		return at, err
	}, `
		select partition, log_offset, params from dead_letters
		where projection = $1 and generation = $2 and reason = 'write'`, p.Name, number)
	return refused, err
}

// checkWorkers is how many partitions a check folds at a time.
const checkWorkers = 4

// foldInto folds ranges of the topic into the temporary tables, through one connection.
func foldInto(ctx context.Context, w work, id eventlog.TopicID, ranges []eventlog.PartitionRange, tx pgx.Tx) error {
	var shared sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(checkWorkers)
	for _, ranges := range w.groups(ranges) {
		group.Go(func() error {
			return write.Copy(ctx, tx, &shared, func(into write.Sink) error {
				_, err := w.foldGroup(ctx, id, ranges, into, unobserved)
				return err
			})
		})
	}
	return group.Wait()
}
