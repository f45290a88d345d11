package console

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const boardPath = root + "/board/"

type boardView struct {
	Board  readmodels.DashboardView
	Name   string
	Linked int // number of other clients on the board
	ID     string
}

func (b boardView) watches() string { return boardPath + b.ID }

// accountName returns the name of an account that is linked to the board, or else its id.
func accountName(board readmodels.DashboardView, id string) string {
	for _, a := range board.SubAccountIDs {
		if a.ID == id && domain.Visible(a.Name) {
			return a.Name
		}
	}
	return id
}

func ownBoard(v *visit) (view, error) {
	id := v.r.PathValue("id")
	shown, err := openBoard(v, id, boardPath+url.PathEscape(id))
	if why := whyNotOpen(err); why != nil {
		return boardNotOpen(v.me, id, why, boardPath, root), nil
	}
	return shown, err
}

// whyNotOpen returns err if it means that the board is not open to the visitor, and otherwise nil.
func whyNotOpen(err error) *domain.Error {
	why, ok := errors.AsType[*domain.Error](err)
	if !ok || why == errNoPage || why.Code != domain.CodeForbidden && why.Code != domain.CodeNotFound {
		return nil
	}
	return why
}

// boardNotOpen returns a page that explains why a board is not open to a person. Boards is the base
// address of the person's open boards; start is the address of the start page.
func boardNotOpen(me *directory.Me, id string, why *domain.Error, boards, start string) boardClosedView {
	closed := boardClosedView{Said: why.Message, Boards: boards, Start: start, code: why.Code}
	if why.Code == domain.CodeNotFound {
		closed.Said = "There is no such board, or you do not have access to it."
	}
	if me.Agency != nil {
		closed.Agency = string(me.Agency.Name)
	}
	for _, d := range boardsOf(me) {
		if d.SubAccountID != id {
			closed.Others = append(closed.Others, d)
		}
	}
	return closed
}

// openBoard shows a board to the visitor. Here is the address of the board's page.
func openBoard(v *visit, id, here string) (view, error) {
	board, _, err := boardAt(v, id)
	if err != nil {
		return nil, err
	}
	name, linked := accountName(board, id), max(0, len(board.SubAccountIDs)-1)
	if !slices.Contains(board.Scopes, "analytics") {
		return boardView{Board: board, Name: name, Linked: linked, ID: id}, nil
	}
	return readFigures(v, figuresView{Name: name, Linked: linked, ID: id, Here: here, Board: &board}, "dashboard")
}

// boardsOf returns the boards that a person can open, sorted by name; the API sorts by id.
func boardsOf(me *directory.Me) []directory.MeDashboard {
	return slices.SortedStableFunc(slices.Values(me.Opens.Dashboards), func(a, b directory.MeDashboard) int {
		return inOrder(string(a.SubAccountName), a.SubAccountID, string(b.SubAccountName), b.SubAccountID)
	})
}

func ownBoards(v *visit) (view, error) {
	boards := boardsOf(v.me)
	if len(boards) == 1 {
		return redirect(boardPath + url.PathEscape(boards[0].SubAccountID)), nil
	}
	shown := boardsView{Boards: make([]boardCard, len(boards))}
	if v.me.Agency != nil {
		shown.Agency = string(v.me.Agency.Name)
	}
	err := concurrently(len(boards), func(i int) (err error) {
		shown.Boards[i], err = boardCardOf(v, boards[i], i < boardsWithFigures)
		return err
	})
	return shown, err
}

// boardsWithFigures is the number of boards that the list shows with figures: each needs its own API
// request.
const boardsWithFigures = 12

func boardCardOf(v *visit, board directory.MeDashboard, figures bool) (card boardCard, err error) {
	card.MeDashboard = board
	if !figures || !slices.Contains(board.Scopes, "analytics") {
		return card, nil
	}
	asked := recently(v)
	asked.Set("dashboard", board.SubAccountID)
	read, err := ask(v, api.GetAccountFollowers, asked)
	if whyNotOpen(err) != nil { // closed since the list was read; its page explains it
		return card, nil //nolint:nilerr // the card is shown without figures
	}
	card.Shown = new(followersIn(v, read.Data.Total, read.Meta.AsOf))
	return card, err
}

func inOrder(name, id, otherName, otherID string) int {
	return cmp.Or(alphabetical(foreign(name, id), foreign(otherName, otherID)), strings.Compare(id, otherID))
}

// alphabetical compares texts in the root order of Unicode, as the API's lists do. It ignores the
// characters around isolated texts.
func alphabetical(a, b string) int {
	collator, _ := collators.Get().(*collate.Collator)
	defer collators.Put(collator)
	return collator.CompareString(a, b)
}

var collators = sync.Pool{New: func() any { return collate.New(language.Und) }} // each for one goroutine

type boardsView struct {
	Agency string
	Boards []boardCard
}

type boardCard struct {
	directory.MeDashboard

	Shown *followersNow // nil: the board shows no figures, or is not one of the first
}

func clientFile(v *visit) (view, error) {
	return figuresFile(v, "account", v.r.PathValue("id"))
}

func ownFile(v *visit) (view, error) {
	return figuresFile(v, "dashboard", v.r.PathValue("id"))
}

func figuresFile(v *visit, by, id string) (view, error) {
	table, isWorkbook := strings.CutSuffix(v.r.PathValue("table"), ".xlsx")
	read, known := figureFiles[table]
	if !known || !isWorkbook {
		return nil, errNoPage
	}
	f := figuresOf(v, by, id, "")
	if table == "activity" {
		f.Form.Compare = "" // activity has no comparison
	}
	got, err := read(v, f.asked())
	if by == "dashboard" && whyNotOpen(err) != nil {
		board, _, notOpen := boardAt(v, id)
		if err = cmp.Or(notOpen, err); notOpen == nil && !slices.Contains(board.Scopes, "analytics") {
			err = errNoFigures
		}
	}
	if err != nil {
		return nil, err
	}
	v.w.Header().Set("Content-Type", got.Type)
	name := table + "-" + id + "-" + f.Form.From + "-" + f.Form.To + ".xlsx"
	v.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, err = v.w.Write(got.Body)
	return writtenStatus(http.StatusOK), err
}

type boardClosedView struct {
	Said   string
	Agency string
	Others []directory.MeDashboard // other boards that are open
	Boards string                  // base address of Others
	Start  string                  // address of the start page
	Just   bool                    // the board was closed while the visitor viewed it

	code domain.Code
}

func (b boardClosedView) status() int {
	if b.Just { // the address /closed exists
		return http.StatusOK
	}
	return api.StatusOf(b.code)
}

// justClosed opens the page that a board's page switches to after a notice that the board was
// closed or that the visitor was removed from its list. If the board is still open, it redirects
// back.
func justClosed(v *visit) (view, error) {
	id := v.r.PathValue("id")
	if _, _, err := boardAt(v, id); err == nil {
		return redirect(boardPath + url.PathEscape(id)), nil
	}
	shown, err := ownBoard(v)
	if closed, ok := shown.(boardClosedView); ok {
		closed.Just = true
		return closed, nil
	}
	return shown, err
}
