package analytics

import (
	"context"
	"time"
)

// classifyPostSources completes the sources of an answer that lists posts: which figures the posts of each social
// account have in the range, whatever the page shows. Whether there are any is found in less time than how many.
func (qc *queryContext) classifyPostSources(ctx context.Context) error {
	qc.ofPosts = true
	whole := gainQuery{from: qc.query.Range.From}
	rows, _ := qc.queryGrouped(ctx, `
		select social_account_id, max(last_at), max(readings), max(likes_n), max(comments_n), max(shares_n), max(views_n)
		from post_gains
		where parent_account = $1 and `+qc.within("account_id")+` and p_id = any($3) and ($4::bigint = 0 or member_id = $4)
		  and quarter >= $5 and quarter < $6 and quarter <> all($7::timestamptz[])
		group by social_account_id`,
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, whole.from, qc.query.Range.To, qc.cutQuarters(whole))
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
	cut, err := qc.cutGains(ctx, whole)
	if err != nil {
		return err
	}
	for _, r := range cut {
		qc.notePostMetrics(r.social, &r.gainSums)
		qc.noteCapture(&r.at)
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
