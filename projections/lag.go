package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Status is what a projection tells of itself; ops, readiness and metrics show it.
type Status struct {
	Projection string            `json:"projection"`
	Generation int               `json:"generation"`
	State      State             `json:"state"`
	Lag        int64             `json:"lag"`         // events not yet folded, exact, over all partitions
	LagSeconds float64           `json:"lag_seconds"` // how long the partition that waits longest has been seen behind without progress; 0 without lag
	Parked     int64             `json:"parked"`
	Stale      int64             `json:"stale"`             // lost races and duplicates since the start of this process
	Problem    string            `json:"problem,omitempty"` // why it does not run
	Partitions []PartitionStatus `json:"partitions"`
}

// PartitionStatus is the position of one partition.
type PartitionStatus struct {
	Partition    int32      `json:"partition"`
	NextOffset   int64      `json:"next_offset"`
	EndOffset    int64      `json:"end_offset"`
	EventTime    *time.Time `json:"event_time,omitempty"`
	ProgressedAt time.Time  `json:"progressed_at"`
	Stopped      string     `json:"stopped,omitempty"` // why it is not, or must not be, followed
}

// Live tells whether the projection has reached the end of the log once and may be read.
func (s Status) Live() bool { return s.State == StateLive }

// Status reads the checkpoints and the ends of the log. It finds a log that is not the one of the
// checkpoints in every process, not only where the partition is followed.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	s := Status{Projection: e.projector.Name(), State: StateBuilding}
	g, found, err := currentGeneration(ctx, e.pool, e.projector.Name())
	if err != nil {
		return s, err
	}
	if found {
		s.Generation, s.State = g.Number, g.State
	}
	rows, err := e.pool.Query(ctx, `
		select partition, next_offset, event_time, progressed_at from checkpoints
		where projection = $1 and generation = $2 order by partition`, s.Projection, s.Generation)
	if err != nil {
		return s, fmt.Errorf("read checkpoints: %w", err)
	}
	s.Partitions, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PartitionStatus, err error) {
		err = row.Scan(&p.Partition, &p.NextOffset, &p.EventTime, &p.ProgressedAt)
		return p, err
	})
	if err != nil {
		return s, fmt.Errorf("read checkpoints: %w", err)
	}
	err = e.pool.QueryRow(ctx, `
		select count(*) from parked where projection = $1 and generation = $2 and state = 'parked'`,
		s.Projection, s.Generation).Scan(&s.Parked)
	if err != nil {
		return s, fmt.Errorf("count parked events: %w", err)
	}
	ranges, id, err := e.log.Ranges(ctx, e.projector.Topic())
	if err != nil {
		return s, fmt.Errorf("read ends of topic %s: %w", e.projector.Topic(), err)
	}
	log := map[int32]eventlog.PartitionRange{}
	for _, r := range ranges {
		log[r.Partition] = r
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Problem, s.Stale = e.problem, e.stale
	now := time.Now()
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.EndOffset = log[p.Partition].End
		if p.Stopped = e.stopped[p.Partition]; p.Stopped == "" && found {
			p.Stopped = e.notThisLog(g, id, log[p.Partition], p.NextOffset)
		}
		if behind := p.EndOffset - p.NextOffset; behind > 0 {
			s.Lag += behind
		}
		s.LagSeconds = max(s.LagSeconds, e.waited(*p, now).Seconds())
	}
	return s, nil
}

// notThisLog says why a checkpoint does not belong to the log; "" when it does. A log that is shorter than
// the checkpoint shows no lag: without this word the projection would look healthy.
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

// wait is since when a partition has been seen behind at an offset.
type wait struct {
	next  int64
	since time.Time
}

// waited is how long a partition has been behind without progress. It is not the time since the last
// progress: a partition that had nothing to fold for a day is not late by a day when a record comes.
func (e *Engine) waited(p PartitionStatus, now time.Time) time.Duration {
	if p.EndOffset <= p.NextOffset {
		delete(e.waits, p.Partition)
		return 0
	}
	if w, ok := e.waits[p.Partition]; ok && w.next == p.NextOffset {
		return now.Sub(w.since)
	}
	e.waits[p.Partition] = wait{p.NextOffset, now}
	return 0
}
