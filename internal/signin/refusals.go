package signin

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api/console"
)

// CountRefusals returns what counts and logs sign-ins that are refused: [console.Deps].Refused.
func CountRefusals(registry prometheus.Registerer, logger *slog.Logger) (func(context.Context, console.RefusalError), error) {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_sign_ins_refused_total", Help: "Sign-ins to the console that were refused, by how somebody tried and why.",
	}, []string{"way", "why"})
	if err := registry.Register(counted); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return func(ctx context.Context, refused console.RefusalError) {
		counted.WithLabelValues(refused.Way, refused.Why).Inc()
		logger.WarnContext(ctx, "console: sign-in refused", "way", refused.Way, "why", refused.Why, "user_id", refused.User)
	}, nil
}
