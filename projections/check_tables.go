package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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

// CheckTables compares the tables that readers use with a fold of the log into temporary tables,
// which need as much space. It copies the rows up to the checkpoints and then follows the tables in
// short transactions, so that vacuum goes on and the engine is not delayed. Only when both have folded
// the same records, it opens a snapshot and compares them. Events that the database has refused are
// dead letters here too. The database user needs the privilege to create temporary tables. The error
// wraps [ErrNotLive] if no generation is live. After any other error, nothing is known about the
// tables: a check that is interrupted says so, and never that tables differ.
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
	defer pool.Close() // drops the temporary tables
	err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		c := &check{work: e.work, conn: conn.Conn(), shards: map[int32]*shard{}}
		return c.run(ctx, &r)
	})
	if err != nil {
		return r, fmt.Errorf("the check of the tables of %s is not finished: %w", e.projector.Name, err)
	}
	r.Equal = !slices.ContainsFunc(r.Tables, func(t TableReport) bool { return !t.Equal })
	r.Took = time.Since(began).Round(time.Millisecond).String()
	return r, nil
}

// ErrNotLive means that readers have no tables of this version yet.
var ErrNotLive = errors.New("the tables are not live: they were never built, or are being built; check them later")

// Reasons why a check must be run again.
var (
	errReplaced = errors.New("the tables were replaced or set back meanwhile; run it again")
	errFolding  = errors.New("an event was skipped, and its stream is being folded again; run it again")
	errTooFast  = errors.New("records arrive faster than this check can fold them; run it again when the service has less to do")
)

// check folds the log into temporary tables of its connection, next to a live generation.
type check struct {
	work
	conn   *pgx.Conn
	number int // of the live generation
	topic  eventlog.TopicID
	at     map[int32]int64  // offsets up to which the temporary tables are folded, by partition
	shards map[int32]*shard // by partition
}

