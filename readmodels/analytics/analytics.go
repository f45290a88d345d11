package analytics

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Analytics serves the analytics endpoints. Endpoints with the same response share a method.
type Analytics struct {
	// Pool can be read-only.
	Pool *pgxpool.Pool
}

// RangeQuery is the query of an analytics endpoint. Most endpoints use only some of its fields.
type RangeQuery struct {
	Range       Range
	Platforms   []domain.Platform // never empty; responses keep this order
	Granularity Granularity       // of series; "" means [ByDay]
	Member      int64             // limits figures to one member; 0 for all
	// [Analytics.Stats] only: limits figures to one social account; 0 for all
	Social   int64
	Category int64   // limits posts to one category; 0 for all
	By       RankBy  // of rankings; "" means [RankByGained]
	Compare  Compare // comparison of totals and series
	Page     readmodels.Page
}

// Errors of the queries.
var (
	// ErrMemberNotFound is returned for a member that does not exist, belongs to another agency, or
	// belongs to an account outside the scope.
	ErrMemberNotFound = domain.NewError(domain.CodeNotFound, "There is no such member. Check the id.")
	// ErrCategoryNotFound is returned for a category that is neither in the directory nor used by a
	// post in scope.
	ErrCategoryNotFound = domain.NewError(domain.CodeNotFound,
		"There is no such category. Check the number, or use 0 for all categories.")
)

// Meta describes the data of an analytics response.
type Meta struct {
	From     time.Time `json:"from"`      // first instant of the range, UTC
	To       time.Time `json:"to"`        // end of the range, exclusive, UTC
	TimeZone string    `json:"time_zone"` // IANA name of the zone in which days begin
	// Granularity is the length of the intervals in series: day, week (from Monday) or month. If an
	// interval is only partly in the range, its entry covers that part, and is labeled with the
	// interval's first day, which can be before the range.
	Granularity Granularity `json:"granularity"`
	// Complete is false while the range has not ended. The figures can still grow, future intervals
	// are null, and the comparison covers as many days as have begun in the range, including today.
	Complete bool `json:"complete"`
	// ComparedFrom is the first instant of the compared period, UTC; absent if nothing is compared.
	ComparedFrom *time.Time `json:"compared_from,omitempty"`
	// end of the compared period, exclusive, UTC; absent if `compared_from` is absent
	ComparedTo *time.Time `json:"compared_to,omitempty"`
	// AsOf is the newest capture time in the response; null if the response uses no readings.
	AsOf *time.Time `json:"as_of"`
	// NextDue is when newer figures are expected: the next scheduled reading of any of these
	// accounts. It is in the past if that reading is late. Null if none is expected: the accounts
	// were read after the end of the range, all of them are paused or must be connected again,
	// nothing was read yet, or no fetcher reads them.
	NextDue *time.Time `json:"next_due"`
	// Sources says for every social account in scope how complete its figures are, so that every
	// missing figure has a reason. Ordered by platform and id. Empty if the scope, the requested
	// platforms and the member have no social account in common. Absent with meta=brief.
	Sources []Source `json:"sources,omitzero"`
	// ClientsSee says whether the clients of a dashboard can see these figures. Present only with
	// the parameter dashboard.
	ClientsSee *bool `json:"clients_see,omitempty"`
	// ClientsSeeNot is a sentence that says why clients cannot see the figures. Absent if they can.
	ClientsSeeNot string `json:"clients_see_not,omitempty"`
	// Ignored lists the query parameters that were ignored because this endpoint does not support
	// them. Absent if there were none.
	Ignored []string `json:"ignored,omitempty"`
	// RankedBy is the measure of the rankings in the response; absent if there are no rankings.
	RankedBy RankBy `json:"ranked_by,omitempty"`
	// Instead suggests the other ranking if that may be more informative; absent otherwise.
	Instead *rankingOffer `json:"instead,omitempty"`
	// NextCursor is the cursor of the next page; absent on the last page and on responses without
	// pages.
	NextCursor string `json:"next_cursor,omitempty"`
}
