package console

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const historyPath = root + "/history"

type historyView struct {
	Client directory.Account // client whose board's history is shown; zero: the agency's history
	Kept   url.Values        // the range of the client's figures, which links keep

	Q      string
	At     string // the instant as a query parameter
	Moment moment
	Faults formFaults
	Hint   string // how a part of the search was read; "": as a reader expects

	Record  *change // nil: nothing matches
	Prev    string
	Next    string
	Newest  string // address of the newest record; "": this is the newest
	Older   string // address of the list of older records; "": none
	Newer   string // address of the list of newer records; "": none
	Compare string
	// Then is the state at the instant of the dashboard that the search names; nil: it names none.
	// The instant may be later than Record.
	Then *history.StateAnswer

	List       []change // the record and those before it
	AsOf       history.StreamPosition
	Incomplete string
	LeftOut    int64 // number of events that were skipped
	Further    bool  // nothing has been found so far, but older history was not searched
}

type change struct {
	history.Record

	Does    string
	Address string
	Entries []history.HistoryEntry // empty for a skip
	Skip    *domain.EventSkipped
	Cut     bool // the search may have filtered out entries
}

func (c change) Effects() effects {
	e := effectsOfRecord(c.Entries)
	switch {
	case c.Cut && len(c.Entries) == 1:
		e.Where = " on this board"
	case c.Cut:
		e.Where = " on these boards"
	}
	return e
}

// boardChange is what a record changed on one board, or in the same way on many.
type boardChange struct {
	history.Differences

	Boards   []history.Named // the one, or more than listedBoards
	Together bool            // many boards were linked with each other
	After    history.DashboardState
}

// Changes returns what the record changed. If it changed many boards, those that it changed in the
// same way are one element: a set of linked clients would be repeated for each of them.
func (c change) Changes() (changes []boardChange) {
	of := func(e history.HistoryEntry) boardChange {
		return boardChange{e.Changes, []history.Named{*e.Dashboard}, false, *e.After}
	}
	if !c.Many() {
		for _, e := range c.Entries {
			changes = append(changes, of(e))
		}
		return changes
	}
	for _, same := range alike(c.Entries, func(e history.HistoryEntry) any { return of(e).shared().key() }) {
		next := of(same[0]).shared()
		for _, e := range same[1:] {
			next.Boards = append(next.Boards, *e.Dashboard)
		}
		changes = append(changes, next)
	}
	return changes
}

// alike groups elements whose keys have equal JSON. The groups are in the order of their first elements.
func alike[T any](list []T, key func(T) any) (groups [][]T) {
	known := map[string]int{}
	for _, element := range list {
		raw, err := json.Marshal(key(element))
		n, found := known[string(raw)]
		if !found || err != nil {
			n = len(groups)
			known[string(raw)], groups = n, append(groups, nil)
		}
		groups[n] = append(groups[n], element)
	}
	return groups
}

// Many reports whether the record changed so many boards that they are named on demand.
func (c change) Many() bool { return len(c.Entries) > listedBoards }

// shared returns the change without what differs between boards that were linked with each other.
func (b boardChange) shared() boardChange {
	own := func(n history.Named) bool { return n.ID == b.After.SubAccountID }
	others := slices.DeleteFunc(slices.Clone(b.After.SubAccountIDs), own)
	if b.Together = len(others) > 0 && slices.Equal(distinctIDs(idsOf(others)), distinctIDs(idsOf(b.AccountsLinked))); b.Together {
		b.AccountsLinked = nil
	}
	b.After = sharedState(b.After)
	return b
}

// sharedState returns a state without what differs between linked boards.
func sharedState(s history.DashboardState) history.DashboardState {
	if len(s.SubAccountIDs) == 1 {
		s.SubAccountIDs = nil // only itself
	}
	s.ID, s.SubAccountID, s.CreatedAt, s.UpdatedAt = "", "", time.Time{}, time.Time{}
	return s
}

// key is what boards that changed in the same way have in common.
func (b boardChange) key() []any { return []any{b.Differences, b.Together, b.After} }

