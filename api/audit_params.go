package api

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// maxVersionNumber distinguishes versions from Unix seconds where both are allowed: smaller numbers
// are versions. As seconds, they would be before 1973, when there were no dashboards.
const maxVersionNumber = 100_000_000

func parseHistory(p *Params) history.Query {
	page := p.Page()
	q := p.changes()
	q.Cursor, q.Limit, q.Ascending = page.Cursor, page.Limit, p.word(paramOrder) == "asc"
	return q
}

func parseDashboardHistory(p *Params) history.Query {
	dashboard := p.dashboard()
	q := parseHistory(p)
	q.Dashboard = dashboard
	return q
}

type exportQuery struct {
	format      string
	spreadsheet bool
	query       history.Query
}

// parseExport reads the filters of an export, which has no pages and starts with the oldest change.
func parseExport(p *Params) exportQuery {
	format, dashboard, cursor := p.word(paramFormat), p.hex(paramOnlyDashboard), p.cursor(paramCursor)
	q := p.changes()
	q.Dashboard, q.Cursor, q.Ascending = dashboard, cursor, true
	return exportQuery{format, p.spreadsheet(format), q}
}

// spreadsheet reads whether a file of the format is for a spreadsheet.
func (p *Params) spreadsheet(format string) bool {
	asked := p.word(paramSpreadsheet) != ""
	if asked && format == "jsonl" {
		p.bad.Addf(paramSpreadsheet.Name, "applies to CSV only: send format=csv, or remove it")
	}
	return asked
}

func (p *Params) changes() history.Query {
	q := history.Query{
		ParentAccount: p.caller.AccountID, Types: p.eventTypes(),
		Actor: p.person(paramActor), User: p.person(paramChangedUser),
		Account: p.hex(paramChangedAccount), Named: strings.TrimSpace(p.text(paramNamed)),
	}
	q.From, q.To = p.edges()
	return q
}

func parseBundle(p *Params) string { return p.text(paramCheckpoint) }

func parseState(p *Params) history.Query {
	return history.Query{ParentAccount: p.caller.AccountID, Dashboard: p.dashboard(), At: p.oneMoment()}
}

func parseDiff(p *Params) history.Query {
	dashboard := p.dashboard()
	p.required(paramFromMoment)
	return history.Query{
		ParentAccount: p.caller.AccountID, Dashboard: dashboard,
		From: p.moment(paramFromMoment, true), To: p.moment(paramToMoment, false),
	}
}

func parseDiffs(p *Params) history.Query {
	page := p.Page()
	p.required(paramFromMoment)
	return history.Query{
		ParentAccount: p.caller.AccountID, From: p.moment(paramFromMoment, true), To: p.moment(paramToMoment, false),
		Limit: page.Limit, Cursor: page.Cursor,
	}
}

func parseAccess(p *Params) history.Query {
	dashboard := p.dashboard()
	p.required(paramAccessUser)
	return history.Query{
		ParentAccount: p.caller.AccountID, Dashboard: dashboard, User: p.hex(paramAccessUser), At: p.oneMoment(),
	}
}

func parseAuditReads(p *Params) history.Query {
	page := p.Page()
	q := history.Query{
		ParentAccount: p.caller.AccountID, Actor: p.person(paramActor), Limit: page.Limit, Cursor: page.Cursor,
	}
	q.From, q.To = p.edges()
	return q
}

func (p *Params) dashboard() string { return p.requiredHex(paramDashboard) }

