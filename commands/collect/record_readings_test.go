package collect_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// recorder is an appender that keeps what it gets.
type recorder struct {
	drafts []domain.Draft
	err    error
}

func (r *recorder) AppendBatch(ctx context.Context, drafts []domain.Draft) []error {
	errs := make([]error, len(drafts))
	for i, d := range drafts {
		errs[i] = r.Append(ctx, d)
	}
	return errs
}

func (r *recorder) Append(_ context.Context, d domain.Draft) error {
	if r.err == nil {
		r.drafts = append(r.drafts, d)
	}
	return r.err
}

func tenant() domain.Tenant {
	return domain.Tenant{ParentAccount: agency, AccountID: north, MemberID: 7, SocialAccount: 11}
}

// readings are the three ways in, with a capture time.
func readings(m *collect.Metrics) map[string]func(at time.Time) error {
	return map[string]func(at time.Time) error{
		"account reading": func(at time.Time) error {
			return m.Record(context.Background(), domain.AccountRead{Tenant: tenant(), Platform: domain.TikTok, CapturedAt: at})[0]
		},
		"post reading": func(at time.Time) error {
			return m.Record(context.Background(), domain.PostRead{Tenant: tenant(), Platform: domain.TikTok, ExternalID: "p", CapturedAt: at})[0]
		},
		"registered post": func(at time.Time) error {
			return m.Record(context.Background(), domain.PostRegistered{Tenant: tenant(), Platform: domain.TikTok, ExternalID: "p", Origin: domain.OriginListing, RegisteredAt: at})[0]
		},
	}
}

// Capture times are checked against the clock when they are appended, never in a fold.
func TestCaptureTimeAheadOfTheClockIsRefused(t *testing.T) {
	t.Parallel()
	for name := range readings(&collect.Metrics{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &recorder{}
			m := &collect.Metrics{Log: log, Now: func() time.Time { return day0 }}
			record := readings(m)[name]
			require.NoError(t, record(day0.Add(time.Minute)), "within the skew")
			require.NoError(t, record(day0.AddDate(-1, 0, 0)), "a back-fill")
			require.Len(t, log.drafts, 2)
			err := record(day0.Add(time.Minute + time.Microsecond))
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			require.ErrorContains(t, err, "ahead of the clock")
			require.Len(t, log.drafts, 2)
		})
	}
}

func TestReadingsAreRecorded(t *testing.T) {
	t.Parallel()
	log := &recorder{}
	m := &collect.Metrics{Log: log, Now: func() time.Time { return day0.Add(1500) }}
	ids := map[string]bool{}
	for name, record := range readings(m) {
		require.NoError(t, record(day0), name)
		d := log.drafts[len(log.drafts)-1]
		require.Equal(t, domain.TopicMetrics, d.Topic)
		require.Equal(t, "11", d.Key, "the social account: all of its readings in one partition")
		require.Equal(t, d.Data.EventType(), d.Envelope.Type)
		require.Equal(t, day0.Add(time.Microsecond), d.Envelope.Time)
		require.Nil(t, d.Envelope.Chain)
		ids[d.Envelope.ID] = true
	}
	require.Len(t, ids, 3)
}
