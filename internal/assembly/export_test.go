package assembly

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// RunReactors runs the reactors of a process that has nothing else.
func RunReactors(ctx context.Context, log *eventlog.Log, updates *commands.Dashboards, streams *stream.Hub) error {
	s := &Service{Parts: NewParts(Settings{}), Log: log, Updates: updates, streams: streams}
	return s.runReactors(ctx)
}

// Remembered is a probe that looks once for all who ask at a time.
var Remembered = remembered

// ReadingAges shows how old the newest readings are.
func ReadingAges(ages func(context.Context) (map[domain.FetchQueue]time.Duration, error)) prometheus.Collector {
	return readingAges{ages, slog.New(slog.DiscardHandler)}
}
