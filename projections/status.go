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
)

// ErrNoLog means that the brokers did not report the end of the log.
var ErrNoLog = errors.New("the brokers do not answer")

// Status reads the checkpoints of the generation that readers use, and the ends of the log. In
// every process, even one that does not follow the partition, it detects a log that does not match
// the checkpoints. The error wraps [ErrNoLog] if the brokers did not report the ends.
func (e *Engine) Status(ctx context.Context) (operator.Projection, error) {
	s := operator.Projection{Projection: e.projector.Name}
	var topic eventlog.TopicID
	var checkedAt *time.Time
	var equal *bool
	var report *string
	err := e.pool.QueryRow(ctx, statusSQL, s.Projection, e.projector.Version, e.projector.Tables).Scan(
		&s.Generation, &s.State, &topic, &s.DeadLetters, &s.TablesGone, &s.Rebuilding, &s.BuildFailed, &checkedAt, &equal, &report)
	if err != nil {
		return s, fmt.Errorf("read the status of %s: %w", s.Projection, err)
	}
	if checkedAt != nil {
		s.TablesChecked = &operator.TablesChecked{At: *checkedAt, Equal: *equal, Report: *report}
	}
	found := s.Generation > 0
	if s.Partitions, err = partitions(ctx, e.pool, s.Projection, s.Generation); err != nil {
		return s, err
	}
	if s.Building, err = listGenerations(ctx, e.pool,
		`g.projection = $1 and state in ('building', 'catching_up') order by generation`, s.Projection); err != nil {
		return s, err
	}
	if s.Paused, err = e.paused(ctx); err != nil {
		return s, fmt.Errorf("read pause flag: %w", err)
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
	if session := e.sessions[s.Generation]; session != nil {
		stopped = session.status(&s)
	}
	now := time.Now()
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.EndOffset = log[p.Partition].End
		if p.Stopped = stopped[p.Partition]; p.Stopped == "" && found {
			p.Stopped = e.notThisLog(topic, id, log[p.Partition], p.NextOffset)
		}
		s.Lag += max(0, p.EndOffset-p.NextOffset)
		p.LagSeconds = e.waited(s.Generation, *p, now).Seconds()
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

// statusSQL selects the generation that readers use, or will use first, with the number of its dead
// letters and its missing tables; whether its version is rebuilt because an earlier generation became
// unusable; whether the newest generation of any version failed within a day or a build is stuck; and
// the latest check.
const statusSQL = `
	select coalesce(g.generation, 0), coalesce(g.state, 'building'), coalesce(g.topic_id, '00000000-0000-0000-0000-000000000000'),
	       (select count(*) from dead_letters d where d.projection = $1 and d.generation = g.generation),
	       case when g.state = 'live' then ` + missingTables + ` else '{}' end,
	       g.state is distinct from 'live' and exists (
	         select from generations
	         where projection = $1 and version = $2 and state in ('dropped', 'failed') and live_at is not null),
	       exists (
	         select from generations
	         where projection = $1 and (
	           state = 'failed' and ended_at > clock_timestamp() - interval '1 day'
	           and generation = (select max(generation) from generations where projection = $1)
	           or state in ('building', 'catching_up') and waits = 'stuck')),
	       c.at, c.equal, c.report ->> 'id'
	from (select) one
	left join lateral (
		select * from generations
		where projection = $1 and version = $2 and state in ('live', 'catching_up', 'building')
		order by state <> 'live', generation limit 1) g on true
	left join table_checks c on c.projection = $1 and c.generation = g.generation`

func partitions(ctx context.Context, q pg.Querier, projection string, number int) ([]operator.Partition, error) {
	scan := func(row pgx.CollectableRow) (p operator.Partition, err error) {
		return p, row.Scan(&p.Partition, &p.NextOffset, &p.EventTime, &p.ProgressedAt)
	}
	return pg.List(ctx, q, "read checkpoints", scan, `
		select partition, next_offset, event_time, progressed_at from checkpoints
		where projection = $1 and generation = $2 order by partition`, projection, number)
}

// notThisLog returns why a checkpoint does not match the log; "" if it does. A log that is shorter
// than the checkpoint shows no lag, so without this check the projection would look healthy.
func (e *Engine) notThisLog(built, id eventlog.TopicID, r eventlog.PartitionRange, next int64) string {
	switch {
	case id != built:
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
