package analytics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// queryContext is what one answer is made with: its snapshot, its query, and what it collects for meta.
type queryContext struct {
	tx    pgx.Tx
	scope readmodels.Scope
	query RangeQuery
	// metrics are those that the answer shows: the status of a source goes by them. blank says why a source that is
	// otherwise well shows nothing; "" when there was nothing to show.
	metrics []string
	blank   string
	// compared is the period that the answer is compared with; uncompared says that it shows none, and rests on none of its
	// readings.
	compared   Range
	uncompared bool
	// totals says that the answer has totals, which are compared whether or not the query says with what.
	totals bool
	// byAccount says that the answer tells apart whose of the sub-accounts a figure is.
	byAccount bool
	// ofPosts says that the answer rests on readings of posts, not of accounts.
	ofPosts bool
	cursor  string // of the next page
	// rankedBy and instead are what meta says of rankings.
	rankedBy RankBy
	instead  *rankingOffer

	asOf        *time.Time
	metricsRead map[int64]map[string]*metricRead // social account → metrics that have a figure in the range
	accounts    map[int64]knownAccount           // social accounts with rows; some may have left the scope since
	// classifySources sets sources, and lastRead: the newest reading of those that can be read.
	sources  []Source
	lastRead time.Time
	// nextDue is when the first of those is read next.
	nextDue *time.Time
}

// answer runs build in one snapshot, which fills the data in, and completes meta. what names the answer in errors.
func answer[D any](
	ctx context.Context, a *Analytics, what string, scope readmodels.Scope, query RangeQuery, metrics []string,
	build func(context.Context, *queryContext, *D) error,
) (data D, meta Meta, err error) {
	var made *queryContext
	err = pg.Snapshot(ctx, a.Pool, func(tx pgx.Tx) error {
		made = &queryContext{
			tx: tx, scope: scope, query: query, metrics: metrics, blank: nothingRead,
			metricsRead: map[int64]map[string]*metricRead{}, accounts: map[int64]knownAccount{},
			compared: query.Range.Compared(query.Compare), uncompared: query.Compare == CompareNone,
		}
		if r := query.Range; !r.Now.IsZero() && r.Now.Before(r.From) {
			made.blank = "This range has not begun."
		}
		if err := made.checkFilters(ctx); err != nil {
			return err
		}
		return build(ctx, made, &data)
	})
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return data, Meta{}, refused
	}
	if err != nil {
		return data, Meta{}, fmt.Errorf("read %s of agency %s: %w", what, scope.ParentAccount, err)
	}
	r := query.Range
	meta = Meta{
		From: r.From.UTC(), To: r.To.UTC(), TimeZone: r.Zone.String(), Granularity: cmp.Or(query.Granularity, ByDay), Complete: r.Complete(),
		AsOf: made.asOf, NextDue: made.expected(), Sources: made.sources, RankedBy: made.rankedBy, Instead: made.instead,
		NextCursor: made.cursor,
	}
	if query.seriesCompared() || made.totals && !made.uncompared {
		meta.ComparedFrom, meta.ComparedTo = new(made.compared.From.UTC()), new(made.compared.To.UTC())
	}
	return data, meta, nil
}

// checkFilters refuses a member or a category that the caller does not see.
func (qc *queryContext) checkFilters(ctx context.Context) error {
	if qc.query.Member == 0 && qc.query.Category == 0 {
		return nil
	}
	var member, category bool
	err := qc.tx.QueryRow(ctx, `
		select $3::bigint = 0 or exists (
			select from members m join accounts o on o.id = m.account_id
			where m.id = $3 and (o.parent_account = $1 or o.id = $1) and ($2::text[] is null or m.account_id = any($2))),
		  $4::bigint = 0 or exists (select from tDefaultCategories where id = $4) or exists (
			select from tSPosts where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and c_id = $4) or exists (
			select from tContentPlanner p join accounts o on o.id = p.account_id
			where p.c_id = $4 and (o.parent_account = $1 or o.id = $1) and ($2::text[] is null or p.account_id = any($2)))`,
		qc.scope.ParentAccount, qc.scope.Accounts, qc.query.Member, qc.query.Category).Scan(&member, &category)
	switch {
	case err != nil:
		return fmt.Errorf("look for member and category: %w", err)
	case !member:
		return ErrMemberNotFound
	case !category:
		return ErrCategoryNotFound
	default:
		return nil
	}
}

