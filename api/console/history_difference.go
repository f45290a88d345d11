package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	differencePath = historyPath + "/difference"

	comparedBoards = 20 // boards on a page
)

// differenceView compares one board, or all boards that were changed, at two times.
type differenceView struct {
	between   // without To: now
	Dashboard string
	Fault     string // why no board matches the name

	Compared   []comparison
	Boards     int // number of boards on this page
	More       string
	Incomplete string
	LeftOut    int64
}

func (d differenceView) Wrong() bool { return d.Fault != "" || d.between.Wrong() }

// comparison is one board at two times, or several that changed in the same way.
type comparison struct {
	boardChange

	Before  *history.DashboardState // nil: the boards did not exist
	Records int64                   // changes in between, on each board
	Same    bool                    // the changes in between canceled each other out
}

// Named reports whether the heading names the boards.
func (c comparison) Named() bool { return len(c.Boards) <= listedBoards }

// comparisons groups boards that changed in the same way: a set of linked clients would be repeated for
// each of them.
func comparisons(diffs []history.DiffAnswer) (list []comparison) {
	of := func(d history.DiffAnswer) comparison {
		return comparison{
			boardChange{d.Changes, []history.Named{d.Dashboard}, false, d.After}, d.Before, d.Records, nothingDiffers(d.Changes),
		}
	}
	slices.SortFunc(diffs, func(a, b history.DiffAnswer) int { return byName(a.Dashboard, b.Dashboard) })
	for _, same := range alike(diffs, func(d history.DiffAnswer) any { return of(d).shared().key() }) {
		next := of(same[0])
		if len(same) > 1 {
			next = next.shared()
		}
		for _, d := range same[1:] {
			next.Boards = append(next.Boards, d.Dashboard)
		}
		list = append(list, next)
	}
	return list
}

// shared returns the comparison without what differs between boards that were linked with each other.
func (c comparison) shared() comparison {
	c.boardChange = c.boardChange.shared()
	if c.Before != nil {
		before := sharedState(*c.Before)
		c.Before = &before
	}
	return c
}

func (c comparison) key() []any { return []any{c.boardChange.key(), c.Before, c.Records} }

// openDifference compares two times. If From is a day, it means the start of the day; if To is a
// day, it means the end of the day.
func openDifference(v *visit) (view, error) {
	given := v.r.URL.Query()
	shown := differenceView{
		between:   betweenOf(v, "To (UTC), now if empty"),
		Dashboard: strings.TrimSpace(given.Get("dashboard")),
	}
	asked := search{dashboard: strings.Trim(shown.Dashboard, `"`)}
	var err error
	if shown.Fault, err = asked.resolve(v); err != nil {
		return nil, err
	}
	if shown.From.Begins.IsZero() && !shown.To.Ends.IsZero() && shown.From.Fault == "" {
		shown.From.Fault = "Also choose the first time."
	}
	if shown.From.Begins.IsZero() || shown.Wrong() {
		return shown, nil
	}
	q := url.Values{}
	shown.ask(q)
	diffs, meta, err := differences(v, asked.dashboard, q)
	if asked.dashboard != "" && domain.CodeOf(err) == domain.CodeNotFound {
		shown.Fault = noBoard
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	shown.Incomplete, shown.LeftOut = meta.Incomplete, meta.LeftOut
	shown.Compared, shown.Boards = comparisons(diffs), len(diffs)
	shown.To.keep(given)
	shown.More = nextPage(differencePath, given, meta.NextCursor)
	return shown, nil
}

// differences compares one board, or all boards that were changed in between if board is "". It
// calls only one operation, so that only one view is recorded.
func differences(v *visit, board string, q url.Values) (
	diffs []history.DiffAnswer, meta history.HistoryMeta, err error,
) {
	if board != "" {
		q.Set("sub_account_id", board)
		read, err := ask(v, api.GetDashboardDiff, q)
		return []history.DiffAnswer{read.Data}, read.Meta, err
	}
	q.Set("limit", strconv.Itoa(comparedBoards))
	copyParameters(v, q, "cursor")
	read, err := ask(v, api.GetAuditDiff, q)
	return read.Data, read.Meta, err
}

func nothingDiffers(d history.Differences) bool {
	return !d.Created && d.AllowClientDashboard == nil && len(d.AccountsLinked)+len(d.AccountsUnlinked)+
		len(d.UsersAdded)+len(d.UsersRemoved)+len(d.ScopesAdded)+len(d.ScopesRemoved)+
		len(d.MainPOCAdded)+len(d.MainPOCRemoved) == 0
}

func formInstant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format("2006-01-02T15:04:05")
}
