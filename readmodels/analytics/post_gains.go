package analytics

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// tally is a sum of figures and how many there are: without any it is null and not 0.
type tally struct{ sum, n int64 }

func (t *tally) add(u tally) { t.sum, t.n = t.sum+u.sum, t.n+u.n }

func (t *tally) addKnown(v *int64) {
	if v != nil {
		t.add(tally{*v, 1})
	}
}

func (t *tally) value() *int64 {
	if t.n == 0 {
		return nil
	}
	return new(t.sum)
}

// gainSums are what some readings of posts gained: sums of the steps that are stored with them.
type gainSums struct {
	readings                                   int64 // how many there are, with a gain or without
	likes, comments, shares, views, engagement tally
	partial                                    int64 // of the engagements, those that lack a part
}

func (g *gainSums) add(o gainSums) {
	g.readings += o.readings
	g.partial += o.partial
	g.likes.add(o.likes)
	g.comments.add(o.comments)
	g.shares.add(o.shares)
	g.views.add(o.views)
	g.engagement.add(o.engagement)
}

// of is the sum of a metric.
func (g *gainSums) of(metric string) *tally {
	switch metric {
	case domain.MetricLikes:
		return &g.likes
	case domain.MetricComments:
		return &g.comments
	case domain.MetricShares:
		return &g.shares
	case domain.MetricViews:
		return &g.views
	default:
		return &g.engagement
	}
}

// accountGains are those of one social account in the range and in the period before it.
type accountGains struct {
	platform    domain.Platform
	now, before gainSums

	nowCut, beforeCut bool // it was not read over days at the start or the end of the period
}

// postGains are what the posts of a query gained.
type postGains struct {
	accounts map[int64]*accountGains
	buckets  []bucket                       // of the range; none where no series was asked for
	series   map[domain.Platform][]gainSums // by bucket
}

func (g *postGains) account(social int64, p domain.Platform) *accountGains {
	if g.accounts[social] == nil {
		g.accounts[social] = &accountGains{platform: p}
	}
	return g.accounts[social]
}

func (g *postGains) bucket(p domain.Platform, i int) *gainSums {
	if g.series[p] == nil {
		g.series[p] = make([]gainSums, len(g.buckets))
	}
	return &g.series[p][i]
}

// gainQuery says which gains of posts are wanted: every sum costs time in every row.
type gainQuery struct {
	metrics []string  // engagement with its partial ones; of metrics that are not here, nothing is known
	from    time.Time // the start of the range, or of the period before it
	buckets []bucket  // of the series; without any there is none
}

// readGains reads what posts gained in the range and, when the query begins before it, in the period before.
func readGains(ctx context.Context, qc *queryContext, q gainQuery) (*postGains, error) {
	qc.ofPosts = true
	g := &postGains{accounts: map[int64]*accountGains{}, buckets: q.buckets, series: map[domain.Platform][]gainSums{}}
	const byAccount = `(social_account_id, p_id, current)`
	sets := []gainSets{{"at >= $8", byAccount}}
	if len(q.buckets) > 0 {
		sets[0].by += `, (p_id, bucket)`
	}
	if q.from.Before(qc.query.Range.From) {
		sets = append(sets, gainSets{"at < $8", byAccount})
	}
	rows, err := gainRows(ctx, qc, qc.platformIDs(), q, sets...)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		switch {
		case r.social == nil && *r.bucket > 0:
			g.bucket(r.platform, *r.bucket-1).add(r.gainSums)
		case r.social == nil:
		case *r.current:
			account := g.account(*r.social, r.platform)
			account.now.add(r.gainSums)
			account.nowCut = r.readInPart(qc.query.Range)
			qc.noteCapture(r.last)
		default:
			account := g.account(*r.social, r.platform)
			account.before.add(r.gainSums)
			account.beforeCut = r.readInPart(qc.compared)
		}
	}
	return g, nil
}

// unreadDays is how long no post of an account need be read before days of a period count as not read.
const unreadDays = 48 * time.Hour

// readInPart reports whether the first or the last days of a period, as far as it has elapsed, have no reading.
func (r gainRow) readInPart(period Range) bool {
	end := period.To
	if !period.Complete() {
		end = period.Now
	}
	return r.first.Sub(period.From) > unreadDays || end.Sub(*r.last) > unreadDays
}

