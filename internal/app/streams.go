package app

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// noticeStore combines the notices, which can be rebuilt from the log, with the cursors, which
// cannot be.
type noticeStore struct {
	readmodels.Notices
	vault.Cursors
}

func (s *Service) openStreams() {
	notices := noticeStore{readmodels.Notices{Pool: s.ReadPool}, vault.Cursors{Pool: s.KeptPool}}
	s.streams = stream.New(notices, stream.Config{
		// Streams begin once all read models can be read. After that, they need only the tables
		// that determine who may listen; figures may lag.
		Ready: func() bool {
			select {
			case <-s.Monitor.Readable():
				return s.Monitor.MayRead(projectors.Dashboards.Name, projectors.Directory.Name) == nil
			default:
				return false
			}
		},
		Logger: s.config.Logger,
	})
	if s.config.Has(RoleAPI) {
		s.progress.ListenFigures(s.streams.Notify)
	}
}

// Stream feeds the streams of notices and figures until ctx is done. Then the streams end.
func (s *Service) Stream(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.streams.Run(ctx) })
	group.Go(func() error { return s.runReactors(ctx) })
	return group.Wait()
}

// headTimeout is how long a wake-up waits until its record is folded. Records of a stream with a dead
// letter may stay unfolded.
const headTimeout = time.Minute

// runReactors runs the watermill router of this process: every new record on `dashboards` wakes the
// listeners of its agency once the record is folded.
func (s *Service) runReactors(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NewSlogLogger(s.config.Logger))
	if err != nil {
		return fmt.Errorf("create router: %w", err)
	}
	subscriber := s.Log.NewSubscriber()
	router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	router.AddConsumerHandler("wake_listeners", domain.TopicDashboards, subscriber, func(m *message.Message) error {
		parent := m.Metadata.Get(eventlog.MetadataKey)
		version, err := strconv.ParseInt(m.Metadata.Get(eventlog.MetadataVersion), 10, 64)
		if err == nil && s.streams.HasListeners(parent) {
			traced := tracing.Continue(ctx, m.Metadata.Get(eventlog.MetadataTraceParent))
			waiting.Go(func() { s.wakeListeners(traced, parent, version) })
		}
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	return nil
}

// wakeListeners waits, like the command that appended the record, until the head of the agency's
// stream has reached its version. Other agencies do not wait. If this takes too long, or if the
// message is lost, the next sweep of [stream.Hub] finds the notices.
func (s *Service) wakeListeners(ctx context.Context, parent string, version int64) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	ctx, span := tracing.StartInTrace(ctx, "wake listeners", trace.WithSpanKind(trace.SpanKindConsumer))
	_, err := s.Updates.AwaitHead(ctx, parent, version)
	if err == nil {
		s.streams.Wake(ctx, parent, version)
	}
	tracing.End(span, err)
}
