package vault_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

const (
	connectAgency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	connectClient = "c10000000000000000000001"
)

var connectDay = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func digest(of string) []byte { sum := sha256.Sum256([]byte(of)); return sum[:] }

// connectStage is the store of sign-ins on a database of the test's own.
type connectStage struct {
	*vault.Connecting

	secrets *vault.Secrets
	eraser  vault.Eraser
}

func newConnectStage(t *testing.T) connectStage {
	t.Helper()
	pool := setup(t)
	keys, err := vault.ParseKeys(strings.Repeat("ab", 32))
	require.NoError(t, err)
	secrets, err := vault.NewSecrets(pool, keys)
	require.NoError(t, err)
	return connectStage{vault.NewConnecting(pool), secrets, vault.NewEraser(pool)}
}

// waitingGrant is what the tokens of waiting attempts would renew.
var waitingGrant = domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "waits"}

const otherAgency = "bbbbbbbbbbbbbbbbbbbbbbbb"

// seal stores a token under each ref.
func (s connectStage) seal(t *testing.T, refs ...string) {
	t.Helper()
	for _, ref := range refs {
		require.NoError(t, s.secrets.Put(t.Context(), ref, []byte("token"), domain.SecretTimes{Taken: connectDay}))
	}
}

// sealed tells of each ref whether a token is stored under it.
func (s connectStage) sealed(t *testing.T, refs ...string) (all []bool) {
	t.Helper()
	for _, ref := range refs {
		_, err := s.secrets.Get(t.Context(), ref)
		if err != nil {
			require.ErrorIs(t, err, vault.ErrNoSecret)
		}
		all = append(all, err == nil)
	}
	return all
}

// hanging are the connections that hang on a grant.
func (s connectStage) hanging(t *testing.T, g domain.Grant) []domain.GrantedConnection {
	t.Helper()
	all, err := s.HangingOn(t.Context(), g.GrantKey)
	require.NoError(t, err)
	return all
}

func (s connectStage) known(t *testing.T, g domain.Grant) bool {
	t.Helper()
	_, known, err := s.GrantOf(t.Context(), g.GrantKey)
	require.NoError(t, err)
	return known
}

func (s connectStage) drop(t *testing.T, g domain.Grant, now time.Time) bool {
	t.Helper()
	dropped, err := s.DropGrant(t.Context(), g.GrantKey, now)
	require.NoError(t, err)
	return dropped
}

func grantOn(p domain.Platform) domain.Grant {
	return domain.Grant{GrantKey: domain.GrantKey{Platform: p, App: "app", Person: "77"}, ConsentedAt: connectDay}
}

// hangs is a connection of an agency that reads with the token of a ref.
func hangs(id int64, agency string, p domain.Platform, ref string) domain.GrantedConnection {
	return domain.GrantedConnection{ConnectionID: id, ParentAccount: agency, Platform: p, TokenOf: "1001", SecretRef: ref}
}

// begin begins an attempt whose address ends in start.
func (s connectStage) begin(t *testing.T, start string) domain.ConnectAttempt {
	t.Helper()
	a := domain.ConnectAttempt{
		ID: uuid.NewString(), ConnectRequester: domain.ConnectRequester{ParentAccount: connectAgency, AccountID: connectClient, UserID: "u", Role: "agency"},
		Platform: domain.Facebook, RedirectURI: "https://boards.example/connect/1", ReturnTo: "/back", Step: domain.ConnectBegun,
		CreatedAt: connectDay, ExpiresAt: connectDay.Add(10 * time.Minute),
	}
	require.NoError(t, s.Begin(t.Context(), a, digest(start)))
	return a
}

// waiting is an attempt whose tokens wait for the choice.
func (s connectStage) waiting(t *testing.T, start string) domain.ConnectAttempt {
	t.Helper()
	a := s.begin(t, start)
	_, err := s.OpenAttempt(t.Context(), digest(start), digest("cookie"), digest(start+" state"), connectDay)
	require.NoError(t, err)
	_, err = s.TakeAttempt(t.Context(), digest(start+" state"), digest("cookie"), domain.Facebook, connectDay)
	require.NoError(t, err)
	s.seal(t, "connect/"+a.ID)
	require.NoError(t, s.Choosing(t.Context(), a.ID, waitingGrant, connectDay.Add(15*time.Minute)))
	return a
}

func TestAttemptIsOfTheBrowserThatOpensItFirst(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	a := s.begin(t, "start")
	open := func(cookie string, now time.Time) (domain.ConnectAttempt, error) {
		return s.OpenAttempt(t.Context(), digest("start"), digest(cookie), digest("state"), now)
	}
	opened, err := open("one", connectDay)
	require.NoError(t, err)
	a.Step, a.Cookie = domain.ConnectOpened, digest("one")
	opened.CreatedAt, opened.ExpiresAt = opened.CreatedAt.UTC(), opened.ExpiresAt.UTC()
	require.Equal(t, a, opened)
	_, err = open("one", connectDay)
	require.NoError(t, err, "the page is loaded again")
	_, err = open("two", connectDay)
	require.ErrorIs(t, err, vault.ErrAttemptElsewhere)
	_, err = open("one", a.ExpiresAt)
	require.ErrorIs(t, err, vault.ErrAttemptExpired)
	_, err = s.OpenAttempt(t.Context(), digest("guessed"), digest("one"), digest("state 2"), connectDay)
	require.ErrorIs(t, err, vault.ErrAttemptUnknown)
}

