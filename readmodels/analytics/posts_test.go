package analytics_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// agreePosts compares an endpoint about posts with the oracle, over worlds with posts; pages of a drawn
// length are asked for one after the other and put together by join.
func agreePosts[R any](
	t *testing.T, answer func(*analytics.Analytics, context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
	want func(*oracle) R, join func(all *R, page R),
) {
	t.Helper()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		season := rapid.SampledFrom(seasons).Draw(t, "season")
		w := drawPostWorld(t, season)
		w.Fold(t, db)
		for range 4 {
			scope, query := drawQuery(t, season)
			query.Category = rapid.SampledFrom([]int64{0, 0, 1, 2}).Draw(t, "category")
			query.Page.Limit = rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "limit")
			got, meta, err := answer(queries, t.Context(), scope, query)
			o := newOracle(w, scope, query)
			if o.refuses(t, err) {
				continue
			}
			expected := want(o) // tells what is shown
			for meta.NextCursor != "" {
				query.Page.Cursor = meta.NextCursor
				var page R
				page, meta, err = answer(queries, t.Context(), scope, query)
				require.NoError(t, err)
				require.NotNil(t, join, "an answer without pages has no cursor")
				join(&got, page)
			}
			require.Equal(t, expected, got)
			o.agreeOnMeta(t, meta)
			require.Equal(t, o.socialIDs(query.Platforms...), sourceIDs(meta))
			if query.Page.Limit == 0 || join == nil {
				require.Equal(t, o.asOf, meta.AsOf)
			}
		}
	})
}

// showing notes which social accounts gained something of the metrics, and what the answer rests on.
func (o *oracle) showing(metrics ...string) {
	o.asOf = o.lastPostRead()
	for _, s := range socials {
		for _, metric := range metrics {
			if o.gainedBy(s.id, metric, o.q.Range.From, o.q.Range.To) != nil {
				o.shown[s.id] = true
			}
		}
	}
}

var engagementParts = []string{domain.MetricLikes, domain.MetricComments, domain.MetricShares}

func TestPostsViewsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).PostsViews, func(o *oracle) analytics.PostsViews {
		o.showing(domain.MetricViews)
		series := func(platforms ...domain.Platform) analytics.ViewsSeries {
			s := analytics.ViewsSeries{Views: o.postGain(domain.MetricViews, platforms...)}
			for _, part := range o.parts() {
				v, n, _ := o.gainedIn(part, domain.MetricViews, platforms)
				s.Series = append(s.Series, analytics.ViewsDay{Day: part.day, Views: v, Readings: n})
			}
			return s
		}
		want := analytics.PostsViews{Total: series(o.q.Platforms...)}
		for _, p := range o.q.Platforms {
			want.Platforms = append(want.Platforms, analytics.PlatformViewsSeries{PlatformRef: PlatformRefOf(p), ViewsSeries: series(p)})
		}
		return want
	}, nil)
}

func TestPostsTotalEngagementsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).PostsTotalEngagements, func(o *oracle) analytics.PostsTotalEngagements {
		o.showing(engagementParts...)
		totals := func(platforms ...domain.Platform) analytics.EngagementTotals {
			e := analytics.EngagementTotals{
				Engagement: o.postGain(domain.MetricEngagement, platforms...), Likes: o.postGain(domain.MetricLikes, platforms...),
				Comments: o.postGain(domain.MetricComments, platforms...), Shares: o.postGain(domain.MetricShares, platforms...),
			}
			for _, part := range o.parts() {
				day := analytics.EngagementDay{Day: part.day}
				var partial bool
				day.Engagement, day.Readings, partial = o.gainedIn(part, domain.MetricEngagement, platforms)
				e.EngagementPartial = e.EngagementPartial || partial
				day.Likes, _, _ = o.gainedIn(part, domain.MetricLikes, platforms)
				day.Comments, _, _ = o.gainedIn(part, domain.MetricComments, platforms)
				day.Shares, _, _ = o.gainedIn(part, domain.MetricShares, platforms)
				e.Series = append(e.Series, day)
			}
			return e
		}
		want := analytics.PostsTotalEngagements{Total: totals(o.q.Platforms...)}
		for _, p := range o.q.Platforms {
			want.Platforms = append(want.Platforms, analytics.PlatformEngagementTotals{PlatformRef: PlatformRefOf(p), EngagementTotals: totals(p)})
		}
		return want
	}, nil)
}

func TestPostInsightsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).PostInsights, func(o *oracle) analytics.PostInsights {
		o.showing(append([]string{domain.MetricViews}, engagementParts...)...)
		want := analytics.PostInsights{Posts: []analytics.PostInsight{}}
		posts := o.memberPosts()
		for _, p := range posts {
			want.Posts = append(want.Posts, analytics.PostInsight{Post: p.Post, Latest: p.counts(o.q.Range.To), Growth: p.growth})
		}
		o.asOf = o.asOfList(posts)
		return want
	}, func(all *analytics.PostInsights, page analytics.PostInsights) {
		all.Posts = append(all.Posts, page.Posts...)
	})
}

func TestPostsLikesAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).PostsLikes, func(o *oracle) analytics.PostsLikes {
		o.showing(domain.MetricLikes)
		series := func(platforms ...domain.Platform) analytics.LikesSeries {
			s := analytics.LikesSeries{Likes: o.postGain(domain.MetricLikes, platforms...)}
			for _, part := range o.parts() {
				v, n, _ := o.gainedIn(part, domain.MetricLikes, platforms)
				s.Series = append(s.Series, analytics.LikesDay{Day: part.day, Likes: v, Readings: n})
			}
			return s
		}
		want := analytics.PostsLikes{Total: series(o.q.Platforms...), Posts: []analytics.PostLikes{}}
		for _, p := range o.q.Platforms {
			want.Platforms = append(want.Platforms, analytics.PlatformLikesSeries{PlatformRef: PlatformRefOf(p), LikesSeries: series(p)})
		}
		posts := o.memberPosts()
		for _, p := range posts {
			g := p.growth
			want.Posts = append(want.Posts, analytics.PostLikes{Post: p.Post, Likes: p.counts(o.q.Range.To).Likes, Gained: g.Likes, NoBaseline: g.NoBaseline})
		}
		o.asOf = o.asOfList(posts)
		return want
	}, func(all *analytics.PostsLikes, page analytics.PostsLikes) {
		all.Posts = append(all.Posts, page.Posts...)
	})
}

func TestPostsEngagementsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).PostsEngagements, func(o *oracle) analytics.PostsEngagements {
		o.showing(engagementParts...)
		want := analytics.PostsEngagements{Posts: []analytics.PostEngagement{}}
		posts := o.memberPosts()
		for _, p := range posts {
			c, g := p.counts(o.q.Range.To), p.growth
			want.Posts = append(want.Posts, analytics.PostEngagement{
				Post: p.Post, Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Engagement: c.Engagement, EngagementPartial: c.EngagementPartial,
				Gained: g.Engagement, GainedPartial: g.EngagementPartial, NoBaseline: g.NoBaseline,
			})
		}
		o.asOf = o.asOfList(posts)
		return want
	}, func(all *analytics.PostsEngagements, page analytics.PostsEngagements) {
		all.Posts = append(all.Posts, page.Posts...)
	})
}

// ranking orders the posts of which the gain is known.
func (o *oracle) ranking() (ranked []analytics.RankedPost, shown []knownPost) {
	ranked = []analytics.RankedPost{}
	for _, p := range o.knownPosts() {
		if g := p.growth; g.Engagement != nil {
			ranked = append(ranked, analytics.RankedPost{Post: p.Post, Latest: p.counts(o.q.Range.To), Growth: g})
			shown = append(shown, p)
		}
	}
	slices.SortStableFunc(ranked, func(a, b analytics.RankedPost) int { return int(*b.Growth.Engagement - *a.Growth.Engagement) })
	for i := range ranked {
		ranked[i].Rank = 1
		for _, other := range ranked {
			if *other.Growth.Engagement > *ranked[i].Growth.Engagement {
				ranked[i].Rank++
			}
		}
	}
	return ranked, shown
}

func TestTopPostsAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).TopPosts, func(o *oracle) analytics.TopPosts {
		o.showing(engagementParts...)
		ranked, shown := o.ranking()
		o.asOf = o.asOfList(shown)
		return analytics.TopPosts{Posts: ranked}
	}, func(all *analytics.TopPosts, page analytics.TopPosts) { all.Posts = append(all.Posts, page.Posts...) })
}

func TestLeaderboardAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	agreePosts(t, (*analytics.Analytics).Leaderboard, func(o *oracle) analytics.Leaderboard {
		o.showing(engagementParts...)
		ranked, shown := o.ranking()
		board := analytics.Leaderboard{Members: []analytics.RankedMember{}, Posts: ranked}
		for id := int64(1); id < 10; id++ {
			m := analytics.RankedMember{MemberID: id, Name: o.memberName(id)}
			for _, p := range shown {
				gained := p.gained[id]
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
		for i := range board.Members {
			board.Members[i].Rank = 1
			for _, other := range board.Members {
				if other.Engagement > board.Members[i].Engagement {
					board.Members[i].Rank++
				}
			}
		}
		limit := o.q.Page.Limit
		if limit == 0 {
			limit = 50
		}
		board.Members = board.Members[:min(limit, len(board.Members))]
		board.Posts = board.Posts[:min(limit, len(board.Posts))]
		o.asOf = o.asOfList(shown[:min(limit, len(shown))])
		return board
	}, nil)
}

// memberName is shown of members of the agency only.
func (o *oracle) memberName(id int64) string {
	for _, entity := range o.w.Directory {
		m, ok := entity.(domain.DirectoryMember)
		if !ok || m.ID != id {
			continue
		}
		for _, owner := range tenants {
			if owner.AccountID == m.AccountID && owner.ParentAccount == o.scope.ParentAccount {
				return m.Name
			}
		}
	}
	return ""
}

func TestMemberGrowthAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	agreeOn(t, drawPostWorld, (*analytics.Analytics).MemberGrowth, func(o *oracle) analytics.MemberGrowth {
		o.asOf = o.lastPostRead()
		o.metrics = []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions}
		totals := func(platforms ...domain.Platform) analytics.GrowthTotals {
			g := analytics.GrowthTotals{
				Followers: o.stock(domain.MetricFollowers, platforms), Engagement: o.gain(domain.MetricEngagement, platforms),
				Impressions: o.gain(domain.MetricImpressions, platforms), PostEngagement: o.postGain(domain.MetricEngagement, platforms...),
				PostViews: o.postGain(domain.MetricViews, platforms...),
			}
			from, _ := o.previous()
			for _, p := range o.memberPosts() {
				if p.PublishedAt == nil || !slices.Contains(platforms, p.Platform) || p.PublishedAt.Before(from) {
					continue
				}
				if p.PublishedAt.Before(o.q.Range.From) {
					g.PostsPublishedPrevious++
				} else {
					g.PostsPublished++
				}
			}
			return g
		}
		want := analytics.MemberGrowth{Total: totals(o.q.Platforms...)}
		for _, p := range o.q.Platforms {
			want.Platforms = append(want.Platforms, analytics.PlatformGrowthTotals{PlatformRef: PlatformRefOf(p), GrowthTotals: totals(p)})
		}
		want.Total.SocialAccounts = o.socialsOn(o.q.Platforms...)
		for i, p := range o.q.Platforms {
			want.Platforms[i].SocialAccounts = o.socialsOn(p)
		}
		return want
	})
}

// What a list of posts has gained adds up to the total above it, on every platform, whatever figures the readings lack:
// for who sees all posts that were read.
func TestListsOfPostsAddUpToTheirTotal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		season := rapid.SampledFrom(seasons).Draw(t, "season")
		drawn, w := drawPostWorld(t, season), &world{}
		w.Directory = drawn.Directory
		for _, ev := range drawn.Events {
			read, ok := ev.Data.(domain.PostRead)
			if !ok {
				continue
			}
			w.Add(ev.Envelope.ID, read)
			w.Add("g"+ev.Envelope.ID, domain.PostRegistered{
				Tenant: read.Tenant, Platform: read.Platform, ExternalID: read.ExternalID, Origin: domain.OriginListing, RegisteredAt: read.CapturedAt,
			})
		}
		w.Fold(t, db)
		for range 4 {
			_, query := drawQuery(t, season)
			query.Member = 0
			likes, _, err := queries.PostsLikes(t.Context(), wholeAgency, query)
			require.NoError(t, err)
			engagements, _, err := queries.PostsEngagements(t.Context(), wholeAgency, query)
			require.NoError(t, err)
			totals, _, err := queries.PostsTotalEngagements(t.Context(), wholeAgency, query)
			require.NoError(t, err)
			for i, p := range query.Platforms {
				var gained, engagement *int64
				for j, post := range likes.Posts {
					if post.Platform != p {
						continue
					}
					if post.Gained != nil {
						sum(&gained, *post.Gained)
					}
					if e := engagements.Posts[j].Gained; e != nil {
						sum(&engagement, *e)
					}
				}
				require.Equal(t, likes.Platforms[i].Likes.Value, gained)
				require.Equal(t, totals.Platforms[i].Engagement.Value, engagement)
			}
		}
	})
}
