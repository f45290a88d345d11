package analytics

import (
	"cmp"
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountInsights serves endpoint 1: follower and engagement totals per platform and overall, with
// the change from the previous period.
func (a *Analytics) AccountInsights(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountInsights, Meta, error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement}
	return answerFigures(ctx, a, "account insights", scope, query, metrics, []bucket{query.Range.whole()},
		func(_ context.Context, f *accountFigures, data *AccountInsights) error {
			data.AsRead = f.asRead(domain.MetricEngagement)
			return nil
		}, func(f *accountFigures, data *AccountInsights) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) AccountTotals {
				return AccountTotals{
					SocialAccounts: f.accountsOn(platforms...), Followers: f.total(domain.MetricFollowers, platforms), Engagement: f.total(domain.MetricEngagement, platforms),
				}
			}, func(p readmodels.PlatformRef, t AccountTotals) PlatformInsights { return PlatformInsights{p, t} })
		})
}

// AccountFollowers serves endpoints 2, 14 and 18: followers by day, week or month, per platform and
// overall.
func (a *Analytics) AccountFollowers(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountFollowers, Meta, error) {
	return answerFigures(ctx, a, "follower series", scope, query, []string{domain.MetricFollowers}, query.buckets(), nil,
		func(f *accountFigures, data *AccountFollowers) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) FollowerSeries {
				s := FollowerSeries{
					SocialAccounts: f.accountsOn(platforms...), Followers: f.total(domain.MetricFollowers, platforms),
					Series: f.followerDays(platforms...), PreviousSeries: f.before.followerDays(platforms...),
				}
				s.compareSame(f, platforms)
				return s
			}, func(p readmodels.PlatformRef, s FollowerSeries) platformFollowerSeries {
				return platformFollowerSeries{p, s}
			})
		})
}

// RoiViews serves endpoint 3: page views and the cost of subscriptions, per platform and month.
func (a *Analytics) RoiViews(ctx context.Context, scope readmodels.Scope, query RangeQuery) (RoiViews, Meta, error) {
	metrics := []string{domain.MetricViews}
	return answer(ctx, a, "views and costs", scope, query, metrics, func(ctx context.Context, qc *queryContext, data *RoiViews) error {
		qc.uncompared, qc.byAccount = true, true
		prices, err := readPrices(ctx, qc, query.Range.cut(ByMonth))
		if err != nil {
			return err
		}
		series, err := qc.figures(ctx, prices.parts)
		if err != nil {
			return err
		}
		gained := viewsGained{make([]map[viewsKey]int64, len(prices.parts)), map[domain.Platform][]string{}}
		for i := range gained.views {
			gained.views[i] = map[viewsKey]int64{}
		}
		counted := accountViews(qc, series, prices.parts, gained)
		if err := postViews(ctx, qc, prices.parts, counted, gained); err != nil {
			return err
		}
		*data = roiViews(query, gained, prices)
		return sourceQuery{qc}.classifySources(ctx)
	})
}

// AccountStats serves endpoint 4: reach and impressions, totals and series.
func (a *Analytics) AccountStats(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountStats, Meta, error) {
	metrics := []string{domain.MetricImpressions, domain.MetricReach}
	var before []AccountReach
	return answerFigures(ctx, a, "reach and impressions", scope, query, metrics, query.buckets(),
		func(_ context.Context, f *accountFigures, data *AccountStats) error {
			data.AsRead, data.Reach, before = f.asRead(domain.MetricImpressions), f.reach(), f.before.reach()
			return nil
		}, func(f *accountFigures, data *AccountStats) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) ReachStats {
				return f.reachStats(data.Reach, before, platforms...)
			}, func(p readmodels.PlatformRef, s ReachStats) platformReachStats { return platformReachStats{p, s} })
		})
}

// AccountNetGrowth serves endpoint 5: net follower growth per platform and overall.
func (a *Analytics) AccountNetGrowth(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountNetGrowth, Meta, error) {
	return answerFigures(ctx, a, "net growth", scope, query, []string{domain.MetricFollowers}, query.buckets(), nil,
		func(f *accountFigures, data *AccountNetGrowth) {
			data.Total, data.Platforms = perPlatform(query.Platforms, f.netGrowth,
				func(p readmodels.PlatformRef, g NetGrowth) platformNetGrowth { return platformNetGrowth{p, g} })
		})
}

