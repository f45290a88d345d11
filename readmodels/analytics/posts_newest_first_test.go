package analytics_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// postsAgree asks one question of every answer about posts.
func postsAgree(t *rapid.T, queries *analytics.Analytics, w *world, q question) {
	q.Category = rapid.SampledFrom([]int64{0, 0, 1, 2}).Draw(t, "category")
	q.Page.Limit = rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "limit")
	q.By = rapid.SampledFrom([]analytics.RankBy{"", analytics.RankByGained, analytics.RankByTotal, analytics.RankByTotal}).Draw(t, "by")
	for _, compare := range []comparison{postInsightsAgree, postsLikesAgree, postsEngagementsAgree, topPostsAgree, leaderboardAgrees} {
		compare(t, queries, w, q)
	}
}

// comparePages requests pages of a drawn length one after the other; join combines them.
func comparePages[R any](answer endpoint[R], want func(*oracle) R, join func(all *R, page R)) comparison {
	return func(t *rapid.T, queries *analytics.Analytics, w *world, q question) {
		got, meta, err := answer(queries, t.Context(), q.scope, q.RangeQuery)
		o := newOracle(w, q)
		if o.refuses(t, err) {
			return
		}
		expected := want(o) // sets shown
		for meta.NextCursor != "" {
			q.Page.Cursor = meta.NextCursor
			var page R
			page, meta, err = answer(queries, t.Context(), q.scope, q.RangeQuery)
			require.NoError(t, err)
			require.NotNil(t, join, "an answer without pages has no cursor")
			join(&got, page)
		}
		require.Equal(t, expected, got)
		o.agreeOnMeta(t, meta)
		require.Equal(t, o.socialIDs(q.Platforms...), sourceIDs(meta))
		if q.Page.Limit == 0 || join == nil {
			require.Equal(t, o.asOf, meta.AsOf)
		}
	}
}

// showing records which social accounts have gains of the metrics, and the newest capture.
func (o *oracle) showing(metrics ...string) {
	o.asOf = o.lastPostRead()
	for _, metric := range metrics {
		for _, g := range o.ofPostReadings(o.readings(true), metric) {
			if !g.at.Before(o.Range.From) && g.at.Before(o.Range.To) {
				o.shown[g.owner.SocialAccount] = true
			}
		}
	}
}

var engagementParts = []string{domain.MetricLikes, domain.MetricComments, domain.MetricShares}

// listed returns a list with the posts of the query and a line for each.
func listed[E any](o *oracle, line func(knownPost) E, metrics ...string) []E {
	o.showing(metrics...)
	posts, lines := o.memberPosts(), []E{}
	for _, p := range posts {
		lines = append(lines, line(p))
	}
	o.asOf = o.asOfList(posts)
	return lines
}

var postInsightsAgree = comparePages((*analytics.Analytics).PostInsights, func(o *oracle) analytics.PostInsights {
	return analytics.PostInsights{Posts: listed(o, func(p knownPost) analytics.PostInsight {
		return analytics.PostInsight{Post: p.Post, Latest: p.counts(o.Range.To), Growth: p.growth}
	}, append([]string{domain.MetricViews}, engagementParts...)...)}
}, func(all *analytics.PostInsights, page analytics.PostInsights) {
	all.Posts = append(all.Posts, page.Posts...)
})

// listedLikes returns likes without what [TestGainsAddUp] checks.
func listedLikes(a *analytics.Analytics, ctx context.Context, s readmodels.Scope, q analytics.RangeQuery) ([]analytics.PostLikes, analytics.Meta, error) {
	got, meta, err := a.PostsLikes(ctx, s, q)
	return got.Posts, meta, err
}

var postsLikesAgree = comparePages(listedLikes, func(o *oracle) []analytics.PostLikes {
	return listed(o, func(p knownPost) analytics.PostLikes {
		return analytics.PostLikes{
			Post: p.Post, Likes: p.counts(o.Range.To).Likes, Gained: p.growth.Likes, NoBaseline: p.growth.NoBaseline,
		}
	}, domain.MetricLikes)
}, func(all *[]analytics.PostLikes, page []analytics.PostLikes) { *all = append(*all, page...) })

var postsEngagementsAgree = comparePages((*analytics.Analytics).PostsEngagements, func(o *oracle) analytics.PostsEngagements {
	return analytics.PostsEngagements{Posts: listed(o, func(p knownPost) analytics.PostEngagement {
		c, g := p.counts(o.Range.To), p.growth
		return analytics.PostEngagement{
			Post: p.Post, Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Engagement: c.Engagement, EngagementPartial: c.EngagementPartial,
			Gained: g.Engagement, GainedPartial: g.EngagementPartial, NoBaseline: g.NoBaseline,
		}
	}, engagementParts...)}
}, func(all *analytics.PostsEngagements, page analytics.PostsEngagements) {
	all.Posts = append(all.Posts, page.Posts...)
})

