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

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// CheckTables compares the tables that readers use with a fold of the log. In one snapshot of the
// database, it folds the topic in bulk up to the checkpoints and copies the rows into temporary
// tables, where the server hashes them; their values therefore have the same types as those in the
// tables. If a tenant's rows differ, it folds the topic once more to find the first differing row.
// The database user needs the privilege to create temporary tables. CheckTables uses its own
// connections, so it does not delay the rest of the engine. The error wraps [ErrNotLive] if no
// generation is live.
func (e *Engine) CheckTables(ctx context.Context) (Report, error) {
	began := time.Now()
	r := Report{ID: uuid.NewString(), At: began.UTC(), Projection: e.projector.Name}
	pool, err := pg.Open(ctx, pg.Config{
		URL: e.databaseURL, SearchPath: []string{migrations.Engine}, Name: "check",
		MaxConns: checkConns, AsyncCommit: true,
	})
	if err != nil {
		return r, fmt.Errorf("open connections for a check: %w", err)
	}
	defer pool.Close()
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		c := &tableCheck{
			work: e.work, tx: tx, seed: rand.Int64(), // must not be predictable
			to: map[int32]int64{}, shapes: map[string]tableShape{},
		}
		return c.run(ctx, &r)
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

const (
	checkConns   = 4         // bounds the connections of one check
	checkWorkers = 4         // partitions folded at a time; their rows go through one connection
	temporary    = "pg_temp" // schema of the tables in which the rows of the fold are hashed
)

type tableCheck struct {
	work
	tx   pgx.Tx
	seed int64

	gen    generation
	to     map[int32]int64
	schema string
	shapes map[string]tableShape // by name in the database
}

func (c *tableCheck) run(ctx context.Context, r *Report) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	r.Generation, r.Version, r.Positions = c.gen.Number, c.gen.Version, c.to
	target := &hashTarget{tableCheck: c, digests: map[string]map[string]digest{}}
	letters, err := c.foldInto(ctx, target)
	if err != nil {
		return err
	}
	differing := map[string]string{} // one tenant per table
	for _, table := range c.projector.Tables {
		shape := c.shapes[inDatabase(table)]
		digests, err := shape.digests(ctx, c.tx, c.schema, c.seed)
		if err != nil {
			return err
		}
		t := TableReport{Name: table}
		if tenants := t.compare(digests, target.digests[shape.Name]); len(tenants) > 0 {
			differing[shape.Name] = tenants[0]
		}
		r.Tables = append(r.Tables, t)
	}
	if len(differing) == 0 {
		return nil
	}
	if err := c.locate(ctx, r, differing); err != nil {
		return err
	}
	explainCompacted(r, c.projector, letters)
	return nil
}

func (c *tableCheck) begin(ctx context.Context) (err error) {
	name := c.projector.Name
	if c.gen, err = liveGeneration(ctx, c.tx, c.projector); err != nil {
		return err
	}
	if c.gen.Number == 0 {
		return ErrNotLive
	}
	checkpoints, err := readCheckpoints(ctx, c.tx, name, c.gen.Number)
	if err != nil {
		return err
	}
	for partition, at := range checkpoints {
		c.to[partition] = at.NextOffset
	}
	c.schema = ddl.Schema(name, c.gen.Number)
	for _, table := range c.projector.Tables {
		shape, err := readShape(ctx, c.tx, c.schema, table)
		if err != nil {
			return err
		}
		c.shapes[shape.Name] = shape
		create := "create temporary table " + pgx.Identifier{shape.Name}.Sanitize() +
			" (like " + pgx.Identifier{c.schema, shape.Name}.Sanitize() + ") on commit drop"
		if err := pg.Exec(ctx, c.tx, "create temporary table", create); err != nil {
			return err
		}
	}
	return nil
}

// foldInto folds the topic up to the checkpoints and returns the dead letters.
func (c *tableCheck) foldInto(ctx context.Context, into write.CopyTarget) (letters []deadLetter, err error) {
	var ranges []eventlog.PartitionRange
	for partition, end := range c.to {
		ranges = append(ranges, eventlog.PartitionRange{Partition: partition, End: end})
	}
	groups := c.groups(ranges)
	folds := make([][]*bulkFold, len(groups))
	group, folding := errgroup.WithContext(ctx)
	group.SetLimit(checkWorkers)
	for i, ranges := range groups {
		group.Go(func() (err error) {
			state := c.projector.Begin(0)
			folds[i], err = c.foldGroup(folding, state, c.gen.TopicID, ranges, into, unobserved)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, f := range slices.Concat(folds...) {
		letters = append(letters, f.rows()...)
	}
	return letters, nil
}

// locate folds once more, keeps the rows of one differing tenant per table, and sets the first
// difference of each of these tables.
func (c *tableCheck) locate(ctx context.Context, r *Report, differing map[string]string) error {
	if _, err := c.foldInto(ctx, &keepTarget{tableCheck: c, tenants: differing}); err != nil {
		return err
	}
	for i, table := range c.projector.Tables {
		shape := c.shapes[inDatabase(table)]
		tenant, differs := differing[shape.Name]
		if !differs {
			continue
		}
		var err error
		if r.Tables[i].FirstDifference, err = shape.firstDifference(ctx, c.tx, c.schema, tenant, c.seed); err != nil {
			return err
		}
	}
	return nil
}

type hashTarget struct {
	*tableCheck
	mu      sync.Mutex
	digests map[string]map[string]digest // by table and tenant
}

func (t *hashTarget) CopyFrom(
	ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource,
) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := table[len(table)-1]
	shape := t.shapes[name]
	n, err := t.tx.CopyFrom(ctx, pgx.Identifier{temporary, name}, columns, rows)
	if err != nil {
		return n, err
	}
	digests, err := shape.digests(ctx, t.tx, temporary, t.seed)
	if err != nil {
		return n, err
	}
	if t.digests[name] == nil {
		t.digests[name] = map[string]digest{}
	}
	for tenant, d := range digests {
		t.digests[name][tenant] = t.digests[name][tenant].plus(d)
	}
	return n, pg.Exec(ctx, t.tx, "empty temporary table", "truncate "+pgx.Identifier{temporary, name}.Sanitize())
}

// keepTarget keeps the rows of some tenants in the temporary tables.
type keepTarget struct {
	*tableCheck
	mu      sync.Mutex
	tenants map[string]string // by table
}

func (t *keepTarget) CopyFrom(
	ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource,
) (int64, error) {
	name := table[len(table)-1]
	tenant, wanted := t.tenants[name]
	if !wanted {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(columns, tenantColumn)
	return t.tx.CopyFrom(ctx, pgx.Identifier{temporary, name}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return nil, err
			}
			if at < 0 {
				return values, nil
			}
			if rowTenant, _ := values[at].(string); rowTenant == tenant {
				return values, nil
			}
		}
		return nil, rows.Err()
	}))
}

// explainCompacted adds a note to each table whose first differing row is there only because
// compaction removed its record. If the last record of a key is a dead letter, the tables keep the row of
// the record before it. So does a rebuild, until compaction removes that record; the log then no
// longer contains the state that the row shows.
func explainCompacted(r *Report, p fold.Projector, letters []deadLetter) {
	if p.LogKey == nil {
		return
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.FirstDifference == nil || t.FirstDifference.In != inTable {
			continue
		}
		key, ok := p.LogKey(t.Name, t.FirstDifference.Key)
		if ok && slices.ContainsFunc(letters, func(d deadLetter) bool { return d.key == key }) {
			t.Note = fmt.Sprintf(
				"compaction removed the record that produced %s, and the remaining record is a dead letter", key)
		}
	}
}
