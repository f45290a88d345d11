package analytics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Analytics answers the analytics endpoints, a method for each kind.
type Analytics struct {
	// Pool reads; a read-only one will do.
	Pool *pgxpool.Pool
	// NextAccountRead and NextPostRead tell in which slot of the fetchers an account, or its posts, are due
	// again that were read at an instant; nil: readings are on no schedule.
	NextAccountRead, NextPostRead func(after time.Time) time.Time
}

// RangeQuery is what the endpoints ask; most ask a part of it.
type RangeQuery struct {
	Range       Range
	Platforms   []domain.Platform // never empty; answers keep their order
	Granularity Granularity       // of series; "" is [ByDay]
	Member      int64             // whose figures alone; 0: everybody's
	Category    int64             // of posts; 0: all
	Page        readmodels.Page
}

// Errors of the queries.
var (
	// ErrMemberNotFound is the one answer for a member that does not exist, one of another agency and one
	// of an account outside of the scope.
	ErrMemberNotFound = domain.NewError(domain.CodeNotFound, "There is no such member. Check the id.")
	// ErrCategoryNotFound answers a category that neither the directory nor any post of the scope knows.
	ErrCategoryNotFound = domain.NewError(domain.CodeNotFound, "There is no such category. Use its number, or 0 for all of them.")
)

// Meta stands beside the data of an analytics answer.
type Meta struct {
	From     time.Time `json:"from"`      // first instant of the range, UTC
	To       time.Time `json:"to"`        // first instant after it, UTC
	TimeZone string    `json:"time_zone"` // IANA name in which days begin
	// Granularity is the length of the parts of the answer's series: day, week (from Monday on) or month. A part that
	// the range cuts has what lies in the range, and the name of its first day, which may lie before the range.
	Granularity Granularity `json:"granularity"`
	// Complete is false while the range has not ended: its figures may still grow, its parts to come are null,
	// and it is compared with as many days before it as have begun of it, today included.
	Complete bool `json:"complete"`
	// AsOf is the newest capture time that the answer rests on; null when it rests on none.
	AsOf *time.Time `json:"as_of"`
	// NextDue is when newer figures are to be expected: the fetchers' next slot in which these accounts are
	// due again after their newest reading; in the past when they are late. Null when none is expected: the
	// range was over when they were last read, all of them must be connected again, nothing was read yet,
	// or readings are on no schedule.
	NextDue *time.Time `json:"next_due"`
	// Sources says for every social account in scope what its figures are worth, so that no blank is
	// without a reason; ordered by platform and id. Empty when none is connected: on these platforms, by this
	// member, of this account.
	Sources []Source `json:"sources"`
	// NextCursor asks for the next page; absent on the last one and on answers without pages.
	NextCursor string `json:"next_cursor,omitempty"`
}

// answering is one answer in the making: one snapshot, and what meta needs to be told.
type answering struct {
	tx    pgx.Tx
	scope readmodels.Scope
	query RangeQuery
	// metrics are those that the answer shows: sources are judged by them, and blank is the reason why
	// a source that is otherwise well shows nothing; "" when nothing was to be shown of it.
	metrics []string
	blank   string
	// uncompared says that the answer shows no previous period, and rests on none of its readings.
	uncompared bool
	// ofPosts says that the answer rests on readings of posts, not of accounts.
	ofPosts bool
	cursor  string // of the next page

	asOf *time.Time
	read map[int64]map[string]bool // social account → metrics that have a figure in the range
	met  map[int64]metAccount      // social accounts with rows; some may have left the scope since
	gaps gaps                      // what figures in the answer lack
	// sources is set by judge, and lastRead: the newest reading of those that can be read.
	sources  []Source
	lastRead time.Time
}

// answer runs build in one snapshot and completes meta. what names the answer in errors.
func (a *Analytics) answer(ctx context.Context, what string, scope readmodels.Scope, query RangeQuery, metrics []string, build func(context.Context, *answering) error) (Meta, error) {
	var made *answering
	err := pg.Snapshot(ctx, a.Pool, func(tx pgx.Tx) error {
		made = &answering{
			tx: tx, scope: scope, query: query, metrics: metrics, blank: nothingRead,
			read: map[int64]map[string]bool{}, met: map[int64]metAccount{},
			gaps: gaps{days: map[metricOf][]byDay{}, words: map[metricOf]string{}},
		}
		if r := query.Range; !r.Now.IsZero() && r.Now.Before(r.From) {
			made.blank = "This range has not begun."
		}
		if err := made.admit(ctx); err != nil {
			return err
		}
		return build(ctx, made)
	})
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return Meta{}, refused
	}
	if err != nil {
		return Meta{}, fmt.Errorf("read %s of agency %s: %w", what, scope.ParentAccount, err)
	}
	r := query.Range
	return Meta{
		From: r.From.UTC(), To: r.To.UTC(), TimeZone: r.Zone.String(), Granularity: cmp.Or(query.Granularity, ByDay), Complete: r.Complete(),
		AsOf: made.asOf, NextDue: made.nextDue(a), Sources: made.sources, NextCursor: made.cursor,
	}, nil
}

