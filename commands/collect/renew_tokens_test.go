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
func (s *fetchStage) refused() connected {
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	stored := s.tokens(user)
	stored.ExpiresAt = time.Time{}
	s.store(user, stored)
	return user
}

func TestConnectionIsNotDeadWhereTheRenewalFailsOnOurSide(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.refused()
	s.collect = s.process(func(c *collect.Config) {
		c.Secrets = interrupted{Secrets: s.secrets, held: func(context.Context) (context.Context, error) { return nil, errDatabase }}
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

// The lease may fail to keep another process away, or the answer of an earlier call was lost on its
// way.
func TestRefusedRenewalCountsOnlyWhereNobodyElseRenewed(t *testing.T) {
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
func TestNobodyRenewsWithoutTheLease(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.collect = s.process(func(c *collect.Config) {
		c.Secrets = interrupted{Secrets: s.secrets, held: func(held context.Context) (context.Context, error) {
			lost, lose := context.WithCancel(held)
			lose()
			return lost, nil
		}}
		renewingWith(c, func(ctx context.Context, inner platforms.Client, at platforms.Target, token string) (platforms.Tokens, error) {
			<-ctx.Done() // as the gate does that waits for room
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Error("it waits on although others may renew by now")
			}
			return inner.Refresh(ctx, at, token)
		})
	})
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Zero(t, s.calls("tiktok/token"))
	require.Empty(t, s.changes(user))
	require.Equal(t, domain.StatusRetry, s.state(domain.FetchAccounts, user).kind())
}

// The database is away for longer than the claim lasts: the platform takes no older token any more.
func TestRotatedTokenThatCannotBeStoredIsStoredLater(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	var away atomic.Bool
	away.Store(true)
	var lose func()
	swapped := make(chan struct{}, 1000)
	s := newFetchStage(t)
	s.collect = s.process(func(c *collect.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		c.Secrets = interrupted{Secrets: s.secrets, held: func(held context.Context) (context.Context, error) {
			held, lose = context.WithCancel(held)
			return held, nil
		}, swap: func() error {
			if away.Load() {
				swapped <- struct{}{}
				return errDatabase
			}
			return nil
		}}
	})
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	before := s.tokens(user)
	claim := s.claim(s.collect, domain.FetchAccounts, domain.TikTok)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- workOn(ctx, s.collect, claim) }()
	<-swapped
	end()
	<-swapped // it is tried further when the claim has ended
	<-swapped
	lose()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, before, s.tokens(user))
	require.Contains(t, lines.String(), "level=ERROR")
	require.Contains(t, lines.String(), "renewed token not stored")
	require.NotContains(t, lines.String(), before.RefreshToken)

	away.Store(false)
	s.endClaims()
	s.roundAfter(tick, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	require.Equal(t, 1, s.calls("tiktok/token"), "what was renewed is used")
	require.Empty(t, s.changes(user))
	s.roundAfter(3*time.Hour, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 2)
	require.Equal(t, 2, s.calls("tiktok/token"), "and is not stored a second time over what came after it")
}

// The platform has rotated the token by the time that the claim ends: the answer must not be lost.
func TestRenewalIsNotCutByTheEndOfItsClaim(t *testing.T) {
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
