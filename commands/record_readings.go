package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MetricsConfig holds the parts of [Metrics].
type MetricsConfig struct {
	// Log takes drafts of topic `metrics`; it pushes back when its lane is full.
	Log Appender
	Now func() time.Time
	// MaxSkew is how far in the future a capture time may lie; default 1 minute.
	MaxSkew time.Duration
}

// Metrics records readings and posts.
type Metrics struct{ MetricsConfig }

const defaultMaxSkew = time.Minute

// NewMetrics checks the configuration and returns the use cases.
func NewMetrics(c MetricsConfig) (*Metrics, error) {
	if c.Log == nil || c.Now == nil {
		return nil, errors.New("commands.NewMetrics needs Log and Now")
	}
	if c.MaxSkew <= 0 {
		c.MaxSkew = defaultMaxSkew
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
	if now := m.Now(); at.After(now.Add(m.MaxSkew)) {
		return domain.NewError(domain.CodeInvalid, "The capture time %s lies ahead of the clock (%s). Check the clock of the machine that read it.",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

func (m *Metrics) record(ctx context.Context, key string, data domain.Data, invalid error) error {
	if invalid != nil {
		return domain.NewError(domain.CodeInvalid, "The reading cannot be recorded: %s.", invalid)
	}
	draft := NewDraft(domain.TopicMetrics, key, data, m.Now())
	if err := m.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record %s: %w", data.EventType(), err)
	}
	return nil
}

// NewDraft makes the draft of an event that is in no chain, with a new event id.
func NewDraft(topic, key string, data domain.Data, now time.Time) domain.Draft {
	return domain.Draft{
		Topic: topic, Key: key, Data: data,
		Envelope: domain.Envelope{
			ID: uuid.Must(uuid.NewV7()).String(), Type: data.EventType(), Subject: key,
			Time: now.UTC().Truncate(time.Microsecond),
		},
	}
}
