package collect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// countsOf returns the counts of a post's readings in order.
func (f *fetchStage) countsOf(c connected, post string) (counts []domain.Counts) {
	f.t.Helper()
	for _, read := range logged[domain.PostRead](f, domain.TopicMetrics) {
		if read.SocialAccount == c.ID && read.ExternalID == post {
			counts = append(counts, read.Counts)
		}
	}
	return counts
}

// A post that had figures and is omitted from an answer has not lost them.
func TestOmittedPostKeepsItsFigures(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	omits := false
	s.alter(func(r *http.Request, _, answer map[string]any) {
		perPost := r.URL.Query().Has("shares") || r.URL.Query().Has("ugcPosts")
		if omits && perPost && strings.HasSuffix(r.URL.Path, "/organizationalEntityShareStatistics") {
			answer["elements"] = []any{}
		}
	})
	page := s.connectWithPosts(domain.LinkedIn, domain.LinkedInCompanyPage)
	post := s.sim.Posts(domain.LinkedIn, page.ExternalID, fetchDay)[0].ID
	for _, omits = range []bool{false, true, true, false} {
		s.round(domain.FetchPosts, domain.LinkedIn)
		s.clock.Advance(halfDay)
	}
	counts := s.countsOf(page, post)
	require.Len(t, counts, 4)
	require.Positive(t, *counts[0].Impressions)
	require.Equal(t, domain.Counts{}, counts[1])
	require.Equal(t, domain.Counts{}, counts[2], "also if the last reading had none")
	require.GreaterOrEqual(t, *counts[3].Impressions, *counts[0].Impressions)
	require.Zero(t, s.number(`select count(*) from tSPostInsights where gimpressions < 0`))
}

// A post without activity has no figures in any answer: zeros. One that is older than the platform's
// statistics may have had some.
func TestPostOmittedInEveryAnswerHasZeros(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	s.alter(func(r *http.Request, _, answer map[string]any) {
		if strings.HasSuffix(r.URL.Path, "/organizationalEntityShareStatistics") {
			answer["elements"] = []any{}
		}
	})
	page := s.connect(domain.LinkedIn, domain.LinkedInCompanyPage, func(a *simulator.Account) {
		a.Posts = []simulator.Post{
			{ID: "urn:li:share:71", Created: fetchDay.Add(-time.Hour)}, {ID: "urn:li:share:72", Created: fetchDay.AddDate(-1, -1, 0)},
		}
	})
	for range 2 {
		s.round(domain.FetchPosts, domain.LinkedIn)
		s.clock.Advance(halfDay)
	}
	for _, counts := range s.countsOf(page, "urn:li:share:71") {
		require.Zero(t, *counts.Impressions)
	}
	require.Equal(t, domain.Counts{}, s.countsOf(page, "urn:li:share:72")[0])
}

// Facebook omits the shares of a post without shares. A post that had some is not one of these.
func TestOmittedSharesAreUnknownIfSeenBefore(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	var shares any
	s.alter(func(r *http.Request, _, answer map[string]any) {
		if _, isPost := answer["reactions"]; !isPost {
			return
		}
		if answer["shares"] = shares; shares == nil {
			delete(answer, "shares")
		}
	})
	page := s.connect(domain.Facebook, 0, func(a *simulator.Account) {
		a.Posts = []simulator.Post{{ID: a.ID + "_1", Created: fetchDay.Add(-time.Hour)}}
	})
	for _, shares = range []any{nil, map[string]any{"count": 14}, nil} {
		s.round(domain.FetchPosts, domain.Facebook)
		s.clock.Advance(halfDay)
	}
	counts := s.countsOf(page, page.ExternalID+"_1")
	require.Len(t, counts, 3)
	require.Equal(t, []*int64{new(int64(0)), new(int64(14)), nil}, []*int64{counts[0].Shares, counts[1].Shares, counts[2].Shares})
}
