package console

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const boardPath = root + "/board/"

// boardFacts is a board with the names of its accounts and people.
type boardFacts struct {
	readmodels.DashboardView

	People []boardPerson
}

// boardPerson is a person on the list of a board.
type boardPerson struct {
	readmodels.DashboardUser

	AccountName string // of the linked account that the person belongs to
}

// boardView is a client's board without figures.
type boardView struct {
	Board boardFacts
	Name  string
	ID    string
}

func (b boardView) watches() string { return boardPath + b.ID }

// linkedName returns the name of a board: its client, and the number of linked clients.
func (b boardFacts) linkedName(id string) string {
	name := id
	for _, a := range b.SubAccountIDs {
		if a.ID == id {
			name = nameOr(a.Name, id)
		}
	}
	if others := len(b.SubAccountIDs) - 1; others > 0 {
		name += " + " + counted(others, "linked client", "linked clients")
	}
	return name
}

// boardOf returns a board with names.
func boardOf(v *visit, id string) (boardFacts, error) {
	facts, _, err := boardAt(v, id)
	return facts, err
}

// withNames names the accounts of a board's people.
func withNames(of readmodels.DashboardView) boardFacts {
	facts := boardFacts{DashboardView: of}
	slices.SortStableFunc(facts.SubAccountIDs, func(a, b readmodels.LinkedAccount) int { // the API sorts by id
		return inOrder(a.Name, a.ID, b.Name, b.ID)
	})
	names := map[string]string{}
	for _, a := range facts.SubAccountIDs {
		names[a.ID] = a.Name
	}
	for _, u := range facts.Users {
		facts.People = append(facts.People, boardPerson{u, nameOr(names[u.Account], u.Account)})
	}
	return facts
}

// ownBoard opens a client's own board, with figures if its scopes include them. For a closed board
// it shows that the board is closed.
func ownBoard(v *visit) (view, error) {
	id := v.r.PathValue("id")
	shown, err := openBoard(v, id, boardPath+url.PathEscape(id))
	why, ok := errors.AsType[*domain.Error](err)
	if ok && why != errNoPage && (why.Code == domain.CodeForbidden || why.Code == domain.CodeNotFound) {
		return openClosedBoard(v, id, why), nil
	}
	return shown, err
}

// openBoard shows a board to the visitor. Here is the address of the page.
func openBoard(v *visit, id, here string) (view, error) {
	facts, err := boardOf(v, id)
	if err != nil {
		return nil, err
	}
	name := facts.linkedName(id)
	if !slices.Contains(facts.Scopes, "analytics") {
		return boardView{Board: facts, Name: name, ID: id}, nil
	}
	return readFigures(v, figuresView{Name: name, ID: id, Here: here, Board: &facts}, figuresOf(v, "dashboard", id, here+"/"))
}

// boardsOf returns the boards that a person can open, sorted by name; the API sorts by id.
func boardsOf(me *readmodels.Me) []readmodels.MeDashboard {
	return slices.SortedStableFunc(slices.Values(me.Opens.Dashboards), func(a, b readmodels.MeDashboard) int {
		return inOrder(a.SubAccountName, a.SubAccountID, b.SubAccountName, b.SubAccountID)
	})
}

// ownBoards redirects a client user with one board to it, and lists several boards.
func ownBoards(v *visit) (view, error) {
	boards := boardsOf(v.me)
	if len(boards) == 1 {
		return redirect(boardPath + url.PathEscape(boards[0].SubAccountID)), nil
	}
	shown := boardsView{Boards: boards}
	if v.me.Agency != nil {
		shown.Agency = v.me.Agency.Name
	}
	return shown, nil
}

// inOrder compares two clients by their displayed names.
func inOrder(name, id, otherName, otherID string) int {
	return strings.Compare(strings.ToLower(nameOr(name, id)), strings.ToLower(nameOr(otherName, otherID)))
}

// boardsView lists the boards that a client user can open.
type boardsView struct {
	Agency string
	Boards []readmodels.MeDashboard
}

// clientFile and ownFile download figures as CSV.
func clientFile(v *visit) (view, error) {
	return figuresFile(v, figuresOf(v, "account", v.r.PathValue("id"), ""))
}

func ownFile(v *visit) (view, error) {
	return figuresFile(v, figuresOf(v, "dashboard", v.r.PathValue("id"), ""))
}

func figuresFile(v *visit, f figures) (view, error) {
	table, isCSV := strings.CutSuffix(v.r.PathValue("table"), ".csv")
	path, known := figurePaths[table]
	if !known || !isCSV {
		return nil, errNoPage
	}
	if table == "activity" {
		f.Form.Compare = "" // activity has no comparison
	}
	path, asked := f.asking(path)
	asked.Set("table", "total.series")
	got, err := v.send(http.MethodGet, path+"?"+asked.Encode(), nil, nil)
	if err != nil {
		return nil, err
	}
	names, rows, _ := strings.Cut(got.body.String(), "\n")
	columns := strings.Split(names, ",")
	for i, name := range columns {
		columns[i] = figureNames[strings.TrimPrefix(name, "total.series.")]
	}
	v.w.Header().Set("Content-Type", got.header.Get("Content-Type"))
	name := table + "-" + f.scope.Get("account") + f.scope.Get("dashboard") + "-" + f.Form.From + "-" + f.Form.To + ".csv"
	v.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, err = io.WriteString(v.w, strings.Join(columns, ",")+"\n"+rows)
	return writtenStatus(got.status), err
}

// boardClosedView tells a client user that a board is closed.
type boardClosedView struct {
	Said   string // the API's message
	Agency string
	Others []readmodels.MeDashboard // other boards that are open
	Just   bool                     // the board was closed while the visitor viewed it

	code domain.Code // of the API's refusal
}

func (c boardClosedView) status() int {
	if c.Just { // the address /closed exists
		return http.StatusOK
	}
	return api.StatusOf(c.code)
}

// openClosedBoard shows that a board is closed, and which other boards are open.
func openClosedBoard(v *visit, id string, why *domain.Error) boardClosedView {
	shown := boardClosedView{Said: why.Message, code: why.Code}
	if why.Code == domain.CodeNotFound {
		shown.Said = "There is no such board, or you do not have access to it."
	}
	if v.me.Agency != nil {
		shown.Agency = v.me.Agency.Name
	}
	for _, d := range boardsOf(v.me) {
		if d.SubAccountID != id {
			shown.Others = append(shown.Others, d)
		}
	}
	return shown
}

// justClosed returns the page to which a board's page goes after a notice that the board was closed
// or the visitor was removed from a list. If the board is still open, it redirects back.
func justClosed(v *visit) (view, error) {
	id := v.r.PathValue("id")
	_, err := boardOf(v, id)
	if err == nil {
		return redirect(boardPath + url.PathEscape(id)), nil
	}
	shown, err := ownBoard(v)
	if closed, ok := shown.(boardClosedView); ok {
		closed.Just = true
		return closed, nil
	}
	return shown, err
}