func TestCallBackTakesAnAttemptOnceAndOnlyWithItsCookie(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	a := s.begin(t, "start")
	_, err := s.OpenAttempt(t.Context(), digest("start"), digest("one"), digest("state"), connectDay)
	require.NoError(t, err)
	take := func(state, cookie string, p domain.Platform, now time.Time) (domain.ConnectAttempt, error) {
		return s.TakeAttempt(t.Context(), digest(state), digest(cookie), p, now)
	}
	_, err = take("forged", "one", domain.Facebook, connectDay)
	require.ErrorIs(t, err, vault.ErrAttemptUnknown)
	_, err = take("state", "two", domain.Facebook, connectDay)
	require.ErrorIs(t, err, vault.ErrAttemptElsewhere)
	_, err = take("state", "one", domain.TikTok, connectDay)
	require.Error(t, err, "another platform's call-back")
	_, err = take("state", "one", domain.Facebook, a.ExpiresAt)
	require.ErrorIs(t, err, vault.ErrAttemptExpired)

	whyNot := func(state, cookie string, now time.Time) error {
		return s.WhyNotTaken(t.Context(), digest(state), digest(cookie), now)
	}
	require.ErrorIs(t, whyNot("forged", "one", connectDay), vault.ErrAttemptUnknown)
	require.ErrorIs(t, whyNot("state", "two", connectDay), vault.ErrAttemptElsewhere)
	require.ErrorIs(t, whyNot("state", "one", a.ExpiresAt), vault.ErrAttemptExpired)
	require.NoError(t, whyNot("state", "one", connectDay))

	taken, err := take("state", "one", domain.Facebook, connectDay)
	require.NoError(t, err, "none of these used it up")
	require.Equal(t, a.ID, taken.ID)
	again, err := take("state", "one", domain.Facebook, connectDay)
	require.ErrorIs(t, err, vault.ErrAttemptUsed)
	require.Equal(t, a.ID, again.ID, "a reload is shown what came of it")
	_, err = s.OpenAttempt(t.Context(), digest("start"), digest("one"), digest("state"), connectDay)
	require.ErrorIs(t, err, vault.ErrAttemptUsed)
}

func TestWaitingTokensGoWithTheChoiceOrWithTime(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	chosen, late := s.waiting(t, "one"), s.waiting(t, "two")
	outcome := domain.ConnectOutcome{Connected: []domain.ConnectedNow{{SocialAccountID: 1, PID: domain.Facebook, Name: "Page"}}, FellAway: []string{"Other"}}
	require.NoError(t, s.FinishAttempt(t.Context(), chosen.ID, outcome, connectDay))
	require.Equal(t, []bool{false, true}, s.sealed(t, "connect/"+chosen.ID, "connect/"+late.ID))
	done, err := s.Attempt(t.Context(), chosen.ID)
	require.NoError(t, err)
	require.Equal(t, domain.ConnectDone, done.Step)
	require.Equal(t, &outcome, done.Outcome)
	require.ErrorIs(t, s.Choosing(t.Context(), chosen.ID, waitingGrant, connectDay), vault.ErrAttemptUsed)

	require.NoError(t, s.Purge(t.Context(), connectDay.Add(14*time.Minute)))
	require.Equal(t, []bool{true}, s.sealed(t, "connect/"+late.ID), "there is time to choose")
	require.NoError(t, s.Purge(t.Context(), connectDay.Add(15*time.Minute)))
	require.Equal(t, []bool{false}, s.sealed(t, "connect/"+late.ID))
	_, err = s.Attempt(t.Context(), late.ID)
	require.NoError(t, err, "its page can say that it is over")
	require.NoError(t, s.Purge(t.Context(), connectDay.Add(25*time.Hour)))
	for _, id := range []string{chosen.ID, late.ID} {
		_, err = s.Attempt(t.Context(), id)
		require.ErrorIs(t, err, vault.ErrAttemptUnknown)
	}
}

// A process that dies between sealing the tokens and saying that they wait leaves none behind.
func TestTokensOfAnAttemptThatNeverCameToChoosingGo(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	finished, died := s.begin(t, "one"), s.begin(t, "two")
	refs := []string{"connect/" + finished.ID, "connect/" + died.ID}
	s.seal(t, refs...)
	require.NoError(t, s.FinishAttempt(t.Context(), finished.ID, domain.ConnectOutcome{Refused: "no"}, connectDay))
	require.Equal(t, []bool{false, true}, s.sealed(t, refs...), "the other one is another's")
	require.NoError(t, s.Purge(t.Context(), died.ExpiresAt))
	require.Equal(t, []bool{false, false}, s.sealed(t, refs...))
}

