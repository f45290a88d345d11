package collect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func expiresIn(d time.Duration) func(*simulator.Account) {
	return func(a *simulator.Account) { a.AccessExpires = fetchDay.Add(d) }
}

func (f *fetchStage) tokens(c connected) (stored commands.StoredTokens) {
	f.t.Helper()
	raw, err := f.secrets.Get(f.t.Context(), c.ref)
	require.NoError(f.t, err)
	require.NoError(f.t, json.Unmarshal(raw, &stored))
	return stored
}

func TestExpiredTokenIsRenewedAndTheRotatedOneStored(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	before := s.tokens(user)
	before.Pages = map[string]string{"page": "its own"}
	s.store(user, before)
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 1)
	after := s.tokens(user)
	require.Equal(t, before.Pages, after.Pages, "pages keep their own")
	require.NotEqual(t, before.AccessToken, after.AccessToken)
	require.NotEqual(t, before.RefreshToken, after.RefreshToken, "the rotated one")
	require.Equal(t, fetchDay.Add(2*time.Hour), after.ExpiresAt, "by what the answer says")
	require.Equal(t, after.ExpiresAt, only[time.Time](s, `select expires_at from kept.secrets where ref = $1`, user.ref).UTC(), "people see the new end, not that of the first token")
	// And so on, over two more lives.
	for range 2 {
		s.roundAfter(2*time.Hour, domain.FetchAccounts, domain.TikTok)
	}
	require.Len(t, s.readings(user), 3)
	require.Empty(t, s.changes(user))
}

// Several processes, several callers each, all with the expired token at once: TikTok's refresh
// token works once, so a second renewal would lose the connection.
func TestConcurrentProcessesRenewTokenOnce(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, expiresIn(-time.Minute))
	var racing, asking sync.WaitGroup
	s.called = func(r *http.Request) {
		if strings.Contains(r.URL.Path, "oauth") {
			asking.Wait() // until all processes have seen the expired token
		}
	}
	for range 3 {
		asking.Add(1)
		asked := sync.OnceFunc(asking.Done)
		collect := s.process(func(c *collect.Config) {
			c.Secrets = interrupted{Secrets: s.secrets, claim: func() error { asked(); return nil }}
		})
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
			racing.Go(func() { require.NoError(t, s.readOne(t.Context(), collect, kind, user)) })
		}
	}
	racing.Wait()
	require.Equal(t, 1, s.calls("tiktok/token"))
	require.Empty(t, s.changes(user))
	require.NotEmpty(t, s.readings(user))
}

func TestRefusedTokenPausesPageUntilSignIn(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{TokenError: 460})
	var racing sync.WaitGroup
	for range 3 { // before the read side shows it, several processes find it dead
		collect := s.process()
		racing.Go(func() { require.Error(t, s.readOne(t.Context(), collect, domain.FetchAccounts, page)) })
	}
	racing.Wait()
	for range 5 {
		s.roundAfter(time.Minute, domain.FetchAccounts, domain.Facebook)
		s.round(domain.FetchPosts, domain.Facebook)
	}
	changes := s.changes(page)
	require.Len(t, changes, 1)
	require.NotEmpty(t, changes[0].Code)
	require.Equal(t, domain.StatusRefused, changes[0].Code)
	require.Equal(t, "190", changes[0].Answer.Code)
	calls := s.calls("facebook/node")
	s.roundAfter(time.Hour, domain.FetchAccounts, domain.Facebook)
	require.Equal(t, calls, s.calls("facebook/node"), "it waits for a person")

	without := s.connect(domain.Facebook, 0)
	require.NoError(t, s.secrets.Delete(t.Context(), without.ref))
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Equal(t, domain.StatusNoToken, s.changes(without)[0].Code)
}

