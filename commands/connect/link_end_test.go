package connect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// A link works until the instant at which it ends, or until it is taken back: then its page shows nothing and begins nothing.
func TestLinkEndsWithItsTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	over := func(token, why string) {
		_, err := s.Link(t.Context(), token, browser, s.still)
		require.ErrorContains(t, err, "does not work any more", why)
		_, err = s.Follow(t.Context(), token, browser, domain.Facebook, s.still)
		require.ErrorContains(t, err, "does not work any more", why)
	}
	token, _ := s.link(ofAgency(north))
	revoked, id := s.link(ofAgency(north))
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
