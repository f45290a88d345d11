package readmodels

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Analytics answers the analytics endpoints, a method and a file for each.
type Analytics struct {
	// Pool reads; a read-only one will do.
	Pool *pgxpool.Pool
}

// RangeQuery is what the endpoints with a range and a platform ask.
type RangeQuery struct {
	Range     Range
	Platforms []domain.Platform // never empty; answers keep their order
}

// Meta stands beside the data of an analytics answer.
type Meta struct {
	From     time.Time `json:"from"`      // first instant of the range, UTC
	To       time.Time `json:"to"`        // first instant after it, UTC
	TimeZone string    `json:"time_zone"` // IANA name in which days begin
	// AsOf is the newest capture time that the answer rests on; null when it rests on none.
	AsOf *time.Time `json:"as_of"`
	// Sources says for every social account in scope what its figures are worth, so that no blank is
	// without a reason; ordered by platform and id.
	Sources []Source `json:"sources"`
	// NextCursor asks for the next page; absent on the last one and on answers without pages.
	NextCursor string `json:"next_cursor,omitempty"`
}

// PlatformRef names a platform.
type PlatformRef struct {
	Platform     domain.Platform `json:"p_id"`
	PlatformName string          `json:"platform"` // facebook, instagram, linkedin, tiktok
}

func platformRef(p domain.Platform) PlatformRef {
	return PlatformRef{Platform: p, PlatformName: p.String()}
}

// answering is one answer in the making: one snapshot, and what meta needs to be told.
type answering struct {
	tx    pgx.Tx
	scope Scope
	query RangeQuery
	// metrics are those that the answer shows: sources are judged by them, and blank is the reason why
	// a source that is otherwise well shows nothing.
	metrics []string
	blank   string

	asOf *time.Time
	read map[int64]map[string]bool // social account → metrics that have a figure in the range
	met  map[int64]metAccount      // social accounts with rows; some may have left the scope since
	// sources is set by judge.
	sources []Source
}

// answer runs build in one snapshot and completes meta. what names the answer in errors.
func (a *Analytics) answer(ctx context.Context, what string, scope Scope, query RangeQuery, metrics []string, build func(context.Context, *answering) error) (Meta, error) {
	var made *answering
	err := pg.Snapshot(ctx, a.Pool, func(tx pgx.Tx) error {
		made = &answering{
			tx: tx, scope: scope, query: query, metrics: metrics, blank: "Nothing of it was read in this range.",
			read: map[int64]map[string]bool{}, met: map[int64]metAccount{},
		}
		return build(ctx, made)
	})
	if err != nil {
		return Meta{}, fmt.Errorf("read %s of agency %s: %w", what, scope.ParentAccount, err)
	}
	r := query.Range
	return Meta{
		From: r.From.UTC(), To: r.To.UTC(), TimeZone: r.Zone.String(), AsOf: made.asOf, Sources: made.sources,
	}, nil
}

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
func (a *answering) platformIDs() []int16 {
	ids := make([]int16, len(a.query.Platforms))
	for i, p := range a.query.Platforms {
		ids[i] = int16(p)
	}
	return ids
}

// sorted returns the distinct values in order; never nil, so that JSON shows a list.
func sorted[T ~string](values []T) []T {
	out := append([]T{}, values...)
	slices.Sort(out)
	return slices.Compact(out)
}
