package signin

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// RefusalError is a refused sign-in.
type RefusalError struct {
	Way  string
	Why  string // reason, such as [RefusalEnded]
	User string // id of the person who would have been signed in; "": unknown
	// Subject is the provider's ID of the person, with which an operator can link the person; "": not
	// a sign-in at the provider.
	Subject string
}

// Error implements error.
func (r *RefusalError) Error() string { return "sign-in refused: " + r.Why }

// Reasons for refusing a sign-in.
const (
	RefusalLink            = "link"
	RefusalToken           = "token"
	RefusalEnded           = "ended" // the person no longer has any rights
	RefusalProvider        = "provider_set"
	RefusalNotBegun        = "not_begun"
	RefusalDenied          = "denied"
	RefusalInteraction     = "interaction" // the person must do something at the provider
	RefusalSetup           = "setup"       // the provider does not accept this service as it is configured
	RefusalCode            = "code"
	RefusalClaims          = "claims"
	RefusalUnverified      = "email"   // the provider has not verified the person's address
	RefusalUnknownPerson   = "nobody"  // the directory contains no active user with the address
	RefusalAmbiguous       = "several" // the directory contains several users with the address
	RefusalLinkedElsewhere = "linked"  // the user is linked to another subject of the provider
	RefusalNarrowed        = "narrowed"
)

// CountRefusals returns a function for [console.Deps].Refused that counts and logs refused
// sign-ins.
func CountRefusals(
	registry prometheus.Registerer, logger *slog.Logger,
) (func(context.Context, RefusalError), error) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_sign_ins_refused_total", Help: "Refused console sign-ins, by method and reason.",
	}, []string{"way", "why"})
	if err := registry.Register(counter); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return func(ctx context.Context, refusal RefusalError) {
		counter.WithLabelValues(refusal.Way, refusal.Why).Inc()
		logger.WarnContext(ctx, "console: sign-in refused",
			"way", refusal.Way, "why", refusal.Why, "user_id", refusal.User, "subject", refusal.Subject)
	}, nil
}
