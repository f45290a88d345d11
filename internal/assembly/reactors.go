package assembly

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/notices"
)

// runReactors runs the watermill router of this node: every new record on `dashboards` wakes the
// connections of its agency. The reactor looks at the key only; what is sent, connections read from
// the read model. Losing a message delays a notice until the next sweep and never loses it.
func runReactors(ctx context.Context, log *eventlog.Log, hub *notices.Hub, logger *slog.Logger) error {
	adapter := watermill.NewSlogLogger(logger)
	router, err := message.NewRouter(message.RouterConfig{}, adapter)
	if err != nil {
		return fmt.Errorf("make router: %w", err)
	}
	subscriber, err := log.NewSubscriber()
	if err != nil {
		return err
	}
	router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	router.AddConsumerHandler("wake_notices", domain.TopicDashboards, subscriber, func(m *message.Message) error {
		hub.WakeParent(m.Metadata.Get(eventlog.MetadataKey))
		return nil
	})
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	return nil
}