const (
	listedBoards  = 10  // boards of a record that are named one by one
	listedEntries = 40  // entries on a page; a record has one entry for each dashboard that it changes
	mostEntries   = 500 // maximum page size of the API
	searchedPages = 5   // pages to search: a page of a filtered history may be empty without being the last
)

// linked returns the view with the addresses of the previous record and of the page with older
// records. More means that the API has older entries.
func (h historyView) linked(more bool) historyView {
	before := func(c change) string { return h.address(rfc3339(c.Time.Add(-time.Microsecond))) }
	switch {
	case len(h.List) > 1:
		h.Prev = h.List[1].Address
		if more {
			h.List = h.List[:len(h.List)-1] // some of its entries may be missing
		}
	case len(h.List) == 1 && more: // the previous record is not loaded
		h.Prev = before(h.List[0])
	}
	if n := len(h.List); n > 0 && more {
		h.Older = before(h.List[n-1])
	}
	return h
}

func openHistory(v *visit) (view, error) { return showHistory(v, historyView{}) }

func clientHistory(v *visit, client directory.Account) (view, error) {
	return showHistory(v, historyView{Client: client, Kept: keptRange(v)})
}

func showHistory(v *visit, shown historyView) (view, error) {
	given := v.r.URL.Query()
	shown.Q, shown.Moment = strings.TrimSpace(given.Get("q")), momentOf(v, "at", "At (UTC)")
	at := shown.Moment.Ends
	asked, hint, fault := parseSearch(shown.Q)
	shown.Hint = hint
	switch {
	case shown.Client.ID == "":
	case asked.dashboard != "": // another board
		return redirect(historyPath + "?" + given.Encode()), nil
	default:
		asked.dashboard = shown.Client.ID
	}
	var err error
	if fault == "" {
		if fault, err = asked.resolve(v); err != nil {
			return nil, err
		}
	}
	if fault != "" || shown.Moment.Fault != "" {
		shown.Faults = formFaults{Said: correctMarked, Fields: map[string]string{"q": fault}}
		return shown, nil
	}
	if after, _, err := typedInstant(given.Get("after")); err == nil && !after.IsZero() {
		return newer(v, shown, asked, after)
	}

	until := asked.query()
	if !at.IsZero() {
		until.Set("to", rfc3339(at.Add(time.Microsecond))) // exclusive in the API
	}
	entries, meta, err := someHistory(v, asked, until, listedEntries)
	if faults, taken := faultsOfAsked(err, searchWords); taken {
		shown.Faults = faults
		return shown, nil
	}
	if asked.dashboard != "" && domain.CodeOf(err) == domain.CodeNotFound {
		if shown.Client.ID == "" {
			shown.Faults = formFaults{Said: correctMarked, Fields: map[string]string{"q": noBoard}}
		}
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	shown.List = shown.grouped(entries)
	if len(shown.List) == 1 && len(entries) == listedEntries && meta.NextCursor != "" {
		// One record changes more than listedEntries boards.
		next := meta.NextAt
		if entries, meta, err = someHistory(v, asked, until, mostEntries); err != nil {
			return nil, err
		}
		shown.List, meta.NextAt = shown.grouped(entries), next
	}
	shown.AsOf, shown.Incomplete, shown.LeftOut = meta.AsOf, meta.Incomplete, meta.LeftOut
	shown.Further = len(entries) == 0 && meta.NextCursor != ""
	shown = shown.linked(meta.NextCursor != "")
	shown.At = formInstant(at)
	if !at.IsZero() {
		shown.Newest = shown.address("")
	}
	compared := url.Values{"dashboard": {asked.dashboard}}
	setInstant(compared, "from", at)
	shown.Compare = differencePath + "?" + compared.Encode()
	if len(shown.List) > 0 {
		shown.Record = &shown.List[0]
		shown.Record.Cut = asked.cuts(shown.Record.Actor.Name)
	}
	if meta.NextAt != nil {
		shown.Next = shown.address(rfc3339(*meta.NextAt))
		shown.Newer = shown.addressBy("after", rfc3339(meta.NextAt.Add(-time.Microsecond)))
	}
	switch {
	case asked.dashboard == "" || shown.Record == nil:
	case asked == search{dashboard: asked.dashboard, since: asked.since}:
		// The last change contains the state. A second request would be recorded as another view.
		last := shown.Record.Entries[0]
		shown.Then = &history.StateAnswer{Dashboard: *last.Dashboard, State: *last.After, ChangedBy: last.Record}
	default:
		shown.Then, err = stateThen(v, asked.dashboard, at)
	}
	return shown, err
}

// newer redirects to the page with the changes that directly follow an instant.
func newer(v *visit, shown historyView, asked search, after time.Time) (view, error) {
	q := asked.query()
	q.Set("from", rfc3339(after.Add(time.Microsecond)))
	q.Set("order", "asc")
	entries, meta, err := someHistory(v, asked, q, listedEntries)
	if err != nil || len(entries) == 0 || meta.NextCursor == "" {
		return redirect(shown.address("")), err
	}
	return redirect(shown.address(rfc3339(entries[len(entries)-1].Time))), nil
}

// someHistory reads pages until one contains entries, but at most searchedPages pages. Each call is
// recorded as a view.
func someHistory(v *visit, asked search, q url.Values, limit int) (
	entries []history.HistoryEntry, meta history.EntriesMeta, err error,
) {
	q.Set("limit", strconv.Itoa(limit))
	for n := range searchedPages {
		next := meta.NextAt
		read, err := asked.read(v, q)
		if err != nil {
			return nil, meta, err
		}
		entries, meta = read.Data, read.Meta
		if n > 0 {
			meta.NextAt = next // only the first page has it
		}
		if len(entries) > 0 || meta.NextCursor == "" {
			break
		}
		q.Set("cursor", meta.NextCursor)
	}
	return entries, meta, nil
}

func stateThen(v *visit, dashboard string, at time.Time) (*history.StateAnswer, error) {
	q := onBoard(dashboard)
	setInstant(q, "at", at)
	state, err := ask(v, api.GetDashboardState, q)
	return &state.Data, err
}

func (h historyView) grouped(entries []history.HistoryEntry) (list []change) {
	for _, e := range entries {
		if n := len(list); n > 0 && list[n-1].Version == e.Version {
			list[n-1].Entries = append(list[n-1].Entries, e)
			continue
		}
		next := change{Record: e.Record, Does: inWords(e.Type), Address: h.address(rfc3339(e.Time)), Skip: e.Skip}
		if e.Dashboard != nil {
			next.Entries = []history.HistoryEntry{e}
		}
		list = append(list, next)
	}
	for _, c := range list {
		slices.SortStableFunc(c.Entries, func(a, b history.HistoryEntry) int {
			return byName(*a.Dashboard, *b.Dashboard)
		})
	}
	return list
}

func (h historyView) address(at string) string { return h.addressBy("at", at) }

func (h historyView) addressBy(name, instant string) string {
	path, query := historyPath, parameters(map[string]string{name: instant, "q": h.Q})
	if h.Client.ID != "" {
		path = clientPath(h.Client.ID, "history")
	}
	maps.Copy(query, h.Kept)
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func historyAddress(at, q string) string { return historyView{Q: q}.address(at) }

func (h historyView) Everything() string { h.Q = ""; return h.address("") }

// inWords describes a record type: "accounts linked" for dashboard.accounts_linked.v1.
func inWords(eventType string) string {
	switch eventType {
	case domain.DashboardUsersChanged{}.EventType():
		return "people on the list changed"
	case domain.DashboardOpened{}.EventType():
		return "board created"
	case domain.EventSkipped{}.EventType():
		return "event skipped"
	}
	if parts := strings.Split(eventType, "."); len(parts) == 3 {
		return strings.ReplaceAll(parts[1], "_", " ")
	}
	return eventType
}
