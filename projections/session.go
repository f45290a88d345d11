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
func (s *session) keepFollowing(ctx context.Context) {
	backoff := databaseBackoffMin
	defer func() {
		if s.pool != nil {
			s.pool.Close()
		}
	}()
	_ = s.run(ctx, "session", nil, func(ctx context.Context) (time.Duration, error) {
		began := time.Now()
		err := s.follow(ctx)
		if ctx.Err() != nil || errors.Is(err, errDone) {
			return 0, err
		}
		if time.Since(began) > databaseBackoffMax {
			backoff = databaseBackoffMin
		}
		s.update(func() { s.problem = err.Error() })
		s.logger.Error("projection session ended", "error", err, "retry_in", backoff.String())
		wait := backoff
		backoff = min(backoff*2, databaseBackoffMax)
		return wait, nil
	})
}

// follow joins the consumer group and then polls and folds, while other loops check the generation. It
// ends when the first of them ends.
func (s *session) follow(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	follower, err := s.join(ctx)
	if err != nil {
		return err
	}
	defer follower.Close()
	var checks sync.WaitGroup
	defer checks.Wait()
	defer end(nil) // before it waits
	check := func(name string, woken func() <-chan struct{}, step func(context.Context) (time.Duration, error)) {
		checks.Go(func() { end(cmp.Or(s.run(ctx, name, woken, step), errDone)) })
	}
	check("generation", nil, s.checkGeneration)
	check("months", nil, s.keepMonths)
	check("stamps", nil, s.stampCaughtUp)
	if s.chained {
		check("streams", s.Stepped, s.foldDueAgain)
	}
	for {
		batch, err := follower.Poll(ctx, s.every.look)
		if err == nil {
			s.noteStopped(batch)
			err = s.handle(ctx, batch)
		}
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		follower.Done(batch)
	}
}

// join joins the consumer group. A process that cannot reach the database does not, because it would
// take partitions from processes that can fold.
func (s *session) join(ctx context.Context) (eventlog.Follower, error) {
	if s.pool == nil {
		var err error
		if s.pool, err = openTables(ctx, s.databaseURL, s.projector.Name, s.number); err != nil {
			return nil, err
		}
	}
	if err := within(ctx, reachedWithin, s.pool.Ping); err != nil {
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	s.update(func() { // all partitions are checked again
		clear(s.stopped)
		clear(s.checkpoints)
	})
	return s.log.Follow(eventlog.FollowConfig{
		Topic: s.projector.Topic, Group: s.group, MaxRecords: foldWorkers * s.maxRecords, Positions: s.assigned,
	})
}

// checkGeneration ends the session if the generation is live and the projection is paused, or if the
// generation has ended. An idle session would not notice otherwise. It ignores read errors, because
// it is called again.
func (s *session) checkGeneration(ctx context.Context) (time.Duration, error) {
	g, found, err := readGeneration(ctx, s.pool, s.projector.Name, s.number)
	if err != nil {
		return s.every.look, nil //nolint:nilerr // the next check reads it again
	}
	paused, err := s.paused(ctx)
	if !found || !g.followed() || err == nil && paused && g.State == operator.StateLive {
		return 0, errDone
	}
	return s.every.look, s.checkCheckpoints(ctx)
}

// checkCheckpoints returns [errDone] if a checkpoint is behind the records that this process has
// folded: the database was restored to an earlier state, or failed over to a server that lacked the
// last commits. The next session folds again from that checkpoint.
func (s *session) checkCheckpoints(ctx context.Context) error {
	var known map[int32]int64
	s.update(func() { known = maps.Clone(s.checkpoints) })
	stored, err := readCheckpoints(ctx, s.pool, s.projector.Name, s.number)
	if err != nil {
		return nil //nolint:nilerr // the next check reads it again
	}
	for partition, at := range known {
		checkpoint, ok := stored[partition]
		if !ok {
			return errDone
		}
		if now := checkpoint.NextOffset; now < at {
			s.logger.Warn("the tables are in an earlier state; folding again from their checkpoint",
				"partition", partition, "next_offset", now, "expected_offset", at)
			return errDone
		}
	}
	return nil
}

// stampCaughtUp stamps the checkpoints that are at the end of the log, unless the topic may have
// deleted tombstones since their last stamp: see [Engine.followable].
func (s *session) stampCaughtUp(ctx context.Context) (time.Duration, error) {
	ranges, topic, err := s.log.Ranges(ctx, s.projector.Topic)
	if err == nil {
		ends := write.Arrays(ranges, func(r eventlog.PartitionRange) []any { return []any{r.Partition, r.End} })
		_, err = s.pool.Exec(ctx, `
			with ended as ( -- skips checkpoints that are locked by a fold, so that the fold is not delayed
				select c.partition
				from checkpoints c join unnest($4::int[], $5::bigint[]) as r(partition, log_end) using (partition)
				where c.projection = $1 and c.generation = $2
				  and c.next_offset >= r.log_end and (c.topic_id is null or c.topic_id = $3)
				  and ($6::interval = '0' or c.caught_up_at >= now() - $6::interval)
				order by c.partition for update of c skip locked)
			update checkpoints c set caught_up_at = now() from ended
			where c.projection = $1 and c.generation = $2 and c.partition = ended.partition`,
			append(append([]any{s.projector.Name, s.number, storedID(topic)}, ends...), s.deleteRetention)...)
	}
	if err != nil && ctx.Err() == nil {
		s.logger.Warn("cannot record that the tables are at the end of the log", "error", err)
	}
	return s.every.caughtUp, nil
}

const (
	attachEvery = 24 * time.Hour // between checks of the monthly partitions
	attachAgain = time.Minute    // after a failure
)

// keepMonths creates the monthly partitions of the coming months.
func (s *session) keepMonths(ctx context.Context) (time.Duration, error) {
	err := attachMonths(ctx, s.pool, s.projector.Tables)
	if err == nil {
		return attachEvery, nil
	}
	if ctx.Err() == nil {
		s.logger.Warn("monthly partitions are not attached yet; their readings go to the default partition",
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
func (s *session) assigned(ctx context.Context, partitions []int32) (map[int32]eventlog.Checkpoint, error) {
	stored, err := readCheckpoints(ctx, s.pool, s.projector.Name, s.number)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 { // the generation has ended
		return nil, errDone
	}
	out := make(map[int32]eventlog.Checkpoint, len(partitions))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range partitions {
		delete(s.stopped, p) // the follower checks the partition again
		at, ok := stored[p]
		if !ok {
			out[p] = eventlog.Checkpoint{Refused: errAddedPartition}
			continue
		}
		out[p] = at
		s.checkpoints[p] = at.NextOffset
	}
	return out, nil
}

func (s *session) noteStopped(batch eventlog.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = ""
	for partition, reason := range batch.Stopped {
		s.stopped[partition] = reason.Error()
		s.logger.Warn("partition is not followed", "partition", partition, "reason", reason)
	}
}

func (s *session) folded(steps []step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = ""
	for _, next := range steps {
		s.checkpoints[next.partition] = next.to
	}
}

func (s *session) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// status adds what the session knows to the status of its projection.
func (s *session) status(projection *operator.Projection) (stopped map[int32]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	projection.Problem, projection.Ignored, projection.Unknown = s.problem, s.ignored, s.unknown
	return maps.Clone(s.stopped)
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
