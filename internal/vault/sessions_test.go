package vault_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestSessionsLastAndEnd(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	s, now := vault.NewSessions(pool), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	begin := func(id, user string, lasts time.Duration) vault.Session {
		begun := vault.Session{
			ID: id, UserID: user, AccountID: "a", Role: "agency", Way: "link", BegunAt: now, SeenAt: now, ExpiresAt: now.Add(lasts),
		}
		require.NoError(t, s.Begin(t.Context(), begun, digest(id), nil, nil))
		return begun
	}
	one := begin("one", "alice", time.Hour)
	found, err := s.Find(t.Context(), digest("one"), now)
	require.NoError(t, err)
	require.Equal(t, one, found)
	_, err = s.Find(t.Context(), digest("other"), now)
	require.ErrorIs(t, err, vault.ErrNoSession)

	_, err = s.Find(t.Context(), digest("one"), now.Add(30*time.Minute))
	require.NoError(t, err)
	now = now.Add(31 * time.Minute)
	two := begin("two", "alice", time.Hour)
	begin("three", "bob", time.Hour)
	one.SeenAt = one.BegunAt.Add(30 * time.Minute)
	list, err := s.Of(t.Context(), "alice", now)
	require.NoError(t, err)
	require.Equal(t, []vault.Session{two, one}, list)

	require.NoError(t, s.End(t.Context(), "bob", "two"), "another's")
	require.NoError(t, s.End(t.Context(), "alice", "one"))
	_, err = s.Find(t.Context(), digest("one"), now)
	require.ErrorIs(t, err, vault.ErrNoSession)
	_, err = s.Find(t.Context(), digest("two"), now)
	require.NoError(t, err)
	now = now.Add(time.Hour)
	_, err = s.Find(t.Context(), digest("two"), now)
	require.ErrorIs(t, err, vault.ErrNoSession)
	begin("four", "carol", time.Hour)
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from sessions`).Scan(&rows))
	require.Equal(t, 1, rows, "those that have ended go")
}

func TestALinkBeginsOneSession(t *testing.T) {
	t.Parallel()
	s, now := vault.NewSessions(setup(t)), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	link := vault.SignInLink{UserID: "alice", AccountID: "a", Role: "agency", MadeBy: "system:operator", MadeAt: now, ExpiresAt: now.Add(15 * time.Minute)}
	require.NoError(t, s.MakeLink(t.Context(), link, digest("word")))
	found, err := s.Link(t.Context(), digest("word"), now)
	require.NoError(t, err)
	require.Equal(t, link.UserID, found.UserID)
	_, err = s.Link(t.Context(), digest("word"), now.Add(15*time.Minute))
	require.ErrorIs(t, err, vault.ErrNoSignInLink, "too old")

	newer := link
	newer.MadeAt = now.Add(time.Minute)
	others := vault.SignInLink{UserID: "bob", MadeAt: now, ExpiresAt: now.Add(15 * time.Minute)}
	require.NoError(t, s.MakeLink(t.Context(), others, digest("bob's")))
	require.NoError(t, s.MakeLink(t.Context(), newer, digest("newer")))
	_, err = s.Link(t.Context(), digest("word"), now)
	require.ErrorIs(t, err, vault.ErrNoSignInLink, "the newer one took its place")
	_, err = s.Link(t.Context(), digest("bob's"), now)
	require.NoError(t, err, "another person's")

	var begun sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		begun.Go(func() {
			id := string(rune('a' + i))
			errs[i] = s.Begin(t.Context(), vault.Session{ID: id, UserID: "alice", BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}, digest(id), digest("newer"), nil)
		})
	}
	begun.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, vault.ErrNoSignInLink)
	}
	require.Equal(t, 1, won)
	list, err := s.Of(t.Context(), "alice", now)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// Who has signed in needs no link any more, whichever way it came: one that was made before opens nothing later.
func TestSigningInUsesUpAllLinks(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	s, now := vault.NewSessions(pool), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	made := vault.SignInLink{UserID: "alice", AccountID: "a", Role: "agency", MadeBy: "stella", MadeAt: now, ExpiresAt: now.Add(15 * time.Minute)}
	begin := func(id string, link []byte) error {
		return s.Begin(t.Context(), vault.Session{ID: id, UserID: "alice", BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}, digest(id), link, nil)
	}
	require.NoError(t, s.MakeLink(t.Context(), made, digest("first")))
	require.NoError(t, begin("token", nil))
	require.ErrorIs(t, begin("late", digest("first")), vault.ErrNoSignInLink)

	require.NoError(t, s.MakeLink(t.Context(), made, digest("one")))
	_, err := pool.Exec(t.Context(), `insert into sign_in_links select $1, user_id, account_id, role, made_by, made_at, expires_at from sign_in_links`, digest("two"))
	require.NoError(t, err, "made at the same instant")
	require.NoError(t, begin("by one", digest("one")))
	require.ErrorIs(t, begin("by two", digest("two")), vault.ErrNoSignInLink)
}

func TestErasingEndsSessionsAndLinks(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	s, now := vault.NewSessions(pool), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, user := range []string{"alice", "bob"} {
		require.NoError(t, s.Begin(t.Context(), vault.Session{ID: user, UserID: user, BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}, digest(user), nil, nil))
		require.NoError(t, s.MakeLink(t.Context(), vault.SignInLink{UserID: user, MadeAt: now, ExpiresAt: now.Add(time.Hour)}, digest(user+"'s link")))
	}
	require.NoError(t, vault.NewEraser(pool).ForgetUser(t.Context(), "alice"))
	for user, want := range map[string]error{"alice": vault.ErrNoSession, "bob": nil} {
		_, err := s.Find(t.Context(), digest(user), now)
		require.ErrorIs(t, err, want)
	}
	for user, want := range map[string]error{"alice": vault.ErrNoSignInLink, "bob": nil} {
		_, err := s.Link(t.Context(), digest(user+"'s link"), now)
		require.ErrorIs(t, err, want)
	}
}

// A sign-in that cannot be recorded uses no link up and begins nothing; one that cannot be stored is not recorded.
func TestASignInIsRecordedAndStoredOrNeither(t *testing.T) {
	t.Parallel()
	s, now := vault.NewSessions(setup(t)), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	require.NoError(t, s.MakeLink(t.Context(), vault.SignInLink{UserID: "alice", MadeAt: now, ExpiresAt: now.Add(15 * time.Minute)}, digest("word")))
	begun := vault.Session{ID: "one", UserID: "alice", BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
	away, recorded := errors.New("the log is away"), 0
	record := func(err error) func(context.Context) error {
		return func(context.Context) error { recorded++; return err }
	}
	require.ErrorIs(t, s.Begin(t.Context(), begun, digest("one"), digest("word"), record(away)), away)
	_, err := s.Find(t.Context(), digest("one"), now)
	require.ErrorIs(t, err, vault.ErrNoSession)
	require.NoError(t, s.Begin(t.Context(), begun, digest("one"), digest("word"), record(nil)), "the link works still")
	require.Equal(t, 2, recorded)

	require.ErrorIs(t, s.Begin(t.Context(), begun, digest("two"), digest("word"), record(nil)), vault.ErrNoSignInLink)
	require.Error(t, s.Begin(t.Context(), begun, digest("two"), nil, record(nil)), "a session of this id is there")
	require.Equal(t, 2, recorded)
}

// While the log takes its time to record sign-ins, those who are signed in go on.
func TestSignInsLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	s, now := vault.NewSessions(setup(t)), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	begin := func(id string, record func(context.Context) error) error {
		begun := vault.Session{ID: id, UserID: id, BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
		return s.Begin(t.Context(), begun, digest(id), nil, record)
	}
	require.NoError(t, begin("alice", nil))
	entered, recorded := make(chan struct{}, 2*vault.Conns), make(chan struct{})
	errs := make([]error, 2*vault.Conns)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() {
			errs[n] = begin(fmt.Sprint(n), func(context.Context) error {
				entered <- struct{}{}
				<-recorded
				return nil
			})
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
