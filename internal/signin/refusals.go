package signin

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Refusals counts sign-ins that are refused, logs them, and records those of people whom the directory holds.
type Refusals struct {
	config  RefusalsConfig
	counted *prometheus.CounterVec
}

// RefusalsConfig is what refusals are judged by, and where they are noted.
type RefusalsConfig struct {
	Kept       *vault.Identities
	People     People
	Accounts   readmodels.Accounts
	Log        *eventlog.Log
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// NewRefusals registers the count of refusals.
func NewRefusals(c RefusalsConfig) (*Refusals, error) {
	r := &Refusals{config: c}
	r.counted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_sign_ins_refused_total", Help: "Sign-ins to the console that were refused, by how somebody tried and why.",
	}, []string{"way", "why"})
	if err := c.Registerer.Register(r.counted); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return r, nil
}

// Note is [console.Deps].Refused. What cannot be recorded is refused all the same.
func (r *Refusals) Note(ctx context.Context, refused console.RefusalError) {
	r.counted.WithLabelValues(refused.Way, string(refused.Why)).Inc()
	r.config.Logger.WarnContext(ctx, "console: sign-in refused", "way", refused.Way, "why", string(refused.Why), "user_id", refused.User)
	if refused.User == "" {
		return
	}
	if err := r.record(ctx, refused, time.Now()); err != nil {
		r.config.Logger.ErrorContext(ctx, "console: a refused sign-in is not recorded", "user_id", refused.User, "error", err)
	}
}

// record appends the refusal of a user whom the directory holds, once an hour.
func (r *Refusals) record(ctx context.Context, refused console.RefusalError, now time.Time) error {
	standing, err := r.config.People.Standing(ctx, refused.User, "")
	if err != nil || !standing.Known {
		return err
	}
	key, err := r.config.Accounts.ParentAccount(ctx, standing.Account)
	if domain.CodeOf(err) == domain.CodeNotFound { // of no client
		if key, err = standing.Account, nil; key == "" {
			key = domain.OperationsKeyAll
		}
	}
	if err != nil {
		return err
	}
	due, err := r.config.Kept.RefusalDue(ctx, refused.User, now)
	if err != nil || !due {
		return err
	}
	data := domain.SignInRefused{User: refused.User, Way: refused.Way, Why: string(refused.Why)}
	draft := commands.NewDraft(domain.TopicOperations, key, data, now)
	draft.Envelope.Audit = domain.Audit{Actor: refused.User}
	return r.config.Log.Append(ctx, draft)
}