// A sign-in with another account or too few rights does not help: the state is recorded again,
// once, and the platform is not called until the next sign-in. The clock of the machine that hands
// tokens over may be ahead of or behind the fetcher's.
func TestInsufficientSignInIsRecordedOnce(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"in time": 0, "by a clock that is ahead": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			page := s.connect(domain.Facebook, 0)
			good := s.tokens(page)
			s.trap(page, simulator.Traps{TokenError: 460})
			s.round(domain.FetchAccounts, domain.Facebook)
			s.trap(page, simulator.Traps{TokenError: 467})
			for changes := 2; changes <= 3; changes++ {
				s.clock.Advance(time.Hour)
				sealed, err := commands.EncodeTokens(good)
				require.NoError(t, err)
				require.NoError(t, s.secrets.Put(t.Context(), page.ref, sealed, domain.SecretTimes{Taken: s.clock.Now().Add(ahead)}))
				calls := s.calls("facebook/node")
				for range 20 {
					s.roundAfter(30*time.Second, domain.FetchTokens, domain.Facebook)
					s.round(domain.FetchAccounts, domain.Facebook)
					s.round(domain.FetchPosts, domain.Facebook)
				}
				require.Len(t, s.changes(page), changes)
				require.NotEmpty(t, s.changes(page)[changes-1].Code)
				require.Equal(t, domain.StatusRefused, s.changes(page)[changes-1].Code)
				require.Equal(t, calls+1, s.calls("facebook/node"))
			}
			s.trap(page, simulator.Traps{})
			s.clock.Advance(time.Hour)
			use := s.handOver()
			use.Now = func() time.Time { return fetchDay.Add(-10 * time.Minute) }
			_, err := use.HandOver(t.Context(), page.ConnectionID, collect.NewTokens{AccessToken: good.AccessToken})
			require.NoError(t, err)
			s.round(domain.FetchAccounts, domain.Facebook)
			require.Len(t, s.readings(page), 1)
			require.Empty(t, s.changes(page)[3].Code)
		})
	}
}

// What is stored while a read with the old token is on its way is tried all the same.
func TestTokenStoredDuringFailingReadIsTried(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	good := s.tokens(page)
	dead := commands.StoredTokens{AccessToken: "dead"}
	s.store(page, dead)
	looks := 0
	s.collect = s.process(func(c *collect.Config) {
		c.Secrets = interrupted{Secrets: s.secrets, get: func() {
			if looks++; looks == 2 {
				s.clock.Advance(time.Second)
				s.store(page, good)
				s.clock.Advance(time.Second)
			}
		}}
	})
	s.round(domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.changes(page), 1)
	s.collect = s.process()
	s.roundAfter(time.Minute, domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.readings(page), 1)
}

func TestTokenCheckDoesNotMarkConnectionWorking(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0)
	s.store(user, commands.StoredTokens{AccessToken: "dead"})
	s.round(domain.FetchAccounts, domain.TikTok)
	s.clock.Advance(time.Hour)
	s.store(user, commands.StoredTokens{AccessToken: "dead too"})
	s.round(domain.FetchTokens, domain.TikTok)
	require.Len(t, s.changes(user), 1, "it is not said to work")
	s.round(domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.changes(user), 2)
	require.NotEmpty(t, s.changes(user)[1].Code)
}

// What was not acknowledged may be in the log all the same: such a state is recorded again when
// tables would show it.
func TestStateWithUnknownAppendIsRecordedAgainLater(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	page := s.connect(domain.Facebook, 0)
	s.trap(page, simulator.Traps{TokenError: 460})
	s.log.Fail(errors.New("no broker"))
	s.round(domain.FetchAccounts, domain.Facebook)
	s.log.Fail(nil)
	s.roundAfter(time.Minute, domain.FetchAccounts, domain.Facebook)
	require.Empty(t, s.changes(page), "it may still come")
	s.exec(`update connection_marks set at = at - interval '6 minutes'`) // so long an append may take
	s.roundAfter(time.Minute, domain.FetchAccounts, domain.Facebook)
	require.Len(t, s.changes(page), 1)
}

// A token is renewed although its platform refuses it, while tables do not show yet that it does:
// by readings, by posts, and by the claim of tokens. None of these is a sign-in, however late it
// comes.
func TestTokenRenewalIsNotTreatedAsSignIn(t *testing.T) {
	t.Parallel()
	slow := &heldBack{}
	s := newFetchStage(t, func(c *collect.Config) { slow.Appender, c.Operations = c.Operations, slow })
	profile := s.connect(domain.LinkedIn, domain.LinkedInProfile)
	s.trap(profile, simulator.Traps{TokenError: 460})
	for range 3 {
		s.round(domain.FetchAccounts, domain.LinkedIn)
		s.round(domain.FetchPosts, domain.LinkedIn)
		s.clock.Advance(3 * time.Minute)
	}
	renewals := s.calls("linkedin/token")
	require.Greater(t, renewals, 1, "it is renewed while the tables say nothing")
	slow.release(t)
	for range 3 {
		for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
			s.round(kind, domain.LinkedIn)
		}
		slow.release(t)
		s.clock.Advance(time.Hour)
	}
	require.Len(t, s.changes(profile), 1)
	require.Equal(t, renewals, s.calls("linkedin/token"), "it waits for a person")

	s.trap(profile, simulator.Traps{})
	s.store(profile, s.tokens(profile))
	s.round(domain.FetchAccounts, domain.LinkedIn)
	slow.release(t)
	require.Len(t, s.readings(profile), 1)
	require.Empty(t, s.changes(profile)[1].Code)
}

