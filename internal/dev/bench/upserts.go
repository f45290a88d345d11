package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// upsertBatch is the number of events of one transaction of the limits, as of the projection's; and of rows of one statement.
const upsertBatch = 5000

// copied is a table whose rows the limits write again: all columns, by its primary key, in the order of time.
type copied struct{ table, key, time string }

var copiedTables = []copied{
	{"tspostinsights", "social_account_id, external_id, parent_account, captured_at", "captured_at"},
	{"post_daily", "social_account_id, external_id, parent_account, day, account_id, member_id", "captured_at"},
	{"post_months", "social_account_id, external_id, parent_account, month, account_id, member_id", "month"},
	{"post_gains", "social_account_id, quarter, parent_account, account_id, member_id, p_id", "quarter"},
}

// upsert is one with array parameters that were made beforehand.
type upsert struct {
	sql  string
	args []any
}

// upserts is what a writer who knows the rows beforehand has to write: for each of its connections the transactions.
type upserts [][][]upsert

// knownRows folds the log once, unmeasured, and returns what writers of the same rows write on so many connections: for each
// transaction of the projection one of the limit, with the rows that it changed as they are after it.
func (b *bench) knownRows(ctx context.Context, log *eventlog.Log, conns int) (each upserts, err error) {
	pool, err := b.database(ctx, int32(conns)+2)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	events, err := eventsOf(ctx, log, conns)
	if err != nil {
		return nil, err
	}
	each = make(upserts, conns)
	for partition := range events {
		for rest := events[partition]; len(rest) > 0; {
			n := min(len(rest), upsertBatch)
			statements, err := foldOnce(ctx, pool, rest[:n])
			if err != nil {
				return nil, err
			}
			each[partition], rest = append(each[partition], statements), rest[n:]
		}
	}
	return each, nil
}

// eventsOf reads the events of each partition.
func eventsOf(ctx context.Context, log *eventlog.Log, partitions int) ([][]fold.Event, error) {
	events := make([][]fold.Event, partitions)
	err := log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Parallel: 1, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, raw := range run.Records {
			recorded, err := log.Decode(raw)
			if err != nil {
				return err
			}
			events[run.Partition] = append(events[run.Partition], fold.Event{Raw: raw, Recorded: recorded})
		}
		return nil
	}})
	return events, err
}

// foldOnce folds events in a transaction, and returns what writes the rows that it changed.
func foldOnce(ctx context.Context, pool *pgxpool.Pool, events []fold.Event) (statements []upsert, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		state := projectors.PostInsights{}.Begin(1)
		if err := fold.LoadAll(ctx, tx, state, events); err != nil {
			return err
		}
		for _, ev := range events {
			if err := state.Apply(ev); err != nil {
				return err
			}
		}
		if err := fold.WriteAll(ctx, tx, state); err != nil {
			return err
		}
		for _, t := range copiedTables {
			changed, err := rowsOf(ctx, tx, t, "xmin = pg_current_xact_id()::xid", 0)
			if err != nil {
				return err
			}
			statements = append(statements, changed...)
		}
		return nil
	})
	return statements, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// rowsOf reads rows of a table, in the order of time, and returns upserts of so many of them each; 0: of all.
func rowsOf(ctx context.Context, q querier, t copied, where string, most int) (statements []upsert, err error) {
	columns, types, err := columnsOf(ctx, q, t.table)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, fmt.Sprintf(`select %s from %s where %s order by %s`, asTexts(columns, types), t.table, where, t.time))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.table, err)
	}
	defer rows.Close()
	arrays := make([][]any, len(columns))
	flush := func() {
		s := upsert{upsertSQL(t, columns, types), make([]any, len(columns))}
		for i := range arrays {
			s.args[i] = typed(types[i], arrays[i])
			arrays[i] = nil
		}
		statements = append(statements, s)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.table, err)
		}
		for i, v := range values {
			arrays[i] = append(arrays[i], v)
		}
		if len(arrays[0]) == most {
			flush()
		}
	}
	if len(arrays[0]) > 0 {
		flush()
	}
	return statements, rows.Err()
}

// upsertRate writes the rows into a fresh database and returns events per second.
func (b *bench) upsertRate(ctx context.Context, work upserts) (float64, error) {
	target, err := b.database(ctx, int32(len(work))+2)
	if err != nil {
		return 0, err
	}
	defer target.Close()
	took, err := work.write(ctx, target)
	return projectionEvents / took.Seconds(), err
}

// write writes the rows into empty tables, and returns how long that took.
func (work upserts) write(ctx context.Context, target *pgxpool.Pool) (time.Duration, error) {
	ready := sync.WaitGroup{} // connections are there: the projection's are too when it gets its first records
	for range work {
		ready.Add(1)
	}
	var began time.Time
	start := sync.OnceFunc(func() { began = time.Now() })
	var group errgroup.Group
	for _, transactions := range work {
		group.Go(func() error {
			conn, err := target.Acquire(ctx)
			ready.Done()
			if err != nil {
				return err
			}
			defer conn.Release()
			ready.Wait()
			start()
			for _, statements := range transactions {
				if err := writeTransaction(ctx, conn, statements); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("write the known rows: %w", err)
	}
	return time.Since(began), nil
}

func writeTransaction(ctx context.Context, conn *pgxpool.Conn, statements []upsert) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, s := range statements {
			batch.Queue(s.sql, s.args...)
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// typed makes a typed slice of a column's values, so that encoding costs what it would cost anybody.
func typed(pgType string, values []any) any {
	switch unnestable(pgType) {
	case "bigint":
		return column[int64](values)
	case "smallint":
		return column[int16](values)
	case "integer":
		return column[int32](values)
	case "boolean":
		return column[bool](values)
	case "text":
		return column[string](values)
	default:
		return column[time.Time](values)
	}
}

func column[T any](values []any) []*T {
	out := make([]*T, len(values))
	for i, v := range values {
		if typed, ok := v.(T); ok {
			out[i] = &typed
		}
	}
	return out
}
