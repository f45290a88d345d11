package connect_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Revoking the consent would invalidate tokens that wait for a choice, so it is not revoked in the
// meantime.
func TestPendingChoiceDelaysConsentRevocation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	connected := s.connects(facebook(north), "1.0.1001").Connected[0].SocialAccountID
	waits, _ := s.signIn(facebook(north))
	done := s.disconnect(connected)
	require.False(t, done.GivenBack)
	require.Contains(t, done.Left, "connecting something else")
	require.Empty(t, s.dialog.givenBack)
	outcome := s.choose(waits, s.again(waits), "1.0.1002")
	require.Equal(t, "PERSONTOKEN77", s.tokens(personRef(domain.Facebook, "77")))
	require.True(t, s.disconnect(outcome.Connected[0].SocialAccountID).GivenBack, "no choice waits any more")

	// If the platform cannot be reached, our tokens are still deleted.
	s.now = s.now.Add(time.Minute)
	connected = s.connected("1001")
	s.dialog.backErr = errors.New("the platform is away")
	require.Contains(t, s.disconnect(connected).Left, "could not be revoked on Facebook")
	require.Empty(t, s.pageToken("1001"))
}

// sealedFirst is a directory that runs a function after a choice has sealed its tokens, before
// anything is recorded.
type sealedFirst struct {
	connect.Directory
	then func() // once
}

func (s sealedFirst) MemberUser(ctx context.Context, member int64) (string, error) {
	s.then()
	return s.Directory.MemberUser(ctx, member)
}

// A page with its own token is disconnected while it is chosen again. In any order, the last
// connection is read with the new token, and the consent is not revoked.
func TestPageChosenAgainDuringDisconnectUsesNewToken(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T, s *stage, disconnect, choose func()){
		"the choice comes before the token is deleted": func(_ *testing.T, s *stage, disconnect, choose func()) {
			s.Store = storeBefore{Store: s.kept, detach: sync.OnceFunc(choose)}
			disconnect()
		},
		"the disconnection comes before the choice is recorded": func(_ *testing.T, s *stage, disconnect, choose func()) {
			directory := s.Directory
			s.Directory = sealedFirst{directory, sync.OnceFunc(disconnect)}
			choose()
			s.Directory = directory
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			connected := s.connected("1001")
			s.now = s.now.Add(time.Minute)
			renewed := page("1001")
			renewed.AccessToken = "RENEWED"
			s.dialog.consent = consent("77", renewed)
			id, _ := s.signIn(facebook(north))
			run(t, s, func() { s.disconnect(connected) }, func() {
				s.now = s.now.Add(time.Second)
				s.choose(id, s.again(id), "1.0.1001")
			})
			require.Equal(t, []int64{connected}, s.due(domain.Facebook))
			require.Equal(t, "RENEWED", s.pageToken("1001"))
			require.Empty(t, s.dialog.givenBack)
		})
	}
}

