package assembly

import (
	"context"
	"log/slog"

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

// Silent is what readiness says of sources without figures.
var Silent = silent

// Silence is the probe of them.
func Silence(of func(context.Context) ([]domain.SilentSource, error)) error {
	return (&Service{Parts: NewParts(Settings{})}).silence(of)(context.Background())
}

// SilentCollector shows them as metrics.
func SilentCollector(of func(context.Context) ([]domain.SilentSource, error)) prometheus.Collector {
	return silentCollector{of, slog.New(slog.DiscardHandler)}
}