// bucketOf is the index of the bucket that an instant lies in; -1 before the first.
func bucketOf(at time.Time, buckets []bucket) int {
	return sort.Search(len(buckets), func(i int) bool { return at.Before(buckets[i].From) }) - 1
}

// gainRow is what a group of readings gained; what it is not grouped by is nil.
type gainRow struct {
	social   *int64
	account  *string
	platform domain.Platform
	current  *bool // in the range; else in the period before it
	bucket   *int  // from 1 on; 0 is the period before
	// first is the quarter of an hour of the first reading, or when it was; last when the last one was.
	first, last *time.Time
	gainSums
}

// gainParts selects what readings gained from an instant to the end of the range, where at says when: in sums of a quarter
// of an hour or, of the quarters inside of which the range, the period before it or a bucket begins or ends, one by one. In
// which accounts these have any the sums say. Parameters: $1 parent account, $2 accounts, $3 platforms, $4 member, $5 from,
// $6 to, $7 the quarters that are cut.
func gainParts(qc *queryContext, platforms []int16, q gainQuery) (sql string, args []any) {
	cut := []time.Time{}
	for _, at := range append(starts(q.buckets), q.from, qc.query.Range.From, qc.query.Range.To) {
		if quarter := at.UTC().Truncate(domain.GainQuarter); !quarter.Equal(at) {
			cut = append(cut, quarter)
		}
	}
	of := "parent_account = $1 and " + qc.within("account_id") + " and p_id = any($3) and " + qc.ofMember("member_id")
	sql = `
			select social_account_id, account_id, member_id, p_id, quarter as at, last_at, readings, likes, likes_n, comments, comments_n,
			       shares, shares_n, views, views_n, engagement, engagement_n, partial_n
			from post_gains where ` + of + " and quarter >= $5 and quarter < $6 and quarter <> all($7::timestamptz[])"
	if len(cut) > 0 {
		sql += `
			union all
			select i.social_account_id, account_id, member_id, p_id, captured_at as at, captured_at as last_at, 1, ` +
			eachOf([]string{"glikes", "gcomments", "gshares", "gviews"}, "coalesce(%[1]s, 0), num_nonnulls(%[1]s)") + `,
			       coalesce(glikes, 0) + coalesce(gcomments, 0) + coalesce(gshares, 0), least(known, 1), (known in (1, 2))::integer
			from (select distinct social_account_id, quarter from post_gains where ` + of + ` and quarter = any($7)) g
			join tSPostInsights i on i.social_account_id = g.social_account_id
				and captured_at >= g.quarter and captured_at < g.quarter + interval '15 minutes' and ` + of + `
			cross join lateral (select num_nonnulls(glikes, gcomments, gshares) as known) k
			where captured_at >= $5 and captured_at < $6`
	}
	return sql, []any{qc.scope.ParentAccount, qc.scope.Accounts, platforms, qc.query.Member, q.from, qc.query.Range.To, cut}
}

// gainSets are grouping sets over social_account_id, account_id, p_id, current and bucket, and which readings they are of.
type gainSets struct{ where, by string }

// gainRows sums what readings gained, by grouping sets.
func gainRows(ctx context.Context, qc *queryContext, platforms []int16, q gainQuery, sets ...gainSets) ([]gainRow, error) {
	parts, args := gainParts(qc, platforms, q)
	var sums []string
	for _, s := range sets {
		sums = append(sums, `
		select `+groupedBy(s.by)+`, min(at), max(last_at), sum_bigint(readings), `+sumsOf(q.metrics)+`
		from part where `+s.where+`
		group by grouping sets (`+s.by+`)`)
	}
	rows, _ := qc.queryGrouped(ctx, `
		with part as not materialized (
			select g.*, at >= $8 as current, width_bucket(at, $9::timestamptz[]) as bucket from (`+parts+`) g
		)`+strings.Join(sums, `
		union all`), append(args, qc.query.Range.From, starts(q.buckets))...)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r gainRow, err error) {
		err = row.Scan(&r.social, &r.account, &r.platform, &r.current, &r.bucket, &r.first, &r.last, &r.readings,
			&r.likes.sum, &r.likes.n, &r.comments.sum, &r.comments.n, &r.shares.sum, &r.shares.n,
			&r.views.sum, &r.views.n, &r.engagement.sum, &r.engagement.n, &r.partial)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read gains of posts: %w", err)
	}
	return list, nil
}

