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
type recorder struct{ drafts []domain.Draft }

func (r *recorder) AppendBatch(_ context.Context, drafts []domain.Draft) []error {
	r.drafts = append(r.drafts, drafts...)
	return make([]error, len(drafts))
}

// Capture times are checked against the clock when they are appended, never in a fold.
func TestCaptureTimeAheadOfTheClockIsRefused(t *testing.T) {
	t.Parallel()
	tenant := domain.Tenant{ParentAccount: agency, AccountID: north, MemberID: 7, SocialAccount: 11}
	for name, reading := range map[string]func(at time.Time) collect.Fact{
		"account reading": func(at time.Time) collect.Fact {
			return domain.AccountRead{Tenant: tenant, Platform: domain.TikTok, CapturedAt: at}
		},
		"post reading": func(at time.Time) collect.Fact {
			return domain.PostRead{Tenant: tenant, Platform: domain.TikTok, ExternalID: "p", CapturedAt: at}
		},
		"registered post": func(at time.Time) collect.Fact {
			return domain.PostRegistered{Tenant: tenant, Platform: domain.TikTok, ExternalID: "p", Origin: domain.OriginListing, RegisteredAt: at}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &recorder{}
			m := &collect.Metrics{Log: log, Now: func() time.Time { return day0.Add(1500) }}
			record := func(at time.Time) error { return m.Record(t.Context(), reading(at))[0] }
			require.NoError(t, record(day0.Add(time.Minute)), "within the skew")
			require.NoError(t, record(day0.AddDate(-1, 0, 0)), "a back-fill")
			err := record(day0.Add(time.Minute + 2*time.Microsecond))
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			require.ErrorContains(t, err, "ahead of the clock")
			require.Len(t, log.drafts, 2)
			require.NotEqual(t, log.drafts[0].Envelope.ID, log.drafts[1].Envelope.ID)
			for _, d := range log.drafts {
				require.Equal(t, domain.TopicMetrics, d.Topic)
				require.Equal(t, "11", d.Key, "the social account: all of its readings in one partition")
				require.Equal(t, domain.Envelope{ID: d.Envelope.ID, Type: d.Data.EventType(), Subject: "11", Time: day0.Add(time.Microsecond)}, d.Envelope)
			}
		})
	}
}
