package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// reachedWithin limits the check of the database before a session joins its consumer group.
const reachedWithin = 2 * time.Second

// session follows one generation: it polls the log, folds batches, and writes the rows and
// checkpoints of each batch in one transaction.
type session struct {
	work
	pool  *pgxpool.Pool // of the generation's schema
	group string        // consumer group

	number int // of the generation

	mu          sync.Mutex
	checkpoints map[int32]int64  // of each partition, as last stored by this process
	stopped     map[int32]string // partitions that must not be followed, with the reason
	problem     string           // why the session cannot continue; "" if it can
	ignored     int64            // stale and invalid records since the session began
	unknown     int64            // events of unknown types since the session began
}

func newSession(w work, g generation, database string) *session {
	w.logger = w.logger.With("generation", g.Number)
	return &session{
		work: w, group: "ledgerboard." + generationName(w.projector.Name, g.Number) + "." + database,
		number: g.Number, stopped: map[int32]string{}, checkpoints: map[int32]int64{},
	}
}

// keepFollowing follows the generation until ctx is done, the generation has ended, or the projection
// is paused. After other errors, it follows again from the stored checkpoints.
func (f *session) keepFollowing(ctx context.Context) {
	backoff := databaseBackoffMin
	defer func() {
		if f.pool != nil {
			f.pool.Close()
		}
	}()
	_ = f.run(ctx, "session", nil, func(ctx context.Context) (time.Duration, error) {
		began := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil || errors.Is(err, errDone) {
			return 0, err
		}
		if time.Since(began) > databaseBackoffMax {
			backoff = databaseBackoffMin
		}
		f.update(func() { f.problem = err.Error() })
		f.logger.Error("projection session ended", "error", err, "retry_in", backoff.String())
		wait := backoff
		backoff = min(backoff*2, databaseBackoffMax)
		return wait, nil
	})
}

// follow joins the consumer group and then polls and folds, while other loops check the generation. It
// ends when the first of them ends.
func (f *session) follow(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	follower, err := f.join(ctx)
	if err != nil {
		return err
	}
	defer follower.Close()
	var checks sync.WaitGroup
	defer checks.Wait()
	defer end(nil) // before it waits
	check := func(name string, woken func() <-chan struct{}, step func(context.Context) (time.Duration, error)) {
		checks.Go(func() { end(cmp.Or(f.run(ctx, name, woken, step), errDone)) })
	}
	check("generation", nil, f.checkGeneration)
	check("months", nil, f.keepMonths)
	check("stamps", nil, f.stampCaughtUp)
	if f.chained {
		check("streams", f.Stepped, f.foldDueAgain)
	}
	for {
		batch, err := follower.Poll(ctx, f.every.look)
		if err == nil {
			f.noteStopped(batch)
			err = f.handle(ctx, batch)
		}
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		follower.Done(batch)
	}
}

