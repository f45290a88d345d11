package platforms_test

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// subject is one handler of the fault tests (what every platform may do).
type subject struct {
	platform domain.Platform
	add      func(*bundle, simulator.Traps) simulator.Account
	kind     domain.AccountType
}

func subjects() map[string]subject {
	return map[string]subject{
		"facebook":         {platform: domain.Facebook, add: addPage},
		"instagram":        {platform: domain.Instagram, add: addInstagram},
		"linkedin page":    {platform: domain.LinkedIn, add: addCompanyPage, kind: domain.LinkedInCompanyPage},
		"linkedin profile": {platform: domain.LinkedIn, add: addProfile, kind: domain.LinkedInProfile},
		"tiktok":           {platform: domain.TikTok, add: addTikTok},
	}
}

// eachSubject runs a test for every handler.
func eachSubject(t *testing.T, test func(t *testing.T, b *bundle, s subject, c scanning, at platforms.Target, set func(simulator.Traps)),
	change ...func(*simulator.Config, *platforms.Config),
) {
	t.Helper()
	for name, s := range subjects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, change...)
			account := s.add(b, simulator.Traps{})
			at := target(account)
			at.AccountType = s.kind
			test(t, b, s, b.client(t, s.platform), at, func(traps simulator.Traps) { b.sim.SetTraps(s.platform, account.ID, traps) })
		})
	}
}

// somePosts are up to 12 posts of the account.
func somePosts(b *bundle, s subject, at platforms.Target) []platforms.Post {
	var out []platforms.Post
	for _, p := range b.sim.Posts(s.platform, at.ExternalID, b.clock()) {
		if len(out) < 12 && p.Kind != simulator.KindStory { // stories have no likes to look at
			out = append(out, platforms.Post{ID: p.ID, PublishedAt: p.Created})
		}
	}
	return out
}

func TestFaultAnswerIsNotOfThePlatform(t *testing.T) {
	t.Parallel()
	eachSubject(t, func(t *testing.T, b *bundle, s subject, c scanning, at platforms.Target, set func(simulator.Traps)) {
		traps := []simulator.Traps{{Truncate: true}}
		for _, status := range []int{500, 502, 503, 401, 403, 200, 301} {
			traps = append(traps, simulator.Traps{HTML: status})
		}
		for _, trap := range traps {
			set(trap)
			requireClass(t, platforms.ClassRetry, c.accountErr(at))
			requireClass(t, platforms.ClassRetry, c.metricsErr(at, somePosts(b, s, at)))
		}
		set(simulator.Traps{HTML: 429})
		require.Positive(t, requireClass(t, platforms.ClassThrottled, c.accountErr(at)).RetryAfter)
	})
}

func TestFaultSlow(t *testing.T) {
	t.Parallel()
	eachSubject(t, func(t *testing.T, b *bundle, _ subject, c scanning, at platforms.Target, set func(simulator.Traps)) {
		set(simulator.Traps{Delay: time.Hour})
		require.Equal(t, "timeout", requireClass(t, platforms.ClassRetry, c.accountErr(at)).Code)
		require.NoError(t, context.Cause(t.Context()))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Account(ctx, at, platforms.AccountRequest{})
		require.ErrorIs(t, err, context.Canceled)
	}, func(_ *simulator.Config, c *platforms.Config) { platforms.LimitTime(c, 50*time.Millisecond) })
}

// Absent stays absent: nothing is 0 that was not given.
func TestFaultNoCounts(t *testing.T) {
	t.Parallel()
	eachSubject(t, func(t *testing.T, b *bundle, s subject, c scanning, at platforms.Target, set func(simulator.Traps)) {
		set(simulator.Traps{NoCounts: true})
		snap := c.account(at)
		require.False(t, hasFigure(snap, "followers"))
		require.Equal(t, "empty", reasons(snap.Missing)["followers"])
		snaps := c.metrics(at, somePosts(b, s, at))
		for _, p := range snaps {
			require.Nil(t, p.Counts.Views)
			if s.platform != domain.LinkedIn {
				require.Equal(t, "empty", reasons(p.Missing)["views"])
			}
		}
	})
}

// A body beyond the cap is never read to its end.
func TestBodyCap(t *testing.T) {
	t.Parallel()
	for _, p := range domain.Platforms() {
		endless := always(http.StatusOK, `{"id":"`+strings.Repeat("x", 10<<20))
		b := canned(t, endless, func(c *platforms.Config) { platforms.LimitBodies(c, 100_000) })
		at := platforms.Target{AccessToken: "Tok3n", ExternalID: "1", AccountType: domain.LinkedInCompanyPage}
		require.Equal(t, "body_too_large", requireClass(t, platforms.ClassRetry, b.client(t, p).accountErr(at)).Code)
	}
}

// A redirect is no answer: following it would carry our request to a host nobody configured.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var paths []string
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	requireClass(t, platforms.ClassRetry, b.client(t, domain.Facebook).accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
	require.Equal(t, []string{"/facebook/v26.0/1"}, paths)
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	b := canned(t, func(http.ResponseWriter, *http.Request) {}, func(c *platforms.Config) {
		c.Facebook.BaseURL = "http://127.0.0.1:1"
	})
	e := requireClass(t, platforms.ClassRetry, b.client(t, domain.Facebook).accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
	require.Equal(t, "network", e.Code)
	require.NotContains(t, e.Error(), "127.0.0.1", "no address in an error")
}

// A metric of posts without a place among the counts would end a fetcher at a nil pointer. Each count of the event has one, and each metric of
// the clients' tables; what a client puts by name, the contract test reads.
func TestEveryMetricOfPostsHasAPlace(t *testing.T) {
	t.Parallel()
	counts := reflect.TypeFor[domain.Counts]()
	for i := range counts.NumField() {
		name, _, _ := strings.Cut(counts.Field(i).Tag.Get("json"), ",")
		put, placed := platforms.PutMetric(name)
		require.True(t, placed, "domain.Counts has %s, and a reading of a post has no place for it: add it to PostSnapshot.place", name)
		require.False(t, reflect.ValueOf(put).Field(i).IsNil(), "PostSnapshot.place puts %s among another metric's counts", name)
	}
	tabled := platforms.TabledMetrics()
	require.Len(t, tabled, 3)
	for client, metrics := range tabled {
		for _, metric := range metrics {
			_, placed := platforms.PutMetric(metric)
			require.True(t, placed, "%s reads %s of posts, which is no count: add it to domain.Counts and PostSnapshot.place, or leave it out", client, metric)
		}
	}
}
