package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// MetricsConfig holds the parts of [Metrics].
type MetricsConfig struct {
	// Log takes drafts of topic `metrics`; it pushes back when its lane is full.
	Log commands.Appender
	Now func() time.Time
}

// Metrics records readings and posts.
type Metrics struct{ MetricsConfig }

// NewMetrics checks the configuration and returns the use cases.
func NewMetrics(c MetricsConfig) (*Metrics, error) {
	if c.Log == nil || c.Now == nil {
		return nil, errors.New("collect.NewMetrics needs Log and Now")
	}
	return &Metrics{c}, nil
}

// RecordAccountReading appends one account reading; nil means that it is in the log.
func (m *Metrics) RecordAccountReading(ctx context.Context, read domain.AccountRead) error {
	if err := m.checkTime(read.CapturedAt); err != nil {
		return err
	}
	return m.record(ctx, read.Key(), read, read.Validate())
}

// RecordPostReading appends one post reading; nil means that it is in the log.
func (m *Metrics) RecordPostReading(ctx context.Context, read domain.PostRead) error {
	if err := m.checkTime(read.CapturedAt); err != nil {
		return err
	}
	return m.record(ctx, read.Key(), read, read.Validate())
}

// RegisterPost appends what an origin says of a post; nil means that it is in the log.
func (m *Metrics) RegisterPost(ctx context.Context, post domain.PostRegistered) error {
	if err := m.checkTime(post.RegisteredAt); err != nil {
		return err
	}
	return m.record(ctx, post.Key(), post, post.Validate())
}

// checkTime refuses times ahead of the clock. Folds must not look at a clock, so this is the only
// place where a reading from the future can be stopped: it would stay "the latest" until then.
func (m *Metrics) checkTime(at time.Time) error {
	if now := m.Now(); at.After(now.Add(commands.MaxSkew)) {
		return domain.NewError(domain.CodeInvalid, "The capture time %s lies ahead of the clock (%s). Check the clock of the machine that read it.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

func (m *Metrics) record(ctx context.Context, key string, data domain.Data, invalid error) error {
	if invalid != nil {
		return domain.NewError(domain.CodeInvalid, "The reading cannot be recorded: %s.", invalid)
	}
	draft := commands.NewDraft(domain.TopicMetrics, key, data, m.Now())
	if err := m.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record %s: %w", data.EventType(), err)
	}
	return nil
}
