package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	differencePath = historyPath + "/difference"

	comparedBoards = 20 // that a page compares
)

// differenceView is what lies between two moments: of one board, or of all that were changed in between.
type differenceView struct {
	between          // To not given: now
	Dashboard string // as it was typed; "": all
	Fault     string // why no board is of that name

	Boards     []comparedBoard
	More       string // address of the next page; "": this is the last one
	Incomplete string
}

// Wrong reports whether the form must be corrected first.
func (d differenceView) Wrong() bool { return d.Fault != "" || d.between.Wrong() }

// comparedBoard is a board at two moments.
type comparedBoard struct {
	readmodels.DiffAnswer

	Same bool // what was changed was changed back
}

// Counted is how many changes lie in between.
func (b comparedBoard) Counted() string { return counted(b.Records, "change", "changes") }

// openDifference compares two moments. A day means its beginning as the first of them, and its end as the second.
func openDifference(v *visit) (view, error) {
	given := v.r.URL.Query()
	shown := differenceView{between: betweenOf(v, "From (UTC)", "To (UTC), now if empty"), Dashboard: strings.TrimSpace(given.Get("dashboard"))}
	asked := search{dashboard: shown.Dashboard}
	var err error
	if shown.Fault, err = asked.resolve(v); err != nil {
		return nil, err
	}
	if shown.From.Begins.IsZero() && !shown.To.Ends.IsZero() && shown.From.Fault == "" {
		shown.From.Fault = "Choose the first moment, too."
	}
	if shown.From.Begins.IsZero() || shown.Wrong() {
		return shown, nil
	}
	q := url.Values{}
	shown.ask(q)
	diffs, meta, err := differences(v, asked.dashboard, q)
	if err != nil {
		return nil, err
	}
	shown.Incomplete = meta.Incomplete
	for _, diff := range diffs {
		shown.Boards = append(shown.Boards, comparedBoard{diff, nothingDiffers(diff.Changes)})
	}
	slices.SortFunc(shown.Boards, func(a, b comparedBoard) int { return byName(a.Dashboard, b.Dashboard) })
	shown.More = nextPage(differencePath, given, meta.NextCursor)
	return shown, nil
}

// differences asks the API once, for one board or for all that were changed in between: so the page is one look that is recorded.
func differences(v *visit, board string, q url.Values) (diffs []readmodels.DiffAnswer, meta readmodels.HistoryMeta, err error) {
	if board != "" {
		diffs = make([]readmodels.DiffAnswer, 1)
		diffs[0], meta, err = getMeta[readmodels.DiffAnswer, readmodels.HistoryMeta](v, boardAPI(board)+"/diff", q)
		return diffs, meta, err
	}
	q.Set("limit", strconv.Itoa(comparedBoards))
	passOnGiven(v, q, "cursor")
	return getMeta[[]readmodels.DiffAnswer, readmodels.HistoryMeta](v, "/api/audit/diff", q)
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
