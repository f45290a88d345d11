package analytics

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// tally is the sum and the number of figures. Without figures, its value is nil, not 0.
type tally struct{ sum, n int64 } //nolint:recvcheck // value is called on results

func (t *tally) add(u tally) { t.sum, t.n = t.sum+u.sum, t.n+u.n }

func (t *tally) addKnown(v *int64) {
	if v != nil {
		t.add(tally{*v, 1})
	}
}

func (t tally) value() *int64 {
	if t.n == 0 {
		return nil
	}
	return new(t.sum)
}

// gainSums contains sums of the gains of posts.
type gainSums struct {
	readings                       int64 // number of readings, with or without a gain
	likes, comments, shares, views tally
}

func (g *gainSums) add(o gainSums) {
	g.readings += o.readings
	g.likes.add(o.likes)
	g.comments.add(o.comments)
	g.shares.add(o.shares)
	g.views.add(o.views)
}

func (g *gainSums) sumOf(metric string) tally {
	switch metric {
	case domain.MetricLikes:
		return g.likes
	case domain.MetricComments:
		return g.comments
	case domain.MetricShares:
		return g.shares
	case domain.MetricViews:
		return g.views
	default:
		return g.engagement()
	}
}

// engagement is the sum of three parts. It is unknown if none of them is known.
func (g *gainSums) engagement() (sum tally) {
	for _, part := range []tally{g.likes, g.comments, g.shares} {
		sum.add(part)
	}
	return sum
}

// isPartial reports whether the engagement lacks gains of a part: the parts have different numbers
// of gains.
func (g *gainSums) isPartial() bool { return g.likes.n != g.comments.n || g.likes.n != g.shares.n }

// accountGains contains the gains of one social account.
type accountGains struct {
	platform    domain.Platform
	now, before gainSums

	nowCut, beforeCut bool // see [gainRow.readInPart]
}

type postGains struct {
	accounts map[int64]*accountGains
	buckets  []bucket                       // of the range; empty if no series was requested
	series   map[domain.Platform][]gainSums // by bucket
}

func (p *postGains) account(social int64, platform domain.Platform) *accountGains {
	if p.accounts[social] == nil {
		p.accounts[social] = &accountGains{platform: platform}
	}
	return p.accounts[social]
}

func (p *postGains) bucket(platform domain.Platform, i int) *gainSums {
	if p.series[platform] == nil {
		p.series[platform] = make([]gainSums, len(p.buckets))
	}
	return &p.series[platform][i]
}

// gainQuery selects the gains of posts to read. Every requested sum costs time for every row.
type gainQuery struct {
	metrics []string  // engagement includes its parts; the gains of other metrics stay unknown
	from    time.Time // start of the range or of the previous period
	buckets []bucket  // of the series; empty for no series
}

