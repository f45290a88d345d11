package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const accessPath = root + "/access"

// accessView lists who had access to which board at an instant. If the instant is now, it leaves out
// people who cannot open a board in spite of its list. For a past instant it marks people who are
// inactive today, because the records do not say who was active then.
type accessView struct {
	Moment     moment
	At         string // the instant as a query parameter; "": now
	Instant    time.Time
	Person     string
	Grants     []accessGrant
	CannotOpen []history.Named // people on the list of an open board who cannot open it now
	Staff      history.AccessStaff
	Position   history.StreamPosition // the last change up to the instant
	Closed     []closedBoard          // boards to which no one had access; empty for a single person
	Left       int64                  // number of further boards without access that the page does not show

	Incomplete string
	LeftOut    int64
	More       string // address of the next page; "": this is the last one
	Later      bool   // earlier pages exist
	Export     string
	History    string
}

// accessGrant is the access of a person to a board. It says everything in one row, so that a page of
// paper is as complete as the screen.
type accessGrant struct {
	Person  history.Named
	Staff   bool // of the agency, by today's directory
	Active  bool // by today's directory
	Board   history.Named
	Scopes  []string
	Rescope *decision // the change to the scopes that started this period; nil: it started with the access
	Since   time.Time // when access started
	By      history.Named
	Record  string
	Changed *time.Time // when access was lost or the scopes changed; nil: neither
}

type closedBoard struct {
	Board    history.Named
	Open     bool // it was open to its clients, but no one was on its list
	Listed   bool // it was open, but no client user on its list could open it
	Decision decision
}

// openAccess calls only one operation, so that only one view is recorded.
func openAccess(v *visit) (view, error) {
	given := v.r.URL.Query()
	shown := accessView{Moment: momentOf(v, "at", "At (UTC)"), Person: given.Get("person")}
	if shown.Moment.Fault != "" {
		return shown, nil
	}
	at := shown.Moment.Ends
	q := accessQuery(at, shown.Person)
	shown.Instant, shown.At = at, formInstant(at)
	if at.IsZero() {
		shown.Instant = v.deps.Now()
	}
	export := url.Values{"person": {shown.Person}, "at": {""}}
	setInstant(export, "at", at)
	shown.Export = accessPath + "/export?" + export.Encode()
	shown.History = historyAddress(shown.At, "")
	q.Set("limit", strconv.Itoa(api.MaxPageLimit))
	copyParameters(v, q, "cursor")
	read, err := ask(v, api.GetAuditAccess, q)
	if err != nil {
		return nil, err
	}
	spans, meta := read.Data, read.Meta
	shown.Staff, shown.Position, shown.Incomplete, shown.LeftOut = meta.Staff, meta.To, meta.Incomplete, meta.LeftOut
	shown.Moment.keep(given)
	shown.More = nextPage(accessPath, given, meta.NextCursor)
	able := spans
	if at.IsZero() {
		shown.CannotOpen, able = cannotOpen(spans)
	}
	shown.Grants, shown.Later = grantsOf(able), q.Has("cursor")
	if without := meta.WithoutAccess; without != nil {
		for _, d := range without.Dashboards {
			shown.Closed = append(shown.Closed,
				closedBoard{d.Dashboard, d.AllowClientDashboard, false, decided(d.DecidedBy, d.Dashboard.ID)})
		}
		if at.IsZero() {
			for _, board := range withoutClients(spans, able, q.Has("cursor"), shown.More != "") {
				shown.Closed = append(shown.Closed, closedBoard{Board: board, Listed: true})
			}
		}
		slices.SortFunc(shown.Closed, func(a, b closedBoard) int { return byName(a.Board, b.Board) })
		shown.Left = without.Count - int64(len(without.Dashboards))
	}
	return shown, nil
}

// cannotOpen separates the people who cannot open a board now, although they are on its list, from
// the spans of the others.
func cannotOpen(all []history.AccessSpan) (people []history.Named, able []history.AccessSpan) {
	for _, s := range all {
		if s.ActiveToday && s.LinkedToday {
			able = append(able, s)
		} else {
			people = append(people, s.User)
		}
	}
	return distinct(people), able
}

// withoutClients returns the boards that no client user is able to open. It leaves out a board that
// may begin on an earlier page or continue on a later one. All spans are sorted by board.
func withoutClients(all, able []history.AccessSpan, before, after bool) (none []history.Named) {
	open := map[string]bool{}
	for _, s := range able {
		open[s.Dashboard.ID] = open[s.Dashboard.ID] || s.Role == nil
	}
	if before && len(all) > 0 {
		open[all[0].Dashboard.ID] = true
	}
	if after && len(all) > 0 {
		open[all[len(all)-1].Dashboard.ID] = true
	}
	for _, s := range all {
		if !open[s.Dashboard.ID] {
			none = append(none, s.Dashboard)
			open[s.Dashboard.ID] = true
		}
	}
	return none
}

func accessQuery(at time.Time, person string) url.Values {
	q := parameters(map[string]string{"user_id": person})
	setInstant(q, "at", at)
	return q
}

func openAccessExport(v *visit) (view, error) {
	_, at, err := typedInstant(v.r.URL.Query().Get("at"))
	if err != nil {
		return nil, err
	}
	q := accessQuery(at, v.r.URL.Query().Get("person"))
	if at.IsZero() {
		q.Set("at", rfc3339(v.deps.Now()))
	}
	q.Set("format", "xlsx")
	return download(func(v *visit) (api.File, error) { return ask(v, api.GetAccessExport, q) }), nil
}