// heldBack has records, and the tables do not know of them until they are released.
type heldBack struct {
	commands.Appender
	drafts []domain.Draft
}

func (h *heldBack) Append(_ context.Context, draft domain.Draft) error {
	h.drafts = append(h.drafts, draft)
	return nil
}

func (h *heldBack) release(t *testing.T) {
	t.Helper()
	for _, draft := range h.drafts {
		require.NoError(t, h.Appender.Append(t.Context(), draft))
	}
	h.drafts = nil
}

func TestTokensAreRenewedBeforeExpiry(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	soon, later := s.connect(domain.TikTok, 0, expiresIn(19*time.Minute)), s.connect(domain.TikTok, 0, expiresIn(30*time.Minute))
	unknown := s.connect(domain.TikTok, 0)
	s.round(domain.FetchTokens, domain.TikTok)
	require.Equal(t, 1, s.calls("tiktok/token"))
	require.Equal(t, fetchDay.Add(2*time.Hour), s.tokens(soon).ExpiresAt)
	require.Equal(t, fetchDay.Add(100*time.Minute), s.state(domain.FetchTokens, soon).DueAt.UTC(), "20 minutes ahead again")
	require.Equal(t, fetchDay.Add(10*time.Minute), s.state(domain.FetchTokens, later).DueAt.UTC())
	require.Equal(t, fetchDay.Add(24*time.Hour), s.state(domain.FetchTokens, unknown).DueAt.UTC())
	s.roundAfter(10*time.Minute, domain.FetchTokens, domain.TikTok)
	require.Equal(t, 2, s.calls("tiktok/token"), "the other one, when it is time")
	require.Zero(t, s.calls("tiktok/user_info"))

	s.connect(domain.Facebook, 0)
	require.Empty(t, s.claim(s.collect, domain.FetchTokens, domain.Facebook).Accounts(), "pages' tokens cannot be renewed")
}

func (f *fetchStage) renewableUntil(c connected) time.Time {
	f.t.Helper()
	return only[time.Time](f, `select renewable_until from kept.secrets where ref = $1`, c.ref).UTC()
}

// LinkedIn's renewals end a year after the first consent, whatever is renewed in between.
func TestLinkedInRenewalEndIsStoredAndReported(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	s := newFetchStage(t, func(c *collect.Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
	user, member := s.connect(domain.TikTok, 0, expiresIn(time.Minute)), s.connect(domain.LinkedIn, domain.LinkedInProfile)
	s.round(domain.FetchTokens, domain.TikTok)
	require.Equal(t, fetchDay.Add(180*24*time.Hour), s.tokens(user).RefreshExpiresAt)
	require.Equal(t, fetchDay.Add(180*24*time.Hour), s.renewableUntil(user))
	stored := s.tokens(member)
	stored.RefreshExpiresAt = fetchDay.Add(15 * 24 * time.Hour)
	s.store(member, stored)
	s.round(domain.FetchTokens, domain.LinkedIn)
	require.Empty(t, lines.String())
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.LinkedIn)
	require.Empty(t, lines.String())
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.LinkedIn)
	require.Contains(t, lines.String(), "a person must sign in again")
	require.Contains(t, lines.String(), "before=2026-12-04T12:00:00.000Z")
	require.Contains(t, lines.String(), fmt.Sprintf("connection=%d", member.ConnectionID))
}

func TestTemporaryRenewalFailureDoesNotSkipReading(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	member := s.connect(domain.LinkedIn, domain.LinkedInProfile, expiresIn(3*time.Minute))
	s.trap(member, simulator.Traps{FailEvery: 4}) // every fourth call, the renewal included
	for range 4 {
		s.clock.Advance(time.Second)
		s.trap(member, simulator.Traps{HTML: 502})
		require.Error(t, s.readOne(t.Context(), s.collect, domain.FetchTokens, member))
		s.trap(member, simulator.Traps{})
	}
	require.Empty(t, s.changes(member))
	s.round(domain.FetchAccounts, domain.LinkedIn)
	require.Len(t, s.readings(member), 1)
}

