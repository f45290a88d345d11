package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// CheckTables compares the tables that readers use with a fold of the log, which it makes without another generation: it
// folds the topic in bulk up to where the tables stand in one snapshot, and lets the server hash the rows, some thousand
// at a time, in a temporary table. Values so go through the same types as those of the tables. Only where tenants
// differ the topic is folded again, to name a row.
//
// The snapshot is open as long as it takes to fold the topic. The user needs the right to make temporary tables.
//
// It has connections of its own: what else the engine does must not wait for it.
func (e *Engine) CheckTables(ctx context.Context) (Report, error) { return e.check(ctx, "") }

// CheckAgency is [Engine.CheckTables] of the rows and parked events of one agency.
func (e *Engine) CheckAgency(ctx context.Context, agency string) (Report, error) {
	return e.check(ctx, agency)
}

func (e *Engine) check(ctx context.Context, agency string) (Report, error) {
	began := time.Now()
	r := newReport(e.projector.Name(), began)
	pool, err := pg.Open(ctx, pg.Config{
		URL: e.databaseURL, SearchPath: []string{migrations.Engine}, Name: "check", MaxConns: checkConns, AsyncCommit: true,
	})
	if err != nil {
		return r, fmt.Errorf("open connections for a check: %w", err)
	}
	defer pool.Close()
	err = pgx.BeginTxFunc(ctx, pool, snapshotOptions, func(tx pgx.Tx) error {
		check := &tableCheck{work: e.work, tx: tx, seed: rand.Int64(), agency: agency} // no one must foresee the seed for long
		return check.run(ctx, &r)
	})
	if err != nil {
		return r, fmt.Errorf("check tables of %s: %w", e.projector.Name(), err)
	}
	r.finish(began)
	return r, nil
}

// ErrNotLive says that readers have no tables of this version yet.
var ErrNotLive = errors.New("the tables are not live (never started, or being built): check them again later")

// checkConns bounds how many connections one check of tables may open.
const checkConns = 4

// checkWorkers is how many partitions are folded at a time; the rows go through one connection.
const checkWorkers = 4

// tableCheck is one check of the tables of a projection, in one snapshot.
type tableCheck struct {
	work
	tx   pgx.Tx
	seed int64
	// agency: only its rows are compared; "": all.
	agency string

	gen     generation
	to      map[int32]int64
	refused refusedAt
	live    tableSide
	shapes  map[string]tableShape // by name in the database
}

// temporary is where rows of the fold are hashed.
const temporary = "pg_temp"

