package console

import (
	"net/url"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const peoplePath = Path + "/people/"

func (c *Console) personPages() []page {
	return []page{{pattern: "GET " + peoplePath + "{id}", roles: auditors, views: []view{personView{}}, open: (*visit).person}}
}

// personView is what a person had access to, from when to when, and the records that caused it.
type personView struct {
	readmodels.Named

	between

	Spans      []personSpan
	Agency     bool // the visitor may see how the person signs in
	Staff      bool // of the agency, as the directory says today
	Inactive   bool // today
	Incomplete string
	More       string // address of the next page; "": this is the last one
}

func (p personView) template() (name, title string) {
	if p.Name == nil {
		return "person", "A person without a name"
	}
	return "person", *p.Name
}

// personSpan is a time without a gap in which the person had access to a board.
type personSpan struct {
	readmodels.AccessSpan

	Shows          []string // the scopes that the board had then, each once however often it was given
	Listed, Opened decision
	Ended          *decision // nil: it lasts
}

// decision is a record as the reason of something.
type decision struct {
	Does    string // in words
	By      readmodels.Named
	When    time.Time
	Address string
}

// decided is a record that decided something of a board.
func decided(r readmodels.Record, board string) decision {
	return decision{inWords(r.Type), r.Actor, r.Time, historyAddress(r.Time.Format(time.RFC3339Nano), "dashboard:"+board)}
}

const (
	beforeAll    = "1970-01-01" // a day before the first record
	spansOnAPage = "80"
)

// person shows a range of a person's access, or the whole past, also if the range is wrong.
func (v *visit) person() (view, error) {
	given := v.r.URL.Query()
	shown := personView{
		Named: readmodels.Named{ID: v.r.PathValue("id")}, between: v.between("From (UTC)", "To (UTC)"), Agency: v.who.Roles.Has(api.RoleAgency),
	}
	q := url.Values{"user_id": {shown.ID}, "from": {beforeAll}, "limit": {spansOnAPage}}
	if !shown.Wrong() {
		shown.ask(q)
	}
	v.passOnGiven(q, "cursor")
	spans, meta, err := getMeta[[]readmodels.AccessSpan, readmodels.SpansMeta](v, "/api/audit/access", q)
	if err != nil {
		return nil, err
	}
	shown.Incomplete = meta.Incomplete
	shown.More = nextPage(peoplePath+url.PathEscape(shown.ID), given, meta.NextCursor)
	if meta.User != nil {
		shown.Named = *meta.User
	}
	shown.Staff = len(meta.Staff.Users) > 0 // the one who was asked for
	for _, s := range spans {
		shown.Inactive = !s.ActiveToday
		span := personSpan{AccessSpan: s, Listed: decided(s.ListedBy, s.Dashboard.ID), Opened: decided(s.AllowedBy, s.Dashboard.ID)}
		for _, scope := range s.Scopes {
			if !slices.Contains(span.Shows, scope.Scope) {
				span.Shows = append(span.Shows, scope.Scope)
			}
		}
		if s.EndedBy != nil {
			span.Ended = new(decided(*s.EndedBy, s.Dashboard.ID))
		}
		shown.Spans = append(shown.Spans, span)
	}
	slices.SortStableFunc(shown.Spans, func(a, b personSpan) int { return byName(a.Dashboard, b.Dashboard) }) // the API's order is that of ids
	return shown, nil
}
