package console

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	differencePath = historyPath + "/difference"

	comparedBoards = 20 // that a page compares; each is a question to the API of its own
)

// differenceView is what lies between two moments: of one board, or of all that were changed in between.
type differenceView struct {
	From, To  string // as the form takes them; To "": now
	Dashboard string // as it was typed; "": all
	Said      []string

	Begins, Ends time.Time // Ends zero: now
	Boards       []comparedBoard
	More         bool // was changed than the page shows
	Incomplete   string
}

func (differenceView) template() (name, title string) { return "difference", "Two moments compared" }

// comparedBoard is a board at two moments.
type comparedBoard struct {
	readmodels.DiffAnswer

	Same bool // what was changed was changed back
}

// Counted is how many changes lie in between.
func (b comparedBoard) Counted() string { return counted(b.Records, "change", "changes") }

// difference compares two moments. A day means its beginning as the first of them, and its end as the second.
func (v *visit) difference() (view, error) {
	given := v.r.URL.Query()
	from, _, err := typedInstant(given.Get("from"))
	if err != nil {
		return nil, err
	}
	_, to, err := typedInstant(given.Get("to"))
	if err != nil {
		return nil, err
	}
	shown := differenceView{
		From: formInstant(from), To: formInstant(to), Dashboard: strings.TrimSpace(given.Get("dashboard")), Begins: from, Ends: to,
	}
	asked := search{dashboard: shown.Dashboard}
	said, err := asked.resolve(v)
	if err != nil {
		return nil, err
	}
	if said != "" {
		shown.Said = append(shown.Said, said)
	}
	if from.IsZero() {
		return shown, nil
	}
	boards := []string{asked.dashboard}
	if asked.dashboard == "" {
		if boards, err = v.changedBetween(&shown); err != nil {
			return nil, err
		}
	}
	q := url.Values{"from": {from.Format(time.RFC3339Nano)}}
	if !to.IsZero() {
		q.Set("to", to.Format(time.RFC3339Nano))
	}
	for _, id := range boards {
		diff, meta, err := getMeta[readmodels.DiffAnswer, readmodels.HistoryMeta](v, dashboardPath(id)+"/diff", q)
		if err != nil {
			return nil, err
		}
		shown.Incomplete = meta.Incomplete
		shown.Boards = append(shown.Boards, comparedBoard{diff, nothingDiffers(diff.Changes)})
	}
	return shown, nil
}

// changedBetween are the boards that were changed after the first moment and up to the second.
func (v *visit) changedBetween(shown *differenceView) (boards []string, err error) {
	var everything search
	q := url.Values{"from": {shown.Begins.Add(time.Microsecond).Format(time.RFC3339Nano)}}
	if !shown.Ends.IsZero() {
		q.Set("to", shown.Ends.Add(time.Microsecond).Format(time.RFC3339Nano)) // which the API leaves out
	}
	entries, meta, err := v.someHistory(everything, q, mostEntries)
	shown.Incomplete, shown.More = meta.Incomplete, meta.NextCursor != ""
	for _, e := range entries {
		switch {
		case slices.Contains(boards, e.Dashboard.ID):
		case len(boards) == comparedBoards:
			shown.More = true
		default:
			boards = append(boards, e.Dashboard.ID)
		}
	}
	return boards, err
}

func nothingDiffers(d readmodels.Differences) bool {
	return !d.Created && d.AllowClientDashboard == nil && len(d.AccountsLinked)+len(d.AccountsUnlinked)+len(d.UsersAdded)+len(d.UsersRemoved)+
		len(d.ScopesAdded)+len(d.ScopesRemoved)+len(d.MainPOCAdded)+len(d.MainPOCRemoved) == 0
}

// formInstant is an instant as a form takes it; "" for the zero one.
func formInstant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format("2006-01-02T15:04:05")
}
