package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// ErrNoLog means that the brokers did not report the end of the log.
var ErrNoLog = errors.New("the brokers do not answer")

// Status reads the checkpoints of the generation that readers use, and the ends of the log. In
// every process, even one that does not follow the partition, it detects a log that does not match
// the checkpoints. The error wraps [ErrNoLog] if the brokers did not report the ends.
func (e *Engine) Status(ctx context.Context) (operator.Projection, error) {
	s := operator.Projection{Projection: e.projector.Name, State: operator.StateBuilding}
	g, found, err := readersGeneration(ctx, e.pool, e.projector)
	if err != nil {
		return s, err
	}
	if found {
		s.Generation, s.State = g.Number, g.State
	}
	if err := lookForTables(ctx, e.pool, e.projector, &s); err != nil {
		return s, err
	}
	if s.Partitions, s.DeadLetters, err = progress(ctx, e.pool, s.Projection, g.Number); err != nil {
		return s, err
	}
	if s.Paused, err = e.paused(ctx); err != nil {
		return s, fmt.Errorf("read pause flag: %w", err)
	}
	if s.TablesChecked, err = tablesChecked(ctx, e.pool, s.Projection, g.Number); err != nil {
		return s, err
	}
	s.BuildFailed, err = pg.QueryBool(ctx, e.pool, "read result of the newest build", `
		select exists (
			select from generations where projection = $1 and state = 'failed' and ended_at > clock_timestamp() - interval '1 day'
			  and generation = (select max(generation) from generations where projection = $1))`, s.Projection)
	if err != nil {
		return s, err
	}
	if s.Building, err = builds(ctx, e.pool, s.Projection); err != nil {
		return s, err
	}
	ranges, id, err := e.log.Ranges(ctx, e.projector.Topic)
	if err != nil {
		return s, fmt.Errorf("%w: read ends of topic %s: %w", ErrNoLog, e.projector.Topic, err)
	}
	log := map[int32]eventlog.PartitionRange{}
	for _, r := range ranges {
		log[r.Partition] = r
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Problem = e.problem
	if s.Paused && s.Problem == "" {
		s.Problem = "projection is paused"
	}
	var stopped map[int32]string
	if session := e.sessions[g.Number]; session != nil {
		stopped = session.status(&s)
	}
	now := time.Now()
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.EndOffset = log[p.Partition].End
		if p.Stopped = stopped[p.Partition]; p.Stopped == "" && found {
			p.Stopped = e.notThisLog(g, id, log[p.Partition], p.NextOffset)
		}
		s.Lag += max(0, p.EndOffset-p.NextOffset)
		p.LagSeconds = e.waited(g.Number, *p, now).Seconds()
		s.LagSeconds = max(s.LagSeconds, p.LagSeconds)
	}
	for _, r := range ranges {
		known := slices.ContainsFunc(s.Partitions, func(p operator.Partition) bool {
			return p.Partition == r.Partition
		})
		if found && r.End > 0 && !known {
			s.Partitions = append(s.Partitions,
				operator.Partition{Partition: r.Partition, EndOffset: r.End, Stopped: errAddedPartition.Error()})
		}
	}
	return s, nil
}

// lookForTables sets which tables of the live generation are missing. If no generation is live, it
// sets whether one is being rebuilt because an earlier one became unusable.
func lookForTables(ctx context.Context, q pg.Querier, p fold.Projector, s *operator.Projection) (err error) {
	if s.Live() {
		s.TablesGone, err = missingTables(ctx, q, p, s.Generation)
		return err
	}
	s.Rebuilding, err = pg.QueryBool(ctx, q, "look for generations that were left", `
		select exists (
				select from generations
				where projection = $1 and version = $2 and state in ('dropped', 'failed') and live_at is not null)
		   and not exists (select from generations where projection = $1 and version = $2 and state = 'live')`,
		p.Name, p.Version)
	return err
}

func readersGeneration(ctx context.Context, q pg.Querier, p fold.Projector) (g generation, found bool, err error) {
	return pg.Find(ctx, q, "read which generation readers use", pgx.RowToStructByPos[generation], `
		select `+generationColumns+` from generations
		where projection = $1 and version = $2 and state in ('live', 'catching_up', 'building')
		order by state <> 'live', generation limit 1`,
		p.Name, p.Version)
}

func progress(
	ctx context.Context, q pg.Querier, projection string, number int,
) (partitions []operator.Partition, letters int64, err error) {
	scan := func(row pgx.CollectableRow) (p operator.Partition, err error) {
		return p, row.Scan(&p.Partition, &p.NextOffset, &p.EventTime, &p.ProgressedAt)
	}
	partitions, err = pg.List(ctx, q, "read checkpoints", scan, `
		select partition, next_offset, event_time, progressed_at from checkpoints
		where projection = $1 and generation = $2 order by partition`, projection, number)
	if err != nil {
		return nil, 0, err
	}
	err = q.QueryRow(ctx, `
		select count(*) from dead_letters where projection = $1 and generation = $2`,
		projection, number).Scan(&letters)
	if err != nil {
		return nil, 0, fmt.Errorf("count dead letters: %w", err)
	}
	return partitions, letters, nil
}

// notThisLog returns why a checkpoint does not match the log; "" if it does. A log that is shorter
// than the checkpoint shows no lag, so without this check the projection would look healthy.
func (e *Engine) notThisLog(g generation, id eventlog.TopicID, r eventlog.PartitionRange, next int64) string {
	switch {
	case id != g.TopicID:
		return eventlog.ErrOtherLog.Error()
	case next > r.End:
		return eventlog.ErrBeyondEnd.Error()
	case next < r.Start && !e.compacted:
		return eventlog.ErrBelowStart.Error()
	default:
		return ""
	}
}

type waiting struct {
	generation int
	partition  int32
}

type wait struct {
	next  int64
	since time.Time
}

// waited returns how long a partition has been behind without progress. This is not the time since
// the last progress: if a record arrives after a day without records, the partition is not a day
// behind.
func (e *Engine) waited(generation int, p operator.Partition, now time.Time) time.Duration {
	key := waiting{generation, p.Partition}
	if p.EndOffset <= p.NextOffset {
		delete(e.waits, key)
		return 0
	}
	if w, ok := e.waits[key]; ok && w.next == p.NextOffset {
		return now.Sub(w.since)
	}
	e.waits[key] = wait{p.NextOffset, now}
	return 0
}
