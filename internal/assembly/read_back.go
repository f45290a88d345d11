package assembly

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// readBackEvery is how often the log is read back where nothing is due before.
const readBackEvery = 24 * time.Hour

// readBackAtLeast is the time between two looks, however close together things are due, and while something is overdue.
const readBackAtLeast = time.Hour

// readBack reads the log back when what was erased must be gone, until ctx is done: once all read models are made, and then whenever
// something is due. Several processes may do so; each alarms.
func (s *Service) readBack(ctx context.Context) {
	select {
	case <-s.Monitor.Made():
	case <-ctx.Done():
		return
	}
	for on := true; on; {
		wait, err := s.ReadBack(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			s.settings.Logger.WarnContext(ctx, "the log was not read back; it is tried again in an hour", "error", err)
		}
		on = pause(ctx, wait)
	}
}

// ReadBack reads the log back once, as of an instant: does it still hold what was erased 8 days before, or earlier? It tells when to look
// again.
func (s *Service) ReadBack(ctx context.Context, now time.Time) (again time.Duration, err error) {
	found, err := s.Log.ReadBack(ctx, now)
	if err != nil {
		return readBackAtLeast, err
	}
	s.forgetting.looked(found, len(s.settings.Brokers) == 0)
	switch {
	case found.Overdue > 0:
		return readBackAtLeast, nil
	case found.Next.IsZero():
		return readBackEvery, nil
	}
	return min(readBackEvery, max(readBackAtLeast, found.Next.Sub(now))), nil
}

// forgetting is whether the log has forgotten what was erased, as this process saw it last.
type forgetting struct {
	gauge  prometheus.Gauge
	logger *slog.Logger

	mu     sync.Mutex
	reason string // "": it has
}

func observeForgetting(registry prometheus.Registerer, logger *slog.Logger) (*forgetting, error) {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ledgerboard_erased_in_log",
		Help: "Records that the log still holds 8 days after they were erased, or later; 'ledgerboard log' says how its topics are set.",
	})
	if err := registry.Register(gauge); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &forgetting{gauge: gauge, logger: logger}, nil
}

// looked notes what was found, and tells the log when that is new.
func (f *forgetting) looked(found eventlog.ReadBack, embedded bool) {
	f.gauge.Set(float64(found.Overdue))
	reason := ""
	if found.Overdue > 0 {
		mend := "look whether the brokers' log cleaner runs, and at 'ledgerboard log'"
		if embedded {
			mend = "stop the program and run 'ledgerboard compact'"
		}
		reason = fmt.Sprintf("the log still holds %d records that were erased 8 days ago or earlier: %s", found.Overdue, mend)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case reason == f.reason:
	case reason != "":
		at := found.First
		f.logger.Error(reason, "topic", at.Topic, "partition", at.Partition, "offset", at.Offset)
	default:
		f.logger.Info("the log has forgotten what was erased")
	}
	f.reason = reason
}

// forgotten is a check of readiness.
func (f *forgetting) forgotten(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reason == "" {
		return nil
	}
	return &api.DegradedError{Reason: f.reason, Writes: true}
}