// A page is disconnected while the same person connects another one: the grant stays for that one.
func TestDisconnectKeepsGrantForPageBeingChosen(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	connected := s.connects(facebook(north), "1.0.1001").Connected[0].SocialAccountID
	s.now = s.now.Add(time.Minute)
	id, _ := s.signIn(facebook(north))
	s.Store = storeBefore{Store: s.kept, detach: sync.OnceFunc(func() {
		s.now = s.now.Add(time.Second)
		s.choose(id, s.again(id), "1.0.1002")
	})}
	s.disconnect(connected)
	require.Equal(t, []int64{domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1002")}, s.due(domain.Facebook))
	require.Equal(t, "PAGETOKEN1002", s.pageToken("1002"))
	connections, err := s.kept.ConnectionsOf(t.Context(), grantOf(domain.Facebook, "77"))
	require.NoError(t, err)
	require.Len(t, connections, 1)
	require.Empty(t, s.dialog.givenBack)
}

// A page that was disconnected while a choice was open is not connected again by it: its box was
// selected because the page was connected.
func TestChoiceDoesNotUndoADisconnection(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	connected := s.connected("1001")
	s.now = s.now.Add(time.Minute)
	id, view := s.signIn(facebook(north))
	require.True(t, view.Choice.Pages[0].Ticked)
	s.disconnect(connected)
	chosen := connect.Selection{Cookie: browser, Seen: view.Choice.Seen, Pages: []string{"1.0.1001"}}
	require.ErrorContains(t, s.Choose(t.Context(), id, chosen, s.still), "has changed")
	require.Empty(t, s.due(domain.Facebook))
	s.choose(id, s.again(id), "1.0.1001")
	require.Equal(t, []int64{connected}, s.due(domain.Facebook))
}

// A person who removes our app while the choice is stored has withdrawn the consent: it is not
// sealed again.
func TestConsentRevokedWhileStoringIsNotStored(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001")
	s.now = s.now.Add(time.Minute)
	id, view := s.signIn(facebook(north))
	s.Directory = sealedFirst{s.Directory, sync.OnceFunc(func() {
		s.now = s.now.Add(time.Second)
		s.hearMeta("77", s.now)
		require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"))
	})}
	s.choose(id, view, "1.0.1001")
	require.Empty(t, s.due(domain.Facebook))
	require.Empty(t, s.pageToken("1001"))
	require.Empty(t, s.tokens(personRef(domain.Facebook, "77")))
}

// A reading may meet the dead token of a page while the rest is stored: the reason of the choice
// counts.
func TestReasonOfPageLeftOutOverridesDeadToken(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001", "1002")
	s.now = s.now.Add(time.Hour)
	s.dialog.consent = consent("77", page("1001"))
	id, view := s.signIn(facebook(north))
	log, chosen := s.Log, s.now
	var states []domain.ConnectionStateChanged
	s.Log = ledgertest.Append(func(ctx context.Context, d domain.Draft) error {
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

// A page that is read with the person's token and that a new consent leaves out waits by itself, with
// the reason, and the others continue. If the process ends between two records, the same choice can be
// repeated. In another agency's trail the actor is the program, not the person.
func TestPageOnSharedTokenStopsIfOmittedFromConsent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := connect.Request{ConnectRequester: ofAgency(north), Platform: domain.LinkedIn}
	both := organization("77")
	both.Tokens.ExpiresAt = today.AddDate(0, 0, 60)
	both.Offered = append(both.Offered, platforms.Offered{Platform: domain.LinkedIn, ExternalID: "2002", Name: "Shop", MayRead: true})
	s.dialog.consent = both
	s.connects(r, "4.0.2001", "4.0.2002")
	s.connects(ofRival(domain.LinkedIn), "4.0.2002")
	mill, shop := domain.ComputedSocialAccount(agency, domain.LinkedIn, 0, "2001"), domain.ComputedSocialAccount(agency, domain.LinkedIn, 0, "2002")
	rivals := domain.ComputedSocialAccount(rival, domain.LinkedIn, 0, "2002")
	require.ElementsMatch(t, []int64{mill, shop, rivals}, s.due(domain.LinkedIn))
	before, err := s.Directory.Page(t.Context(), rival, rivals)
	require.NoError(t, err)
	var ends time.Time
	require.NoError(t, s.log.DB.ReadOnly.QueryRow(t.Context(), `select expires_at from tMemberAuth where id = $1`, before.ConnectionID).Scan(&ends))
	require.True(t, ends.Equal(both.Tokens.ExpiresAt))

	s.now = s.now.Add(time.Hour)
	s.dialog.consent = organization("77")
	id, view := s.signIn(r)
	require.Equal(t, []string{"Shop (LinkedIn, North)"}, view.Choice.FallsAway)
	chosen := connect.Selection{Cookie: browser, Pages: []string{"4.0.2001"}, Seen: view.Choice.Seen}
	s.log.Fail(errors.New("the log is away"))
	require.ErrorContains(t, s.Choose(t.Context(), id, chosen, s.still), "the log is away")
	s.log.Fail(nil)
	log := s.Log
	s.Log = ledgertest.Append(func(ctx context.Context, d domain.Draft) error {
		if _, waits := d.Data.(domain.ConnectionStateChanged); waits {
			return domain.NewError(domain.CodeUnavailable, "the brokers are away")
		}
		return log.Append(ctx, d)
	})
	require.ErrorContains(t, s.Choose(t.Context(), id, chosen, s.still), "the brokers are away")
	after, err := s.Directory.Page(t.Context(), rival, rivals)
	require.NoError(t, err)
	require.Equal(t, before.ConnectionID, after.ConnectionID)

	s.Log = log
	outcome := s.choose(id, view, "4.0.2001")
	require.Len(t, outcome.Connected, 1)
	require.Equal(t, []string{"Shop (LinkedIn, North)"}, outcome.FellAway)
	require.Equal(t, []int64{mill}, s.due(domain.LinkedIn))
	require.ElementsMatch(t, []string{staff, "system:connect"}, s.changes())
	var reason string
	require.NoError(t, s.log.DB.ReadOnly.QueryRow(t.Context(), `select reason ->> 'code' from connection_states where social_account_id = $1`, shop).Scan(&reason))
	require.EqualValues(t, domain.StatusLeftOut, reason)

	s.now = s.now.Add(time.Hour)
	s.dialog.consent = both
	id, view = s.signIn(r)
	require.Empty(t, view.Choice.FallsAway, "it was named before")
	require.Equal(t, shop, s.choose(id, view, "4.0.2002").Connected[0].SocialAccountID, "connected again it keeps its id")
	require.Subset(t, s.due(domain.LinkedIn), []int64{mill, shop})
}
