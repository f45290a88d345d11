package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// RunReactors runs only the reactors of a process.
func RunReactors(ctx context.Context, log *eventlog.Log, updates *commands.Dashboards, streams *stream.Hub) error {
	s := &Service{Parts: NewParts(Config{}), Updates: updates, streams: streams}
	s.Log = log
	return s.runReactors(ctx)
}

// HandlerOver returns the HTTP layer of a process with an empty log and empty tables: it asks only
// the monitor.
func HandlerOver(ctx context.Context, m *monitor.Monitor, c Config) (http.Handler, api.Health, error) {
	s := &Service{Parts: NewParts(c), Monitor: m, Dashboards: &readmodels.Dashboards{}, Updates: &commands.Dashboards{}}
	server, _, err := s.Handler(ctx, nil)
	return server, s.Health(), err
}

// RefuseConcurrentBuild refuses a second build of a projection at a version.
var RefuseConcurrentBuild = refuseConcurrentBuild

// OperatorsOf returns operators with only the engines' pool.
func OperatorsOf(pool *pgxpool.Pool, engines ...*projections.Engine) *Operators {
	return newOperators(&Parts{engine: pool, engines: engines})
}

// CountOperators gives the operations of operators pools of their own, made of those of the process.
func (s *Service) CountOperators(ctx context.Context, pool func(*pgxpool.Pool) *pgxpool.Pool) error {
	parts := *s.Parts
	parts.ReadPool, parts.KeptPool, parts.engine, parts.engines = pool(s.ReadPool), pool(s.KeptPool), pool(s.engine), nil
	err := parts.openEngines(ctx)
	s.operators = newOperators(&parts)
	return err
}

// ObserveTopics exports the result of the topic checks as a gauge.
func ObserveTopics(registry prometheus.Registerer, logger *slog.Logger) (*topicsHealth, error) {
	t := &topicsHealth{logger: logger}
	return t, registry.Register(t.metric())
}

// ObserveCheckpoints counts the turns of the signer.
var ObserveCheckpoints = observeCheckpoints

// WithDefaults fills in what code leaves out.
var WithDefaults = Config.withDefaults

// ReturnOrigins are the origins that a result page may link to.
var ReturnOrigins = Config.returnOrigins

// Remembered returns a probe that runs once for all concurrent callers.
var Remembered = cachedProbe[error]

// ReadingAges exports the age of the newest readings.
func ReadingAges(ages func(context.Context) (map[domain.FetchQueue]time.Duration, error)) prometheus.Collector {
	return readingAges(ages, slog.New(slog.DiscardHandler))
}