func (c *check) run(ctx context.Context, r *Report) error {
	g, err := liveGeneration(ctx, c.pool, c.projector)
	if err == nil && g.Number == 0 {
		err = ErrNotLive
	}
	if err != nil {
		return err
	}
	r.Generation, r.Version = g.Number, g.Version
	c.number, c.topic = g.Number, g.TopicID
	schema, shapes := ddl.Schema(c.projector.Name, g.Number), make([]tableShape, len(c.projector.Tables))
	for i, table := range c.projector.Tables {
		if shapes[i], err = readShape(ctx, c.conn, schema, table); err != nil {
			return err
		}
		create := "create temporary table " + pgx.Identifier{shapes[i].Name}.Sanitize() +
			" (like " + pgx.Identifier{schema, shapes[i].Name}.Sanitize() + ")"
		if err := pg.Exec(ctx, c.conn, "create temporary table", create); err != nil {
			return err
		}
	}
	if err := c.copy(ctx); err != nil {
		return err
	}
	snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Rollback(ctx) //nolint:errcheck // nothing was changed
	r.Positions = c.at
	seed := rand.Int64() // must not be predictable
	for i, table := range c.projector.Tables {
		t, err := shapes[i].compare(ctx, snapshot, schema, seed)
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

// copy folds the topic up to the checkpoints, copies the rows, and creates the keys.
func (c *check) copy(ctx context.Context) error {
	ends, err := c.liveEnds(ctx, c.pool)
	if err != nil {
		return err
	}
	var ranges []eventlog.PartitionRange
	for partition, end := range ends {
		ranges = append(ranges, eventlog.PartitionRange{Partition: partition, End: end})
	}
	var connection, folded sync.Mutex
	group, folding := errgroup.WithContext(ctx)
	group.SetLimit(checkWorkers)
	for _, ranges := range c.groups(ranges) {
		group.Go(func() error {
			return write.Copy(folding, c.conn, &connection, func(into write.Sink) error {
				shards, err := c.foldGroup(folding, c.topic, ranges, into, unobserved)
				folded.Lock()
				defer folded.Unlock()
				for _, s := range shards {
					c.shards[s.partition] = s
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	c.at = ends
	keys := fmt.Sprintf("set maintenance_work_mem = '%dMB'; %s; analyze %s",
		keyMemory, c.projector.Definition.Keys(), strings.Join(c.projector.Tables, ", "))
	_, err = c.conn.PgConn().Exec(ctx, keys).ReadAll()
	return pg.Wrap("create keys of temporary tables", err)
}

// liveEnds returns the checkpoints of the live generation, and reads which events before them the
// database has refused.
func (c *check) liveEnds(ctx context.Context, q pg.Querier) (map[int32]int64, error) {
	checkpoints, err := readCheckpoints(ctx, q, c.projector.Name, c.number)
	if err == nil {
		c.refused, err = refusedEvents(ctx, q, c.projector, c.number)
	}
	ends := make(map[int32]int64, len(checkpoints))
	for partition, at := range checkpoints {
		if ends[partition] = at.NextOffset; err == nil && (at.TopicID != c.topic || at.NextOffset < c.at[partition]) {
			err = errReplaced
		}
	}
	if err == nil && (len(ends) == 0 || len(ends) < len(c.at)) {
		err = errReplaced // the generation has ended
	}
	return ends, err
}

const (
	checkRounds = 100 // after which a check gives up following
	checkLocked = 500 // records that may be folded while the checkpoints are locked
)

// snapshot follows the live generation, and returns a snapshot in which both have folded the same
// records.
func (c *check) snapshot(ctx context.Context) (snapshot pgx.Tx, err error) {
	for range checkRounds {
		ends, err := c.liveEnds(ctx, c.pool)
		if err == nil {
			err = c.follow(ctx, ends)
		}
		if err == nil {
			err = pgx.BeginFunc(ctx, c.pool, func(locked pgx.Tx) error {
				snapshot, err = c.lockedSnapshot(ctx, locked)
				return err
			})
		}
		if err != nil || snapshot != nil {
			return snapshot, err
		}
	}
	return nil, errTooFast
}

// lockedSnapshot returns a snapshot while nothing is folded into the live generation; nil if the
// temporary tables are too far behind.
func (c *check) lockedSnapshot(ctx context.Context, locked pgx.Tx) (snapshot pgx.Tx, err error) {
	err = pg.Exec(ctx, locked, "lock checkpoints", `
		select from checkpoints where projection = $1 and generation = $2 order by partition for update`, c.projector.Name, c.number)
	if err != nil {
		return nil, err
	}
	dueAgain, err := pg.QueryBool(ctx, locked, "look for streams to be folded again", `
		select exists (select from streams where projection = $1 and generation = $2 and fold_again)`, c.projector.Name, c.number)
	if err == nil && dueAgain {
		err = errFolding
	}
	if err == nil {
		err = c.checkOutdated(ctx, locked)
	}
	if err != nil {
		return nil, err
	}
	ends, err := c.liveEnds(ctx, locked)
	behind := int64(0)
	for partition, end := range ends {
		behind += end - c.at[partition]
	}
	if err != nil || behind > checkLocked {
		return nil, err
	}
	if err := c.follow(ctx, ends); err != nil {
		return nil, err
	}
	for _, s := range c.shards {
		if s.streams.due() {
			return nil, errFolding
		}
	}
	if snapshot, err = c.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}); err != nil {
		return nil, fmt.Errorf("begin to compare: %w", err)
	}
	return snapshot, pg.Exec(ctx, snapshot, "take a snapshot", "select from generations")
}

// follow folds the records up to offsets, as a session does.
func (c *check) follow(ctx context.Context, ends map[int32]int64) error {
	for partition, end := range ends {
		r := eventlog.PartitionRange{Partition: partition, Start: c.at[partition], End: end}
		if r.Start == r.End {
			continue
		}
		s := c.shards[partition]
		err := c.scan(ctx, c.topic, r, "", func(ctx context.Context, run eventlog.Run) error {
			for _, runs := range cutRuns([]eventlog.Run{run}, c.maxRecords) {
				events, _ := c.eventsOf(runs[0])
				if err := s.upsert(ctx, c.conn, events); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("follow partition %d of %s: %w", partition, c.projector.Topic, err)
		}
		c.at[partition] = end
	}
	return nil
}

// upsert folds events into tables that have rows, without checkpoints and dead letters.
func (s *shard) upsert(ctx context.Context, conn *pgx.Conn, events []fold.Event) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var first, last pgx.Batch
		state := s.projector.Begin(0)
		state.Load(&first, slices.DeleteFunc(slices.Clone(events), func(ev fold.Event) bool { return ev.Err != nil }))
		if err := write.Send(ctx, tx, &first); err != nil {
			return err
		}
		if err := state.LoadMore(ctx, tx); err != nil {
			return err
		}
		for _, ev := range events {
			s.apply(state, s.streams, ev)
		}
		err := write.Upsert(ctx, tx, &last, func(into write.Sink) error { return state.Write(into, true) })
		if err != nil {
			return err
		}
		return write.Send(ctx, tx, &last)
	})
}
