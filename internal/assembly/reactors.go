package assembly

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// headTimeout is how long a reactor waits for the fold of a record. The records of a partition are folded in
// the order in which it looks at them, so that waiting for one delays no other, but for a parked stream: then
// the next sweep is what the others wait for.
const headTimeout = 10 * time.Second

// runReactors runs the watermill router of this node: every new record on `dashboards` wakes who listens to
// its agency, once it can be read. There is no other wake-up.
func (s *Service) runReactors(ctx context.Context) error {
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NewSlogLogger(s.settings.Logger))
	if err != nil {
		return fmt.Errorf("make router: %w", err)
	}
	subscriber, err := s.Log.NewSubscriber()
	if err != nil {
		return err
	}
	router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	router.AddConsumerHandler("wake_listeners", domain.TopicDashboards, subscriber, s.wakeListeners)
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	return nil
}

// wakeListeners waits until the head of the agency's stream has passed the record, as its command does. When
// that takes too long, or the message is lost, the next sweep finds the notices.
func (s *Service) wakeListeners(m *message.Message) error {
	parent := m.Metadata.Get(eventlog.MetadataKey)
	version, err := strconv.ParseInt(m.Metadata.Get(eventlog.MetadataVersion), 10, 64)
	if err != nil || !s.streams.Listens(parent) {
		return nil
	}
	ctx, cancel := context.WithTimeout(m.Context(), headTimeout)
	defer cancel()
	if _, err := s.Updates.AwaitHead(ctx, parent, version); err == nil {
		s.streams.Wake(parent)
	}
	return nil
}