// measure returns the value that ranks a post: its gain of engagement, or its total if it was
// published in the range; nil if it is not ranked.
func (o *oracle) measure(p knownPost, from, to time.Time) *int64 {
	switch {
	case o.By != analytics.RankByTotal:
		return p.growth.Engagement
	case p.elsewhere || p.PublishedAt == nil || p.PublishedAt.Before(from) || !p.PublishedAt.Before(to) || o.Member > 0 && p.MemberID != o.Member:
		return nil
	default:
		return p.counts(to).Engagement
	}
}

// rankOf returns the rank below all entries that are above: equal ones share a rank.
func rankOf[E any](all []E, above func(E) bool) int64 {
	return 1 + int64(len(slices.DeleteFunc(slices.Clone(all), func(e E) bool { return !above(e) })))
}

// ranking orders the ranked posts.
func (o *oracle) ranking() (ranked []analytics.RankedPost, shown []knownPost) {
	ranked = []analytics.RankedPost{}
	by := func(p knownPost) int64 { return *o.measure(p, o.Range.From, o.Range.To) }
	for _, p := range o.knownPosts() {
		if o.measure(p, o.Range.From, o.Range.To) != nil {
			shown = append(shown, p)
		}
	}
	slices.SortStableFunc(shown, func(a, b knownPost) int { return cmp.Compare(by(b), by(a)) })
	for _, p := range shown {
		one := analytics.RankedPost{
			Rank: rankOf(shown, func(other knownPost) bool { return by(other) > by(p) }), Post: p.Post, PageName: o.pageName(p.SocialAccount),
			AccountName: domain.OptionalText("account " + p.AccountID[:2]), MemberName: o.memberName(p.MemberID),
			Latest: p.counts(o.Range.To), Growth: p.growth,
		}
		if p.Category != nil {
			one.CategoryName = map[int64]domain.OptionalText{1: "one", 2: "two"}[*p.Category]
		}
		ranked = append(ranked, one)
	}
	return ranked, shown
}

// pageName is shown for pages in scope now.
func (o *oracle) pageName(id int64) domain.OptionalText {
	s, _ := lastOf(o.w, func(s domain.DirectorySocialAccount) bool {
		return s.ID == id && s.ParentAccount == o.scope.ParentAccount && (o.scope.Accounts == nil || slices.Contains(o.scope.Accounts, s.AccountID))
	})
	return domain.OptionalText(s.Name)
}

// previousRank returns the rank of a member in the previous period, by the gains of the posts in
// that period's ranking while the member owned them, or by the totals of the member's posts of that
// period.
func (o *oracle) previousRank(id int64) *int64 {
	before := *o
	before.Range.From, before.Range.To = o.previous()
	sums := map[int64]int64{}
	add := func(member int64, v *int64) {
		if v != nil {
			sums[member] += *v
		}
	}
	for _, p := range append(before.knownPosts(), before.unregistered()...) {
		if o.By == analytics.RankByTotal {
			add(p.MemberID, before.measure(p, before.Range.From, before.Range.To))
			continue
		}
		for member, gained := range p.gained {
			add(member, gained.Engagement)
		}
	}
	if _, ranked := sums[id]; !ranked {
		return nil
	}
	return new(rankOf(slices.Collect(maps.Values(sums)), func(other int64) bool { return other > sums[id] }))
}

var topPostsAgree = comparePages((*analytics.Analytics).TopPosts, func(o *oracle) analytics.TopPosts {
	o.showing(engagementParts...)
	ranked, shown := o.ranking()
	o.asOf = o.asOfList(shown)
	return analytics.TopPosts{Posts: ranked}
}, func(all *analytics.TopPosts, page analytics.TopPosts) { all.Posts = append(all.Posts, page.Posts...) })