// join joins the consumer group. A process that cannot reach the database does not, because it would
// take partitions from processes that can fold.
func (f *session) join(ctx context.Context) (eventlog.Follower, error) {
	if f.pool == nil {
		var err error
		if f.pool, err = openTables(ctx, f.databaseURL, f.projector.Name, f.number); err != nil {
			return nil, err
		}
	}
	if err := within(ctx, reachedWithin, f.pool.Ping); err != nil {
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	f.update(func() { // all partitions are checked again
		clear(f.stopped)
		clear(f.checkpoints)
	})
	return f.log.Follow(eventlog.FollowConfig{
		Topic: f.projector.Topic, Group: f.group, MaxRecords: foldWorkers * f.maxRecords, Positions: f.assigned,
	})
}

// checkGeneration ends the session if the generation is live and the projection is paused, or if the
// generation has ended. An idle session would not notice otherwise. It ignores read errors, because
// it is called again.
func (f *session) checkGeneration(ctx context.Context) (time.Duration, error) {
	g, found, err := readGeneration(ctx, f.pool, f.projector.Name, f.number)
	if err != nil {
		return f.every.look, nil //nolint:nilerr // the next check reads it again
	}
	paused, err := f.paused(ctx)
	if !found || !g.followed() || err == nil && paused && g.State == operator.StateLive {
		return 0, errDone
	}
	return f.every.look, f.checkCheckpoints(ctx)
}

// checkCheckpoints returns [errDone] if a checkpoint is behind the records that this process has
// folded: the database was restored to an earlier state, or failed over to a server that lacked the
// last commits. The next session folds again from that checkpoint.
func (f *session) checkCheckpoints(ctx context.Context) error {
	var known map[int32]int64
	f.update(func() { known = maps.Clone(f.checkpoints) })
	stored, err := readCheckpoints(ctx, f.pool, f.projector.Name, f.number)
	if err != nil {
		return nil //nolint:nilerr // the next check reads it again
	}
	for partition, at := range known {
		checkpoint, ok := stored[partition]
		if !ok {
			return errDone
		}
		if now := checkpoint.NextOffset; now < at {
			f.logger.Warn("the tables are in an earlier state; folding again from their checkpoint",
				"partition", partition, "next_offset", now, "expected_offset", at)
			return errDone
		}
	}
	return nil
}

// stampCaughtUp stamps the checkpoints that are at the end of the log, unless the topic may have
// deleted tombstones since their last stamp: see [Engine.followable].
func (f *session) stampCaughtUp(ctx context.Context) (time.Duration, error) {
	ranges, topic, err := f.log.Ranges(ctx, f.projector.Topic)
	if err == nil {
		ends := write.Arrays(ranges, func(r eventlog.PartitionRange) []any { return []any{r.Partition, r.End} })
		_, err = f.pool.Exec(ctx, `
			with ended as ( -- skips checkpoints that are locked by a fold, so that the fold is not delayed
				select c.partition
				from checkpoints c join unnest($4::int[], $5::bigint[]) as r(partition, log_end) using (partition)
				where c.projection = $1 and c.generation = $2
				  and c.next_offset >= r.log_end and (c.topic_id is null or c.topic_id = $3)
				  and ($6::interval = '0' or c.caught_up_at >= now() - $6::interval)
				order by c.partition for update of c skip locked)
			update checkpoints c set caught_up_at = now() from ended
			where c.projection = $1 and c.generation = $2 and c.partition = ended.partition`,
			append(append([]any{f.projector.Name, f.number, storedID(topic)}, ends...), f.deleteRetention)...)
	}
	if err != nil && ctx.Err() == nil {
		f.logger.Warn("cannot record that the tables are at the end of the log", "error", err)
	}
	return f.every.caughtUp, nil
}

const (
	attachEvery = 24 * time.Hour // between checks of the monthly partitions
	attachAgain = time.Minute    // after a failure
)

// keepMonths creates the monthly partitions of the coming months.
func (f *session) keepMonths(ctx context.Context) (time.Duration, error) {
	err := attachMonths(ctx, f.pool, f.projector.Tables)
	if err == nil {
		return attachEvery, nil
	}
	if ctx.Err() == nil {
		f.logger.Warn("monthly partitions are not attached yet; their readings go to the default partition",
			"error", err)
	}
	return attachAgain, nil
}

// errAddedPartition is the reason for not following a partition that was added to the topic after
// the tables were created. This program never writes to such a partition, and the tables do not
// contain records of other producers.
var errAddedPartition = errors.New("it was added to the topic after these tables were created; " +
	"ledgerboard assigns keys by the original partition count, so it did not write the records of this partition; " +
	"run 'ledgerboard log'")

// assigned returns the checkpoints of newly assigned partitions.
func (f *session) assigned(ctx context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
	stored, err := readCheckpoints(ctx, f.pool, f.projector.Name, f.number)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 { // the generation has ended
		return nil, errDone
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
		f.checkpoints[p] = at.NextOffset
	}
	return out, nil
}

func (f *session) noteStopped(batch eventlog.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problem = ""
	for partition, reason := range batch.Stopped {
		f.stopped[partition] = reason.Error()
		f.logger.Warn("partition is not followed", "partition", partition, "reason", reason)
	}
}

func (f *session) folded(steps []step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problem = ""
	for _, s := range steps {
		f.checkpoints[s.partition] = s.to
	}
}

func (f *session) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// status adds what the session knows to the status of its projection.
func (f *session) status(s *operator.Projection) (stopped map[int32]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Problem, s.Ignored, s.Unknown = f.problem, f.ignored, f.unknown
	return maps.Clone(f.stopped)
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
		Params: pg.Limits(statementInFold, lockInFold, idleAtMost),
	})
}
