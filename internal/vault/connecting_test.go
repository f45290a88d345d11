package vault_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

const (
	connectAgency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	otherAgency   = "bbbbbbbbbbbbbbbbbbbbbbbb"
	connectClient = "c10000000000000000000001"
)

func digest(text string) []byte { sum := sha256.Sum256([]byte(text)); return sum[:] }

// connectStage is the store of sign-ins on the test's own database.
type connectStage struct {
	vault.Connecting

	secrets *vault.Secrets
	eraser  vault.Eraser
}

func newConnectStage(t *testing.T) connectStage {
	t.Helper()
	pool := setup(t)
	return connectStage{vault.Connecting{Pool: pool}, newSecrets(t, pool, key(t, 1)), vault.NewEraser(pool)}
}

// waitingGrant is the grant that the tokens of waiting attempts would renew.
var waitingGrant = domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "waits"}

// seal stores a token under each ref.
func (c connectStage) seal(t *testing.T, refs ...string) {
	t.Helper()
	for _, ref := range refs {
		put(t, c.secrets, ref, "token")
	}
}

// sealed reports for each ref whether a token is stored under it.
func (c connectStage) sealed(t *testing.T, refs ...string) (all []bool) {
	t.Helper()
	for _, ref := range refs {
		_, err := c.secrets.Get(t.Context(), ref)
		if err != nil {
			require.ErrorIs(t, err, vault.ErrNoSecret)
		}
		all = append(all, err == nil)
	}
	return all
}

// connectionsOf returns the connections of a grant.
func (c connectStage) connectionsOf(t *testing.T, g domain.Grant) []int64 {
	t.Helper()
	all, err := c.ConnectionsOf(t.Context(), g.GrantKey)
	require.NoError(t, err)
	return all
}

func (c connectStage) known(t *testing.T, g domain.Grant) bool {
	t.Helper()
	_, known, err := c.GrantOf(t.Context(), g.GrantKey)
	require.NoError(t, err)
	return known
}

func grantOn(p domain.Platform) domain.Grant {
	return domain.Grant{GrantKey: domain.GrantKey{Platform: p, App: "app", Person: "77"}, ConsentedAt: day0}
}

// keep stores a grant with connections.
func (c connectStage) keep(t *testing.T, g domain.Grant, connections ...int64) {
	t.Helper()
	for _, connection := range connections {
		require.NoError(t, c.KeepGrant(t.Context(), g, connection))
	}
}

// begin begins an attempt with start at the end of its URL.
func (c connectStage) begin(t *testing.T, start string) domain.ConnectAttempt {
	t.Helper()
	a := domain.ConnectAttempt{
		ID: uuid.NewString(), ConnectRequester: domain.ConnectRequester{ParentAccount: connectAgency, AccountID: connectClient, UserID: "u", Role: "agency"},
		Platform: domain.Facebook, RedirectURI: "https://boards.example/connect/1", ReturnTo: "/back", Step: domain.ConnectBegun,
		CreatedAt: day0, ExpiresAt: day0.Add(10 * time.Minute),
	}
	require.NoError(t, c.Begin(t.Context(), a, digest(start)))
	return a
}

// waiting returns an attempt with stored tokens and a pending choice.
func (c connectStage) waiting(t *testing.T, start string) domain.ConnectAttempt {
	t.Helper()
	a := c.begin(t, start)
	_, err := c.OpenAttempt(t.Context(), digest(start), digest("cookie"), digest(start+" state"), day0)
	require.NoError(t, err)
	_, err = c.TakeAttempt(t.Context(), digest(start+" state"), digest("cookie"), domain.Facebook, day0)
	require.NoError(t, err)
	c.seal(t, "connect/"+a.ID)
	require.NoError(t, c.Choosing(t.Context(), a.ID, waitingGrant, day0.Add(15*time.Minute)))
	return a
}

// The page of a used attempt shows its outcome when it is reloaded.
func TestSignInAttemptIsTakenOnceWithItsCookie(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	a := s.begin(t, "start")
	open := func(start, cookie string, now time.Time) (domain.ConnectAttempt, error) {
		return s.OpenAttempt(t.Context(), digest(start), digest(cookie), digest("state of "+start), now)
	}
	opened, err := open("start", "one", day0)
	require.NoError(t, err)
	a.Step, a.Cookie = domain.ConnectOpened, digest("one")
	opened.CreatedAt, opened.ExpiresAt = opened.CreatedAt.UTC(), opened.ExpiresAt.UTC()
	require.Equal(t, a, opened)
	_, err = open("start", "one", day0)
	require.NoError(t, err, "the page is reloaded")

	take := func(start, cookie string, now time.Time) (domain.ConnectAttempt, error) {
		return s.TakeAttempt(t.Context(), digest("state of "+start), digest(cookie), domain.Facebook, now)
	}
	for _, c := range []struct {
		start, cookie string
		now           time.Time
		want          error
	}{
		{"guessed", "one", day0, vault.ErrAttemptUnknown},
		{"start", "two", day0, vault.ErrAttemptElsewhere},
		{"start", "one", a.ExpiresAt, vault.ErrAttemptExpired},
	} {
		_, err = open(c.start, c.cookie, c.now)
		require.ErrorIs(t, err, c.want)
		_, err = take(c.start, c.cookie, c.now)
		require.ErrorIs(t, err, c.want)
		require.ErrorIs(t, s.CheckAttempt(t.Context(), digest("state of "+c.start), digest(c.cookie), c.now), c.want)
	}
	_, err = s.TakeAttempt(t.Context(), digest("state of start"), digest("one"), domain.TikTok, day0)
	require.Error(t, err, "another platform's callback")
	require.NoError(t, s.CheckAttempt(t.Context(), digest("state of start"), digest("one"), day0))

	taken, err := take("start", "one", day0)
	require.NoError(t, err, "the attempt is still unused")
	require.Equal(t, a.ID, taken.ID)
	again, err := take("start", "one", day0)
	require.ErrorIs(t, err, vault.ErrAttemptUsed)
	require.Equal(t, a.ID, again.ID)
	_, err = open("start", "one", day0)
	require.ErrorIs(t, err, vault.ErrAttemptUsed)
}

