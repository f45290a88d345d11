package api

import (
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// Parts of the inputs of auditors.
type (
	// Edges are the ends of a range of the history, which may have none.
	Edges struct {
		// Start of the range: YYYY-MM-DD, RFC 3339, or Unix seconds or milliseconds.
		From Time `param:"from" default:"unbounded" example:"2026-01-01"`
		// End of the range: YYYY-MM-DD, RFC 3339, or Unix seconds or milliseconds.
		To Time `param:"to" default:"unbounded" example:"2026-01-31"`
		DayZone

		from, to history.Moment
	}
	// Between are two points in the history.
	Between struct {
		// The earlier point in the history: a version (v12, or a number below 100,000,000) or a time.
		From Moment `param:"from" required:"true" example:"2026-01-01"`
		// The later point in the history: a version (v12, or a number below 100,000,000) or a time.
		To Moment `param:"to" default:"now" example:"2026-01-31"`
		DayZone

		from, to history.Moment
	}
	// Instant is one point in the history.
	Instant struct {
		// The instant: YYYY-MM-DD (its end), RFC 3339, or Unix seconds or milliseconds.
		At      Moment  `param:"at" default:"now"`
		Version Version `param:"version"` // Version of the history, instead of at.
		DayZone

		at history.Moment
	}
	// ChangeFilter selects changes of the history.
	ChangeFilter struct {
		// Types of changes, separated by commas: short names (accounts_linked) or full names.
		Types Changes `param:"type"`
		ByActor
		// Only changes that affect what this user can see: changes to a list that contains the user, and
		// to the state, scopes or linked accounts of that list's dashboards. A user's id (24 hex digits)
		// or part of a name.
		User    Person `param:"user"`
		Account HexID  `param:"account" example:"c10000000000000000000001"` // Only changes to this account's links: 24 hex digits.
		// Only changes where this text is part of a name: of the actor, of a user whose access changed,
		// or of the client. Names are those in the current directory.
		Named string `param:"q"`
		Range Edges
	}
	// ByActor limits a list to the entries of an actor.
	ByActor struct {
		// Only entries of this actor: a user's id (24 hex digits), part of a person's name, or a system
		// name such as system:fetcher.
		Actor Person `param:"actor"`
	}
	// OnlyDashboard limits a list to one dashboard.
	OnlyDashboard struct {
		Dashboard HexID `param:"dashboard"` // Only the dashboard of this sub-account: 24 hex digits.
	}
	// Export is the form of a file, and where it continues.
	Export struct {
		// Format of the file: csv, jsonl, or xlsx, a workbook for people with typed cells and times in the
		// time zone of the request.
		Format string `param:"format" required:"true" words:"csv jsonl xlsx" wrong:"is not a format: use csv, jsonl or xlsx" example:"csv"`
		After

		zone *time.Location // of times in a workbook
	}
	// SpanFilter selects who had access.
	SpanFilter struct { //nolint:recvcheck // only decoding changes it
		// The instant: YYYY-MM-DD (its end), RFC 3339, Unix seconds or milliseconds, or a version (v12, or
		// a number below 100,000,000). Cannot be combined with from and to.
		At    Moment `param:"at" default:"now"`
		Range Edges
		User  HexID `param:"user_id" default:"all users" example:"a11ce0000000000000000000"` // Only this user: 24 hex digits.
		OnlyDashboard
		// Primary sort key of the entries.
		By string `param:"by" words:"dashboard user" default:"dashboard" wrong:"is not a sort key: use dashboard or user" example:"user"`

		at history.Moment
	}
)

// maxVersionNumber distinguishes versions from Unix seconds where both are allowed: smaller numbers
// are versions. As seconds, they would be before 1973, when there were no dashboards.
const maxVersionNumber = 100_000_000

const spansByUser = "user"

func (e *Edges) check(d *decoder) {
	zone, before := e.Zone.Location(), d.bad.Count
	if e.From != "" {
		e.from.Time = d.instant("from", string(e.From), zone, 0)
	}
	if e.To != "" {
		e.to.Time = d.instant("to", string(e.To), zone, 1)
	}
	if d.bad.Count == before && !e.to.IsZero() && e.from.Time.After(e.to.Time) {
		d.bad.Addf("from", "must not be after to")
	}
}

func (b *Between) check(d *decoder) {
	b.from, b.to = d.moment("from", b.From, b.Zone, true), d.moment("to", b.To, b.Zone, false)
}

func (i *Instant) check(d *decoder) {
	if i.At != "" && i.Version != 0 {
		d.bad.Addf("version", "cannot be combined with at: send one of them")
	}
	if i.at = d.moment("at", i.At, i.Zone, false); i.Version != 0 {
		i.at = history.Moment{Version: int64(i.Version)}
	}
}

func (e *Export) check(d *decoder) {
	if (e.Format == formatCSV || e.Format == formatJSONL) && !d.r.ProtoAtLeast(1, 1) {
		d.bad.Addf("format", "csv and jsonl need HTTP/1.1, because HTTP/1.0 cannot tell that a file was cut off: use xlsx, or let the proxy use HTTP/1.1")
	}
}

func (s *SpanFilter) check(d *decoder) {
	if s.at = d.moment("at", s.At, s.Range.Zone, false); s.at != (history.Moment{}) && (!s.Range.from.IsZero() || !s.Range.to.IsZero()) {
		d.bad.Addf("at", "cannot be combined with from or to: send the instant or the range")
	}
}

// moment returns a point in the history: a version ("v12", or a number below 100,000,000) or an
// instant. A day means its end or, at the start of a range, the end of the previous day.
func (d *decoder) moment(name string, given Moment, in Zone, beginsRange bool) history.Moment {
	text, zone := string(given), in.Location()
	if text == "" {
		return history.Moment{}
	}
	number, marked := strings.CutPrefix(text, "v")
	version, ok := plainNumber(number)
	switch {
	case ok && version == 0:
		return history.Moment{Time: time.Unix(0, 0).UTC()} // before the first version
	case ok && (marked || version < maxVersionNumber):
		return history.Moment{Version: version}
	case marked:
		d.bad.Addf(name, "is not a version: use v and a number, such as v12")
		return history.Moment{}
	}
	dayOffset := 1
	if beginsRange {
		dayOffset = 0
	}
	at := d.instant(name, text, zone, dayOffset)
	if begins, _ := parseInstant(text, zone, 0); begins.After(d.now) {
		d.bad.Addf(name, "is in the future: use a time up to now")
	}
	if _, err := time.Parse(time.DateOnly, text); err == nil && !at.IsZero() {
		at = at.Add(-time.Microsecond)
	}
	return history.Moment{Time: at}
}

func (c ChangeFilter) query(caller Caller) history.Query {
	return history.Query{
		ParentAccount: caller.AccountID, Types: c.Types, Actor: string(c.Actor), User: string(c.User), Account: string(c.Account),
		Named: strings.TrimSpace(c.Named), From: c.Range.from, To: c.Range.to,
	}
}

func (s SpanFilter) query(c Caller) history.Query {
	return history.Query{
		ParentAccount: c.AccountID, At: s.at, From: s.Range.from, To: s.Range.to, User: string(s.User),
		Dashboard: string(s.Dashboard), ByUser: s.By == spansByUser,
	}
}

type historyInput struct {
	Page
	ChangeFilter

	// Order of the entries: asc for oldest first, desc for newest first.
	Order string `param:"order" words:"asc desc" default:"desc" wrong:"is not an order: use asc or desc"`
}

func (h historyInput) query(c Caller) history.Query {
	q := h.ChangeFilter.query(c)
	q.Cursor, q.Limit, q.Ascending = string(h.Cursor), int(h.Limit), h.Order == "asc"
	return q
}

type dashboardHistoryInput struct {
	SubAccount
	History historyInput
}

func (d dashboardHistoryInput) query(c Caller) history.Query {
	q := d.History.query(c)
	q.Dashboard = string(d.SubAccount.SubAccount)
	return q
}

type exportInput struct {
	Export Export
	OnlyDashboard
	ChangeFilter
}

type stateInput struct {
	SubAccount
	Instant
}

func (s stateInput) query(c Caller) history.Query {
	return history.Query{ParentAccount: c.AccountID, Dashboard: string(s.SubAccount.SubAccount), At: s.at}
}

type diffInput struct {
	SubAccount
	Between
}

func (d diffInput) query(c Caller) history.Query {
	return history.Query{ParentAccount: c.AccountID, Dashboard: string(d.SubAccount.SubAccount), From: d.from, To: d.to}
}

type diffsInput struct {
	Page
	Between
}

func (d diffsInput) query(c Caller) history.Query {
	return history.Query{
		ParentAccount: c.AccountID, From: d.from, To: d.to, Limit: int(d.Limit), Cursor: string(d.Cursor),
	}
}

type accessInput struct {
	SubAccount
	Instant

	User HexID `param:"user_id" required:"true" example:"a11ce0000000000000000000"` // The user: 24 hex digits.
}

func (a accessInput) query(c Caller) history.Query {
	return history.Query{
		ParentAccount: c.AccountID, Dashboard: string(a.SubAccount.SubAccount), User: string(a.User), At: a.at,
	}
}

type spansInput struct {
	Page
	SpanFilter
}

func (s spansInput) query(c Caller) history.Query {
	q := s.SpanFilter.query(c)
	q.Limit, q.Cursor = int(s.Limit), string(s.Cursor)
	return q
}

type spansExportInput struct {
	Export Export
	SpanFilter
}

type readsInput struct {
	Page
	ByActor

	Range Edges
}

func (r readsInput) query(c Caller) history.Query {
	return history.Query{
		ParentAccount: c.AccountID, Actor: string(r.Actor), From: r.Range.from, To: r.Range.to, Limit: int(r.Limit),
		Cursor: string(r.Cursor),
	}
}

type bundleInput struct {
	// The id of the checkpoint that the bundle leads to, as the list of checkpoints shows it.
	Checkpoint string `param:"checkpoint" default:"the newest checkpoint" example:"5c1b0c6d3f0a94f6a7a1a0be3d1c0d6c0f1f3b7f7f6de94cc4b7ec9a0ad14c52"`
}

// filterOf returns the filters of a query for the record of a view or export.
func filterOf(what string, q history.Query) domain.AuditFilter {
	f := domain.AuditFilter{
		Types: q.Types, Actor: idOnly(q.Actor), User: idOnly(q.User), Account: q.Account,
		At: q.At.String(), From: q.From.String(), To: q.To.String(), Limit: q.Limit, Cursor: q.Cursor,
	}
	f.ByName = q.Named != "" || f.Actor != q.Actor || f.User != q.User
	switch {
	case q.ByUser:
		f.Order = spansByUser
	case what == domain.AuditHistory && q.Ascending:
		f.Order = "asc"
	case what == domain.AuditHistory:
		f.Order = "desc"
	}
	return f
}

// idOnly returns an actor's id, or "" for part of a name: records of reads are kept forever and
// must not contain names.
func idOnly(actor string) string {
	if _, ok := domain.HexID(actor); ok || strings.HasPrefix(actor, "system:") {
		return actor
	}
	return ""
}