// ActivityMeter serves endpoint 6: posting frequency and an activity score. Meta.AsOf is the newest
// registration of a post that counts.
func (a *Analytics) ActivityMeter(ctx context.Context, scope readmodels.Scope, query RangeQuery) (ActivityMeter, Meta, error) {
	return answer(ctx, a, "activity", scope, query, nil, func(ctx context.Context, qc *queryContext, data *ActivityMeter) error {
		if qc.blank == nothingRead {
			qc.blank = "No published posts are known in this range."
		}
		days := query.Range.Elapsed().cut(ByDay)
		accounts, err := publishedPosts(ctx, qc, days)
		if err != nil {
			return err
		}
		accounts = slices.DeleteFunc(accounts, func(a *accountPosts) bool { return !a.known() })
		for _, a := range accounts {
			qc.noteMetric(a.social, domain.MetricPosts)
			if a.account != "" {
				qc.noteAccount(a.social, a.account, a.platform, a.registeredAt)
				qc.noteCapture(&a.registeredAt)
			}
		}
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) Activity {
			selected := slices.DeleteFunc(slices.Clone(accounts), func(x *accountPosts) bool { return !slices.Contains(platforms, x.platform) })
			return measure(qc.accountsOn(platforms...), selected, days, query.buckets())
		}, func(p readmodels.PlatformRef, m Activity) PlatformActivity { return PlatformActivity{p, m} })
		return nil
	})
}

// Leaderboard serves endpoint 7: the best members and posts, ranked by engagement. It has one page;
// the limit applies to both lists.
func (a *Analytics) Leaderboard(ctx context.Context, scope readmodels.Scope, query RangeQuery) (Leaderboard, Meta, error) {
	query.Page.Cursor = ""
	return answer(ctx, a, "leaderboard", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *Leaderboard) error {
			qc.rankedBy = cmp.Or(query.By, RankByGained)
			members, posts, err := postQuery{qc}.rankBoard(ctx)
			if err != nil {
				return err
			}
			data.Members = members
			if data.Posts, err = (postQuery{qc}).rankedPosts(ctx, posts, members); err != nil {
				return err
			}
			return sourceQuery{qc}.classifyPostSources(ctx)
		})
}

// TopPosts serves endpoints 8 and 22: posts ranked by engagement, gained in the range or in total.
func (a *Analytics) TopPosts(ctx context.Context, scope readmodels.Scope, query RangeQuery) (TopPosts, Meta, error) {
	return answer(ctx, a, "top posts", scope, query, engagementMetrics(), func(ctx context.Context, qc *queryContext, data *TopPosts) error {
		qc.rankedBy = cmp.Or(query.By, RankByGained)
		ranking, err := postQuery{qc}.rankPosts(ctx)
		if err != nil {
			return err
		}
		if data.Posts, err = (postQuery{qc}).rankedPosts(ctx, ranking, nil); err != nil {
			return err
		}
		return sourceQuery{qc}.classifyPostSources(ctx)
	})
}

// PostInsights serves endpoints 9 and 17: every post with its latest metrics and its gains in the
// range.
func (a *Analytics) PostInsights(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostInsights, Meta, error) {
	metrics := append(engagementMetrics(), domain.MetricViews)
	return answer(ctx, a, "posts", scope, query, metrics, func(ctx context.Context, qc *queryContext, data *PostInsights) error {
		data.Posts = []PostInsight{}
		posts, err := postQuery{qc}.readPosts(ctx)
		if err != nil {
			return err
		}
		for _, p := range posts {
			data.Posts = append(data.Posts, PostInsight{p.Post, p.counts, p.growth})
		}
		return sourceQuery{qc}.classifyPostSources(ctx)
	})
}

// PostsLikes serves endpoints 10 and 19: likes per post and over time.
func (a *Analytics) PostsLikes(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsLikes, Meta, error) {
	return answer(ctx, a, "likes of posts", scope, query, []string{domain.MetricLikes},
		func(ctx context.Context, qc *queryContext, data *PostsLikes) error {
			data.Posts = []PostLikes{}
			posts, err := postQuery{qc}.readPosts(ctx)
			if err != nil {
				return err
			}
			for _, p := range posts {
				data.Posts = append(data.Posts, PostLikes{p.Post, p.counts.Likes, p.growth.Likes, p.growth.NoBaseline})
			}
			g, before, err := gainSeries(ctx, qc, qc.metrics)
			if err != nil {
				return err
			}
			data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) LikesSeries {
				return LikesSeries{g.gain(domain.MetricLikes, platforms...), seriesOf(g, likesDay, platforms), seriesOf(before, likesDay, platforms)}
			}, func(p readmodels.PlatformRef, s LikesSeries) platformLikesSeries { return platformLikesSeries{p, s} })
			return sourceQuery{qc}.classifySources(ctx)
		})
}

// PostsViews serves endpoints 11 and 20: the video views that posts gained over time.
func (a *Analytics) PostsViews(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsViews, Meta, error) {
	views := []string{domain.MetricViews}
	return answer(ctx, a, "views of posts", scope, query, views, func(ctx context.Context, qc *queryContext, data *PostsViews) error {
		g, before, err := gainSeries(ctx, qc, views)
		if err != nil {
			return err
		}
		data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) ViewsSeries {
			return ViewsSeries{g.gain(domain.MetricViews, platforms...), seriesOf(g, viewsDay, platforms), seriesOf(before, viewsDay, platforms)}
		}, func(p readmodels.PlatformRef, s ViewsSeries) platformViewsSeries { return platformViewsSeries{p, s} })
		return sourceQuery{qc}.classifySources(ctx)
	})
}

