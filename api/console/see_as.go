package console

import (
	"net/url"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// impersonation describes the client user whom the visitor views a page as.
type impersonation struct {
	Name string
	Here string // base address of the user's pages
	Back string
}

type seenView struct {
	Name   string
	Here   string // base address of the boards
	Agency string
	Boards []directory.MeDashboard
	Said   string // why the person cannot sign in; "": they can
}

// viewAs records that the visitor views a page as the user in the address. The returned visit has
// the user's current rights and must only read. Board is the id of the board to view, or "" for the
// list of boards.
func viewAs(v *visit, client directory.Account, board string) (*visit, error) {
	user, err := ask(v, api.GetUser, url.Values{"userId": {v.r.PathValue("user")}})
	if err != nil {
		return nil, err
	}
	if user.AccountID != client.ID || client.IsAgency {
		return nil, errNoPage
	}
	if board != "" {
		var ok bool
		if board, ok = domain.HexID(board); !ok {
			return nil, errNoPage
		}
	}
	by := commands.Caller{
		ParentAccount: v.who.AccountID, UserID: v.who.UserID, Role: string(api.RoleAgency), RequestID: api.RequestID(v.r.Context()),
	}
	read := domain.AuditRead{What: domain.AuditAsUser, Dashboard: board, Filter: domain.AuditFilter{User: user.ID}}
	if err := v.deps.RecordView(v.r.Context(), by, read); err != nil {
		return nil, err
	}
	people := clientPath(client.ID, "people")
	here := people + "/" + url.PathEscape(user.ID) + "/sees"
	v.viewedAs = &impersonation{foreign(user.Name, user.ID), here, people}
	l := *v
	l.who = api.Principal{
		UserID: user.ID, AccountID: user.AccountID, Roles: api.Roles{api.RoleClient}, ExpiresAt: v.who.ExpiresAt,
	}
	return &l, nil
}

func openClientUser(v *visit, client directory.Account) (view, error) {
	l, err := viewAs(v, client, "")
	if err != nil {
		return nil, err
	}
	shown := seenView{Name: l.viewedAs.Name, Here: l.viewedAs.Here}
	me, err := ask(l, api.GetMe, nil)
	switch {
	case domain.CodeOf(err) == domain.CodeForbidden:
		shown.Said = l.viewedAs.Name + " cannot sign in: the person or the client is inactive."
		return shown, nil
	case err != nil:
		return nil, err
	}
	if me.Agency != nil {
		shown.Agency = string(me.Agency.Name)
	}
	shown.Boards = boardsOf(&me)
	if len(shown.Boards) == 1 {
		return redirect(l.viewedAs.Here + "/" + url.PathEscape(shown.Boards[0].SubAccountID)), nil
	}
	return shown, nil
}

func openBoardAs(v *visit, client directory.Account) (view, error) {
	board := v.r.PathValue("board")
	l, err := viewAs(v, client, board)
	if err != nil {
		return nil, err
	}
	here := l.viewedAs.Here
	shown, err := openBoard(l, board, here+"/"+url.PathEscape(board))
	why := whyNotOpen(err)
	if why == nil {
		return shown, err
	}
	me, notIn := ask(l, api.GetMe, nil)
	switch {
	case domain.CodeOf(notIn) == domain.CodeForbidden: // that page explains why
		return redirect(here), nil
	case notIn != nil:
		return nil, notIn
	}
	return boardNotOpen(&me, board, why, here+"/", here), nil
}

func fileAs(v *visit, client directory.Account) (view, error) {
	board := v.r.PathValue("board")
	l, err := viewAs(v, client, board)
	if err != nil {
		return nil, err
	}
	return figuresFile(l, "dashboard", board)
}
