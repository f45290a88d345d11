package platforms_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// subject is one client of the fault tests, which cover what every platform may do.
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

// eachSubject runs a test for every client.
func eachSubject(t *testing.T, test func(t *testing.T, b *bundle, s subject, c scanning, tgt platforms.Target, set func(simulator.Traps)),
	change ...func(*simulator.Config, *platforms.Config),
) {
	t.Helper()
	for name, s := range subjects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, change...)
			account := s.add(b, simulator.Traps{})
			tgt := target(account)
			tgt.AccountType = s.kind
			test(t, b, s, b.client(t, s.platform), tgt, func(traps simulator.Traps) { b.sim.SetTraps(s.platform, account.ID, traps) })
		})
	}
}

// posts returns up to so many posts of an account, none of the given kind.
func (b *bundle) posts(p domain.Platform, account string, most int, without simulator.Kind) (out []platforms.Post) {
	for _, post := range b.sim.Posts(p, account, b.Now()) {
		if len(out) < most && post.Kind != without {
			out = append(out, platforms.Post{ID: post.ID, PublishedAt: post.Created})
		}
	}
	return out
}

// somePosts returns up to 12 posts of the account; stories have no likes.
func somePosts(b *bundle, s subject, tgt platforms.Target) []platforms.Post {
	return b.posts(s.platform, tgt.ExternalID, 12, simulator.KindStory)
}

func TestMalformedResponsesAreTemporaryErrors(t *testing.T) {
	t.Parallel()
	eachSubject(t, func(t *testing.T, b *bundle, s subject, c scanning, tgt platforms.Target, set func(simulator.Traps)) {
		traps := []simulator.Traps{{Truncate: true}}
		for _, status := range []int{500, 502, 503, 401, 403, 200, 301} {
			traps = append(traps, simulator.Traps{HTML: status})
		}
		for _, trap := range traps {
			set(trap)
			requireKind(t, domain.StatusRetry, c.accountErr(tgt))
			requireKind(t, domain.StatusRetry, c.metricsErr(tgt, somePosts(b, s, tgt)))
		}
		set(simulator.Traps{HTML: 429})
		require.Positive(t, requireKind(t, domain.StatusThrottled, c.accountErr(tgt)).RetryAfter)
	})
}

func TestSlowResponsesTimeOut(t *testing.T) {
	t.Parallel()
	eachSubject(t, func(t *testing.T, b *bundle, _ subject, c scanning, tgt platforms.Target, set func(simulator.Traps)) {
		set(simulator.Traps{Delay: time.Hour})
		require.Equal(t, "timeout", requireKind(t, domain.StatusRetry, c.accountErr(tgt)).Code)
		require.NoError(t, context.Cause(t.Context()))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Account(ctx, tgt, platforms.AccountRequest{})
		require.ErrorIs(t, err, context.Canceled)
	}, func(_ *simulator.Config, c *platforms.Config) { platforms.LimitTime(c, 50*time.Millisecond) })
}

// Absent values stay absent: nothing becomes 0.
func TestMissingCountsAreNotZero(t *testing.T) {
	t.Parallel()
	eachSubject(t, func(t *testing.T, b *bundle, s subject, c scanning, tgt platforms.Target, set func(simulator.Traps)) {
		set(simulator.Traps{NoCounts: true})
		snap := c.account(tgt)
		require.False(t, hasFigure(snap, "followers"))
		require.Equal(t, domain.StatusNoData, reasons(snap.Missing)["followers"])
		snaps := c.metrics(tgt, somePosts(b, s, tgt))
		for _, p := range snaps {
			require.Nil(t, p.Counts.Views)
			if s.platform != domain.LinkedIn {
				require.Equal(t, domain.StatusNoData, reasons(p.Missing)["views"])
			}
		}
	})
}

// A body over the limit is not read completely.
func TestOversizedResponseBodyIsRefused(t *testing.T) {
	t.Parallel()
	for _, p := range domain.Platforms() {
		endlessList := always(http.StatusOK, `{"id":"`+strings.Repeat("x", 10<<20))
		b := canned(t, endlessList, func(c *platforms.Config) { platforms.LimitBodies(c, 100_000) })
		tgt := platforms.Target{AccessToken: "Tok3n", ExternalID: "1", AccountType: domain.LinkedInCompanyPage}
		require.Equal(t, "body_too_large", requireKind(t, domain.StatusRetry, b.client(t, p).accountErr(tgt)).Code)
	}
}

// A redirect is not an answer: following it would send our request to a host that is not
// configured.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var paths []string
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	requireKind(t, domain.StatusRetry, b.client(t, domain.Facebook).accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
	require.Equal(t, []string{"/facebook/v26.0/1", "/facebook/v26.0/1/insights"}, paths)
}

func TestConnectionErrorContainsNoURL(t *testing.T) {
	t.Parallel()
	b := canned(t, func(http.ResponseWriter, *http.Request) {}, func(c *platforms.Config) {
		c.Facebook.BaseURL = "http://127.0.0.1:1"
	})
	e := requireKind(t, domain.StatusRetry, b.client(t, domain.Facebook).accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
	require.Equal(t, "network", e.Code)
	require.NotContains(t, e.Error(), "127.0.0.1", "errors do not contain URLs")
}

// A post metric without a field in the counts would crash a fetcher with a nil pointer. The contract
// test covers what a client sets by name.
func TestTabledMetricsAreCounts(t *testing.T) {
	t.Parallel()
	tabled := platforms.TabledMetrics()
	require.Len(t, tabled, 3)
	for client, metrics := range tabled {
		for _, metric := range metrics {
			require.NotNil(t, domain.MetricOf(new(domain.Counts), metric), "%s reads the post metric %s: add it to domain.Counts, or remove it", client, metric)
		}
	}
}

// Every class and every refinement has its texts, also for the person who signed in.
func TestEveryErrorHasItsTexts(t *testing.T) {
	t.Parallel()
	for _, code := range platforms.CodesOfErrors() {
		require.NotEmpty(t, domain.APIText(code), code)
		require.NotEmpty(t, domain.SignInText(code), code)
	}
}