func TestExpiredPendingTokensAreDeleted(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	chosen, late, died := s.waiting(t, "one"), s.waiting(t, "two"), s.begin(t, "three")
	idle := grantOn(domain.LinkedIn) // without connections: an abandoned choice, or erased connections
	s.seal(t, "connect/"+died.ID, idle.SecretRef())
	s.keep(t, idle, 9)
	consent, err := s.ConsentOf(t.Context(), 9)
	require.NoError(t, err)
	_, _, known, err := s.DetachConnection(t.Context(), 9, consent)
	require.NoError(t, err)
	require.True(t, known)
	left := func(after time.Duration, want ...bool) {
		t.Helper()
		require.NoError(t, s.Purge(t.Context(), day0.Add(after)))
		require.Equal(t, want, s.sealed(t, "connect/"+chosen.ID, "connect/"+died.ID, "connect/"+late.ID, idle.SecretRef()))
	}
	left(0, true, true, true, true)
	outcome := domain.ConnectOutcome{Connected: []domain.ConnectedNow{{SocialAccountID: 1, PID: domain.Facebook, Name: "Page"}}, FellAway: []string{"Other"}}
	require.NoError(t, s.FinishAttempt(t.Context(), chosen.ID, outcome, day0))
	left(0, false, true, true, true)
	done, err := s.Attempt(t.Context(), chosen.ID)
	require.NoError(t, err)
	require.Equal(t, domain.ConnectDone, done.Step)
	require.Equal(t, &outcome, done.Outcome)
	require.ErrorIs(t, s.Choosing(t.Context(), chosen.ID, waitingGrant, day0), vault.ErrAttemptUsed)

	left(10*time.Minute, false, false, true, true) // of a process that stopped before it called Choosing
	left(14*time.Minute, false, false, true, true) // still time to choose
	left(15*time.Minute, false, false, false, true)
	_, err = s.Attempt(t.Context(), late.ID)
	require.NoError(t, err, "its page can show the outcome")
	left(23*time.Hour, false, false, false, true)
	left(25*time.Hour, false, false, false, false)
	for _, id := range []string{chosen.ID, late.ID} {
		_, err = s.Attempt(t.Context(), id)
		require.ErrorIs(t, err, vault.ErrAttemptUnknown)
	}
}

func TestConnectLinkBelongsToFirstBrowser(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	link := domain.ConnectLink{
		ID: uuid.NewString(), ParentAccount: connectAgency, AccountID: connectClient, Platforms: []domain.Platform{domain.Facebook, domain.LinkedIn},
		MadeBy: "u", MadeRole: "client", MadeAt: day0, ExpiresAt: day0.Add(time.Hour),
	}
	require.NoError(t, s.MakeLink(t.Context(), link, digest("token")))
	stored, err := s.Link(t.Context(), digest("token"))
	require.NoError(t, err)
	require.Equal(t, link, stored, "reading does not bind the link")
	follow := func(cookie string, now time.Time, wantFirst bool, want error) {
		t.Helper()
		_, first, err := s.FollowLink(t.Context(), digest("token"), digest(cookie), now)
		require.ErrorIs(t, err, want)
		require.Equal(t, wantFirst, first)
	}
	follow("one", link.ExpiresAt, false, vault.ErrLinkUnknown)
	follow("one", day0, true, nil)
	follow("one", day0, false, nil)
	follow("two", day0, false, vault.ErrLinkElsewhere)
	listed, err := s.Links(t.Context(), connectAgency, connectClient)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.True(t, listed[0].Followed)
	_, err = s.RevokeLink(t.Context(), otherAgency, link.ID, day0)
	require.ErrorIs(t, err, vault.ErrLinkUnknown, "another agency's")
	revoked, err := s.RevokeLink(t.Context(), connectAgency, link.ID, day0)
	require.NoError(t, err)
	require.False(t, revoked.Open(day0))
	follow("one", day0, false, vault.ErrLinkUnknown)
}
