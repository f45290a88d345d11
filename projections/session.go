package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

const (
	// noteWithin limits noteCaughtUp, during which nothing is folded.
	noteWithin = 2 * time.Second
	// reachedWithin limits the check of the database before a session joins its consumer group.
	reachedWithin = 2 * time.Second
)

// session follows one generation: it polls the log, folds batches, and writes the rows and
// checkpoints of each batch in one transaction.
type session struct {
	work
	pool *pgxpool.Pool // of the generation's schema

	group string // consumer group

	mu      sync.Mutex
	gen     generation
	next    map[int32]int64  // the checkpoint of each partition, as last known to this process
	passed  map[int32]step   // records passed over after the checkpoints; see [session.passLater]
	passAt  time.Time        // when the checkpoints must move past them
	stopped map[int32]string // partitions that must not be followed, with the reason
	problem string           // why the session cannot continue; "" if it can
	stale   int64            // stale records since the session began
}

func newSession(w work, g generation, database string) *session {
	w.logger = w.logger.With("generation", g.Number)
	return &session{
		work: w, group: "ledgerboard." + generationName(w.projector.Name, g.Number) + "." + database,
		gen: g, stopped: map[int32]string{}, next: map[int32]int64{}, passed: map[int32]step{},
	}
}

// run follows the generation until ctx is done, the generation has ended, or the projection is
// paused.
func (f *session) run(ctx context.Context) {
	backoff := databaseBackoffMin
	defer func() {
		if f.pool != nil {
			f.pool.Close()
		}
	}()
	for ctx.Err() == nil {
		began := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil || errors.Is(err, errRetired) || errors.Is(err, errPaused) {
			return // the engine begins a new session if necessary
		}
		if time.Since(began) > databaseBackoffMax {
			backoff = databaseBackoffMin
		}
		f.update(func() { f.problem = err.Error() })
		f.logger.Error("projection session ended", "error", err, "retry_in", backoff.String())
		_ = pause(ctx, backoff) // the loop checks ctx
		backoff = min(backoff*2, databaseBackoffMax)
	}
}

var errPaused = errors.New("projection is paused")

// follow polls the log and folds each poll until an error occurs. A process that cannot reach the
// database does not join the consumer group, because it would take partitions from processes that
// can fold.
func (f *session) follow(ctx context.Context) error {
	if f.pool == nil {
		var err error
		if f.pool, err = openTables(ctx, f.databaseURL, f.projector.Name, f.gen.Number); err != nil {
			return err
		}
	}
	if err := within(ctx, reachedWithin, f.pool.Ping); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	f.update(func() { // all partitions are checked again
		clear(f.stopped)
		clear(f.next)
		clear(f.passed)
	})
	attachAt := f.keepMonths(ctx)
	follower, err := f.log.Follow(eventlog.FollowConfig{
		Topic: f.projector.Topic, Group: f.group,
		MaxRecords: foldWorkers * f.maxRecords, Positions: f.positions,
	})
	if err != nil {
		return err
	}
	defer follower.Close()
	var looked time.Time
	noted := time.Now()
	for {
		if err := f.lookAround(ctx, &looked, &noted); err != nil {
			return err
		}
		if time.Now().After(attachAt) {
			attachAt = f.keepMonths(ctx)
		}
		batch, err := follower.Poll(ctx, f.passIn(f.every.look))
		if err != nil {
			return err
		}
		f.update(func() {
			f.problem = ""
			for partition, reason := range batch.Stopped {
				f.stopped[partition] = reason.Error()
				f.logger.Error("partition is not followed", "partition", partition, "reason", reason)
			}
		})
		if err := f.handle(ctx, batch); err != nil {
			return err
		}
		follower.Done(batch)
		if f.passIn(f.every.look) == 0 {
			if err := f.passOver(ctx); err != nil {
				return err
			}
		}
	}
}

func (f *session) lookAround(ctx context.Context, looked, noted *time.Time) error {
	if time.Since(*looked) >= f.every.look {
		if err := f.look(ctx); err != nil {
			return err
		}
		*looked = time.Now()
	}
	if time.Since(*noted) < f.every.caughtUp {
		return nil
	}
	*noted = time.Now()
	if err := f.passOver(ctx); err != nil {
		return err
	}
	return f.noteCaughtUp(ctx)
}

// look returns an error, which ends the session, if the generation is live and the projection is
// paused, or if the generation has ended. An idle session would not notice otherwise. look ignores
// read errors, because it is called again.
func (f *session) look(ctx context.Context) error {
	if paused, err := f.paused(ctx); err == nil && paused && f.current().State == StateLive {
		return errPaused
	}
	if g, found, err := readGeneration(ctx, f.pool, f.projector.Name, f.current().Number); err == nil {
		if !found || !g.followed() {
			return errRetired
		}
		f.update(func() { f.gen = g }) // state and targets may have changed
	}
	return f.lookBack(ctx)
}

// mayBeLive reports whether the generation is live or may have been made live since the last look,
// because the checkpoints of this process have reached its targets.
func (f *session) mayBeLive() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen.State != StateLive {
		for partition, next := range f.next {
			if next < f.gen.Targets[partition] {
				return false
			}
		}
	}
	return true
}

