package collect_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// Every figure that a reading brings has its scopes in the table, and the table has no figure that none brings; the guide for
// operators has the same table.
func TestScopesOfAllFiguresAreKnown(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/operators.md")
	require.NoError(t, err)
	for name, kind := range map[string]struct {
		platform  domain.Platform
		account   domain.AccountType
		instagram bool
	}{
		"Facebook page":                   {domain.Facebook, 0, false},
		"Instagram, behind a page":        {domain.Instagram, 0, false},
		"Instagram, with Instagram login": {domain.Instagram, 0, true},
		"LinkedIn profile":                {domain.LinkedIn, domain.LinkedInProfile, false},
		"LinkedIn page":                   {domain.LinkedIn, domain.LinkedInCompanyPage, false},
		"TikTok":                          {domain.TikTok, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			s.connectWithPosts(kind.platform, kind.account, func(a *simulator.Account) { a.InstagramLogin = kind.instagram })
			require.Empty(t, s.round(domain.FetchAccounts, kind.platform))
			require.Empty(t, s.round(domain.FetchPosts, kind.platform))
			var listed []string
			for _, need := range domain.ScopesOfFigures(kind.platform, kind.account, kind.instagram) {
				row := fmt.Sprintf("| %s | %s | %s | %s |", name, need.Of, strings.Join(need.Figures, ", "), "`"+strings.Join(need.Scopes, "`, `")+"`")
				require.Contains(t, string(guide), row)
				for _, figure := range need.Figures {
					listed = append(listed, string(need.Of)+" "+figure)
				}
			}
			slices.Sort(listed)
			require.Equal(t, s.figuresRead(), listed)
		})
	}
}

// figuresRead are the figures in the log, each once.
func (s *fetchStage) figuresRead() (names []string) {
	s.t.Helper()
	add := func(of domain.Figures, name string, value *int64) {
		if value != nil {
			names = append(names, string(of)+" "+name)
		}
	}
	for _, read := range logged[domain.AccountRead](s, domain.TopicMetrics) {
		for _, f := range read.Figures {
			add(domain.FiguresOfAccount, f.Name, &f.Value)
		}
		if len(read.Demographics) > 0 {
			add(domain.FiguresOfAccount, domain.FigureDemographics, new(int64))
		}
	}
	for _, read := range logged[domain.PostRead](s, domain.TopicMetrics) {
		for name, value := range map[string]*int64{
			domain.MetricLikes: read.Likes, domain.MetricComments: read.Comments, domain.MetricShares: read.Shares, domain.MetricViews: read.Views,
			domain.MetricImpressions: read.Impressions, domain.MetricReach: read.Reach, domain.MetricClicks: read.Clicks,
			domain.MetricSaves: read.Saves, domain.MetricAvgWatch: read.AvgWatch,
		} {
			add(domain.FiguresOfPosts, name, value)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
