package analytics

import (
	"context"
	"time"
)

// classifyPostSources completes the sources of an answer that lists posts: which figures the posts of each social
// account have in the range, whatever the page shows. Whether there are any is found in less time than how many.
func (qc *queryContext) classifyPostSources(ctx context.Context) error {
	qc.ofPosts = true
	parts, args := qc.gainParts(qc.platformIDs(), gainQuery{from: qc.query.Range.From})
	rows, _ := qc.queryGrouped(ctx, `
		select social_account_id, max(last_at), max(readings), max(likes_n), max(comments_n), max(shares_n), max(views_n)
		from (`+parts+`) g
		group by social_account_id`, args...)
	var social int64
	var last *time.Time
	var most gainSums
	err := forEach(rows, "read figures of posts", []any{
		&social, &last, &most.readings, &most.likes.n, &most.comments.n, &most.shares.n, &most.views.n,
	}, func() {
		qc.notePostMetrics(social, &most)
		qc.noteCapture(last)
	})
	if err != nil {
		return err
	}
	return qc.classifySources(ctx)
}

// notePostMetrics notes which of the answer's figures the posts of a social account have.
func (qc *queryContext) notePostMetrics(social int64, now *gainSums) {
	for _, metric := range qc.metrics {
		if now.of(metric).n > 0 {
			qc.noteMetric(social, metric)
		}
	}
	if now.readings > 0 {
		qc.noteRead(social)
	}
}
