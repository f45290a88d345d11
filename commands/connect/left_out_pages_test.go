package connect_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// A reading may meet the dead token of a page that falls away while the rest is stored: what counts is the reason that the choice gives.
func TestReasonOfWhatFellAwayIsTheLatest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	s.connects(facebook(north), "1.0.1001", "1.0.1002")
	s.now = s.now.Add(time.Hour)
	s.dialog.consent = consent("77", page("1001"))
	id, view := s.signIn(facebook(north))
	log, chosen := s.Log, s.now
	var states []domain.ConnectionStateChanged
	s.Log = appender(func(ctx context.Context, d domain.Draft) error {
		switch data := d.Data.(type) {
		case domain.DirectorySocialAccount:
			s.now = s.now.Add(time.Minute) // it takes its time for each page
		case domain.ConnectionStateChanged:
			states = append(states, data)
		}
		return log.Append(ctx, d)
	})
	s.choose(id, view, "1.0.1001")
	require.Len(t, states, 1)
	require.True(t, states[0].At.Equal(chosen.Add(time.Minute)), "after all that was stored before it: %s", states[0].At)
}

// A process that ends between two records leaves no page on a connection that nobody is told of: it waits before it is moved there. In another
// agency's trail the program did so, and not whoever signed in at this one.
func TestPageThatFallsAwayIsMovedOnceItWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := connect.Request{ConnectRequester: ofAgency(north), Platform: domain.LinkedIn}
	theirRequest := connect.Request{ConnectRequester: domain.ConnectRequester{ParentAccount: rival, AccountID: theirs, UserID: staff, Role: "agency"}, Platform: domain.LinkedIn}
	both := organization("77")
	both.Offered = append(both.Offered, platforms.Offered{Platform: domain.LinkedIn, ExternalID: "2002", Name: "Shop", MayRead: true})
	s.dialog.consent = both
	s.connects(theirRequest, "4.0.2002")
	shop := domain.ComputedSocialAccount(rival, domain.LinkedIn, 0, "2002")
	before, err := s.Directory.Page(t.Context(), rival, shop)
	require.NoError(t, err)

	s.now = s.now.Add(time.Hour)
	s.dialog.consent = organization("77")
	id, view := s.signIn(r)
	log := s.Log
	s.Log = appender(func(ctx context.Context, d domain.Draft) error {
		if _, waits := d.Data.(domain.ConnectionStateChanged); waits {
			return domain.NewError(domain.CodeUnavailable, "the brokers are away")
		}
		return log.Append(ctx, d)
	})
	chosen := connect.Chosen{Cookie: browser, Pages: []string{"4.0.2001"}, Seen: view.Choice.Seen}
	require.Error(t, s.Choose(t.Context(), id, chosen, s.still))
	after, err := s.Directory.Page(t.Context(), rival, shop)
	require.NoError(t, err)
	require.Equal(t, before.ConnectionID, after.ConnectionID)

	s.Log = log
	require.NoError(t, s.Choose(t.Context(), id, chosen, s.still))
	require.Equal(t, []int64{domain.ComputedSocialAccount(agency, domain.LinkedIn, 0, "2001")}, s.due(domain.LinkedIn))
	require.Equal(t, []string{"system:connect"}, s.changes())
}
