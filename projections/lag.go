package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Status is what a projection tells of itself; ops, readiness and metrics show it.
type Status struct {
	Projection string            `json:"projection"`
	Generation int               `json:"generation"`
	State      State             `json:"state"`
	Lag        int64             `json:"lag"`         // events not yet folded, exact, over all partitions
	LagSeconds float64           `json:"lag_seconds"` // since the last progress of the partition that waits longest; 0 without lag
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
	Stopped      string     `json:"stopped,omitempty"` // why it is not followed
}

// Live tells whether the projection has reached the end of the log once and may be read.
func (s Status) Live() bool { return s.State == StateLive }

// Status reads the checkpoints and the ends of the log.
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
	ranges, _, err := e.log.Ranges(ctx, e.projector.Topic())
	if err != nil {
		return s, fmt.Errorf("read ends of topic %s: %w", e.projector.Topic(), err)
	}
	ends := map[int32]int64{}
	for _, r := range ranges {
		ends[r.Partition] = r.End
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Problem, s.Stale = e.problem, e.stale
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.EndOffset, p.Stopped = ends[p.Partition], e.stopped[p.Partition]
		if behind := p.EndOffset - p.NextOffset; behind > 0 {
			s.Lag += behind
			s.LagSeconds = max(s.LagSeconds, time.Since(p.ProgressedAt).Seconds())
		}
	}
	return s, nil
}
