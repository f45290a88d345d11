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
func (a *Analytics) AccountInsights(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data AccountInsights, meta Meta, err error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement}
	meta, err = a.answer(ctx, "account insights", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, []bucket{qc.query.Range.whole()})
		if err != nil {
			return err
		}
		data.AsRead = f.asRead(domain.MetricEngagement)
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		totals := func(platforms ...domain.Platform) AccountTotals {
			return AccountTotals{
				f.accountsOn(platforms...),
				f.total(domain.MetricFollowers, platforms), f.total(domain.MetricEngagement, platforms),
			}
		}
		data.Total = totals(qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			data.Platforms = append(data.Platforms, PlatformInsights{readmodels.PlatformRefOf(p), totals(p)})
		}
		return nil
	})
	return data, meta, err
}

// AccountFollowers serves endpoints 2, 14 and 18: followers by day, week or month, per platform and
// overall.
func (a *Analytics) AccountFollowers(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data AccountFollowers, meta Meta, err error) {
	metrics := []string{domain.MetricFollowers}
	meta, err = a.answer(ctx, "follower series", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, qc.query.Range.cut(qc.query.Granularity))
		if err != nil {
			return err
		}
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		data.Total = f.followerSeries(qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			data.Platforms = append(data.Platforms,
				platformFollowerSeries{readmodels.PlatformRefOf(p), f.followerSeries(p)})
		}
		return nil
	})
	return data, meta, err
}

// RoiViews serves endpoint 3: page views and the cost of subscriptions, per platform and month.
func (a *Analytics) RoiViews(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data RoiViews, meta Meta, err error) {
	metrics := []string{domain.MetricViews}
	meta, err = a.answer(ctx, "views and costs", scope, query, metrics, func(qc *queryContext) error {
		qc.uncompared = true
		prices, err := readPrices(ctx, qc, qc.query.Range.cut(ByMonth))
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
		data = roiViews(qc.query, gained, prices)
		return sourceQuery{qc}.classifySources(ctx)
	})
	return data, meta, err
}

// AccountStats serves endpoint 4: reach and impressions, totals and series.
func (a *Analytics) AccountStats(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data AccountStats, meta Meta, err error) {
	metrics := []string{domain.MetricImpressions, domain.MetricReach}
	meta, err = a.answer(ctx, "reach and impressions", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, qc.query.Range.cut(qc.query.Granularity))
		if err != nil {
			return err
		}
		data.AsRead, data.Reach = f.asRead(domain.MetricImpressions), f.reach()
		before := f.before.reach()
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		data.Total = f.reachStats(data.Reach, before, qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			stats := f.reachStats(data.Reach, before, p)
			data.Platforms = append(data.Platforms, platformReachStats{readmodels.PlatformRefOf(p), stats})
		}
		return nil
	})
	return data, meta, err
}

// AccountNetGrowth serves endpoint 5: net follower growth per platform and overall.
func (a *Analytics) AccountNetGrowth(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data AccountNetGrowth, meta Meta, err error) {
	metrics := []string{domain.MetricFollowers}
	meta, err = a.answer(ctx, "net growth", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, qc.query.Range.cut(qc.query.Granularity))
		if err != nil {
			return err
		}
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		data.Total = f.netGrowth(qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			data.Platforms = append(data.Platforms, platformNetGrowth{readmodels.PlatformRefOf(p), f.netGrowth(p)})
		}
		return nil
	})
	return data, meta, err
}

// ActivityMeter serves endpoint 6: posting frequency and an activity score. Meta.AsOf is the time
// of the newest registration of a counted post.
func (a *Analytics) ActivityMeter(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data ActivityMeter, meta Meta, err error) {
	meta, err = a.answer(ctx, "activity", scope, query, nil, func(qc *queryContext) error {
		if qc.blank == domain.StatusNothingRead {
			qc.blank = domain.StatusNoPostsKnown
		}
		days, parts := qc.query.Range.throughToday().cut(ByDay), qc.query.Range.cut(qc.query.Granularity)
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
		data.Total = measure(qc.accountsOn(qc.query.Platforms...), accounts, days, parts)
		for _, p := range qc.query.Platforms {
			onPlatform := slices.DeleteFunc(slices.Clone(accounts),
				func(a *accountPosts) bool { return a.platform != p })
			activity := measure(qc.accountsOn(p), onPlatform, days, parts)
			data.Platforms = append(data.Platforms, PlatformActivity{readmodels.PlatformRefOf(p), activity})
		}
		return nil
	})
	return data, meta, err
}