// readGains reads the gains of posts in the range and, if q.from is before it, in the previous
// period.
func readGains(ctx context.Context, qc *queryContext, q gainQuery) (*postGains, error) {
	qc.ofPosts = true
	g := &postGains{accounts: map[int64]*accountGains{}, buckets: q.buckets, series: map[domain.Platform][]gainSums{}}
	const byAccount = `(social_account_id, p_id, current)`
	sets := []gainSets{{"current", byAccount}}
	if len(q.buckets) > 0 {
		sets[0].groupBy += `, (p_id, bucket)`
	}
	if q.from.Before(qc.query.Range.From) {
		sets = append(sets, gainSets{"not current", byAccount})
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

// unreadDays is the longest time without a reading of an account's posts, at the start or end of a
// period, that does not make the period incomplete.
const unreadDays = 48 * time.Hour

// readInPart reports whether no reading exists for more than [unreadDays] at the start or end of
// the elapsed part of a period.
func (g gainRow) readInPart(period Range) bool {
	end := period.To
	if !period.Complete() {
		end = period.Now
	}
	return g.first.Truncate(domain.GainQuarter).Sub(period.From) > unreadDays || end.Sub(*g.last) > unreadDays
}

// bucketOf returns the index of the bucket that contains an instant; -1 before the first.
func bucketOf(at time.Time, buckets []bucket) int {
	return sort.Search(len(buckets), func(i int) bool { return at.Before(buckets[i].From) }) - 1
}

// gainRow contains the gains of a group of readings. Columns that are not in the grouping are nil.
type gainRow struct {
	social      *int64
	account     *string
	platform    domain.Platform
	current     *bool      // in the range; otherwise in the previous period
	bucket      *int       // starts at 1; 0 is the previous period
	first, last *time.Time // captures
	gainSums
}

// span is a half-open interval of time.
type span struct{ begins, ends time.Time }

// spanArrays returns the arrays of an SQL table of spans.
func spanArrays(spans []span) (begins, ends []time.Time) {
	begins, ends = []time.Time{}, []time.Time{}
	for _, s := range spans {
		begins, ends = append(begins, s.begins), append(ends, s.ends)
	}
	return begins, ends
}

// cover divides the time between the first and the last of some instants: whole are the intervals of
// a length, such as UTC days, that contain none of the instants except as their start, and rest is
// what remains. Adjoining intervals are one span.
func cover(length time.Duration, instants ...time.Time) (whole, rest []span) {
	slices.SortFunc(instants, time.Time.Compare)
	add := func(to *[]span, begins, ends time.Time) {
		switch last := len(*to) - 1; {
		case !begins.Before(ends):
		case last >= 0 && (*to)[last].ends.Equal(begins):
			(*to)[last].ends = ends
		default:
			*to = append(*to, span{begins, ends})
		}
	}
	for i := range instants[1:] {
		from, to := instants[i].UTC(), instants[i+1].UTC()
		first, end := from.Add(length-1).Truncate(length), to.Truncate(length)
		if !first.Before(end) {
			add(&rest, from, to)
			continue
		}
		add(&rest, from, first)
		add(&whole, first, end)
		add(&rest, end, to)
	}
	return whole, rest
}

// ownersInScope returns SQL that selects the owners of readings in the scope. Parameters: $1 parent
// account, $2 accounts, $3 platforms, $4 member.
func (q *queryContext) ownersInScope() string {
	return `select id, social_account_id, account_id, member_id, p_id from post_owners
			where parent_account = $1 and p_id = any($3) and ` + q.withinAccounts("account_id") +
		" and " + q.ofMember("member_id")
}

// gainParts returns SQL that selects sums of gains from an instant to the end of the range; the column
// "at" is the start of their interval. They are sums of UTC days, and of quarter hours for days in
// which the range, the previous period or a bucket begins or ends. Parameters: those of
// [queryContext.ownersInScope].
func gainParts(qc *queryContext, platforms []int16, q gainQuery) (sql string, args arguments) {
	args = arguments{qc.scope.ParentAccount, qc.scope.Accounts, platforms, qc.query.Member}
	days, quarters := cover(aDay, append(starts(q.buckets), q.from, qc.query.Range.From, qc.query.Range.To)...)
	sums := func(table string, spans []span) string {
		begins, ends := spanArrays(spans)
		return `
			select o.social_account_id, o.account_id, o.member_id, o.p_id, s.begins as at, s.first_at, s.last_at,
			       s.readings, s.likes, s.likes_n, s.comments, s.comments_n, s.shares, s.shares_n, s.views, s.views_n
			from (` + qc.ownersInScope() + `) o
			cross join unnest(` + args.add(begins, "timestamptz[]") + ", " + args.add(ends, "timestamptz[]") + `)
				as k(begins, ends)
			cross join lateral (
				select * from ` + table + ` s where s.owner = o.id and s.begins >= k.begins and s.begins < k.ends
				offset 0) s`
	}
	if sql = sums("post_days", days); len(quarters) > 0 {
		sql += `
			union all` + sums("post_quarters", quarters)
	}
	return sql, args
}

// gainSets contains grouping sets over social_account_id, account_id, p_id, current and bucket, and
// a condition for readings.
type gainSets struct{ where, groupBy string }

func gainRows(
	ctx context.Context, qc *queryContext, platforms []int16, q gainQuery, sets ...gainSets,
) ([]gainRow, error) {
	parts, args := gainParts(qc, platforms, q)
	var sums []string
	for _, s := range sets {
		sums = append(sums, `
		select `+groupedBy(s.groupBy)+`, min(first_at), max(last_at), sum_bigint(readings), `+sumsOf(q.metrics)+`
		from part where `+s.where+`
		group by grouping sets (`+s.groupBy+`)`)
	}
	rows, _ := qc.queryGrouped(ctx, `
		with part as not materialized (
			select g.*, at >= `+args.add(qc.query.Range.From, "timestamptz")+` as current, width_bucket(at, `+args.add(starts(q.buckets), "timestamptz[]")+`) as bucket
			from (`+parts+`) g
		)`+strings.Join(sums, `
		union all`), args...)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r gainRow, err error) {
		err = row.Scan(&r.social, &r.account, &r.platform, &r.current, &r.bucket, &r.first, &r.last, &r.readings,
			&r.likes.sum, &r.likes.n, &r.comments.sum, &r.comments.n, &r.shares.sum, &r.shares.n,
			&r.views.sum, &r.views.n)
		return r, err
	})
	return list, pg.Wrap("read gains of posts", err)
}

