package analytics

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// metricOf is a metric of a social account.
type metricOf struct {
	social int64
	metric string
}

// gaps are what figures lack that an answer shows all the same.
type gaps struct {
	days  map[metricOf][]byDay // the day flows that were read: several where sub-accounts are kept apart
	words map[metricOf]string  // what else is to be said
	// shared are the social accounts whose posts were read for another member too, in the range of one member.
	shared map[int64]bool
}

// readByDays notes a figure that is summed by days.
func (qc *queryContext) readByDays(v *metricValue) {
	of := metricOf{v.social, v.metric}
	qc.gaps.days[of] = append(qc.gaps.days[of], v.dayFlows)
}

// noteGap notes what a figure lacks; the first word on a metric stays.
func (qc *queryContext) noteGap(v *metricValue, what string) {
	of := metricOf{v.social, v.metric}
	if qc.gaps.words[of] == "" {
		qc.gaps.words[of] = what
	}
}

// nothingRead is why an answer shows nothing of an account that is well.
const nothingRead = "Nothing of it was read in this range."

// whyBlank is that, and what is to be known of a range without a whole day, of which nothing can be read that
// platforms count by days.
func (qc *queryContext) whyBlank() string {
	first, end := qc.query.Range.labels()
	if qc.blank != nothingRead || first < end || qc.ofPosts || slices.Contains(qc.metrics, domain.MetricFollowers) {
		return qc.blank
	}
	return "Nothing of it was read in this range, which has no whole day."
}

// gapsOf are sentences about what the account's figures in the answer lack: days that are over and were not
// read, days that the range cuts, counters without a baseline, and metrics that others were read without.
func (qc *queryContext) gapsOf(f sourceFacts) []string {
	var sentences []string
	read := qc.metricsRead[f.SocialAccount]
	for _, metric := range qc.metrics {
		of := metricOf{f.SocialAccount, metric}
		var gap string
		switch {
		case len(qc.gaps.days[of]) > 0:
			gap = qc.query.Range.lacking(qc.gaps.days[of])
		case !read[metric] && len(read) > 0 && slices.Contains(f.figures, metric):
			gap = qc.query.Range.whyNone()
		}
		for _, what := range []string{gap, qc.gaps.words[of]} {
			if what != "" {
				sentences = append(sentences, "Of "+metric+", "+what+".")
			}
		}
	}
	if qc.gaps.shared[f.SocialAccount] {
		sentences = append(sentences, "Another member had it for a part of this range: sums are of this member's part, lists of posts of all of it.")
	}
	return sentences
}

// daysOver are the whole days of the range that are over: first to over-1.
func (r Range) daysOver() (first, over day) {
	first, over = r.labels()
	for over > first && !r.over(over-1) {
		over--
	}
	return first, over
}

// lacking says what a figure by days lacks that was read; "" when it lacks nothing.
func (r Range) lacking(read []byDay) string {
	first, over := r.daysOver()
	n := 0
	for d := first; d < over; d++ {
		if slices.ContainsFunc(read, func(days byDay) bool { return days.of(d) != nil }) {
			n++
		}
	}
	if n < int(over-first) {
		return fmt.Sprintf("%d of %d days were read", n, over-first)
	}
	if first, end, whole := r.wholeDays(); !whole { // else a series would end in blanks that nothing explains
		return fmt.Sprintf("only whole days count, of which this range has %d", end-first)
	}
	return ""
}

// whyNone says why a range has nothing of a metric that the newest reading has.
func (r Range) whyNone() string {
	first, end := r.labels()
	_, over := r.daysOver()
	switch {
	case first == end: // what platforms count by days has no parts of days
		return "nothing was read in this range, which has no whole day"
	case over == first:
		return "nothing was read yet of the days of this range, which are not over"
	default:
		return "nothing was read in this range"
	}
}

// findSharedAccounts finds out which social accounts of one member another one had for a part of the range. A post is the
// member's who has the connection now, with all that it gained; a reading is the member's who had it then. Where the
// two differ, they would contradict each other on one screen.
func (qc *queryContext) findSharedAccounts(ctx context.Context, facts []sourceFacts) error {
	if qc.query.Member == 0 || !qc.ofPosts || len(facts) == 0 {
		return nil
	}
	socials := make([]int64, len(facts))
	for i, f := range facts {
		socials[i] = f.SocialAccount
	}
	rows, _ := qc.tx.Query(ctx, `
		select distinct social_account_id from post_gains
		where social_account_id = any($3) and parent_account = $1 and ($2::text[] is null or account_id = any($2))
		  and quarter >= $4 and quarter < $5 and member_id <> $6 and readings > 0`,
		qc.scope.ParentAccount, qc.scope.Accounts, socials, qc.query.Range.From, qc.query.Range.To, qc.query.Member)
	shared, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("read other members: %w", err)
	}
	qc.gaps.shared = map[int64]bool{}
	for _, id := range shared {
		qc.gaps.shared[id] = true
	}
	return nil
}
