package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// queryContext is the state of one response: its snapshot, its query and the data collected for
// [Meta].
type queryContext struct {
	tx      pgx.Tx
	scope   readmodels.Scope
	query   RangeQuery
	metrics []string // metrics in the response; they determine the status of a source
	// reason if a source without problems has no figures; "" if the response shows no readings
	blank      domain.StatusCode
	compared   Range // the period that the response is compared with
	uncompared bool  // the response uses no readings of that period
	totals     bool  // the response has totals, which are compared even without the parameter compare
	ofPosts    bool  // the response uses readings of posts instead of accounts

	cursor   string // see [Meta], also for the next three
	rankedBy RankBy
	instead  *rankingOffer
	asOf     *time.Time
	// by social account: metrics that have a figure in the range
	metricsRead map[int64]map[string]*metricRead
	accounts    map[int64]knownAccount // social accounts with rows; some may have left the scope

	sources []Source
	nextDue *time.Time // the next reading of sources that were not read after the range
}

// answer builds a response in one snapshot and returns its [Meta]. what names the response in
// errors.
func (a *Analytics) answer(
	ctx context.Context, what string, scope readmodels.Scope, query RangeQuery, metrics []string,
	build func(*queryContext) error,
) (Meta, error) {
	query.Range = query.Range.quarters()
	r := query.Range
	qc := &queryContext{
		scope: scope, query: query, metrics: metrics, blank: domain.StatusNothingRead,
		metricsRead: map[int64]map[string]*metricRead{}, accounts: map[int64]knownAccount{},
		compared: r.Compared(query.Compare), uncompared: query.Compare == CompareNone,
	}
	if !r.Now.IsZero() && r.Now.Before(r.From) {
		qc.blank = domain.StatusRangeNotBegun
	}
	err := pg.Snapshot(ctx, a.Pool, func(tx pgx.Tx) error {
		qc.tx = tx
		if query.Member != 0 || query.Category != 0 {
			if err := qc.checkFilters(ctx); err != nil {
				return err
			}
		}
		return build(qc)
	})
	if err != nil {
		return Meta{}, fmt.Errorf("read %s of agency %s: %w", what, scope.ParentAccount, err)
	}
	meta := Meta{
		From: r.From.UTC(), To: r.To.UTC(), TimeZone: r.Zone.String(),
		Granularity: cmp.Or(query.Granularity, ByDay), Complete: r.Complete(),
		AsOf: qc.asOf, NextDue: qc.nextDue, Sources: qc.sources, RankedBy: qc.rankedBy, Instead: qc.instead,
		NextCursor: qc.cursor,
	}
	if query.seriesCompared() || qc.totals && !qc.uncompared {
		meta.ComparedFrom, meta.ComparedTo = new(qc.compared.From.UTC()), new(qc.compared.To.UTC())
	}
	return meta, nil
}

// checkFilters returns an error for a member or category that the caller cannot see.
func (q *queryContext) checkFilters(ctx context.Context) error {
	var member, category bool
	err := q.tx.QueryRow(ctx, `
		select $3::bigint = 0 or exists (
			select from members m join accounts o on o.id = m.account_id
			where m.id = $3 and (o.parent_account = $1 or o.id = $1)
			  and ($2::text[] is null or m.account_id = any($2))),
		  $4::bigint = 0 or exists (select from tDefaultCategories where id = $4) or exists (
			select from tSPosts where parent_account = $1 and ($2::text[] is null or account_id = any($2))
			  and c_id = $4) or exists (
			select from tContentPlanner p join accounts o on o.id = p.account_id
			where p.c_id = $4 and (o.parent_account = $1 or o.id = $1)
			  and ($2::text[] is null or p.account_id = any($2)))`,
		q.scope.ParentAccount, q.scope.Accounts, q.query.Member, q.query.Category).Scan(&member, &category)
	switch {
	case err != nil:
		return fmt.Errorf("look up member and category: %w", err)
	case !member:
		return ErrMemberNotFound
	case !category:
		return ErrCategoryNotFound
	default:
		return nil
	}
}