// Leaderboard serves endpoint 7: the best members and posts, ranked by engagement. It has one page;
// the limit applies to both lists.
func (a *Analytics) Leaderboard(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data Leaderboard, meta Meta, err error) {
	query.Page.Cursor = ""
	meta, err = a.answer(ctx, "leaderboard", scope, query, engagementMetrics(), func(qc *queryContext) error {
		qc.rankedBy = cmp.Or(qc.query.By, RankByGained)
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
	return data, meta, err
}

// TopPosts serves endpoints 8 and 22: posts ranked by engagement, gained in the range or in total.
func (a *Analytics) TopPosts(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data TopPosts, meta Meta, err error) {
	meta, err = a.answer(ctx, "top posts", scope, query, engagementMetrics(), func(qc *queryContext) error {
		qc.rankedBy = cmp.Or(qc.query.By, RankByGained)
		ranking, err := postQuery{qc}.rankPosts(ctx)
		if err != nil {
			return err
		}
		if data.Posts, err = (postQuery{qc}).rankedPosts(ctx, ranking, nil); err != nil {
			return err
		}
		return sourceQuery{qc}.classifyPostSources(ctx)
	})
	return data, meta, err
}

// PostInsights serves endpoints 9 and 17: every post with its latest metrics and its gains in the
// range.
func (a *Analytics) PostInsights(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data PostInsights, meta Meta, err error) {
	metrics := append(engagementMetrics(), domain.MetricViews)
	meta, err = a.answer(ctx, "posts", scope, query, metrics, func(qc *queryContext) error {
		posts, err := postQuery{qc}.readPosts(ctx)
		if err != nil {
			return err
		}
		data.Posts = make([]PostInsight, len(posts))
		for i, p := range posts {
			data.Posts[i] = PostInsight{p.Post, p.counts, p.growth}
		}
		return sourceQuery{qc}.classifyPostSources(ctx)
	})
	return data, meta, err
}

// PostsLikes serves endpoints 10 and 19: likes per post and over time.
func (a *Analytics) PostsLikes(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data PostsLikes, meta Meta, err error) {
	metrics := []string{domain.MetricLikes}
	meta, err = a.answer(ctx, "likes of posts", scope, query, metrics, func(qc *queryContext) error {
		posts, err := postQuery{qc}.readPosts(ctx)
		if err != nil {
			return err
		}
		data.Posts = make([]PostLikes, len(posts))
		for i, p := range posts {
			data.Posts[i] = PostLikes{p.Post, p.counts.Likes, p.growth.Likes, p.growth.NoBaseline}
		}
		g, before, err := gainSeries(ctx, qc, qc.metrics)
		if err != nil {
			return err
		}
		likes := func(platforms ...domain.Platform) LikesSeries {
			days, previous := seriesOf(g, likesDay, platforms), seriesOf(before, likesDay, platforms)
			return LikesSeries{g.gain(domain.MetricLikes, platforms...), days, previous}
		}
		data.Total = likes(qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			data.Platforms = append(data.Platforms, platformLikesSeries{readmodels.PlatformRefOf(p), likes(p)})
		}
		return sourceQuery{qc}.classifySources(ctx)
	})
	return data, meta, err
}

// PostsViews serves endpoints 11 and 20: the video views that posts gained over time.
func (a *Analytics) PostsViews(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data PostsViews, meta Meta, err error) {
	metrics := []string{domain.MetricViews}
	meta, err = a.answer(ctx, "views of posts", scope, query, metrics, func(qc *queryContext) error {
		g, before, err := gainSeries(ctx, qc, qc.metrics)
		if err != nil {
			return err
		}
		views := func(platforms ...domain.Platform) ViewsSeries {
			days, previous := seriesOf(g, viewsDay, platforms), seriesOf(before, viewsDay, platforms)
			return ViewsSeries{g.gain(domain.MetricViews, platforms...), days, previous}
		}
		data.Total = views(qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			data.Platforms = append(data.Platforms, platformViewsSeries{readmodels.PlatformRefOf(p), views(p)})
		}
		return sourceQuery{qc}.classifySources(ctx)
	})
	return data, meta, err
}

// PostsEngagements serves endpoints 12 and 21: likes + comments + shares per post.
func (a *Analytics) PostsEngagements(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data PostsEngagements, meta Meta, err error) {
	meta, err = a.answer(ctx, "engagement per post", scope, query, engagementMetrics(), func(qc *queryContext) error {
		posts, err := postQuery{qc}.readPosts(ctx)
		if err != nil {
			return err
		}
		data.Posts = make([]PostEngagement, len(posts))
		for i, p := range posts {
			c, g := p.counts, p.growth
			data.Posts[i] = PostEngagement{
				Post: p.Post, Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Engagement: c.Engagement,
				EngagementPartial: c.EngagementPartial, Gained: g.Engagement, GainedPartial: g.EngagementPartial,
				NoBaseline: g.NoBaseline,
			}
		}
		return sourceQuery{qc}.classifyPostSources(ctx)
	})
	return data, meta, err
}

// PostsTotalEngagements serves endpoint 13: likes, comments and shares gained by all posts, in
// total and over time.
func (a *Analytics) PostsTotalEngagements(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data PostsTotalEngagements, meta Meta, err error) {
	meta, err = a.answer(ctx, "engagement of posts", scope, query, engagementMetrics(), func(qc *queryContext) error {
		g, before, err := gainSeries(ctx, qc, append(engagementMetrics(), domain.MetricEngagement))
		if err != nil {
			return err
		}
		data.Total = g.engagementTotals(before, qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			totals := g.engagementTotals(before, p)
			data.Platforms = append(data.Platforms, platformEngagementTotals{readmodels.PlatformRefOf(p), totals})
		}
		return sourceQuery{qc}.classifySources(ctx)
	})
	return data, meta, err
}

// ActiveMembers serves endpoint 15: the active members of an account and the platforms they have
// connected, from the current directory. The range in Meta does not apply.
func (a *Analytics) ActiveMembers(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data ActiveMembers, meta Meta, err error) {
	meta, err = a.answer(ctx, "active members", scope, query, nil, func(qc *queryContext) error {
		var err error
		qc.blank = "" // the response shows no readings, so none are missing
		if data.Members, err = activeMembers(ctx, qc); err != nil {
			return err
		}
		if err := socialsOf(ctx, qc, data.Members); err != nil {
			return err
		}
		return sourceQuery{qc}.classifySources(ctx)
	})
	return data, meta, err
}

// MemberGrowth serves endpoint 16: a member's growth summary.
func (a *Analytics) MemberGrowth(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data MemberGrowth, meta Meta, err error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions}
	meta, err = a.answer(ctx, "growth of a member", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, []bucket{qc.query.Range.whole()})
		if err != nil {
			return err
		}
		gains, _, err := comparedGains(ctx, qc, []string{domain.MetricEngagement, domain.MetricViews}, nil)
		if err != nil {
			return err
		}
		qc.ofPosts = false // the status of sources depends on readings of accounts
		published, err := publishedPosts(ctx, qc, f.buckets)
		if err != nil {
			return err
		}
		var publishedBefore []*accountPosts
		if !qc.uncompared {
			if publishedBefore, err = publishedPosts(ctx, qc.comparison(), []bucket{qc.compared.whole()}); err != nil {
				return err
			}
		}
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		growth := func(platforms ...domain.Platform) GrowthTotals {
			return GrowthTotals{
				SocialAccounts: f.accountsOn(platforms...), Followers: f.total(domain.MetricFollowers, platforms),
				Engagement:             f.total(domain.MetricEngagement, platforms),
				Impressions:            f.total(domain.MetricImpressions, platforms),
				PostsPublished:         publishedIn(0, published, platforms...),
				PostsPublishedPrevious: publishedIn(0, publishedBefore, platforms...),
				PostEngagement:         gains.gain(domain.MetricEngagement, platforms...),
				PostViews:              gains.gain(domain.MetricViews, platforms...),
			}
		}
		data.Total = growth(qc.query.Platforms...)
		for _, p := range qc.query.Platforms {
			data.Platforms = append(data.Platforms, platformGrowthTotals{readmodels.PlatformRefOf(p), growth(p)})
		}
		return nil
	})
	return data, meta, err
}

// Stats returns the figures of each platform, by day, week or month.
func (a *Analytics) Stats(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (data PlatformStats, meta Meta, err error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions, domain.MetricReach}
	meta, err = a.answer(ctx, "stats", scope, query, metrics, func(qc *queryContext) error {
		f, err := readAccountFigures(ctx, qc, qc.query.Range.cut(qc.query.Granularity))
		if err != nil {
			return err
		}
		now, err := f.platformStats(ctx)
		if err != nil {
			return err
		}
		before, err := f.before.platformStats(ctx)
		if err != nil {
			return err
		}
		if data.Platforms, err = f.connectedPlatforms(ctx); err != nil {
			return err
		}
		if err := (sourceQuery{qc}).classifySources(ctx); err != nil {
			return err
		}
		for i := range data.Platforms {
			s := &data.Platforms[i]
			s.SocialAccounts = qc.accountsOn(s.Platform)
			s.StatsPeriods = StatsPeriods{
				now.periods(s.Platform, s.SocialAccounts), before.periods(s.Platform, s.SocialAccounts),
			}
		}
		return nil
	})
	return data, meta, err
}
