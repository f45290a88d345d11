package assembly

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// headTimeout is how long a wake-up waits for the fold of its record. A stream that is parked is never folded.
const headTimeout = time.Minute

// runReactors runs the watermill router of this node: every new record on `dashboards` wakes who listens to
// its agency, once it can be read. There is no other wake-up.
func (s *Service) runReactors(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NewSlogLogger(s.settings.Logger))
	if err != nil {
		return fmt.Errorf("make router: %w", err)
	}
	subscriber := s.Log.NewSubscriber()
	router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	var waiting sync.WaitGroup
	defer waiting.Wait() // they end with ctx
	router.AddConsumerHandler("wake_listeners", domain.TopicDashboards, subscriber, func(m *message.Message) error {
		parent := m.Metadata.Get(eventlog.MetadataKey)
		version, err := strconv.ParseInt(m.Metadata.Get(eventlog.MetadataVersion), 10, 64)
		if err == nil && s.streams.Listens(parent) {
			waiting.Go(func() { s.wakeListeners(ctx, parent, version) })
		}
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	return nil
}

// wakeListeners waits until the head of the agency's stream has passed the record, as its command does; no other agency
// waits behind it. When that takes too long, or the message is lost, the next sweep finds the notices.
func (s *Service) wakeListeners(ctx context.Context, parent string, version int64) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	if _, err := s.Updates.AwaitHead(ctx, parent, version); err == nil {
		s.streams.Wake(parent)
	}
}
