package collect_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
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
			account := s.connect(kind.platform, kind.account, func(a *simulator.Account) {
				a.InstagramLogin = kind.instagram
				if a.Posts = fivePosts(); kind.account != domain.LinkedInProfile {
					a.Posts, a.PostsFrom, a.PostEvery = nil, fetchDay.Add(-48*time.Hour), 12*time.Hour
				}
			})
			if kind.account == domain.LinkedInProfile { // whose posts nobody can list
				require.NoError(t, errors.Join((&collect.Metrics{Log: s.log, Now: s.clock.Now}).Record(t.Context(), domain.PostRegistered{
					Tenant:   domain.Tenant{ParentAccount: agency, AccountID: north, MemberID: 5, SocialAccount: account.ID},
					Platform: domain.LinkedIn, AccountType: kind.account, ExternalID: fivePosts()[0].ID, Origin: domain.OriginMainApp,
					RegisteredAt: fetchDay, PublishedAt: &fivePosts()[0].Created,
				})...))
			}
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
	for _, r := range s.log.Records(domain.TopicMetrics) {
		ev, err := s.log.Decode(r)
		require.NoError(s.t, err)
		switch e := ev.Data.(type) {
		case domain.AccountRead:
			for _, f := range e.Figures {
				add(domain.FiguresOfAccount, f.Name, &f.Value)
			}
			if len(e.Demographics) > 0 {
				add(domain.FiguresOfAccount, domain.FigureDemographics, new(int64))
			}
		case domain.PostRead:
			for name, value := range map[string]*int64{
				domain.MetricLikes: e.Likes, domain.MetricComments: e.Comments, domain.MetricShares: e.Shares, domain.MetricViews: e.Views,
				domain.MetricImpressions: e.Impressions, domain.MetricReach: e.Reach, domain.MetricClicks: e.Clicks,
				domain.MetricSaves: e.Saves, domain.MetricAvgWatch: e.AvgWatch,
			} {
				add(domain.FiguresOfPosts, name, value)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
