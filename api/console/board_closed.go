package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// closedView tells a client that a board is not open to it, or not any more.
type closedView struct {
	Said   string // by the API
	Agency string
	Others []readmodels.MeDashboard // that are open
	Just   bool                     // it was closed while the client looked at it

	refused int // status of the API's answer
}

func (closedView) template() (name, title string) {
	return "board-closed", "This board is not open to you"
}

func (c closedView) status() int {
	if c.Just { // a page of its own, that is found
		return http.StatusOK
	}
	return c.refused
}

// closedBoard says so kindly, and what else is open.
func (v *visit) closedBoard(id string, why *refused) closedView {
	shown := closedView{Said: why.why.Message, refused: why.status}
	if why.why.Code == domain.CodeNotFound {
		shown.Said = "There is no such board, or it is not yours."
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

// justClosed is where a board's page leads when it hears that it was closed, or that its reader was taken off a list. Is the board open all the same,
// it leads back.
func (v *visit) justClosed() (view, error) {
	id := v.r.PathValue("id")
	_, err := v.board(id)
	if err == nil {
		return redirect(boardPath + url.PathEscape(id)), nil
	}
	shown, err := v.ownBoard()
	if closed, is := shown.(closedView); is {
		closed.Just = true
		return closed, nil
	}
	return shown, err
}

// notices are what the reader of a board hears of at once. Without a known end the stream is opened again every few minutes, and ends so soon after a
// session that somebody has ended.
func (v *visit) notices() (view, error) {
	v.who.ExpiresAt = time.Time{}
	return passOn("/api/notices"), nil
}