// groupedBy selects the columns of a [gainRow] that are in a grouping set, and null for the others.
func groupedBy(sets string) string {
	grouping := strings.FieldsFunc(sets, func(r rune) bool { return strings.ContainsRune("(), ", r) })
	var cols []string
	for _, c := range []struct{ name, kind string }{
		{"social_account_id", "bigint"}, {"account_id", "text"}, {"p_id", "smallint"}, {"current", "boolean"}, {"bucket", "integer"},
	} {
		if slices.Contains(grouping, c.name) {
			cols = append(cols, c.name)
		} else {
			cols = append(cols, "null::"+c.kind) // an untyped one would be tried as every type, in every row
		}
	}
	return strings.Join(cols, ", ")
}

// sumsOf selects the sums of some metrics, and 0 for the others, in the order of [gainSums].
func sumsOf(metrics []string) string {
	var cols []string
	sum := func(metric string, names ...string) {
		for _, name := range names {
			if slices.Contains(metrics, metric) {
				cols = append(cols, "sum_bigint("+name+")")
			} else {
				cols = append(cols, "0::bigint")
			}
		}
	}
	for _, metric := range []string{domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricViews} {
		sum(metric, metric, metric+"_n")
	}
	sum(domain.MetricEngagement, "engagement", "engagement_n", "partial_n")
	return strings.Join(cols, ", ")
}

// Gain is what the posts of some social accounts gained of one figure in the range: the sum of what each
// reading added since the last one before it, of the same post, that had the figure (the figures are cumulative). The
// first reading that has a figure adds all of it if the post was published since the agency reads the account, or at
// most a day before; else it is a baseline and adds nothing. A reading without the figure adds nothing; the next one
// with it has it all. All that was gained between two readings stands at the later one, however far apart they are:
// posts older than 90 days are read every 30 days, and what a page gained while it was not connected stands where it
// was read again. A page that moves between two clients of an agency goes on where it was: a reading's gain is the
// client's and member's who had the page at its capture. [PostCounts] names the platform metrics.
//
// The comparison is with the previous period (see [Total]), over the social accounts that have the
// figure in both.
type Gain struct {
	Value *int64 `json:"value"` // null when of no reading a gain is known
	// Previous is the gain of the period before, of the accounts that have both; null without any.
	Previous *int64 `json:"previous"`
	// Change is the gain of the same accounts less `previous`; null with `previous`.
	Change *int64 `json:"change"`
	// ChangePct is `change` in per cent of `previous`, with two decimals; null with `previous`, where `previous` is not
	// positive, and where no post of an account was read in more than the first or the last two days of a period.
	ChangePct *float64 `json:"change_pct"`
	// NoBaseline says that there is a `value` and nothing to compare it with.
	NoBaseline bool `json:"no_baseline"`
	// ComparedInPart says that accounts have a gain in one period alone: they are in neither `change` nor `previous`, which
	// compare `previous` plus `change` with `previous`. So does an account of which no post was read in more than the first
	// or the last two days of a period: what its posts gained in them is not in that period's gain.
	ComparedInPart bool `json:"compared_in_part"`
	Accounts       int  `json:"accounts"` // how many social accounts `value` is made of
}

// gain adds up a metric over the social accounts of some platforms.
func (g *postGains) gain(metric string, platforms ...domain.Platform) Gain {
	var values []*metricValue
	for _, account := range g.accounts {
		if !slices.Contains(platforms, account.platform) {
			continue
		}
		cut := account.nowCut || account.beforeCut
		switch now, before := account.now.of(metric).value(), account.before.of(metric).value(); {
		case now != nil:
			values = append(values, &metricValue{
				value: now, compared: now, previous: before, comparedInPart: cut, noPct: cut,
			})
		case before != nil:
			values = append(values, &metricValue{comparedInPart: true})
		}
	}
	t := total(values)
	return Gain{t.Value, t.Previous, t.Change, t.ChangePct, t.NoBaseline, t.ComparedInPart, t.Accounts}
}

// inBuckets adds up the series of some platforms.
func (g *postGains) inBuckets(platforms []domain.Platform) []gainSums {
	sums := make([]gainSums, len(g.buckets))
	for p, series := range g.series {
		if slices.Contains(platforms, p) {
			for i := range series {
				sums[i].add(series[i])
			}
		}
	}
	return sums
}
