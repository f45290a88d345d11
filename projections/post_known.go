package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// gainFigures are the figures of post_gains: columns of a reading, each compared with the last one before it that
// is not null.
var gainFigures = []struct {
	column string
	of     func(domain.Counts) *int64
}{
	{"likes", func(c domain.Counts) *int64 { return c.Likes }},
	{"comments", func(c domain.Counts) *int64 { return c.Comments }},
	{"shares", func(c domain.Counts) *int64 { return c.Shares }},
	{"views", func(c domain.Counts) *int64 { return c.Views }},
}

// figureQuery collects which stored readings around an instant are needed for a figure: the last before it that has the
// figure, or all after it up to the first that has it.
type figureQuery struct {
	neighbourQuery

	parents []string
	columns []string
	before  []bool
}

func (q *figureQuery) need(key postKey, parent string, at time.Time, column string, before bool) {
	q.add(key, at)
	q.parents, q.columns, q.before = append(q.parents, parent), append(q.columns, column), append(q.before, before)
}

// loadKnown reads, for figures that the neighbours of a batch's readings lack, the stored readings up to the nearest that
// have them: before, because a figure gains against the last one there was, and after, because the next one gains
// against what the batch brings. Of those after, none is left out: whether engagement is partial depends on what the
// readings between have of the other figures. Neighbours rarely lack what a reading has, and what a platform never gives
// no reading has: mostly there is nothing to read.
func (f *postFold) loadKnown(ctx context.Context, tx pgx.Tx, want []domain.PostRead) error {
	var q figureQuery
	for _, r := range want {
		key := postKey{r.SocialAccount, r.ExternalID}
		stored := f.series[key]
		if stored == nil {
			continue
		}
		counts, parents := []domain.Counts{r.Counts}, []string{r.ParentAccount}
		if i, found := stored.find(r.CapturedAt); found { // one of the two replaces the other
			counts = append(counts, stored.readings[i].Counts)
			if parent := stored.readings[i].ParentAccount; parent != r.ParentAccount {
				parents = append(parents, parent)
			}
		}
		for _, parent := range parents {
			before, after := stored.around(parent, r.CapturedAt)
			for _, figure := range gainFigures {
				has := slices.ContainsFunc(counts, func(c domain.Counts) bool { return figure.of(c) != nil })
				// A late reading may make the engagement of those after it whole or partial, which depends on all figures.
				if (has || after != nil) && before != nil && figure.of(before.Counts) == nil {
					q.need(key, parent, r.CapturedAt, figure.column, true)
				}
				if has && after != nil && figure.of(after.Counts) == nil {
					q.need(key, parent, r.CapturedAt, figure.column, false)
				}
			}
		}
	}
	return f.loadFigures(ctx, tx, q)
}

// around are the readings of an agency that stand right before and after an instant.
func (s *series) around(parent string, at time.Time) (before, after *reading) {
	for _, r := range s.readings {
		switch {
		case r.ParentAccount != parent || r.at.Equal(at):
		case r.at.Before(at):
			before = r
		default:
			return before, r
		}
	}
	return before, nil
}

func (f *postFold) loadFigures(ctx context.Context, tx pgx.Tx, q figureQuery) error {
	if len(q.times) == 0 {
		return nil
	}
	const ofPost = `
			 where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.parent_account = k.parent_account`
	const ofFigure = ofPost + `
			   and case k.figure when 'likes' then p.likes when 'comments' then p.comments when 'shares' then p.shares else p.views end is not null`
	rows, err := tx.Query(ctx, `
		select n.* from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::boolean[])
			as k(social_account_id, external_id, at, parent_account, figure, before)
		cross join lateral (
			(select `+readingColumns+` from tSPostInsights p`+ofFigure+` and k.before and p.captured_at < k.at
			 order by p.captured_at desc limit 1)
			union all
			(select `+readingColumns+` from tSPostInsights p`+ofPost+` and not k.before and p.captured_at > k.at
			   and p.captured_at <= (select p.captured_at from tSPostInsights p`+ofFigure+` and p.captured_at > k.at order by p.captured_at limit 1))) n`, q.accounts, q.externals, q.times, q.parents, q.columns, q.before)
	if err != nil {
		return fmt.Errorf("read earlier figures: %w", err)
	}
	defer rows.Close()
	return scanReadings(rows, f.stored)
}
