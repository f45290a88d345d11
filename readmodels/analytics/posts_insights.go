package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostInsights is the answer to /getPostInsights and /getMembersPostInsights.
type PostInsights struct {
	// Posts are all that were published before the end of the range or read in it, newest first.
	Posts []PostInsight `json:"posts"`
}

// PostInsight is a post with its figures.
type PostInsight struct {
	Post

	Latest PostCounts `json:"latest"` // at the end of the range
	Growth PostGrowth `json:"growth"` // in the range
}

// PostInsights answers the endpoints 9 and 17: every post with its latest metrics, and what it gained in
// the range.
func (a *Analytics) PostInsights(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostInsights, Meta, error) {
	metrics := append(engagementMetrics(), domain.MetricViews)
	return answer(ctx, a, "posts", scope, query, metrics, func(ctx context.Context, qc *queryContext, data *PostInsights) error {
		data.Posts = []PostInsight{}
		posts, err := qc.readPosts(ctx)
		if err != nil {
			return err
		}
		for _, p := range posts {
			data.Posts = append(data.Posts, PostInsight{p.Post, p.counts, p.growth})
		}
		return qc.classifyPostSources(ctx)
	})
}
