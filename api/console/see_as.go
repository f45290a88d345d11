package console

import (
	"net/url"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// seenAs is whose eyes a page is seen with.
type seenAs struct {
	Name    string
	Here    string // address below which what the person opens stands
	Back    string // address of the page of people
	Request string // id that the record of the look has
}

// seenView is what somebody finds on signing in.
type seenView struct {
	Name   string
	Here   string // address below which the boards stand
	Agency string
	Boards []readmodels.MeDashboard
	Said   string // why the person cannot sign in; "": it can
}

// lookAs records that the visitor looks, and opens the user's eyes: the visit returned only reads, with the rights that the user has now. Board is
// what is looked at; "": what the user may open.
func lookAs(v *visit, client readmodels.Account, board string) (*visit, error) {
	user, err := get[readmodels.User](v, "/api/users/"+url.PathEscape(v.r.PathValue("user")), nil)
	if err != nil {
		return nil, err
	}
	if user.AccountID != client.ID || client.IsAgency {
		return nil, errNoPage
	}
	if board != "" {
		id, ok := domain.HexID(board)
		if !ok {
			return nil, errNoPage
		}
		board = id
	}
	if v.console.deps.Looks == nil {
		return nil, errNoPage
	}
	by := commands.Caller{ParentAccount: v.who.AccountID, UserID: v.who.UserID, Role: string(api.RoleAgency), RequestID: uuid.NewString()}
	read := domain.AuditRead{What: domain.AuditAsUser, Dashboard: board, Filter: domain.AuditFilter{User: user.ID}}
	if err := v.console.deps.Looks(v.r.Context(), by, read); err != nil {
		return nil, err
	}
	people := clientPath(client.ID, "people")
	v.as = &seenAs{nameOr(user.Name, user.ID), people + "/" + url.PathEscape(user.ID) + "/sees", people, by.RequestID}
	l := *v
	l.who = api.Principal{UserID: user.ID, AccountID: user.AccountID, Roles: api.Roles{api.RoleClient}, ExpiresAt: v.who.ExpiresAt}
	return &l, nil
}

// seeAs is what a client user finds on signing in.
func seeAs(v *visit, client readmodels.Account) (view, error) {
	l, err := lookAs(v, client, "")
	if err != nil {
		return nil, err
	}
	shown := seenView{Name: l.as.Name, Here: l.as.Here}
	me, err := get[readmodels.Me](l, "/api/me", nil)
	switch {
	case domain.CodeOf(err) == domain.CodeForbidden:
		shown.Said = l.as.Name + " cannot sign in now: the person or the client is not active."
		return shown, nil
	case err != nil:
		return nil, err
	}
	if me.Agency != nil {
		shown.Agency = me.Agency.Name
	}
	shown.Boards = boardsOf(&me)
	if len(shown.Boards) == 1 {
		return redirect(l.as.Here + "/" + url.PathEscape(shown.Boards[0].SubAccountID)), nil
	}
	return shown, nil
}

// seeBoardAs is a board as a client user sees it.
func seeBoardAs(v *visit, client readmodels.Account) (view, error) {
	board := v.r.PathValue("board")
	l, err := lookAs(v, client, board)
	if err != nil {
		return nil, err
	}
	return openBoard(l, board, l.as.Here+"/"+url.PathEscape(board))
}

// fileAs is a table of such a board as a file.
func fileAs(v *visit, client readmodels.Account) (view, error) {
	board := v.r.PathValue("board")
	l, err := lookAs(v, client, board)
	if err != nil {
		return nil, err
	}
	return figuresFile(l, figuresOf(l, "dashboard", board, ""))
}
