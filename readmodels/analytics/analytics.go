package analytics

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Analytics answers the analytics endpoints, a method for each kind.
type Analytics struct {
	// Pool reads; a read-only one will do.
	Pool *pgxpool.Pool
}

// RangeQuery is what the endpoints ask; most ask a part of it.
type RangeQuery struct {
	Range       Range
	Platforms   []domain.Platform // never empty; answers keep their order
	Granularity Granularity       // of series; "" is [ByDay]
	Member      int64             // whose figures alone; 0: everybody's
	Social      int64             // of [Analytics.Stats]: the one social account; 0: all
	Category    int64             // of posts; 0: all
	By          RankBy            // of rankings; "" is [RankByGained]
	Compare     Compare           // what totals and series are compared with
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
	// ComparedFrom is the first instant of the period that the answer is compared with, UTC; absent if it compares nothing.
	ComparedFrom *time.Time `json:"compared_from,omitempty"`
	ComparedTo   *time.Time `json:"compared_to,omitempty"` // first instant after that period, UTC; absent with `compared_from`
	// AsOf is the newest capture time that the answer rests on; null when it rests on none.
	AsOf *time.Time `json:"as_of"`
	// NextDue is when newer figures are to be expected: when the first of these accounts is due next; in the past when
	// it is late. Null when none is expected: the range was over when they were last read, all of them are paused or must be
	// connected again, nothing was read yet, or no fetcher reads them.
	NextDue *time.Time `json:"next_due"`
	// Sources says for every social account in scope what its figures are worth, so that no blank is
	// without a reason; ordered by platform and id. Empty when none is connected: on these platforms, by this
	// member, of this account. Absent with meta=brief.
	Sources []Source `json:"sources,omitzero"`
	// ClientsSee, where dashboard asked for the accounts of a dashboard, says whether its clients see these figures.
	ClientsSee *bool `json:"clients_see,omitempty"`
	// ClientsSeeNot says why they do not: a sentence. Absent when they do.
	ClientsSeeNot string `json:"clients_see_not,omitempty"`
	// Ignored are the names of query parameters that have no effect here, because this endpoint does not take them. Absent
	// if all have one.
	Ignored []string `json:"ignored,omitempty"`
	// RankedBy says what the answer's rankings go by; absent where it has none.
	RankedBy RankBy `json:"ranked_by,omitempty"`
	// Instead offers the other ranking where that may say more; absent where nothing speaks for it.
	Instead *rankingOffer `json:"instead,omitempty"`
	// NextCursor asks for the next page; absent on the last one and on answers without pages.
	NextCursor string `json:"next_cursor,omitempty"`
}
