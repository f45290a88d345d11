package analytics

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
		var gaps []string
		if r := read[metric]; r != nil {
			gaps = []string{qc.query.Range.lacking(r.days), r.gap}
		} else if len(read) > 0 && slices.Contains(f.figures, metric) {
			gaps = []string{qc.query.Range.whyNone()}
		}
		for _, what := range gaps {
			if what != "" {
				sentences = append(sentences, "Of "+metric+", "+what+".")
			}
		}
	}
	if f.shared {
		sentences = append(sentences, "Another member had it for a part of this range: sums are of this member's part, lists of "+
			"posts of all of it.")
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

// lacking says what a figure by days lacks that was read; "" when it lacks nothing, and for other figures.
func (r Range) lacking(read []byDay) string {
	if len(read) == 0 {
		return ""
	}
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
	for i := range facts {
		facts[i].shared = slices.Contains(shared, facts[i].SocialAccount)
	}
	return nil
}
