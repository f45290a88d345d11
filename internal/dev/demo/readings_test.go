package demo_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// TestDayFlowsHaveNoGap: a range is the sum of its days, so every day of the history must be there, but those that
// nobody could read. A
// day that is not over may grow: of Instagram there is the part up to the reading.
func TestDayFlowsHaveNoGap(t *testing.T) {
	t.Parallel()
	type flow struct {
		account int64
		name    string
	}
	w := world()
	lapsed := map[string]*time.Time{} // by the last subscription of an account
	for _, s := range entities[domain.DirectorySubscription](w) {
		lapsed[s.AccountID] = s.EndsAt
	}
	days, over := map[flow]map[string]int64{}, map[flow]map[string]bool{}
	for r := range w.AccountReadings() {
		if end := lapsed[r.AccountID]; end != nil {
			require.True(t, r.CapturedAt.Before(*end), "nothing is read without a subscription")
		}
		for _, f := range r.Figures {
			if f.Kind != domain.DayFlow {
				continue
			}
			key := flow{r.SocialAccount, f.Name}
			if days[key] == nil {
				days[key], over[key] = map[string]int64{}, map[string]bool{}
			}
			if value, seen := days[key][f.Day]; seen {
				require.LessOrEqual(t, value, f.Value, "a day does not shrink")
				if over[key][f.Day] {
					require.Equal(t, value, f.Value, "a day that is over does not change")
				}
			}
			over[key][f.Day] = f.Day < r.CapturedAt.Add(-8*time.Hour).Format(time.DateOnly)
			days[key][f.Day] = f.Value
		}
	}
	require.NotEmpty(t, days)
	for key, got := range days {
		for d := anchor.AddDate(0, 0, -90); d.Before(anchor.AddDate(0, 0, -2)); d = d.AddDate(0, 0, 1) {
			if !w.Silent(key.account, d) && !w.Silent(key.account, d.AddDate(0, 0, 1)) {
				require.Contains(t, got, d.Format(time.DateOnly), "%v", key)
			}
		}
	}
}

// TestPostReadings: every 12 hours from publication to the anchor, counters never fall, and growth
// counts by the two rules that each reading shows.
func TestPostReadings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *demo.World, cfg demo.Config) {
		end := cfg.Anchor.UTC().Truncate(time.Second)
		subscriptions := map[string][]domain.DirectorySubscription{}
		for _, s := range entities[domain.DirectorySubscription](w) {
			subscriptions[s.AccountID] = append(subscriptions[s.AccountID], s)
		}
		stories := map[string]bool{}
		for p := range w.Posts() {
			stories[domain.PostID(p.SocialAccount, p.ExternalID)] = p.PostType == string(simulator.KindStory)
		}
		last := map[string]domain.PostRead{}
		var before time.Time
		for r := range w.PostReadings() {
			require.False(t, r.CapturedAt.Before(before), "in the order of time")
			before = r.CapturedAt
			require.True(t, r.Backfilled)
			require.True(t, r.PublishedAt.Before(r.CapturedAt))
			active := slices.ContainsFunc(subscriptions[r.AccountID], func(s domain.DirectorySubscription) bool {
				return !s.StartsAt.After(r.CapturedAt) && (s.EndsAt == nil || s.EndsAt.After(r.CapturedAt))
			})
			require.True(t, active, "nothing is read without a subscription")
			require.True(t, r.SubscriptionActive)
			require.Equal(t, "168h0m0s", r.GrowthWindow)
			require.Equal(t, r.CapturedAt.Sub(*r.PublishedAt) <= 168*time.Hour, r.GrowthEligible)

			id := domain.PostID(r.SocialAccount, r.ExternalID)
			previous, seen := last[id]
			if seen {
				for at := previous.CapturedAt.Add(12 * time.Hour); at.Before(r.CapturedAt); at = at.Add(12 * time.Hour) {
					require.True(t, w.Silent(r.SocialAccount, at))
				}
				require.Zero(t, r.CapturedAt.Sub(previous.CapturedAt)%(12*time.Hour))
				if r.Impressions != nil {
					require.GreaterOrEqual(t, *r.Impressions, *previous.Impressions)
				}
				if growth := domain.GainSince(previous.Counts, r.Counts, false); growth.Engagement != nil {
					require.GreaterOrEqual(t, *growth.Engagement, int64(0))
				}
			} else if !w.Silent(r.SocialAccount, r.CapturedAt.Add(-12*time.Hour)) {
				require.LessOrEqual(t, r.CapturedAt.Sub(*r.PublishedAt), 12*time.Hour, "from publication")
			}
			last[id] = r
		}
		for id, r := range last {
			if lost := w.ReadUntil(r.SocialAccount); !lost.IsZero() {
				require.True(t, r.CapturedAt.Before(lost))
			} else if stories[id] {
				require.LessOrEqual(t, r.CapturedAt.Sub(*r.PublishedAt), 24*time.Hour)
			} else {
				require.Equal(t, end, r.CapturedAt)
			}
		}
	})
}
