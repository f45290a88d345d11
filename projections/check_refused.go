package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// findRefused finds out which of the events that the tables set aside as refused by the database it does refuse. It does not
// take the tables' word: a row that somebody wrote there by hand would hide any event. They are folded again, into temporary
// tables with the keys of the real ones; what folds is left to the comparison of parked events, which then names it.
func (c *tableCheck) findRefused(ctx context.Context) error {
	listed, err := listRefused(ctx, c.tx, c.projector.Name(), c.gen.Number)
	if err != nil {
		return err
	}
	refused := refusedEvents{}
	c.refused = refused.at
	positions := slices.SortedFunc(maps.Keys(listed), func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) })
	return c.tryRefused(ctx, listed, positions, refused)
}

// tryRefused adds to refused which of these events the database does refuse. It halves what does not fold as a whole: the number
// of folds grows with what is refused, and hardly with how much somebody listed.
func (c *tableCheck) tryRefused(ctx context.Context, listed refusedEvents, positions [][2]int64, refused refusedEvents) error {
	if len(positions) == 0 {
		return nil
	}
	others, to := maps.Clone(listed), map[int32]int64{}
	for _, at := range positions {
		delete(others, at)
		if partition := int32(at[0]); c.to[partition] > 0 { // else nothing of it is folded
			to[partition] = c.to[partition]
		}
	}
	all, err := c.folds(ctx, others, to)
	if all || err != nil {
		return err
	}
	if len(positions) == 1 {
		refused[positions[0]] = listed[positions[0]]
		return nil
	}
	half := len(positions) / 2
	if err := c.tryRefused(ctx, listed, positions[:half], refused); err != nil {
		return err
	}
	return c.tryRefused(ctx, listed, positions[half:], refused)
}

// folds tells whether the database takes what a fold up to the given offsets makes, without these events, and then its keys.
// Nothing of it stays.
func (c *tableCheck) folds(ctx context.Context, without refusedEvents, to map[int32]int64) (bool, error) {
	tx, err := c.tx.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin to try what is set aside: %w", err)
	}
	target := &trialTarget{check: c, tx: tx}
	_, err = c.foldTopic(ctx, c.gen.TopicID, to, target, without.at, checkWorkers)
	if err == nil {
		err = target.keys(ctx)
	}
	if undone := tx.Rollback(ctx); undone != nil {
		return false, fmt.Errorf("take back what was tried: %w", undone)
	}
	if pg.IsDataError(err) {
		return false, nil
	}
	return err == nil, err
}

// trialTarget takes rows into the temporary tables to see whether the database does.
type trialTarget struct {
	check  *tableCheck
	tx     pgx.Tx
	mu     sync.Mutex
	failed error // the first: what comes after it hears only that the transaction is spoilt
}

// CopyFrom implements [write.CopyTarget].
func (t *trialTarget) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (n int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := table[len(table)-1]
	if _, compared := t.check.shapes[name]; !compared || t.failed != nil {
		return 0, t.failed
	}
	n, t.failed = t.tx.CopyFrom(ctx, pgx.Identifier{temporary, name}, columns, rows)
	return n, t.failed
}

// keys makes the keys after the rows, as a rebuild does: before, they would refuse what a definition drops first.
func (t *trialTarget) keys(ctx context.Context) error {
	for _, of := range t.check.projector.Definition().KeysByTable() {
		if _, compared := t.check.shapes[strings.ToLower(of.Table)]; !compared {
			continue
		}
		if _, err := t.tx.Exec(ctx, of.SQL); err != nil { // a temporary table comes before all others of its name
			return fmt.Errorf("make keys of temporary table %s: %w", of.Table, err)
		}
	}
	return nil
}