// queryGrouped runs a statement that groups the rows of many accounts. A plan for any parameters expects a single row,
// which it would sort for nothing: it sorts thousands. So the statement is planned anew each time, unless it is
// about one member, whose rows are read faster than planned for.
func (qc *queryContext) queryGrouped(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if qc.query.Member == 0 {
		args = slices.Insert(args, 0, any(pgx.QueryExecModeCacheDescribe))
	}
	return qc.tx.Query(ctx, sql, args...)
}

// arguments are those of a statement that is put together from parts.
type arguments []any

// add adds one, and returns how the statement names it.
func (a *arguments) add(v any, kind string) string {
	*a = append(*a, v)
	return fmt.Sprintf("$%d::%s", len(*a), kind)
}

// within selects the rows whose column is a sub-account of the scope $2. It emits a predicate only when there is something
// to filter, and compares a single sub-account as one value. So the plan that PostgreSQL keeps for any parameters
// expects as many rows as there are, and PostgreSQL plans nothing again.
func (qc *queryContext) within(column string) string {
	switch {
	case qc.scope.Accounts == nil:
		return "$2::text[] is null"
	case len(qc.scope.Accounts) == 1:
		return column + " = ($2::text[])[1]"
	default:
		return column + " = any($2::text[])"
	}
}

// expected is when newer figures are to be expected: when a source is read next, if its newest reading came within the range.
func (qc *queryContext) expected() *time.Time {
	if qc.lastRead.IsZero() || !qc.lastRead.Before(qc.query.Range.To) {
		return nil
	}
	return qc.nextDue
}

// buckets are the parts of the range that the query asks for.
func (q RangeQuery) buckets() []bucket { return q.Range.cut(q.Granularity) }

// noteCapture notes that the answer rests on a capture, if there is one.
func (qc *queryContext) noteCapture(at *time.Time) {
	if at != nil && (qc.asOf == nil || at.After(*qc.asOf)) {
		qc.asOf = new(*at)
	}
}

// metricRead is what was read of a metric of a social account in the range.
type metricRead struct {
	days []byDay    // the day flows: several where sub-accounts are kept apart
	gap  string     // what else it lacks
	last *time.Time // its newest reading in the range; nil: it is read from days that were read later
}

// noteRead notes that something of a social account, or its posts, was read in the range.
func (qc *queryContext) noteRead(account int64) map[string]*metricRead {
	if qc.metricsRead[account] == nil {
		qc.metricsRead[account] = map[string]*metricRead{}
	}
	return qc.metricsRead[account]
}

// noteMetric notes that a metric of a social account has a figure in the range.
func (qc *queryContext) noteMetric(account int64, metric string) *metricRead {
	metrics := qc.noteRead(account)
	if metrics[metric] == nil {
		metrics[metric] = &metricRead{}
	}
	return metrics[metric]
}

// noteAccount notes a social account that has rows.
func (qc *queryContext) noteAccount(social int64, account string, platform domain.Platform, at time.Time) {
	if known, ok := qc.accounts[social]; !ok || at.After(known.at) {
		qc.accounts[social] = knownAccount{account, platform, at}
	}
}

// ofMember selects the rows whose column is the member $4. It emits a predicate only when there is something to filter.
func (qc *queryContext) ofMember(column string) string {
	if qc.query.Member == 0 {
		return "$4::bigint = 0"
	}
	return column + " = $4::bigint"
}

// accountsOn counts the social accounts on some platforms.
func (qc *queryContext) accountsOn(platforms ...domain.Platform) int {
	n := 0
	for _, s := range qc.sources {
		if slices.Contains(platforms, s.Platform) {
			n++
		}
	}
	return n
}

// forEach scans every row into dest and calls each. what says in errors what the query does.
func forEach(rows pgx.Rows, what string, dest []any, each func()) error {
	_, err := pgx.ForEachRow(rows, dest, func() error {
		each()
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// platformIDs are the platforms of the query as parameters.
func (qc *queryContext) platformIDs() []int16 { return readmodels.PlatformIDs(qc.query.Platforms) }

// cursorScope is what the cursors of one list of this answer belong to.
func (qc *queryContext) cursorScope(list string) readmodels.CursorScope {
	q := qc.query
	filters := []any{q.Range.From.UTC(), q.Range.To.UTC(), q.Range.Zone.String(), q.Platforms, q.Member, q.Category}
	return readmodels.CursorScope{List: list, Scope: qc.scope, Filters: filters}
}

// sorted returns the distinct values in order; never nil, so that JSON shows a list.
func sorted[T ~string](values []T) []T {
	out := append([]T{}, values...)
	slices.Sort(out)
	return slices.Compact(out)
}
