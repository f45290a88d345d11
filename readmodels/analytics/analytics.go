package analytics

import (
	"time"

	"github.com/ledgerboard/ledgerboard/internal/pg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Analytics answers the analytics endpoints, a method for each kind.
type Analytics struct {
	// Pool reads; a read-only one will do.
	Pool pg.Reader
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
