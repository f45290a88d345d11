package collect_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

var errDatabase = errors.New("connection reset by peer")

// faultySecrets is the store of tokens with a database that fails when it is told to.
type faultySecrets struct {
	collect.SecretStore

	mu          sync.Mutex
	lease, swap int // so many fail
	swapped     chan struct{}
	lost        bool // the lease, as soon as it is given
}

func (s *faultySecrets) fails(n *int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n--
	return *n >= 0
}

func (s *faultySecrets) set(n *int, value int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n = value
}

func (s *faultySecrets) Lease(ctx context.Context, ref string) (context.Context, func(), error) {
	if s.fails(&s.lease) {
		return nil, nil, errDatabase
	}
	held, release, err := s.SecretStore.Lease(ctx, ref)
	if s.lost && err == nil {
		cut, cancel := context.WithCancel(held)
		cancel()
		held = cut
	}
	return held, release, err
}

func (s *faultySecrets) Swap(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error {
	if s.fails(&s.swap) {
		if s.swapped != nil {
			s.swapped <- struct{}{}
		}
		return errDatabase
	}
	return s.SecretStore.Swap(ctx, ref, old, secret, times)
}

func newFaultyStage(t *testing.T, change ...func(*collect.Config)) (*fetchStage, *faultySecrets) {
	t.Helper()
	faulty := &faultySecrets{}
	return newFetchStage(t, append(change, func(c *collect.Config) {
		faulty.SecretStore = c.Secrets
		c.Secrets = faulty
	})...), faulty
}

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
	s, faulty := newFaultyStage(t)
	user := s.refused()
	faulty.lease = 1
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Empty(t, s.changes(user))
	st := s.state(domain.FetchAccounts, user)
	require.Equal(t, "internal", st.Class)
	require.Equal(t, fetchDay.Add(30*time.Second), st.DueAt.UTC(), "it is tried again")
	s.roundAfter(30*time.Second, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
}

// renewing is a platform's client whose renewal is the test's.
type renewing struct {
	collect.Clients
	refresh func(ctx context.Context, inner platforms.Client, r platforms.RefreshRequest) (platforms.Tokens, error)
}

func (r renewing) For(p domain.Platform) (platforms.Client, error) {
	c, err := r.Clients.For(p)
	return renewingClient{c, r}, err
}

type renewingClient struct {
	platforms.Client
	by renewing
}

func (c renewingClient) Refresh(ctx context.Context, r platforms.RefreshRequest) (platforms.Tokens, error) {
	return c.by.refresh(ctx, c.Client, r)
}

// The lease may fail to keep another process away, or the answer of an earlier call was lost on its way.
func TestRefusedRenewalCountsOnlyWhereNobodyElseRenewed(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	s.collect = s.process(func(c *collect.Config) {
		c.Clients = renewing{c.Clients, func(ctx context.Context, inner platforms.Client, r platforms.RefreshRequest) (platforms.Tokens, error) {
			got, err := inner.Refresh(ctx, r)
			require.NoError(t, err)
			s.store(user, commands.StoredTokens{AccessToken: got.AccessToken, RefreshToken: got.RefreshToken, ExpiresAt: got.ExpiresAt})
			return inner.Refresh(ctx, r) // with the token that is used up
		}}
	})
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Empty(t, s.changes(user))
	require.Len(t, s.readings(user), 1)
}

// Waiting for the quota may take longer than others can be kept away.
func TestNobodyRenewsWithoutTheLease(t *testing.T) {
	t.Parallel()
	s, faulty := newFaultyStage(t, func(c *collect.Config) {
		c.Clients = renewing{c.Clients, func(ctx context.Context, inner platforms.Client, r platforms.RefreshRequest) (platforms.Tokens, error) {
			<-ctx.Done() // as the gate does that waits for room
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Error("it waits on although others may renew by now")
			}
			return inner.Refresh(ctx, r)
		}}
	})
	faulty.lost = true
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Zero(t, s.calls("tiktok/token"))
	require.Empty(t, s.changes(user))
	require.Equal(t, string(platforms.ClassRetry), s.state(domain.FetchAccounts, user).Class)
}

// The database is away for longer than the claim lasts: the platform takes no older token any more.
func TestRotatedTokenThatCannotBeStoredIsStoredLater(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	s, faulty := newFaultyStage(t, func(c *collect.Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
	faulty.swap, faulty.swapped = 1000, make(chan struct{}, 1000)
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	before := s.tokens(user)
	claim := s.claim(s.collect, domain.FetchAccounts, domain.TikTok)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.collect.Work(ctx, claim) }()
	<-faulty.swapped
	end()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, before, s.tokens(user))
	require.Contains(t, lines.String(), "level=ERROR")
	require.Contains(t, lines.String(), "a renewed token cannot be stored")
	require.NotContains(t, lines.String(), before.RefreshToken)

	faulty.set(&faulty.swap, 0)
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
	require.ErrorIs(t, s.collect.Work(claimed, claim), context.Canceled)
	require.NotEqual(t, before.AccessToken, s.tokens(user).AccessToken)
	s.endClaims()
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	require.Equal(t, 1, s.calls("tiktok/token"))
}
