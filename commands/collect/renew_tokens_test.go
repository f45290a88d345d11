package collect_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

var errDatabase = errors.New("connection reset by peer")

// refused is a TikTok user whose token the platform refuses although its end is not known.
func (f *fetchStage) refused() connected {
	user := f.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	stored := f.tokens(user)
	stored.ExpiresAt = time.Time{}
	f.store(user, stored)
	return user
}

func TestInternalRenewalFailureIsRetried(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.refused()
	s.collect = s.process(func(c *collect.Config) {
		c.Secrets = interrupted{Secrets: s.secrets, claim: func() error { return errDatabase }}
	})
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Empty(t, s.changes(user))
	st := s.state(domain.FetchAccounts, user)
	require.Equal(t, domain.StatusInternal, st.kind())
	require.Equal(t, fetchDay.Add(30*time.Second), st.DueAt.UTC(), "it is tried again")
	s.collect = s.process()
	s.roundAfter(30*time.Second, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
}

// renewing is a platform's client with a renewal that is the test's.
type renewing struct {
	platforms.Client
	refresh renewal
}

type renewal func(ctx context.Context, inner platforms.Client, at platforms.Target, token string) (platforms.Tokens, error)

func renewingWith(c *collect.Config, refresh renewal) {
	find := c.Client
	c.Client = func(p domain.Platform) (platforms.Client, error) {
		client, err := find(p)
		return renewing{client, refresh}, err
	}
}

func (r renewing) Refresh(ctx context.Context, at platforms.Target, token string) (platforms.Tokens, error) {
	return r.refresh(ctx, r.Client, at, token)
}

// The claim may fail to keep another process away, or the answer of an earlier call was lost on its
// way.
func TestRefusedRenewalIsIgnoredIfTokenWasReplaced(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	s.collect = s.process(func(c *collect.Config) {
		renewingWith(c, func(ctx context.Context, inner platforms.Client, at platforms.Target, token string) (platforms.Tokens, error) {
			got, err := inner.Refresh(ctx, at, token)
			require.NoError(t, err)
			s.store(user, commands.StoredTokens{AccessToken: got.AccessToken, RefreshToken: got.RefreshToken, ExpiresAt: got.ExpiresAt})
			return inner.Refresh(ctx, at, token) // with the token that is used up
		})
	})
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Empty(t, s.changes(user))
	require.Len(t, s.readings(user), 1)
}

// Waiting for the quota may take longer than others can be kept away.
func TestRenewalEndsBeforeItsClaimExpires(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.collect = s.process(func(c *collect.Config) {
		renewingWith(c, func(ctx context.Context, inner platforms.Client, at platforms.Target, token string) (platforms.Tokens, error) {
			until := only[time.Time](s, `select renewing_until from kept.secrets`)
			deadline, ok := ctx.Deadline()
			if !ok || !deadline.Add(time.Minute).Before(until) { // a minute to store what it brings
				t.Error("it waits on although others may renew by then", deadline, until)
			}
			ctx, cancel := context.WithCancel(ctx)
			cancel() // as the gate does that waits for room
			return inner.Refresh(ctx, at, token)
		})
	})
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Zero(t, s.calls("tiktok/token"))
	require.Empty(t, s.changes(user))
	require.Equal(t, domain.StatusRetry, s.state(domain.FetchAccounts, user).kind())
	require.Zero(t, s.number(`select count(renewing_until) from kept.secrets`), "another process may renew it now")
}

// The database is away when the platform has rotated the token, and the claim of the reading ends: it
// is tried further, and what cannot be stored is said.
func TestRotatedTokenIsStoredWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	var away atomic.Bool
	away.Store(true)
	swapped := make(chan struct{}, 1000)
	s := newFetchStage(t)
	s.collect = s.process(func(c *collect.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		c.Secrets = interrupted{Secrets: s.secrets, swap: func() error {
			swapped <- struct{}{}
			if away.Load() {
				return errDatabase
			}
			return nil
		}}
	})
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	before := s.tokens(user)
	work := func() (end context.CancelFunc, done chan error) {
		claim := s.claim(s.collect, domain.FetchAccounts, domain.TikTok)
		for len(swapped) > 0 {
			<-swapped
		}
		ctx, end := context.WithCancel(t.Context())
		done = make(chan error, 1)
		go func() { done <- workOn(ctx, s.collect, claim) }()
		<-swapped
		return end, done
	}
	end, done := work()
	end()
	<-swapped // it is tried further when the claim has ended
	away.Store(false)
	require.ErrorIs(t, <-done, context.Canceled)
	require.NotEqual(t, before.RefreshToken, s.tokens(user).RefreshToken)
	s.endClaims()
	s.roundAfter(tick, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	require.Equal(t, 1, s.calls("tiktok/token"), "what was renewed is used")
	require.Empty(t, s.changes(user))

	s.clock.Advance(3 * time.Hour)
	away.Store(true)
	before = s.tokens(user)
	end, done = work()
	end()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, before, s.tokens(user))
	require.Contains(t, lines.String(), "level=ERROR")
	require.Contains(t, lines.String(), "renewed token not stored")
	require.NotContains(t, lines.String(), before.RefreshToken)

	away.Store(false)
	s.endClaims()
	s.roundAfter(tick, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 2)
	require.Equal(t, 2, s.calls("tiktok/token"), "the process has kept what was renewed")
	require.NotEqual(t, before, s.tokens(user))
	works := len(s.changes(user))

	// Another process does not have it, and says what was lost. If the first one lives, it stores what it
	// has when it ends.
	s.clock.Advance(3 * time.Hour)
	away.Store(true)
	end, done = work()
	end()
	require.ErrorIs(t, <-done, context.Canceled)
	away.Store(false)
	s.endClaims()
	s.exec(`update secrets set renewing_until = now() - interval '1 second'`)
	first := s.collect
	s.collect = s.process()
	s.roundAfter(tick, domain.FetchAccounts, domain.TikTok)
	changes := s.changes(user)[works:]
	require.Len(t, changes, 1)
	require.Equal(t, domain.StatusRenewalLost, changes[0].Code)
	s.clock.Advance(time.Minute)
	ended, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, first.Run(ended))
	s.roundAfter(tick, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 3)
	require.Empty(t, s.changes(user)[works+1].Code)
}

// The platform has rotated the token by the time that the claim ends: the answer must not be lost.
func TestRenewalCompletesAfterReadingClaimEnds(t *testing.T) {
	t.Parallel()
	claimed, end := context.WithCancel(t.Context())
	s := newFetchStage(t)
	s.called = func(r *http.Request) {
		if strings.Contains(r.URL.Path, "oauth") {
			end()
		}
	}
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	before := s.tokens(user)
	claim := s.claim(s.collect, domain.FetchAccounts, domain.TikTok)
	require.ErrorIs(t, workOn(claimed, s.collect, claim), context.Canceled)
	require.NotEqual(t, before.AccessToken, s.tokens(user).AccessToken)
	s.endClaims()
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	require.Equal(t, 1, s.calls("tiktok/token"))
}
