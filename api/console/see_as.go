package console

import (
	"context"
	"net/url"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Looks records that somebody of an agency looks with a client user's eyes; *commands.Audit implements it. Without the record nothing is shown.
type Looks interface {
	RecordRead(ctx context.Context, c commands.Caller, read domain.AuditRead) error
}

// seenAs is whose eyes a page is seen with.
type seenAs struct {
	Name    string
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

// looking is a visit with a client user's eyes. It only reads: the API is asked by GET alone, with the rights that the user has now.
type looking struct {
	visit

	name string
	here string
}

// lookAs records that the visitor looks, and opens the user's eyes. Board is what is looked at; "": what the user may open.
func lookAs(v *visit, client readmodels.Account, board string) (*looking, error) {
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
	if err := v.console.deps.Looks.RecordRead(v.r.Context(), by, read); err != nil {
		return nil, err
	}
	people := clientPath(client.ID, "people")
	v.as = &seenAs{Name: nameOr(user.Name, user.ID), Back: people, Request: by.RequestID}
	l := &looking{visit: *v, name: v.as.Name, here: people + "/" + url.PathEscape(user.ID) + "/sees"}
	l.who = api.Principal{UserID: user.ID, AccountID: user.AccountID, Roles: api.Roles{api.RoleClient}, ExpiresAt: v.who.ExpiresAt}
	return l, nil
}

// seeAs is what a client user finds on signing in.
func seeAs(v *visit, client readmodels.Account) (view, error) {
	l, err := lookAs(v, client, "")
	if err != nil {
		return nil, err
	}
	shown := seenView{Name: l.name, Here: l.here}
	me, err := get[readmodels.Me](&l.visit, "/api/me", nil)
	switch {
	case domain.CodeOf(err) == domain.CodeForbidden:
		shown.Said = l.name + " cannot sign in now: the person or the client is not active."
		return shown, nil
	case err != nil:
		return nil, err
	}
	if me.Agency != nil {
		shown.Agency = me.Agency.Name
	}
	shown.Boards = boardsOf(&me)
	if len(shown.Boards) == 1 {
		return redirect(l.here + "/" + url.PathEscape(shown.Boards[0].SubAccountID)), nil
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
	return openBoard(&l.visit, board, l.here+"/"+url.PathEscape(board))
}

// fileAs is a table of such a board as a file.
func fileAs(v *visit, client readmodels.Account) (view, error) {
	board := v.r.PathValue("board")
	l, err := lookAs(v, client, board)
	if err != nil {
		return nil, err
	}
	return figuresFile(&l.visit, figuresOf(&l.visit, "dashboard", board, ""))
}
