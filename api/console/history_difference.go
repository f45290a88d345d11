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

	Boards     []comparedBoard
	More       string
	Incomplete string
	LeftOut    int64
}

func (d differenceView) Wrong() bool { return d.Fault != "" || d.between.Wrong() }

type comparedBoard struct {
	history.DiffAnswer

	Same bool // the changes in between canceled each other out
}

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
	for _, diff := range diffs {
		shown.Boards = append(shown.Boards, comparedBoard{diff, nothingDiffers(diff.Changes)})
	}
	slices.SortFunc(shown.Boards, func(a, b comparedBoard) int { return byName(a.Dashboard, b.Dashboard) })
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
