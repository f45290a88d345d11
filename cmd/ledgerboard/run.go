package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/internal/app"
)

type process struct {
	settings
	*app.Service

	logger   *slog.Logger
	registry *prometheus.Registry
	stop     *stop
	// sendTraces exports the remaining spans.
	sendTraces func(context.Context) error
}

func newMetricsRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), thisBuild().collector())
	return registry
}

// start listens and opens the parts of a process. The caller must call Close.
func (s settings) start(ctx context.Context, addr string, logger *slog.Logger) (p *process, err error) {
	if s.front, err = s.openFront(ctx, addr, logger); err != nil {
		return nil, err
	}
	logger.Info("starting", "version", thisBuild().Version, "address", s.front.main.Addr().String())
	if p, err = s.open(ctx, logger); err != nil {
		s.front.close()
	}
	return p, err
}

// open opens the parts of a process but starts nothing. The caller must call Close.
func (s settings) open(ctx context.Context, logger *slog.Logger) (*process, error) {
	p := &process{
		settings: s, logger: logger, registry: newMetricsRegistry(), stop: newStop(cmp.Or(s.StopWithin, stopWithin)),
	}
	config := s.Config
	config.Embedded, config.Logger, config.Registerer = embeddedIn(s.DataDir, logger), logger, p.registry
	config.HTTP.AnalyticsAtRoot = true
	if s.front != nil {
		config.Waits = s.front.waitFor
	}
	// The rest of the shutdown time is for token renewals, which are not canceled.
	config.DrainTimeout = min(p.stop.limit/3, collect.DefaultDrainTimeout)
	var err error
	if p.sendTraces, err = startTracing(ctx, logger); err != nil {
		return nil, err
	}
	p.Service, err = app.Open(ctx, config)
	return p, err
}

func (p *process) Close() error {
	p.front.close()
	p.stop.start()
	p.stop.track(closing, 1)
	return p.stop.wait(func() error {
		defer p.stop.track(closing, -1)
		sending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return errors.Join(p.Service.Close(), p.sendTraces(sending))
	})
}

// run runs the roles of this process until ctx is done. Then it stops them in the order of the data
// flow: /readyz reports shutdown, fetching stops, requests are completed, and the rest of the log
// is folded. Ready, if not nil, is called once all read models are live; if it returns an error,
// the process stops.
func (p *process) run(ctx context.Context, ready func(ctx context.Context, baseURL string) error) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	group, work := errgroup.WithContext(work)
	for _, loop := range p.Loops() {
		p.stop.run(group, loop.Name, func() error { return loop.Run(work) })
	}
	stopServing := func() {}
	err := p.startCheckpoints(group, work)
	if err == nil {
		stopServing, err = p.startServing(group, work)
	}
	if err != nil {
		p.stop.start()
		stopWork()
		return errors.Join(err, p.stop.wait(group.Wait))
	}
	fetching, stopFetching := context.WithCancel(work)
	defer stopFetching()
	p.stop.run(group, "platform fetchers", func() error {
		select {
		case <-p.Monitor.Readable():
		case <-fetching.Done():
			return nil
		}
		if ready != nil {
			if err := ready(fetching, baseURL(p.front.main.Addr())); err != nil && fetching.Err() == nil {
				return err
			}
		}
		if p.Fetcher == nil {
			return nil
		}
		return p.Fetcher.Run(fetching)
	})
	select {
	case <-ctx.Done():
		p.logger.Info("stopping")
	case <-work.Done():
	}
	p.stop.start()
	p.Stop()
	stopFetching()
	stopServing()
	stopWork()
	return p.stop.wait(group.Wait)
}

func (p *process) metrics() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}) // exemplars need OpenMetrics
}

func (p *process) startCheckpoints(group *errgroup.Group, ctx context.Context) error {
	switch signs := p.Has(app.RoleSigner); {
	case !signs && p.CheckpointKey == "":
		return nil
	case !signs:
		p.logger.Warn("LEDGERBOARD_CHECKPOINT_KEY is set, but this process does not have the role signer " +
			"and needs no key. Only the signer should be able to read the key")
		return nil
	case p.CheckpointKey == "":
		p.logger.Warn("no checkpoints are signed, because LEDGERBOARD_CHECKPOINT_KEY is not set. " +
			"Without checkpoints, a truncated log cannot be detected")
		return nil
	}
	signer, public, err := p.Signer()
	if err != nil {
		return err
	}
	p.logger.Info("signing checkpoints", "public_key", public, "every", p.CheckpointEvery.String())
	p.stop.run(group, "checkpoint signer", func() error {
		last, cancel := p.stop.finalContext(ctx)
		defer cancel()
		return signer.Run(ctx, last)
	})
	return nil
}

type serveCommand struct {
	settings
	Addr string `env:"LEDGERBOARD_ADDR" default:"${addr}" help:"Address to listen on."`
	Mock bool   `help:"Serve sample data for frontend developers: everything is embedded, in a temporary directory that is removed when the process stops."`
}

func (s serveCommand) Run(ctx context.Context, std streams, parser *kong.Kong) (err error) {
	logger := s.logger(std)
	unknown, err := unknownSettings(parser)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		logger.Warn("variables that are not settings are ignored: check their names (docs/settings.md)",
			"names", strings.Join(unknown, " "))
	}
	if s.Mock {
		return s.serveMock(ctx, std)
	}
	if err := s.validate(s.Addr); err != nil {
		return err
	}
	p, err := s.start(ctx, s.Addr, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.run(ctx, nil)
}

func (s serveCommand) serveMock(ctx context.Context, std streams) (err error) {
	switch {
	case s.Env == app.EnvProduction:
		return usageError{errors.New("LEDGERBOARD_ENV is production: --mock serves sample data and does not run there")}
	case len(s.KafkaBrokers) > 0 || s.DatabaseURL != "":
		return usageError{errors.New("LEDGERBOARD_KAFKA_BROKERS, LEDGERBOARD_DATABASE_URL: " +
			"--mock uses an embedded broker and database; unset both, so that sample data cannot get into real data")}
	}
	dir, err := os.MkdirTemp("", "ledgerboard-mock-")
	if err != nil {
		return fmt.Errorf("create directory for sample data: %w", err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); removed != nil {
			err = errors.Join(err, fmt.Errorf("remove sample data: %w", removed))
		}
	}()
	s.DataDir = filepath.Join(dir, "data")
	s.HTTP.Headers = api.MockHeaders()
	return (&demoCommand{settings: s.settings, Addr: s.Addr, mock: true}).Run(ctx, std)
}

// traced reports whether the environment enables traces. The SDK and the exporter read all other
// variables.
func traced() bool {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	if os.Getenv("OTEL_SDK_DISABLED") == "true" || exporter == "none" {
		return false
	}
	return exporter != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" ||
		os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// startTracing starts the export of traces. The returned function sends the remaining spans.
func startTracing(ctx context.Context, logger *slog.Logger) (stop func(context.Context) error, err error) {
	if !traced() {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, usageError{fmt.Errorf("OTEL_*: %w", err)}
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName("ledgerboard"), semconv.ServiceVersion(thisBuild().Version)),
		resource.WithFromEnv()) // last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence
	if err != nil {
		return nil, usageError{fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)}
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(described))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("export traces", "error", err) }))
	otel.SetTextMapPropagator(
		propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}