// admit refuses a member or a category that the caller does not see.
func (a *answering) admit(ctx context.Context) error {
	if a.query.Member == 0 && a.query.Category == 0 {
		return nil
	}
	var member, category bool
	err := a.tx.QueryRow(ctx, `
		select $3::bigint = 0 or exists (
			select from members m join accounts o on o.id = m.account_id
			where m.id = $3 and (o.parent_account = $1 or o.id = $1) and ($2::text[] is null or m.account_id = any($2))),
		  $4::bigint = 0 or exists (select from tDefaultCategories where id = $4) or exists (
			select from tSPosts where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and c_id = $4) or exists (
			select from tContentPlanner p join accounts o on o.id = p.account_id
			where p.c_id = $4 and (o.parent_account = $1 or o.id = $1) and ($2::text[] is null or p.account_id = any($2)))`,
		a.scope.ParentAccount, a.scope.Accounts, a.query.Member, a.query.Category).Scan(&member, &category)
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

// grouped runs a statement that groups the rows of many accounts. A plan for any parameters expects a single row,
// which it would sort for nothing: it sorts thousands. So the statement is planned anew each time, unless it is
// about one member, whose rows are read faster than planned for.
func (a *answering) grouped(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if a.query.Member == 0 {
		args = slices.Insert(args, 0, any(pgx.QueryExecModeCacheDescribe))
	}
	return a.tx.Query(ctx, sql, args...)
}

// within selects the rows whose column is a sub-account of the scope $2. What does not select anything is no condition
// of the rows, and a single sub-account is one value: so the plan that PostgreSQL keeps for any parameters expects
// as many rows as there are, and nothing is planned again.
func (a *answering) within(column string) string {
	switch {
	case a.scope.Accounts == nil:
		return "$2::text[] is null"
	case len(a.scope.Accounts) == 1:
		return column + " = ($2::text[])[1]"
	default:
		return column + " = any($2::text[])"
	}
}

// nextDue is the slot after the newest reading of the sources that can be read, if it came within the range.
func (a *answering) nextDue(of *Analytics) *time.Time {
	next := of.NextAccountRead
	if a.ofPosts {
		next = of.NextPostRead
	}
	if next == nil || a.lastRead.IsZero() || !a.lastRead.Before(a.query.Range.To) {
		return nil
	}
	return new(next(a.lastRead).UTC())
}

// series cuts the range as the query asks.
func (a *answering) series() []bucket { return a.query.Range.cut(a.query.Granularity) }

// uses notes that the answer rests on a capture.
func (a *answering) uses(at time.Time) {
	if a.asOf == nil || at.After(*a.asOf) {
		a.asOf = &at
	}
}

// shows notes that a metric of a social account has a figure in the range.
func (a *answering) shows(account int64, metric string) {
	if a.read[account] == nil {
		a.read[account] = map[string]bool{}
	}
	a.read[account][metric] = true
}

// accountsOn counts the social accounts on a platform.
func (a *answering) accountsOn(p domain.Platform) int {
	n := 0
	for _, s := range a.sources {
		if s.Platform == p {
			n++
		}
	}
	return n
}

// platformIDs are the platforms of the query as parameters.
func (a *answering) platformIDs() []int16 { return readmodels.PlatformIDs(a.query.Platforms) }

// question is what the posts or members of an answer are listed for.
func (a *answering) question(list string) readmodels.CursorScope {
	q := a.query
	return readmodels.CursorScope{List: list, Scope: a.scope, Filters: []any{q.Range.From.UTC(), q.Range.To.UTC(), q.Range.Zone.String(), q.Platforms, q.Member, q.Category}}
}

// sorted returns the distinct values in order; never nil, so that JSON shows a list.
func sorted[T ~string](values []T) []T {
	out := append([]T{}, values...)
	slices.Sort(out)
	return slices.Compact(out)
}
