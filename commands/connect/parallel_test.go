package connect_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Tokens that wait for a choice would die with the consent: it is not given back meanwhile.
func TestWaitingChoiceHoldsTheConsent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	connected := s.connects(facebook(north), "1.0.1001").Connected[0].SocialAccountID
	waits, view := s.signIn(facebook(north))
	done, err := s.Disconnect(t.Context(), ofAgency(""), connected, s.still)
	require.NoError(t, err)
	require.False(t, done.GivenBack)
	require.Contains(t, done.Left, "connecting something else")
	require.Empty(t, s.dialog.givenBack)
	outcome := s.choose(waits, view, "1.0.1002")
	require.Equal(t, "PERSONTOKEN77", s.tokens(personRef(domain.Facebook, "77")))
	done, err = s.Disconnect(t.Context(), ofAgency(""), outcome.Connected[0].SocialAccountID, s.still)
	require.NoError(t, err)
	require.True(t, done.GivenBack, "nobody waits any more")
}

// sealedFirst is a directory that lets something else happen once a choice has sealed its tokens and nothing is recorded yet.
type sealedFirst struct {
	connect.Directory
	then func() // once
}

func (d sealedFirst) MemberUser(ctx context.Context, member int64) (string, error) {
	d.then()
	return d.Directory.MemberUser(ctx, member)
}

// A page with a token of its own that is disconnected while it is chosen again: in whatever order, who connects it last has it read, with the
// new token, and the consent is not given back.
func TestDisconnectingWhileThePageIsChosenAgain(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T, s *stage, disconnect, choose func()){
		"the choice comes before the token is deleted": func(_ *testing.T, s *stage, disconnect, choose func()) {
			s.Store = storeBefore{Store: s.kept, unhang: sync.OnceFunc(choose)}
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
			s.dialog.consent = consent("77", page("1001"))
			connected := s.connects(facebook(north), "1.0.1001").Connected[0].SocialAccountID
			s.now = s.now.Add(time.Minute)
			renewed := page("1001")
			renewed.AccessToken = "RENEWED"
			s.dialog.consent = consent("77", renewed)
			id, view := s.signIn(facebook(north))
			run(t, s, func() {
				_, err := s.Disconnect(t.Context(), ofAgency(""), connected, s.still)
				require.NoError(t, err)
			}, func() {
				s.now = s.now.Add(time.Second)
				s.choose(id, view, "1.0.1001")
			})
			require.Equal(t, []int64{connected}, s.due(domain.Facebook))
			require.Equal(t, "RENEWED", s.tokens(pageRef("1001")))
			require.Empty(t, s.dialog.givenBack)
		})
	}
}

// A page that is disconnected while the same person connects another one is let go, with its token, and the other one stays.
func TestDisconnectingWhileAnotherPageIsChosen(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	connected := s.connects(facebook(north), "1.0.1001").Connected[0].SocialAccountID
	s.now = s.now.Add(time.Minute)
	id, view := s.signIn(facebook(north))
	s.Store = storeBefore{Store: s.kept, unhang: sync.OnceFunc(func() {
		s.now = s.now.Add(time.Second)
		s.choose(id, view, "1.0.1002")
	})}
	_, err := s.Disconnect(t.Context(), ofAgency(""), connected, s.still)
	require.NoError(t, err)
	require.Equal(t, []int64{domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1002")}, s.due(domain.Facebook))
	require.Empty(t, s.tokens(pageRef("1001")))
	require.Equal(t, "PAGETOKEN1002", s.tokens(pageRef("1002")))
	hanging, err := s.kept.HangingOn(t.Context(), domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "77"})
	require.NoError(t, err)
	require.Len(t, hanging, 1)
	require.Empty(t, s.dialog.givenBack)
}

// A person who removes our app while their choice is stored has taken back what they just gave: it is not sealed again.
func TestConsentThatIsTakenBackWhileItIsStored(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"))
	s.connects(facebook(north), "1.0.1001")
	s.now = s.now.Add(time.Minute)
	id, view := s.signIn(facebook(north))
	s.Directory = sealedFirst{s.Directory, sync.OnceFunc(func() {
		s.now = s.now.Add(time.Second)
		s.hearMeta("77", s.now)
		require.NoError(t, s.Deauthorized(t.Context(), "said"))
	})}
	s.choose(id, view, "1.0.1001")
	require.Empty(t, s.due(domain.Facebook))
	require.Empty(t, s.tokens(pageRef("1001")))
	require.Empty(t, s.tokens(personRef(domain.Facebook, "77")))
}