// A token of Instagram login that came without its end is renewed once it is a day old, the
// youngest that is renewed; from then on its end is known.
func TestInstagramLoginTokenIsReadAndRenewedAtOwnHost(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	own := s.connect(domain.Instagram, 0, func(a *simulator.Account) {
		a.OwnLogin, a.AccessExpires = true, fetchDay.Add(5*24*time.Hour)
	})
	facebook := s.connect(domain.Instagram, 0, expiresIn(5*24*time.Hour))
	s.round(domain.FetchTokens, domain.Instagram)
	require.Equal(t, 1, s.calls("instagram/refresh"))
	renewed := s.tokens(own)
	require.Equal(t, fetchDay.Add(60*24*time.Hour), renewed.ExpiresAt)
	require.True(t, renewed.OwnLogin, "it stays one")
	s.round(domain.FetchAccounts, domain.Instagram)
	require.Len(t, s.readings(own), 1)
	require.Len(t, s.readings(facebook), 1, "Facebook login has no renewal: its token is used until it is refused")
	require.Empty(t, s.changes(facebook))

	endless := s.connect(domain.Instagram, 0, func(a *simulator.Account) { a.OwnLogin = true })
	require.True(t, s.tokens(endless).ExpiresAt.IsZero())
	s.roundAfter(23*time.Hour, domain.FetchTokens, domain.Instagram)
	require.Equal(t, 1, s.calls("instagram/refresh"), "too young")
	s.roundAfter(time.Hour, domain.FetchTokens, domain.Instagram)
	require.Equal(t, 2, s.calls("instagram/refresh"))
	require.Equal(t, s.clock.Now().Add(60*24*time.Hour), s.tokens(endless).ExpiresAt)
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.Instagram)
	require.Equal(t, 2, s.calls("instagram/refresh"), "its end is known now")
	s.round(domain.FetchAccounts, domain.Instagram)
	require.Len(t, s.readings(endless), 1)
}

// LinkedIn gives refresh tokens to approved partners only. A token without one is read with to its
// last day, and told of from 14 days before; only when it has ended and is refused must a person
// sign in.
func TestTokenWithoutRefreshTokenIsUsedUntilExpiry(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	const life = 16 * 24 * time.Hour
	member := s.connect(domain.LinkedIn, domain.LinkedInProfile, expiresIn(life))
	stored := s.tokens(member)
	stored.RefreshToken = ""
	s.store(member, stored)
	require.Equal(t, fetchDay.Add(life), s.renewableUntil(member), "sign_in_before of the connection's answer")
	days := 0
	for ; s.clock.Now().Before(fetchDay.Add(life)); s.clock.Advance(24 * time.Hour) {
		s.round(domain.FetchTokens, domain.LinkedIn)
		require.Equal(t, s.clock.Now().After(fetchDay.Add(life-14*24*time.Hour)), s.metric("sign_ins_due", "") == 1, s.clock.Now())
		s.round(domain.FetchAccounts, domain.LinkedIn)
		days++
		require.Len(t, s.readings(member), days)
		require.Empty(t, s.changes(member))
	}
	s.round(domain.FetchAccounts, domain.LinkedIn)
	changes := s.changes(member)
	require.Len(t, changes, 1)
	require.NotEmpty(t, changes[0].Code)
	require.Equal(t, domain.StatusRefused, changes[0].Code)
	require.Len(t, s.readings(member), days)
}

// Without our client key no TikTok token can be renewed. This is logged once, if there is a TikTok
// account.
func TestMissingClientKeyIsLogged(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	s := newFetchStage(t, func(c *collect.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		c.NotRenewable = map[domain.Platform]string{domain.TikTok: "LEDGERBOARD_TIKTOK_CLIENT_KEY"}
	})
	s.round(domain.FetchTokens, domain.TikTok)
	require.Empty(t, lines.String(), "there is no account of TikTok's")
	s.connect(domain.TikTok, 0, expiresIn(24*time.Hour))
	for range 2 {
		s.round(domain.FetchTokens, domain.TikTok)
	}
	require.Equal(t, 1, strings.Count(lines.String(), "set=LEDGERBOARD_TIKTOK_CLIENT_KEY"))
}