// eventTypes reads types of events on `dashboards`, separated by commas: full names, or short names
// without "dashboard." or "operator." and the version, which match all versions.
func (p *Params) eventTypes() []string {
	value, present := p.value(paramChanges)
	if !present {
		return nil
	}
	short, known := map[string]bool{}, map[string][]string{} // known: types by short name and by full name
	for _, full := range domain.NewRegistry().Types() {
		if group, rest, _ := strings.Cut(full, "."); group == "dashboard" || group == "operator" {
			name, _, _ := strings.Cut(rest, ".")
			short[name], known[name], known[full] = true, append(known[name], full), []string{full}
		}
	}
	var types []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if known[name] == nil {
			p.bad.Addf(paramChanges.Name, "has %q, which is not a type of change: use %s", clip(name),
				strings.Join(slices.Sorted(maps.Keys(short)), ", "))
		}
		types = append(types, known[name]...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func (p *Params) hex(declared Param) string {
	if _, present := p.value(declared); !present {
		return ""
	}
	return p.requiredHex(declared)
}

func (p *Params) requiredHex(declared Param) string {
	value, _ := p.value(declared)
	id, ok := domain.HexID(value)
	if !ok {
		p.bad.Addf(declared.Name, "%s", cmp.Or(declared.wrong, "is not an id: use 24 hex digits"))
	}
	return id
}

// person reads a user's id, part of a person's name, or a system name of the program
// ("system:fetcher").
func (p *Params) person(declared Param) string {
	value, _ := p.value(declared)
	if id, ok := domain.HexID(value); ok {
		return id
	}
	if len(value) > maxActor || !storable(value) || strings.IndexFunc(value, unicode.IsControl) >= 0 {
		p.bad.Addf(declared.Name, "is not a person: use a user's id (24 hex digits) or part of a name")
		return ""
	}
	return value
}

func (p *Params) edges() (from, to history.Moment) {
	before := p.bad.Count
	from, to = p.edge(paramFrom, 0), p.edge(paramTo, 1)
	if p.bad.Count == before && !to.IsZero() && from.Time.After(to.Time) {
		p.bad.Addf(paramFrom.Name, "must not be after to")
	}
	return from, to
}

// edge reads an optional end of a range in the formats of [Params.Range]. A day is its start,
// shifted by dayOffset days. Zero means that the range has no such end.
func (p *Params) edge(declared Param, dayOffset int) history.Moment {
	text, present := p.value(declared)
	zone := p.Zone() // also validated if there is no day
	if !present {
		return history.Moment{}
	}
	return history.Moment{Time: p.instant(declared, text, zone, dayOffset)}
}

// moment reads a point in the history: a version ("v12", or a number below 100,000,000) or an
// instant. A day means its end or, at the start of a range, the end of the previous day.
func (p *Params) moment(declared Param, beginsRange bool) history.Moment {
	text, present := p.value(declared)
	zone := p.Zone() // also validated if there is no day
	if !present {
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
		p.bad.Addf(declared.Name, "is not a version: use v and a number, such as v12")
		return history.Moment{}
	}
	dayOffset := 1
	if beginsRange {
		dayOffset = 0
	}
	at := p.instant(declared, text, zone, dayOffset)
	if begins, _ := parseInstant(text, zone, 0); begins.After(p.now) {
		p.bad.Addf(declared.Name, "is in the future: use a time up to now")
	}
	if _, err := time.Parse(time.DateOnly, text); err == nil && !at.IsZero() {
		at = at.Add(-time.Microsecond)
	}
	return history.Moment{Time: at}
}

func (p *Params) oneMoment() history.Moment {
	_, byTime := p.value(paramAt)
	number, byVersion := p.value(paramVersion)
	if byTime && byVersion {
		p.bad.Addf(paramVersion.Name, "cannot be combined with at: send one of them")
	}
	moment := p.moment(paramAt, false)
	if !byVersion {
		return moment
	}
	version, ok := plainNumber(strings.TrimPrefix(number, "v"))
	if !ok || version < 1 {
		p.bad.Addf(paramVersion.Name, "is not a version: use a positive integer")
	}
	return history.Moment{Version: version}
}

func (p *Params) required(declared Param) {
	if _, present := p.value(declared); !present {
		p.bad.Addf(declared.Name, "is missing")
	}
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