// PostsEngagements serves endpoints 12 and 21: likes + comments + shares per post.
func (a *Analytics) PostsEngagements(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsEngagements, Meta, error) {
	return answer(ctx, a, "engagement per post", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *PostsEngagements) error {
			data.Posts = []PostEngagement{}
			posts, err := postQuery{qc}.readPosts(ctx)
			if err != nil {
				return err
			}
			for _, p := range posts {
				c, g := p.counts, p.growth
				data.Posts = append(data.Posts, PostEngagement{
					Post: p.Post, Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Engagement: c.Engagement,
					EngagementPartial: c.EngagementPartial, Gained: g.Engagement, GainedPartial: g.EngagementPartial, NoBaseline: g.NoBaseline,
				})
			}
			return sourceQuery{qc}.classifyPostSources(ctx)
		})
}

// PostsTotalEngagements serves endpoint 13: likes, comments and shares gained by all posts, in
// total and over time.
func (a *Analytics) PostsTotalEngagements(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (PostsTotalEngagements, Meta, error) {
	return answer(ctx, a, "engagement of posts", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *PostsTotalEngagements) error {
			g, before, err := gainSeries(ctx, qc, append(engagementMetrics(), domain.MetricEngagement))
			if err != nil {
				return err
			}
			data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) EngagementTotals {
				return g.engagementTotals(before, platforms...)
			}, func(p readmodels.PlatformRef, t EngagementTotals) platformEngagementTotals {
				return platformEngagementTotals{p, t}
			})
			return sourceQuery{qc}.classifySources(ctx)
		})
}

// ActiveMembers serves endpoint 15: the active members of an account and the platforms they have
// connected, from the current directory. The range in Meta does not apply.
func (a *Analytics) ActiveMembers(ctx context.Context, scope readmodels.Scope, query RangeQuery) (ActiveMembers, Meta, error) {
	return answer(ctx, a, "active members", scope, query, nil, func(ctx context.Context, qc *queryContext, data *ActiveMembers) error {
		var err error
		qc.blank = "" // it shows no readings, so none are missing
		if data.Members, err = activeMembers(ctx, qc); err != nil {
			return err
		}
		if err := socialsOf(ctx, qc, data.Members); err != nil {
			return err
		}
		return sourceQuery{qc}.classifySources(ctx)
	})
}

// MemberGrowth serves endpoint 16: a member's growth summary.
func (a *Analytics) MemberGrowth(ctx context.Context, scope readmodels.Scope, query RangeQuery) (MemberGrowth, Meta, error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions}
	var gains *postGains
	var published, publishedBefore []*accountPosts
	return answerFigures(ctx, a, "growth of a member", scope, query, metrics, []bucket{query.Range.whole()},
		func(ctx context.Context, f *accountFigures, _ *MemberGrowth) (err error) {
			if gains, _, err = comparedGains(ctx, f.queryContext, []string{domain.MetricEngagement, domain.MetricViews}, nil); err != nil {
				return err
			}
			f.ofPosts = false // the status of sources depends on readings of accounts
			if published, err = publishedPosts(ctx, f.queryContext, f.buckets); err != nil || f.uncompared {
				return err
			}
			publishedBefore, err = publishedPosts(ctx, f.comparison(), []bucket{f.compared.whole()})
			return err
		}, func(f *accountFigures, data *MemberGrowth) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(platforms ...domain.Platform) GrowthTotals {
				t := GrowthTotals{
					SocialAccounts: f.accountsOn(platforms...), Followers: f.total(domain.MetricFollowers, platforms),
					Engagement: f.total(domain.MetricEngagement, platforms), Impressions: f.total(domain.MetricImpressions, platforms),
					PostEngagement: gains.gain(domain.MetricEngagement, platforms...), PostViews: gains.gain(domain.MetricViews, platforms...),
				}
				t.PostsPublished, t.PostsPublishedPrevious = publishedIn(0, published, platforms...), publishedIn(0, publishedBefore, platforms...)
				return t
			}, func(p readmodels.PlatformRef, t GrowthTotals) platformGrowthTotals { return platformGrowthTotals{p, t} })
		})
}

// Stats returns the figures of each platform, by day, week or month.
func (a *Analytics) Stats(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PlatformStats, Meta, error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricReach}
	var now, before *platformStats
	return answerFigures(ctx, a, "stats", scope, query, metrics, query.buckets(),
		func(ctx context.Context, f *accountFigures, data *PlatformStats) (err error) {
			if now, err = f.platformStats(ctx); err != nil {
				return err
			}
			if f.before != nil {
				if before, err = f.before.platformStats(ctx); err != nil {
					return err
				}
			}
			data.Platforms, err = f.connectedPlatforms(ctx)
			return err
		}, func(f *accountFigures, data *PlatformStats) {
			for i := range data.Platforms {
				s := &data.Platforms[i]
				s.SocialAccounts = f.accountsOn(s.Platform)
				s.StatsPeriods = StatsPeriods{now.periods(s.Platform), before.periods(s.Platform)}
			}
		})
}