var leaderboardAgrees = comparePages((*analytics.Analytics).Leaderboard, func(o *oracle) analytics.Leaderboard {
	o.showing(engagementParts...)
	ranked, shown := o.ranking()
	board := analytics.Leaderboard{Members: []analytics.RankedMember{}, Posts: ranked}
	for id := int64(1); id < 10; id++ {
		m := analytics.RankedMember{MemberID: id, Name: o.memberName(id), AccountName: o.memberAccount(id), PreviousRank: o.previousRank(id)}
		for _, p := range append(slices.Clip(shown), o.unregistered()...) {
			gained := p.gained[id]
			if o.By == analytics.RankByTotal {
				gained = analytics.PostGrowth{}
				if c := p.counts(o.Range.To); p.MemberID == id {
					gained = analytics.PostGrowth{Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Views: c.Views, Engagement: c.Engagement}
				}
			}
			if gained.Engagement == nil {
				continue
			}
			m.Posts++
			m.Engagement += *gained.Engagement
			for _, part := range []struct {
				to   **int64
				from *int64
			}{{&m.Likes, gained.Likes}, {&m.Comments, gained.Comments}, {&m.Shares, gained.Shares}, {&m.Views, gained.Views}} {
				if part.from != nil {
					sum(part.to, *part.from)
				}
			}
		}
		if m.Posts > 0 {
			board.Members = append(board.Members, m)
		}
	}
	slices.SortStableFunc(board.Members, func(a, b analytics.RankedMember) int { return int(b.Engagement - a.Engagement) })
	for i, m := range board.Members {
		board.Members[i].Rank = rankOf(board.Members, func(other analytics.RankedMember) bool { return other.Engagement > m.Engagement })
	}
	limit := o.Page.Limit
	if limit == 0 {
		limit = 50
	}
	board.Members = board.Members[:min(limit, len(board.Members))]
	board.Posts = board.Posts[:min(limit, len(board.Posts))]
	o.asOf = o.asOfList(shown[:min(limit, len(shown))])
	return board
}, nil)

// On the day a page is connected, its old posts have no gains. The ranking says so and suggests the
// other one, which contains the posts published in the range. Once the page was read before the
// range, there is no suggestion.
func TestNewPageSuggestsRankingByTotal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook))}
	owner, published, connected := tenantOf(tenants[0], 11), at("2026-06-10 08:00"), at("2026-06-20 10:00")
	w.Add("r", registered(owner, domain.Facebook, "p", connected, &published))
	w.Add("a", read(domain.Facebook, connected, people(5)))
	w.Add("p", readPost(owner, domain.Facebook, "p", connected, &published, domain.Counts{Likes: new(int64(40))}))
	w.Fold(t, db)
	posts := func(q analytics.RangeQuery) ([]analytics.RankedPost, analytics.Meta) {
		top, meta := ask(t, db, (*analytics.Analytics).TopPosts, wholeAgency, q)
		board, also := ask(t, db, (*analytics.Analytics).Leaderboard, wholeAgency, q)
		require.Equal(t, top.Posts, board.Posts)
		require.Equal(t, []any{meta.RankedBy, meta.Instead}, []any{also.RankedBy, also.Instead})
		return top.Posts, meta
	}
	query := everywhere(june)
	none, meta := posts(query)
	require.Empty(t, none)
	require.Equal(t, analytics.RankByGained, meta.RankedBy)
	require.NotNil(t, meta.Instead)
	require.Equal(t, analytics.RankByTotal, meta.Instead.By)
	query.By = meta.Instead.By
	ranked, meta := posts(query)
	require.Len(t, ranked, 1)
	require.Equal(t, int64(40), *ranked[0].Latest.Engagement)
	require.EqualValues(t, "account a1", ranked[0].AccountName)
	require.Equal(t, analytics.RankByTotal, meta.RankedBy)
	require.Nil(t, meta.Instead)
	_, meta = posts(everywhere(analytics.Range{From: at("2026-06-21 00:00"), To: at("2026-07-21 00:00"), Zone: time.UTC}))
	require.Nil(t, meta.Instead)

	// Imported readings from before the range: its earlier engagement counts.
	for day, likes := range map[string]int64{"2026-05-10 10:00": 3, "2026-05-12 10:00": 9} {
		imported := readPost(owner, domain.Facebook, "o", at(day), new(at("2026-05-01 08:00")), domain.Counts{Likes: &likes})
		w.Add("imported"+day, imported)
	}
	w.Fold(t, db)
	_, meta = posts(everywhere(june))
	require.Nil(t, meta.Instead)
}

// memberName is shown only for members of the agency.
func (o *oracle) memberName(id int64) domain.OptionalText {
	m, _ := o.member(id)
	return domain.OptionalText(m.Name)
}

func (o *oracle) memberAccount(id int64) domain.OptionalText {
	if m, ok := o.member(id); ok {
		return domain.OptionalText("account " + m.AccountID[:2])
	}
	return ""
}

// member returns a member that the scope can see.
func (o *oracle) member(id int64) (domain.DirectoryMember, bool) {
	return lastOf(o.w, func(m domain.DirectoryMember) bool {
		return m.ID == id && (o.scope.Accounts == nil || slices.Contains(o.scope.Accounts, m.AccountID)) &&
			slices.ContainsFunc(tenants, func(owner domain.Tenant) bool {
				return owner.AccountID == m.AccountID && owner.ParentAccount == o.scope.ParentAccount
			})
	})
}