func TestConnectLinkIsOfTheBrowserThatFollowsItFirst(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	link := domain.ConnectLink{
		ID: uuid.NewString(), ParentAccount: connectAgency, AccountID: connectClient, Platforms: []domain.Platform{domain.Facebook, domain.LinkedIn},
		MadeBy: "u", MadeRole: "client", MadeAt: connectDay, ExpiresAt: connectDay.Add(time.Hour),
	}
	require.NoError(t, s.MakeLink(t.Context(), link, digest("token")))
	seen, err := s.Link(t.Context(), digest("token"))
	require.NoError(t, err)
	require.Equal(t, link, seen, "looking binds nothing")
	follow := func(cookie string, now time.Time) (bool, error) {
		_, first, err := s.FollowLink(t.Context(), digest("token"), digest(cookie), now)
		return first, err
	}
	_, err = follow("one", link.ExpiresAt)
	require.ErrorIs(t, err, vault.ErrLinkUnknown)
	first, err := follow("one", connectDay)
	require.NoError(t, err)
	require.True(t, first)
	first, err = follow("one", connectDay)
	require.NoError(t, err)
	require.False(t, first)
	_, err = follow("two", connectDay)
	require.ErrorIs(t, err, vault.ErrLinkElsewhere)
	listed, err := s.Links(t.Context(), connectAgency, connectClient)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.True(t, listed[0].Followed)
	_, err = s.RevokeLink(t.Context(), otherAgency, link.ID, connectDay)
	require.ErrorIs(t, err, vault.ErrLinkUnknown, "another agency's")
	revoked, err := s.RevokeLink(t.Context(), connectAgency, link.ID, connectDay)
	require.NoError(t, err)
	require.False(t, revoked.Open(connectDay))
	_, err = follow("one", connectDay)
	require.ErrorIs(t, err, vault.ErrLinkUnknown)
}

// A grant that nothing came to hang on (a choice that never came after a crash, erased connections)
// goes after a day.
func TestIdleGrantGoesAfterADay(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := grantOn(domain.LinkedIn)
	s.seal(t, g.SecretRef())
	require.NoError(t, s.KeepGrant(t.Context(), g, nil))
	require.NoError(t, s.Purge(t.Context(), connectDay.Add(23*time.Hour)))
	require.Equal(t, []bool{true}, s.sealed(t, g.SecretRef()))
	require.NoError(t, s.Purge(t.Context(), connectDay.Add(24*time.Hour)))
	require.Equal(t, []bool{false}, s.sealed(t, g.SecretRef()))
}

// A sign-in whose tokens wait for a choice holds the grant that they would renew, as long as there is time to choose.
func TestWaitingSignInHoldsItsGrant(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := domain.Grant{GrantKey: waitingGrant, ConsentedAt: connectDay}
	drop := func(now time.Time) bool {
		require.NoError(t, s.KeepGrant(t.Context(), g, nil))
		return s.drop(t, g, now)
	}
	require.True(t, drop(connectDay))
	first, second := s.waiting(t, "one"), s.waiting(t, "two")
	require.False(t, drop(connectDay))
	require.NoError(t, s.FinishAttempt(t.Context(), first.ID, domain.ConnectOutcome{}, connectDay))
	require.False(t, drop(connectDay), second.ID)
	require.True(t, drop(connectDay.Add(15*time.Minute)), "the time to choose is over")
}

// A connection is taken off by the consent that was seen: one that came since has stored new
// tokens.
func TestConsentSinceKeepsWhatHangsOnIt(t *testing.T) {
	t.Parallel()
	s := newConnectStage(t)
	g := domain.Grant{GrantKey: waitingGrant, ConsentedAt: connectDay}
	hang := []domain.GrantedConnection{hangs(1, connectAgency, domain.Facebook, "connection/1")}
	require.NoError(t, s.KeepGrant(t.Context(), g, hang))
	seen, err := s.ConsentOf(t.Context(), 1)
	require.NoError(t, err)
	require.True(t, seen.Equal(connectDay))
	none, err := s.ConsentOf(t.Context(), 2)
	require.NoError(t, err)
	require.Zero(t, none)
	g.ConsentedAt = connectDay.Add(time.Second)
	require.NoError(t, s.KeepGrant(t.Context(), g, hang))
	s.seal(t, "connection/1")
	_, _, known, err := s.Unhang(t.Context(), 1, seen)
	require.NoError(t, err)
	require.False(t, known)
	require.Equal(t, []bool{true}, s.sealed(t, "connection/1"))
	_, _, known, err = s.Unhang(t.Context(), 1, g.ConsentedAt)
	require.NoError(t, err)
	require.True(t, known)
}