// groupedBy returns SQL that selects the columns that are in a grouping set, and null for the
// others.
func groupedBy(sets string) string {
	grouping := strings.FieldsFunc(sets, func(r rune) bool { return strings.ContainsRune("(), ", r) })
	var cols []string
	for _, c := range []struct{ name, kind string }{
		{"social_account_id", "bigint"},
		{"account_id", "text"},
		{"p_id", "smallint"},
		{"current", "boolean"},
		{"bucket", "integer"},
	} {
		if slices.Contains(grouping, c.name) {
			cols = append(cols, c.name)
		} else {
			cols = append(cols, "null::"+c.kind) // without a type, pgx would try every conversion for every row
		}
	}
	return strings.Join(cols, ", ")
}

// sumsOf returns SQL that selects the sums of some metrics, and 0 for the others, in the order of
// [gainSums].
func sumsOf(metrics []string) string {
	var cols []string
	for _, figure := range shownFigures {
		isPart := figure != domain.MetricViews && slices.Contains(metrics, domain.MetricEngagement)
		for _, name := range []string{figure, figure + "_n"} {
			if isPart || slices.Contains(metrics, figure) {
				cols = append(cols, "sum_bigint("+name+")")
			} else {
				cols = append(cols, "0::bigint")
			}
		}
	}
	return strings.Join(cols, ", ")
}

// shownFigures are the figures of posts that are summed by owner.
var shownFigures = []string{domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricViews}

// Gain is the increase of a figure in the range, over the posts of a set of social accounts. Each
// reading adds the difference from the previous reading of the same post that had the figure,
// however old that reading is. The first reading with the figure adds the whole figure if the post
// was published after the agency began to read the account, or at most one day before; otherwise it
// is a baseline and adds nothing. If a page moves to another client of the agency, or back, the first
// reading there with the figure is always a baseline.
//
// A gain is counted at the time of the later reading. Posts older than 90 days are read every 30
// days, and gains of a page that was disconnected are counted when it is read again. A gain belongs to
// the client and member that owned the page at the reading. [PostCounts] names the platform metrics.
//
// The comparison is with the previous period (see [Total]), over the social accounts that have the
// figure in both periods.
type Gain struct {
	Value *int64 `json:"value"` // the value. Null if no gain is known.
	// Previous is the gain in the previous period of the accounts that have a gain in both periods;
	// null if there are no such accounts.
	Previous *int64 `json:"previous"`
	// Change is the gain of the same accounts in the range minus `previous`; null if `previous` is
	// null.
	Change *int64 `json:"change"`
	// ChangePct is `change` as a percentage of `previous`, rounded to two decimal places. Null if
	// `previous` is null or not positive, or if, for some account, no post was read for more than
	// two days at the start or end of a period.
	ChangePct *float64 `json:"change_pct"`
	// Note is like `note` of [Total], but never gap. With part, some accounts have a gain in only
	// one period and are excluded from `change` and `previous`, or, for some account, no post was
	// read for more than two days at the start or end of a period, so that gains of those days are
	// missing.
	Note     TotalNote `json:"note"`
	Accounts int       `json:"accounts"` // number of social accounts in `value`
}

func (p *postGains) gain(metric string, platforms ...domain.Platform) Gain {
	var values []*metricValue
	for _, account := range p.accounts {
		if !slices.Contains(platforms, account.platform) {
			continue
		}
		incomplete := account.nowCut || account.beforeCut
		switch now, before := account.now.sumOf(metric).value(), account.before.sumOf(metric).value(); {
		case now != nil:
			values = append(values, &metricValue{
				value: now, compared: now, previous: before, comparedInPart: incomplete, noPct: incomplete,
			})
		case before != nil:
			values = append(values, &metricValue{comparedInPart: true})
		}
	}
	t := total(values)
	return Gain{t.Value, t.Previous, t.Change, t.ChangePct, t.Note, t.Accounts}
}

func (p *postGains) inBuckets(platforms []domain.Platform) []gainSums {
	sums := make([]gainSums, len(p.buckets))
	for platform, series := range p.series {
		if slices.Contains(platforms, platform) {
			for i := range series {
				sums[i].add(series[i])
			}
		}
	}
	return sums
}