func scopesOf(s history.AccessSpan) []string {
	scopes := make([]string, len(s.Scopes))
	for i, scope := range s.Scopes {
		scopes[i] = scope.Scope
	}
	return scopes
}

// grantsOf returns the spans sorted by the names of people and boards.
func grantsOf(spans []history.AccessSpan) []accessGrant {
	grants := make([]accessGrant, len(spans))
	for i, s := range spans {
		gave := s.ListedBy // BeganBy may be a later change to the scopes
		if s.AllowedBy.Version > gave.Version {
			gave = s.AllowedBy
		}
		grants[i] = accessGrant{
			Person: s.User, Staff: s.Role != nil, Active: s.ActiveToday,
			Board: s.Dashboard, Scopes: scopesOf(s), Rescope: laterScopes(s),
			Since: gave.Time, By: gave.Actor, Changed: s.To,
			Record: historyAddress(rfc3339(gave.Time), "dashboard:"+s.Dashboard.ID),
		}
	}
	slices.SortFunc(grants, func(a, b accessGrant) int {
		return cmp.Or(byName(a.Person, b.Person), byName(a.Board, b.Board))
	})
	return grants
}

// laterScopes returns the change to the scopes that started a period; nil if the period started with
// the access.
func laterScopes(s history.AccessSpan) *decision {
	if s.BeganBy.Version <= max(s.ListedBy.Version, s.AllowedBy.Version) {
		return nil
	}
	return new(decided(s.BeganBy, s.Dashboard.ID))
}

// distinct sorts people by name, in place, and removes repetitions.
func distinct(people []history.Named) []history.Named {
	slices.SortFunc(people, byName)
	return slices.CompactFunc(people, func(a, b history.Named) bool { return a.ID == b.ID })
}

func byName(a, b history.Named) int {
	name, other := foreign(a.Name), foreign(b.Name)
	if (name == "") != (other == "") { // unnamed ones come last
		return strings.Compare(other, name)
	}
	return cmp.Or(alphabetical(name, other), strings.Compare(a.ID, b.ID))
}

const peoplePath = root + "/people/"

type personView struct {
	history.Named

	between

	Boards     []personBoard
	Periods    int
	Agency     bool // the visitor may see how the person signs in
	Staff      bool // of the agency, by today's directory
	Inactive   bool // today
	Incomplete string
	LeftOut    int64
	More       string
}

// personBoard is a person's access to a board, by periods.
type personBoard struct {
	Dashboard history.Named
	Spans     []personSpan // oldest first
}

// Newest returns the last period.
func (p personBoard) Newest() personSpan { return p.Spans[len(p.Spans)-1] }

// personSpan is a period in which the person had the same access to a board.
type personSpan struct {
	history.AccessSpan

	Shows          []string // the scopes of the board
	Listed, Opened decision
	Began          *decision // the change to the scopes that started the period; nil: Listed or Opened started it
	Ended          *decision // nil: the period has not ended
}

type decision struct {
	Does    string
	By      history.Named
	When    time.Time
	Address string
}

func decided(r history.Record, board string) decision {
	address := historyAddress(rfc3339(r.Time), "dashboard:"+board)
	return decision{inWords(r.Type), r.Actor, r.Time, address}
}

const beforeAll = "1970-01-01" // a day before the first record

// openPerson shows a person's access in a range. Without a valid range, it shows the access at all
// times.
func openPerson(v *visit) (view, error) {
	given := v.r.URL.Query()
	shown := personView{
		Named: history.Named{ID: v.r.PathValue("id")}, between: betweenOf(v, "To (UTC)"),
		Agency: v.who.Roles.Has(api.RoleAgency),
	}
	q := url.Values{"user_id": {shown.ID}, "from": {beforeAll}, "limit": {strconv.Itoa(api.MaxPageLimit)}}
	if !shown.Wrong() {
		shown.ask(q)
	}
	copyParameters(v, q, "cursor")
	read, err := ask(v, api.GetAuditAccess, q)
	if err != nil {
		return nil, err
	}
	spans, meta := read.Data, read.Meta
	shown.Incomplete, shown.LeftOut = meta.Incomplete, meta.LeftOut
	shown.To.keep(given)
	shown.More = nextPage(peoplePath+url.PathEscape(shown.ID), given, meta.NextCursor)
	if meta.User != nil {
		shown.Named = *meta.User
	}
	shown.Staff = len(meta.Staff.Users) > 0 // the query names one user
	for _, s := range spans {
		shown.Inactive = !s.ActiveToday
		span := personSpan{
			AccessSpan: s, Shows: scopesOf(s),
			Listed: decided(s.ListedBy, s.Dashboard.ID), Opened: decided(s.AllowedBy, s.Dashboard.ID),
			Began: laterScopes(s),
		}
		if s.EndedBy != nil {
			span.Ended = new(decided(*s.EndedBy, s.Dashboard.ID))
		}
		if n := len(shown.Boards); n == 0 || shown.Boards[n-1].Dashboard.ID != s.Dashboard.ID {
			shown.Boards = append(shown.Boards, personBoard{Dashboard: s.Dashboard})
		}
		board := &shown.Boards[len(shown.Boards)-1]
		board.Spans = append(board.Spans, span)
	}
	shown.Periods = len(spans)
	if shown.More == "" && !given.Has("cursor") { // pages keep the order of the API, which is by id
		slices.SortFunc(shown.Boards, func(a, b personBoard) int { return byName(a.Dashboard, b.Dashboard) })
	}
	return shown, nil
}
