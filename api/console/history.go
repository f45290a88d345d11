package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const historyPath = root + "/history"

// historyView is the history at an instant: one record, what stood after it, and what came before.
type historyView struct {
	Client readmodels.Account // whose board's history it is; zero: it is the agency's
	Kept   url.Values         // the range of the client's figures, which its pages hand on

	Q      string // the search as it was typed
	At     string // the instant, as an address takes it
	Moment moment
	Faults formFaults // what is wrong with the search

	Record *change // nil: nothing matches
	Prev   string  // address of the record before; "": no record
	Next   string  // address of the record after
	Newest string  // address of the newest record; "": this is it
	Older  string  // address of the list of those before; "": no older ones
	Newer  string  // address of the list of those after
	Slider *slider // through the agency's time; nil: nothing is recorded yet
	// Compare is the address where the instant is compared with another one.
	Compare string
	// Then is the dashboard that was searched for as it was at the instant, which may lie behind the record; nil: none was.
	Then *readmodels.StateAnswer

	List       []change // the record and those before it
	AsOf       readmodels.StreamPosition
	Incomplete string
	LeftOut    int64 // records that cannot be read, and are not shown
	Further    bool  // nothing was found so far, and not all of the history was looked at
}

// change is a record with what it changed on each dashboard.
type change struct {
	readmodels.Record

	Does    string // its type in words
	Address string
	Entries []readmodels.HistoryEntry
	Cut     bool // the search may have left out entries
}

// Effects are what the record did to people, on the boards shown.
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

const (
	listedEntries = 40  // that the page asks for; a record that touches linked dashboards has one for each
	mostEntries   = 500 // that the API gives at once
	searchedPages = 5   // of a filtered history, which may be empty and yet have a next one
)

// linked returns the view with the ways to the record before and to the older page; more says that the API has older entries.
func (h historyView) linked(more bool) historyView {
	before := func(c change) string { return h.address(c.Time.Add(-time.Microsecond).Format(time.RFC3339Nano)) }
	switch {
	case len(h.List) > 1:
		h.Prev = h.List[1].Address
		if more {
			h.List = h.List[:len(h.List)-1] // entries of it may be missing
		}
	case len(h.List) == 1 && more: // the API was not asked yet for what comes before
		h.Prev = before(h.List[0])
	}
	if n := len(h.List); n > 0 && more {
		h.Older = before(h.List[n-1])
	}
	return h
}

// openHistory is that of the agency.
func openHistory(v *visit) (view, error) { return showHistory(v, historyView{}) }

// clientHistory is that of one client's board, for its agency.
func clientHistory(v *visit, client readmodels.Account) (view, error) {
	return showHistory(v, historyView{Client: client, Kept: keptRange(v)})
}

// showHistory shows the record that was the last one at the instant, and the ways to the one before and the one after.
func showHistory(v *visit, shown historyView) (view, error) {
	given := v.r.URL.Query()
	shown.Q, shown.Moment = strings.TrimSpace(given.Get("q")), momentOf(v, "at", "As it was at (UTC)")
	at := shown.Moment.Ends
	asked, fault := parseSearch(shown.Q)
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
		shown.Faults = formFaults{Said: correctMarked, Beside: map[string]string{"q": fault}}
		return shown, nil
	}
	if after, _, err := typedInstant(given.Get("after")); err == nil && !after.IsZero() {
		return newer(v, shown, asked, after)
	}

	until := asked.query()
	if !at.IsZero() {
		until.Set("to", at.Add(time.Microsecond).Format(time.RFC3339Nano)) // which the API leaves out
	}
	entries, meta, err := someHistory(v, asked, until, listedEntries)
	if faults, taken := faultsOfAsked(err, searchWords); taken {
		shown.Faults = faults
		return shown, nil
	}
	if shown.Client.ID != "" && domain.CodeOf(err) == domain.CodeNotFound { // it has no board yet
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	shown.List = shown.grouped(entries)
	if len(shown.List) == 1 && len(entries) == listedEntries && meta.NextCursor != "" { // one record that touches very many boards
		next := meta.NextAt
		if entries, meta, err = someHistory(v, asked, until, mostEntries); err != nil {
			return nil, err
		}
		shown.List, meta.NextAt = shown.grouped(entries), next
	}
	shown.LeftOut = meta.LeftOut
	shown.AsOf, shown.Incomplete, shown.Further = meta.AsOf, meta.Incomplete, len(entries) == 0 && meta.NextCursor != ""
	shown = shown.linked(meta.NextCursor != "")
	shown.At = formInstant(at)
	if !at.IsZero() {
		shown.Newest = shown.address("")
	}
	compared := url.Values{"dashboard": {asked.dashboard}}
	setInstant(compared, "from", at)
	shown.Compare = differencePath + "?" + compared.Encode()
	shown.Slider = sliderOf(v, meta.BeganAt, at)
	if len(shown.List) > 0 {
		shown.Record = &shown.List[0]
		shown.Record.Cut = asked.cuts(shown.Record.Actor.Name)
	}
	if meta.NextAt != nil {
		shown.Next = shown.address(meta.NextAt.Format(time.RFC3339Nano))
		shown.Newer = shown.addressBy("after", meta.NextAt.Add(-time.Microsecond).Format(time.RFC3339Nano))
	}
	switch {
	case asked.dashboard == "" || shown.Record == nil:
	case asked == search{dashboard: asked.dashboard, since: asked.since}: // its last change says what it was: no other look is recorded
		last := shown.Record.Entries[0]
		shown.Then = &readmodels.StateAnswer{Dashboard: last.Dashboard, State: last.After, ChangedBy: last.Record}
	default:
		shown.Then, err = stateThen(v, asked.dashboard, at)
	}
	return shown, err
}