// queryGrouped runs a statement that groups the rows of many accounts. A generic plan expects one
// row and sorts thousands needlessly, so the statement is planned for each run. The rows of a
// single member, however, are read faster than the statement would be planned.
func (q *queryContext) queryGrouped(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if q.query.Member == 0 {
		args = slices.Insert(args, 0, any(pgx.QueryExecModeCacheDescribe))
	}
	return q.tx.Query(ctx, sql, args...)
}

type arguments []any

// add appends an argument and returns its placeholder.
func (a *arguments) add(v any, kind string) string {
	*a = append(*a, v)
	return fmt.Sprintf("$%d::%s", len(*a), kind)
}

// withinAccounts selects the rows whose column is a sub-account in the scope $2. So that a generic
// plan expects the right number of rows, there is no predicate if there is nothing to filter, and a
// single sub-account is compared as a value.
func (q *queryContext) withinAccounts(column string) string {
	switch {
	case q.scope.Accounts == nil:
		return "$2::text[] is null"
	case len(q.scope.Accounts) == 1:
		return column + " = ($2::text[])[1]"
	default:
		return column + " = any($2::text[])"
	}
}

// noteCapture ignores nil.
func (q *queryContext) noteCapture(at *time.Time) {
	if at != nil && (q.asOf == nil || at.After(*q.asOf)) {
		q.asOf = new(*at)
	}
}

// metricRead describes the values of a metric of a social account that were read in the range.
type metricRead struct {
	days []dayLabels         // the day flows; several if figures are separated by sub-account
	gap  domain.StatusReason // other missing data; without a code if nothing else is missing
	// newest reading in the range; nil if the figure comes from days that were read later
	last *time.Time
}

// noteRead records that a social account or its posts were read in the range.
func (q *queryContext) noteRead(account int64) map[string]*metricRead {
	if q.metricsRead[account] == nil {
		q.metricsRead[account] = map[string]*metricRead{}
	}
	return q.metricsRead[account]
}

// noteMetric records that a metric of a social account has a figure in the range.
func (q *queryContext) noteMetric(account int64, metric string) *metricRead {
	metrics := q.noteRead(account)
	if metrics[metric] == nil {
		metrics[metric] = &metricRead{}
	}
	return metrics[metric]
}

func (q *queryContext) noteAccount(social int64, account string, platform domain.Platform, at time.Time) {
	if known, ok := q.accounts[social]; !ok || at.After(known.at) {
		q.accounts[social] = knownAccount{account, platform, at}
	}
}

// ofMember selects the rows whose column is the member $4.
func (q *queryContext) ofMember(column string) string {
	if q.query.Member == 0 {
		return "$4::bigint = 0"
	}
	return column + " = $4::bigint"
}

// accountsOn counts the social accounts on some platforms.
func (q *queryContext) accountsOn(platforms ...domain.Platform) int {
	n := 0
	for _, s := range q.sources {
		if slices.Contains(platforms, s.Platform) {
			n++
		}
	}
	return n
}

// forEach scans every row into dest and calls each. what names the query in errors.
func forEach(rows pgx.Rows, what string, dest []any, each func()) error {
	_, err := pgx.ForEachRow(rows, dest, func() error {
		each()
		return nil
	})
	return pg.Wrap(what, err)
}

func (q *queryContext) platformIDs() []int16 { return readmodels.PlatformIDs(q.query.Platforms) }

// cursorScope returns the scope of the cursors of a list: the whole query without the page.
func (q *queryContext) cursorScope(list string) readmodels.CursorScope {
	query := q.query
	query.Page = readmodels.Page{}
	query.Range = Range{From: query.Range.From.UTC(), To: query.Range.To.UTC()}
	return readmodels.CursorScope{List: list, Scope: q.scope, Filters: []any{query, q.query.Range.Zone.String()}}
}

// sortedUnique returns the distinct values in order. The result is never nil, so that JSON has an
// array.
func sortedUnique[T ~string](values []T) []T {
	out := append([]T{}, values...)
	slices.Sort(out)
	return slices.Compact(out)
}
