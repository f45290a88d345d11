package connect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// A page that is connected again is about to be read, whatever was read of it, or went wrong, by the sign-in before.
func TestReadingsOfAnEarlierSignInDoNotCount(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	pool, err := vault.Open(t.Context(), s.log.DB.URL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	kept, queue := vault.NewFetching(pool), domain.FetchQueue{Kind: domain.FetchAccounts, Platform: domain.Facebook}
	page1001 := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	became := func(r domain.FetchResult) {
		s.now = s.now.Add(time.Minute)
		claim := s.log.Claim(t, queue, page1001, s.now)
		r.SocialAccount, r.At, r.DueAt = page1001, s.now, s.now.Add(time.Minute)
		require.NoError(t, kept.Record(t.Context(), claim, []domain.FetchResult{r}))
	}
	var id string
	connected := func() {
		s.now = s.now.Add(time.Minute)
		s.dialog.consent = consent("77", page("1001"))
		attempt, view := s.signIn(facebook(north))
		id = attempt
		s.choose(id, view, "1.0.1001")
	}
	shows := func(readAt *time.Time, reason string) {
		t.Helper()
		class := ""
		if reason != "" {
			class = "retry"
		}
		status, err := s.Status(t.Context(), ofAgency(north), id)
		require.NoError(t, err)
		require.Equal(t, []domain.FirstReading{{SocialAccountID: page1001, ReadAt: readAt, Reason: domain.OptionalText(reason), Class: class}}, status.FirstReadings)
	}
	connected()
	shows(nil, "")
	became(domain.FetchResult{Read: true})
	read := s.now
	shows(&read, "")
	became(domain.FetchResult{Failures: 1, Class: "reconnect", Reason: "dead"})
	shows(&read, "")

	connected()
	shows(nil, "")
	became(domain.FetchResult{Failures: 2, Class: "retry", Reason: "away"})
	shows(nil, "away")
	pauses := vault.NewPauses(pool)
	_, err = pauses.Pause(t.Context(), domain.Pause{
		Kind: domain.PausePlatform, Name: domain.Facebook.String(), Since: s.now, Actor: "ada", Reason: domain.Reason{Code: domain.ReasonIncident},
	})
	require.NoError(t, err)
	status, err := s.Status(t.Context(), ofAgency(north), id)
	require.NoError(t, err)
	require.Equal(t, "paused", status.FirstReadings[0].Class)
	require.EqualValues(t, "An operator has paused all reading from this platform. Ask the operator of this service.", status.FirstReadings[0].Reason)
	_, err = pool.Exec(t.Context(), `delete from kept.pauses`)
	require.NoError(t, err)
	became(domain.FetchResult{Read: true})
	read = s.now
	shows(&read, "")
}

// What was declined is told by what it takes away.
func TestDeclinedScopesAreToldByTheirFigures(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"))
	_, view := s.signIn(facebook(north))
	require.Empty(t, view.Choice.StayEmpty)
	s.dialog.consent.Declined = []string{"pages_read_user_content"}
	_, view = s.signIn(facebook(north))
	require.Equal(t, []string{"of posts: comments, likes"}, view.Choice.StayEmpty)
	s.dialog.consent.Declined = []string{"read_insights"}
	_, view = s.signIn(facebook(north))
	require.Equal(t, []string{
		"of pages and profiles: clicks, demographics, engagement, impressions, likes, reach, views",
		"of posts: average watch time, clicks, impressions, reach, views", // and not their likes
	}, view.Choice.StayEmpty)
}