// newer leads to the list that ends with the changes right after an instant.
func newer(v *visit, shown historyView, asked search, after time.Time) (view, error) {
	q := asked.query()
	q.Set("from", after.Add(time.Microsecond).Format(time.RFC3339Nano))
	q.Set("order", "asc")
	entries, meta, err := someHistory(v, asked, q, listedEntries)
	if err != nil || len(entries) == 0 || meta.NextCursor == "" {
		return redirect(shown.address("")), err
	}
	return redirect(shown.address(entries[len(entries)-1].Time.Format(time.RFC3339Nano))), nil
}

// slider is a way through the time from the first record to now, in seconds of Unix.
type slider struct{ From, To, Step, At int64 }

// sliderSteps is how many steps a slider has, so that the keyboard comes through the whole time.
const sliderSteps = 200

// sliderOf begins at the first record of the agency, whatever is searched for.
func sliderOf(v *visit, began *time.Time, at time.Time) *slider {
	if began == nil {
		return nil
	}
	now := v.console.deps.Now()
	if at.IsZero() {
		at = now
	}
	from := began.Unix()
	step := max(1, (now.Unix()-from+sliderSteps-1)/sliderSteps)
	steps := (now.Unix() - from + step - 1) / step // the last one alone reaches beyond now, and means now
	return &slider{From: from, To: from + steps*step, Step: step, At: at.Unix()}
}

// someHistory asks for entries until some match or the search has looked far enough. Each question is recorded as a look of its own.
func someHistory(v *visit, asked search, q url.Values, limit int) (entries []readmodels.HistoryEntry, meta readmodels.EntriesMeta, err error) {
	q.Set("limit", strconv.Itoa(limit))
	for n := range searchedPages {
		next := meta.NextAt
		if entries, meta, err = getMeta[[]readmodels.HistoryEntry, readmodels.EntriesMeta](v, asked.path(), q); err != nil {
			return nil, meta, err
		}
		if n > 0 {
			meta.NextAt = next // which the first page alone says
		}
		if len(entries) > 0 || meta.NextCursor == "" {
			break
		}
		q.Set("cursor", meta.NextCursor)
	}
	return entries, meta, nil
}

// stateThen is a dashboard at an instant, now for the zero one.
func stateThen(v *visit, dashboard string, at time.Time) (*readmodels.StateAnswer, error) {
	q := url.Values{}
	setInstant(q, "at", at)
	state, err := get[readmodels.StateAnswer](v, boardAPI(dashboard)+"/state", q)
	return &state, err
}

// grouped puts the entries of one record together.
func (h historyView) grouped(entries []readmodels.HistoryEntry) (list []change) {
	for _, e := range entries {
		if n := len(list); n > 0 && list[n-1].Version == e.Version {
			list[n-1].Entries = append(list[n-1].Entries, e)
			continue
		}
		at := e.Time.Format(time.RFC3339Nano)
		list = append(list, change{Record: e.Record, Does: inWords(e.Type), Address: h.address(at), Entries: []readmodels.HistoryEntry{e}})
	}
	for _, c := range list {
		slices.SortStableFunc(c.Entries, func(a, b readmodels.HistoryEntry) int { return byName(a.Dashboard, b.Dashboard) })
	}
	return list
}

// address is where this search is shown at an instant; "": now.
func (h historyView) address(at string) string { return h.addressBy("at", at) }

func (h historyView) addressBy(name, instant string) string {
	path, query := historyPath, url.Values{}
	if h.Client.ID != "" {
		path = clientPath(h.Client.ID, "history")
	}
	maps.Copy(query, h.Kept)
	for name, value := range map[string]string{name: instant, "q": h.Q} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func historyAddress(at, q string) string { return historyView{Q: q}.address(at) }

// Everything is where nothing is searched for, now.
func (h historyView) Everything() string { h.Q = ""; return h.address("") }

// inWords says what a type of record is: "accounts linked" of dashboard.accounts_linked.v1.
func inWords(eventType string) string {
	switch eventType {
	case domain.DashboardUsersChanged{}.EventType():
		return "people on the list changed"
	case domain.DashboardOpened{}.EventType():
		return "board made"
	}
	if parts := strings.Split(eventType, "."); len(parts) == 3 {
		return strings.ReplaceAll(parts[1], "_", " ")
	}
	return eventType
}