func (c *tableCheck) run(ctx context.Context, r *Report) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	r.Generation, r.Version, r.Positions = c.gen.Number, c.gen.Version, c.to
	var err error
	if c.refused, err = readRefused(ctx, c.tx, c.projector.Name(), c.gen.Number); err != nil {
		return err
	}
	parked, err := readParked(ctx, c.tx, c.projector.Name(), c.gen.Number)
	if err != nil {
		return err
	}
	target := newHashTarget(c)
	folds, err := c.fold(ctx, target)
	if err != nil {
		return err
	}
	r.Parked = compareParked(c.narrow(parked), c.narrow(parkedBy(folds)))
	differing := map[string]string{}
	for _, table := range c.projector.Tables() {
		shape, err := c.live.shape(ctx, table)
		if err != nil {
			return err
		}
		digests, err := c.live.digests(ctx, shape, c.seed)
		if err != nil {
			return err
		}
		t := TableReport{Name: table}
		folded := target.digests[shape.Name]
		if c.agency != "" {
			digests, folded = onlyOf(c.agency, digests), onlyOf(c.agency, folded)
		}
		if tenants := t.compare(digests, folded); len(tenants) > 0 {
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
	if c.compacted {
		explainCompacted(r, c.projector, parkedBy(folds))
	}
	return nil
}

// begin reads what is checked, and makes a temporary table like each.
func (c *tableCheck) begin(ctx context.Context) error {
	name := c.projector.Name()
	number, err := c.work.live(ctx, c.tx)
	if err != nil {
		return err
	}
	if number == 0 {
		return ErrNotLive
	}
	var found bool
	if c.gen, found, err = readGeneration(ctx, c.tx, name, number); err != nil || !found {
		return errors.Join(err, ErrNotLive)
	}
	if c.to, err = readCheckpoints(ctx, c.tx, name, number); err != nil {
		return err
	}
	c.live, c.shapes = tableSide{c.tx, ddl.Schema(name, number)}, map[string]tableShape{}
	for _, table := range c.projector.Tables() {
		shape, err := c.live.shape(ctx, table)
		if err != nil {
			return err
		}
		c.shapes[shape.Name] = shape
		_, err = c.tx.Exec(ctx, "create temporary table "+pgx.Identifier{shape.Name}.Sanitize()+
			" (like "+pgx.Identifier{c.live.schema, shape.Name}.Sanitize()+") on commit drop")
		if err != nil {
			return fmt.Errorf("make temporary table: %w", err)
		}
	}
	return nil
}

func onlyOf(agency string, digests map[string]bucket) map[string]bucket {
	if b, there := digests[agency]; there {
		return map[string]bucket{agency: b}
	}
	return nil
}

// narrow leaves the parked events of the agency that is checked.
func (c *tableCheck) narrow(parked []ParkedAt) []ParkedAt {
	if c.agency == "" {
		return parked
	}
	return slices.DeleteFunc(parked, func(p ParkedAt) bool { return p.Key != c.agency })
}

func (c *tableCheck) fold(ctx context.Context, into write.CopyTarget) (map[int32]*bulkFold, error) {
	return c.foldTopic(ctx, c.gen.TopicID, c.to, into, c.refused, checkWorkers)
}

// parkedBy lists what folds parked, in the order of positions.
func parkedBy(folds map[int32]*bulkFold) []ParkedAt {
	var list []ParkedAt
	for _, partition := range slices.Sorted(maps.Keys(folds)) {
		for _, row := range folds[partition].rows() {
			state := "parked"
			if row.skipped {
				state = "skipped"
			}
			list = append(list, ParkedAt{row.Partition, row.Offset, row.Key, row.Reason, state})
		}
	}
	return list
}

// locate folds once more and keeps the rows of one differing tenant of each table, to name a row.
func (c *tableCheck) locate(ctx context.Context, r *Report, differing map[string]string) error {
	if _, err := c.fold(ctx, &keepTarget{check: c, tenants: differing}); err != nil {
		return err
	}
	for i, table := range c.projector.Tables() {
		shape, err := c.live.shape(ctx, table)
		if err != nil {
			return err
		}
		tenant, differs := differing[shape.Name]
		if !differs {
			continue
		}
		r.Tables[i].FirstDifference, err = firstDifference(ctx, c.live, tableSide{c.tx, temporary}, shape, tenant, c.seed)
		if err != nil {
			return err
		}
	}
	return nil
}

// hashAtOnce is how many rows are hashed at a time: they stay in the memory for temporary tables.
const hashAtOnce = 5000

// hashTarget digests what it is given.
type hashTarget struct {
	*tableCheck
	mu      sync.Mutex
	digests map[string]map[string]bucket // by table and tenant
}

func newHashTarget(c *tableCheck) *hashTarget {
	return &hashTarget{tableCheck: c, digests: map[string]map[string]bucket{}}
}

// CopyFrom implements [write.CopyTarget].
func (t *hashTarget) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := table[len(table)-1]
	shape, known := t.shapes[name]
	if !known {
		return 0, domain.NewError(domain.CodeInternal, "table %s is not one of projection %s", name, t.projector.Name())
	}
	if t.digests[name] == nil {
		t.digests[name] = map[string]bucket{}
	}
	total := int64(0)
	for {
		n, err := t.tx.CopyFrom(ctx, pgx.Identifier{temporary, name}, columns, &firstRows{rows, hashAtOnce})
		if err != nil {
			return total, err
		}
		if n == 0 {
			return total, nil
		}
		total += n
		digests, err := tableSide{t.tx, temporary}.digests(ctx, shape, t.seed)
		if err != nil {
			return total, err
		}
		for tenant, b := range digests {
			t.digests[name][tenant] = t.digests[name][tenant].plus(b)
		}
		if _, err := t.tx.Exec(ctx, "truncate "+pgx.Identifier{temporary, name}.Sanitize()); err != nil {
			return total, fmt.Errorf("empty temporary table: %w", err)
		}
		if n < hashAtOnce {
			return total, nil
		}
	}
}

// firstRows are at most so many rows of a source.
type firstRows struct {
	pgx.CopyFromSource
	left int
}

func (s *firstRows) Next() bool {
	s.left--
	return s.left >= 0 && s.CopyFromSource.Next()
}

// keepTarget keeps the rows of some tenants in the temporary tables.
type keepTarget struct {
	check   *tableCheck
	mu      sync.Mutex
	tenants map[string]string // by table
}

// CopyFrom implements [write.CopyTarget].
func (t *keepTarget) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	name := table[len(table)-1]
	tenant, wanted := t.tenants[name]
	if !wanted {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(columns, tenantColumn)
	return t.check.tx.CopyFrom(ctx, pgx.Identifier{temporary, name}, columns, &tenantRows{CopyFromSource: rows, column: at, tenant: tenant})
}

// tenantRows are the rows of one tenant of a source.
type tenantRows struct {
	pgx.CopyFromSource
	column int // -1: rows have no tenant
	tenant string
	values []any
	err    error
}

func (s *tenantRows) Next() bool {
	for s.err == nil && s.CopyFromSource.Next() {
		if s.values, s.err = s.CopyFromSource.Values(); s.err != nil {
			return false
		}
		if s.column < 0 {
			return true
		}
		if of, _ := s.values[s.column].(string); of == s.tenant {
			return true
		}
	}
	return false
}

func (s *tenantRows) Values() ([]any, error) { return s.values, s.err }

func (s *tenantRows) Err() error { return errors.Join(s.err, s.CopyFromSource.Err()) }
