package signin_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

const issuerURL = "https://id.example"

// setup returns a pool on the test's own database.
func setup(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return ledgertest.OpenVault(t, pgtest.New(t).URL)
}

func digest(text string) []byte { sum := sha256.Sum256([]byte(text)); return sum[:] }

// session returns a session of one hour.
func session(id, user string, now time.Time) signin.Session {
	return signin.Session{
		ID: id, Person: signin.Person{UserID: user, AccountID: "a", Role: "agency"}, Way: "link", BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

// signInLink returns a link that is valid for 15 minutes.
func signInLink(user string, now time.Time) signin.Link {
	return signin.Link{
		Person: signin.Person{UserID: user, AccountID: "a", Role: "agency"}, MadeBy: "system:operator", MadeAt: now, ExpiresAt: now.Add(15 * time.Minute),
	}
}

func TestSessionLifetime(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	s, now := signin.NewSessions(pool, nil), start
	begin := func(id, user string) signin.Session {
		newSession := session(id, user, now)
		require.NoError(t, s.Begin(t.Context(), newSession, digest(id), nil))
		return newSession
	}
	requireSession := func(want error, id string, at time.Time) {
		t.Helper()
		_, err := s.Find(t.Context(), digest(id), at)
		require.ErrorIs(t, err, want)
	}
	one := begin("one", "alice")
	found, err := s.Find(t.Context(), digest("one"), now)
	require.NoError(t, err)
	require.Equal(t, one, found)
	requireSession(signin.ErrNoSession, "other", now)
	requireSession(nil, "one", now.Add(30*time.Minute))
	require.NoError(t, s.Seen(t.Context(), digest("one"), now.Add(30*time.Minute)))
	require.NoError(t, s.Seen(t.Context(), digest("one"), now), "a late request does not turn back the time")
	now = now.Add(31 * time.Minute)
	two := begin("two", "alice")
	begin("three", "bob")
	one.SeenAt = one.BegunAt.Add(30 * time.Minute)
	list, err := s.Of(t.Context(), "alice", now)
	require.NoError(t, err)
	require.Equal(t, []signin.Session{two, one}, list)

	require.NoError(t, s.End(t.Context(), "bob", "two"), "another's")
	require.NoError(t, s.End(t.Context(), "alice", "one"))
	requireSession(signin.ErrNoSession, "one", now)
	requireSession(nil, "two", now)
	now = now.Add(time.Hour)
	requireSession(signin.ErrNoSession, "two", now)
	begin("four", "carol")
	require.Equal(t, 1, ledgertest.Value[int](t, pool, `select count(*) from sessions`), "expired sessions are deleted")
}

func TestSignInLinkStartsOneSession(t *testing.T) {
	t.Parallel()
	log, now := ledgertest.New(t), start
	s := log.SignIns(t).Kept
	link := signInLink("alice", now)
	require.NoError(t, s.MakeLink(t.Context(), link, digest("word")))
	found, err := s.Link(t.Context(), digest("word"), now)
	require.NoError(t, err)
	require.Equal(t, link.UserID, found.UserID)
	requireLink := func(want error, word string, at time.Time) {
		t.Helper()
		_, err := s.Link(t.Context(), digest(word), at)
		require.ErrorIs(t, err, want)
	}
	requireLink(signin.ErrNoSignInLink, "word", now.Add(15*time.Minute))
	require.NoError(t, s.MakeLink(t.Context(), signInLink("bob", now), digest("bob's")))
	require.NoError(t, s.MakeLink(t.Context(), signInLink("alice", now.Add(time.Minute)), digest("newer")))
	requireLink(signin.ErrNoSignInLink, "word", now) // replaced by the newer link
	requireLink(nil, "bob's", now)

	ledgertest.OneWins(t, signin.ErrNoSignInLink, func(n int) error {
		id := fmt.Sprint(n)
		return s.Begin(t.Context(), session(id, "alice", now), digest(id), digest("newer"))
	})
	list, err := s.Of(t.Context(), "alice", now)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A signed-in person needs no link, however they signed in: an earlier link opens nothing later.
func TestSignInInvalidatesEarlierLinks(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	s, made := signin.NewSessions(pool, nil), signInLink("alice", start)
	begin := func(id string, link []byte) error {
		return s.Begin(t.Context(), session(id, "alice", start), digest(id), link)
	}
	require.NoError(t, s.MakeLink(t.Context(), made, digest("first")))
	require.NoError(t, begin("token", nil))
	require.ErrorIs(t, begin("late", digest("first")), signin.ErrNoSignInLink)

	require.NoError(t, s.MakeLink(t.Context(), made, digest("one")))
	ledgertest.Exec(t, pool, `
		insert into sign_in_links
		select $1, user_id, account_id, role, made_by, made_at, expires_at from sign_in_links`, digest("two")) // at the same instant
	require.NoError(t, begin("by one", digest("one")))
	require.ErrorIs(t, begin("by two", digest("two")), signin.ErrNoSignInLink)
}

func TestForgetUser(t *testing.T) {
	t.Parallel()
	log, now := ledgertest.New(t), start
	pool := ledgertest.OpenVault(t, log.DB.URL)
	s, identities := log.SignIns(t).Kept, signin.FederatedIdentities{Pool: pool}
	for _, user := range []string{"alice", "bob"} {
		require.NoError(t, s.Begin(t.Context(), session(user, user, now), digest(user), nil))
		require.NoError(t, s.MakeLink(t.Context(), signInLink(user, now), digest(user+"'s link")))
		require.NoError(t, identities.Link(t.Context(), issuerURL, "subject of "+user, user, now))
	}
	require.NoError(t, vault.NewEraser(pool).ForgetUser(t.Context(), "alice"))
	for user, want := range map[string][3]error{"alice": {signin.ErrNoSession, signin.ErrNoSignInLink, signin.ErrNotLinked}, "bob": {}} {
		_, err := s.Find(t.Context(), digest(user), now)
		require.ErrorIs(t, err, want[0])
		_, err = s.Link(t.Context(), digest(user+"'s link"), now)
		require.ErrorIs(t, err, want[1])
		_, err = identities.User(t.Context(), issuerURL, "subject of "+user)
		require.ErrorIs(t, err, want[2])
	}
}

// A sign-in that cannot be recorded uses up no link and begins no session. A sign-in that cannot be
// stored is not recorded.
func TestSignInIsRecordedAndStoredAtomically(t *testing.T) {
	t.Parallel()
	s, now := signin.NewSessions(setup(t), nil), start
	require.NoError(t, s.MakeLink(t.Context(), signInLink("alice", now), digest("word")))
	newSession := session("one", "alice", now)
	away, recorded := errors.New("the log is away"), []domain.DirectorySession(nil)
	var fault error
	s.Record = func(_ context.Context, session domain.DirectorySession, by domain.Audit) error {
		require.Equal(t, domain.Audit{Actor: "alice", Role: "agency"}, by)
		recorded = append(recorded, session)
		return fault
	}
	begin := func(id string, link []byte) error { return s.Begin(t.Context(), newSession, digest(id), link) }
	fault = away
	err := begin("one", digest("word"))
	require.ErrorIs(t, err, away)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	_, err = s.Find(t.Context(), digest("one"), now)
	require.ErrorIs(t, err, signin.ErrNoSession)
	fault = nil
	require.NoError(t, begin("one", digest("word")), "the link is still valid")
	attempt := domain.DirectorySession{ID: "one", UserID: "alice", LoginAt: now}
	require.Equal(t, []domain.DirectorySession{attempt, attempt}, recorded)

	require.ErrorIs(t, begin("two", digest("word")), signin.ErrNoSignInLink)
	require.Error(t, begin("two", nil), "a session with this ID exists")
	auditor := session("three", "alice", now)
	auditor.Role = "auditor"
	require.NoError(t, s.Begin(t.Context(), auditor, digest("three"), nil))
	require.Len(t, recorded, 2, "auditors are not in the directory")
}

// While the log is slow to record sign-ins, signed-in people can continue.
func TestSlowSignInsDoNotExhaustConnectionPool(t *testing.T) {
	t.Parallel()
	s, now := signin.NewSessions(setup(t), nil), start
	begin := func(id string) error { return s.Begin(t.Context(), session(id, id, now), digest(id), nil) }
	require.NoError(t, begin("alice"))
	entered, recorded := make(chan struct{}, 2*vault.Conns), make(chan struct{})
	s.Record = func(context.Context, domain.DirectorySession, domain.Audit) error {
		entered <- struct{}{}
		<-recorded
		return nil
	}
	errs := make([]error, 2*vault.Conns)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() {
			errs[n] = begin(fmt.Sprint(n))
		})
	}
	for range vault.Conns / 2 {
		<-entered
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := s.Find(ctx, digest("alice"), now)
	close(recorded)
	require.NoError(t, err)
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestUserHasOneSubjectPerIssuer(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	i, sessions, now := signin.FederatedIdentities{Pool: pool}, signin.NewSessions(pool, nil), start
	_, err := i.User(t.Context(), issuerURL, "s-1")
	require.ErrorIs(t, err, signin.ErrNotLinked)
	require.NoError(t, i.Link(t.Context(), issuerURL, "s-1", "alice", now))
	require.NoError(t, i.Link(t.Context(), issuerURL, "s-1", "alice", now), "again")
	require.ErrorIs(t, i.Link(t.Context(), issuerURL, "s-2", "alice", now), signin.ErrLinkedElsewhere, "another subject")
	require.NoError(t, i.Link(t.Context(), "https://new.example", "s-9", "alice", now.Add(time.Hour)), "another issuer, which is configured now")
	require.ErrorIs(t, i.Link(t.Context(), issuerURL, "s-1", "bob", now), signin.ErrLinkedElsewhere, "the subject belongs to another user")
	require.NoError(t, i.Link(t.Context(), "https://other.example", "s-1", "bob", now), "the same subject at another issuer is another person")
	user, err := i.User(t.Context(), issuerURL, "s-1")
	require.NoError(t, err)
	require.Equal(t, "alice", user)
	from, err := i.Issuers(t.Context(), "alice")
	require.NoError(t, err)
	require.Equal(t, []string{"https://new.example", issuerURL}, from)

	for _, user := range []string{"alice", "bob"} {
		require.NoError(t, sessions.Begin(t.Context(), session(user, user, now), digest(user), nil))
	}
	require.NoError(t, i.Unlink(t.Context(), "alice"), "all links")
	require.ErrorIs(t, i.Unlink(t.Context(), "alice"), signin.ErrNotLinked)
	_, err = i.Issuers(t.Context(), "alice")
	require.ErrorIs(t, err, signin.ErrNotLinked)
	for user, want := range map[string]error{"alice": signin.ErrNoSession, "bob": nil} {
		_, err = sessions.Find(t.Context(), digest(user), now)
		require.ErrorIs(t, err, want, user)
	}
	// Two subjects with one address sign in concurrently: exactly one of them is linked.
	ledgertest.OneWins(t, signin.ErrLinkedElsewhere, func(n int) error { return i.Link(t.Context(), issuerURL, fmt.Sprint(n), "alice", now) })
}

func TestProviderLogoutEndsMatchingSessions(t *testing.T) {
	t.Parallel()
	s, now := signin.NewSessions(setup(t), nil), start
	const here, there = "https://id.example", "https://former.example"
	for _, c := range []struct{ issuer, subject, session string }{
		{here, "alice", "s1"}, {here, "alice", "s2"}, {here, "alice", ""}, {here, "bob", "s3"}, {here, "bob", "s4"}, {there, "alice", "s1"}, {"", "", ""},
	} {
		begun := session(c.issuer+c.subject+c.session, c.subject, now)
		begun.ProviderSession = c.session
		if c.issuer != "" {
			begun.KnownAs = signin.Identity{Issuer: c.issuer, Subject: c.subject}.Names()
		}
		require.NoError(t, s.Begin(t.Context(), begun, digest(begun.ID), nil))
	}
	for _, c := range []struct {
		logout signin.Logout
		ended  int
	}{
		{signin.Logout{Issuer: here, Subject: "carol"}, 0},
		{signin.Logout{Issuer: here, Session: "s4"}, 1},
		{signin.Logout{Issuer: here, Subject: "alice", Session: "s2"}, 2}, // one began without the provider's id
		{signin.Logout{Issuer: here, Subject: "bob", Session: "s1"}, 0},
		{signin.Logout{Issuer: here, Subject: "alice"}, 1},
		{signin.Logout{Issuer: here, Subject: "bob"}, 1},
	} {
		ended, err := s.EndAtProvider(t.Context(), c.logout)
		require.NoError(t, err)
		require.Equal(t, c.ended, ended, "%+v", c.logout)
	}
	for _, id := range []string{there + "alices1", ""} {
		_, err := s.Find(t.Context(), digest(id), now)
		require.NoError(t, err, "not a session at this provider")
	}
}

func TestSessionsAreRefreshedAtProvider(t *testing.T) {
	t.Parallel()
	pool, now := setup(t), start
	keys, err := vault.ParseKeys(ledgertest.Key)
	require.NoError(t, err)
	s := signin.NewSessions(pool, keys)
	for _, id := range []string{"kept", "none"} {
		begun := session(id, "alice", now)
		if id == "kept" {
			begun.Refresh = "refresh-0"
		}
		require.NoError(t, s.Begin(t.Context(), begun, digest(id), nil))
	}
	var asked []string
	check := func(id string, next string, err error) error {
		return s.Recheck(t.Context(), digest(id), now.Add(-15*time.Minute), now, func(_ context.Context, refresh string) (string, error) {
			asked = append(asked, refresh)
			return next, err
		})
	}
	require.NoError(t, check("kept", "", nil), "it has just begun")
	checkedAt := func(id string) *time.Time {
		found, err := s.Find(t.Context(), digest(id), now)
		require.NoError(t, err)
		return found.CheckedAt
	}
	require.True(t, now.Equal(*checkedAt("kept")))
	require.Nil(t, checkedAt("none"), "it has no refresh token")
	now = now.Add(16 * time.Minute)
	require.NoError(t, check("none", "", nil))
	require.NoError(t, check("kept", "refresh-1", nil))
	require.NoError(t, check("kept", "", nil), "not again at once")
	require.True(t, now.Equal(*checkedAt("kept")))
	now = now.Add(16 * time.Minute)
	away := errors.New("away")
	require.ErrorIs(t, check("kept", "", away), away)
	_, err = s.Find(t.Context(), digest("kept"), now)
	require.NoError(t, err, "an unavailable provider ends nothing")
	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `select string_agg(sessions::text, ',') from sessions`).Scan(&stored))
	require.NotContains(t, stored, "refresh-")
	now = now.Add(16 * time.Minute)
	require.ErrorIs(t, check("kept", "", signin.ErrEnded), signin.ErrNoSession)
	_, err = s.Find(t.Context(), digest("kept"), now)
	require.ErrorIs(t, err, signin.ErrNoSession)
	require.Equal(t, []string{"refresh-0", "refresh-1", "refresh-1"}, asked)

	sealed := session("sealed", "alice", now)
	sealed.Refresh = "refresh-2"
	require.NoError(t, s.Begin(t.Context(), sealed, digest("sealed"), nil))
	ledgertest.Exec(t, pool, `update sessions set key_id = 'removed' where id = 'sealed'`)
	now = now.Add(16 * time.Minute)
	require.ErrorIs(t, check("sealed", "", nil), signin.ErrNoSession, "nobody can ask the provider")
	require.Len(t, asked, 3)
}