// lookBack returns [errRetired] if a checkpoint is behind the records that this process has folded:
// the database was restored to an earlier state, or failed over to a server that lacked the last
// commits. The next session folds again from that checkpoint.
func (f *session) lookBack(ctx context.Context) error {
	var known map[int32]int64
	f.update(func() { known = maps.Clone(f.next) })
	stored, err := readCheckpoints(ctx, f.pool, f.projector.Name, f.current().Number)
	if err != nil {
		return nil //nolint:nilerr // the next check reads it again
	}
	for partition, at := range known {
		checkpoint, ok := stored[partition]
		if !ok {
			return errRetired
		}
		if now := checkpoint.NextOffset; now < at {
			f.logger.Warn("the tables are in an earlier state; folding again from their checkpoint",
				"partition", partition, "next_offset", now, "expected_offset", at)
			return errRetired
		}
	}
	return nil
}

// noteCaughtUp stamps the checkpoints that are at the end of the log. It returns [errRetired] if
// the last stamp is older than the time for which a compacted topic keeps tombstones: erasures may
// be missing, so the tables must be rebuilt.
func (f *session) noteCaughtUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	ranges, topic, err := f.log.Ranges(ctx, f.projector.Topic)
	if err == nil {
		var outlived bool
		if outlived, err = f.outlivedTombstones(ctx, f.pool, f.current()); outlived {
			return errRetired
		}
	}
	if err == nil {
		ends := write.Arrays(ranges, func(r eventlog.PartitionRange) []any { return []any{r.Partition, r.End} })
		_, err = f.pool.Exec(ctx, `
			with ended as ( -- skips checkpoints that are locked by a fold, so that the fold is not delayed
				select c.partition
				from checkpoints c join unnest($4::int[], $5::bigint[]) as r(partition, log_end) using (partition)
				where c.projection = $1 and c.generation = $2
				  and c.next_offset >= r.log_end and (c.topic_id is null or c.topic_id = $3)
				order by c.partition for update of c skip locked)
			update checkpoints c set caught_up_at = now() from ended
			where c.projection = $1 and c.generation = $2 and c.partition = ended.partition`,
			append([]any{f.projector.Name, f.current().Number, storedID(topic)}, ends...)...)
	}
	if err != nil && ctx.Err() == nil {
		f.logger.Warn("cannot record that the tables are at the end of the log", "error", err)
	}
	return nil
}

const (
	attachEvery = 24 * time.Hour // between checks of the monthly partitions
	attachAgain = time.Minute    // after a failure
)

// keepMonths creates the monthly partitions of the coming months. It returns the time of the next
// check.
func (f *session) keepMonths(ctx context.Context) time.Time {
	err := attachMonths(ctx, f.pool, f.projector.Tables)
	if err == nil {
		return time.Now().Add(attachEvery)
	}
	if ctx.Err() == nil {
		f.logger.Warn("monthly partitions are not attached yet; their readings go to the default partition",
			"error", err)
	}
	return time.Now().Add(attachAgain)
}

// errAddedPartition is the reason for not following a partition that was added to the topic after
// the tables were created. This program never writes to such a partition, and the tables do not
// contain records of other producers.
var errAddedPartition = errors.New("it was added to the topic after these tables were created; " +
	"ledgerboard assigns keys by the original partition count, so it did not write the records of this partition; " +
	"run 'ledgerboard log'")

// positions returns the checkpoints of newly assigned partitions. It also folds parked records
// whose type this binary now knows.
func (f *session) positions(ctx context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
	g := f.current()
	err := refolding{f.work, f.pool, g}.retryNowKnown(ctx, partitions)
	if err != nil && !errors.Is(err, errOtherTopic) { // the follower reports the other topic
		return nil, err
	}
	stored, err := readCheckpoints(ctx, f.pool, f.projector.Name, g.Number)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 { // the generation has ended
		return nil, errRetired
	}
	out := make(map[int32]eventlog.Checkpoint, len(partitions))
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range partitions {
		delete(f.stopped, p) // the follower checks the partition again
		at, ok := stored[p]
		if !ok {
			out[p] = eventlog.Checkpoint{Refused: errAddedPartition}
			continue
		}
		out[p] = at
		f.next[p] = at.NextOffset
		delete(f.passed, p)
	}
	return out, nil
}

func (f *session) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *session) note(steps []step) {
	f.update(func() {
		f.problem = ""
		for _, s := range steps {
			f.next[s.partition] = s.to
			delete(f.passed, s.partition)
		}
	})
}

func (f *session) current() (g generation) {
	f.update(func() { g = f.gen })
	return g
}

func (f *session) status() (problem string, stale int64, stopped map[int32]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.problem, f.stale, maps.Clone(f.stopped)
}

// Server-side limits for database sessions that fold or change generations. A session that is idle
// in a transaction belongs to a frozen process; ending the session lets another process or a switch
// continue. Most statements of a fold write a few thousand rows, but an erasure may take minutes.
const (
	idleAtMost      = "10s"
	lockInFold      = "30s"
	statementInFold = "10min"
)

// openTables opens a pool that folds into the tables of a generation.
func openTables(ctx context.Context, databaseURL, projection string, number int) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: []string{ddl.Schema(projection, number), migrations.Engine},
		Name: generationName(projection, number), MaxConns: foldConns, AsyncCommit: true,
		Params: map[string]string{
			"idle_in_transaction_session_timeout": idleAtMost,
			"lock_timeout":                        lockInFold,
			"statement_timeout":                   statementInFold,
		},
	})
}
