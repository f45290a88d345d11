package connect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// A link works until the instant at which it ends, or until it is taken back: then its page shows nothing and begins nothing.
func TestLinkEndsWithItsTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	link := func() (token, id string) {
		made, err := s.MakeLink(t.Context(), connect.LinkRequest{ConnectRequester: ofAgency(north), Platforms: []domain.Platform{domain.Facebook}, Days: 14}, s.still)
		require.NoError(t, err)
		return strings.TrimPrefix(made.URL, public+"/connect/link/"), made.ID
	}
	over := func(token, why string) {
		_, err := s.Link(t.Context(), token, browser, s.still)
		require.ErrorContains(t, err, "does not work any more", why)
		_, err = s.Follow(t.Context(), token, browser, domain.Facebook, s.still)
		require.ErrorContains(t, err, "does not work any more", why)
	}
	token, _ := link()
	revoked, id := link()
	_, err := s.RevokeLink(t.Context(), ofAgency(""), id, s.still)
	require.NoError(t, err)
	over(revoked, "it was taken back")
	end := s.now.AddDate(0, 0, 14)
	s.now = end.Add(-time.Second)
	_, err = s.Link(t.Context(), token, browser, s.still)
	require.NoError(t, err)
	s.now = end
	over(token, "it has ended")
}
