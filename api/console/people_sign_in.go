package console

import (
	"errors"
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type personSignInView struct {
	directory.User

	Elsewhere bool // people sign in to the main application
	Provider  bool // people sign in with an identity provider
	Colleague bool
	Sessions  []api.SignInSession
	Back      string // address of the list that contains the person
	Said      string // why no link was created
	NoLink    string // why no link can be created; "": the page has the button
	ValidFor  string
}

func (personSignInView) Durations() []choice {
	return []choice{
		{ID: "15m", Name: "15 minutes"},
		{ID: "1h", Name: "1 hour"},
		{ID: "24h", Name: "24 hours"},
		{ID: "72h", Name: "3 days"},
		{ID: "168h", Name: "7 days"},
	}
}

func personSignIn(v *visit) (view, error) { return showPersonSignIn(v, "", "24h") }

func showPersonSignIn(v *visit, said, validFor string) (view, error) {
	user := url.Values{"userId": {v.r.PathValue("id")}}
	person, err := ask(v, api.GetUser, user)
	if err != nil {
		return nil, err
	}
	shown := personSignInView{
		User: person, Elsewhere: v.deps.Application != nil, Provider: v.deps.Provider != nil,
		Colleague: person.AccountID == v.who.AccountID, Back: clientPath(person.AccountID, "people"),
		Said: said, ValidFor: validFor,
	}
	if shown.Colleague {
		shown.Back = colleaguesPath
	}
	if shown.Elsewhere {
		return shown, nil
	}
	shown.Sessions, err = ask(v, api.GetSessions, user)
	var closed api.List[directory.Account] // the person's client, if it is inactive
	if err == nil && !shown.Colleague {
		closed, err = ask(v, api.GetAccounts, url.Values{"account": {person.AccountID}, "active": {"false"}})
	}
	shown.NoLink = noLink(v, shown, len(closed.Data) > 0)
	return shown, err
}

// noLink explains why the API would refuse to create a link, or returns "". It cannot detect that a
// colleague has signed in before if all sessions of the colleague have ended. The API refuses that
// link.
func noLink(v *visit, p personSignInView, closed bool) string {
	name := foreign(p.Name, p.ID)
	switch {
	case !p.Active && !p.ResetPending:
		return name + " is inactive, so a sign-in link would not work."
	case closed:
		return foreign(p.AccountName, p.AccountID) + " is inactive, so a sign-in link would not work."
	case p.ID == v.who.UserID:
		return "You are signed in. To sign in on another device, ask an operator for a link."
	case p.Colleague && len(p.Sessions) > 0:
		return name + " has signed in before. You can create a link for a colleague only before their first sign-in. " +
			"Ask an operator for a link."
	case v.deps.NoPublicURL:
		return "This service does not know its own address, so it cannot create links. " +
			"An operator must set LEDGERBOARD_PUBLIC_URL."
	default:
		return ""
	}
}

type linkMadeView struct {
	directory.User

	Made api.SignInLink
}

// makeSignInLink shows the link in its response only: neither a cookie nor the database keeps it.
func makeSignInLink(v *visit) (view, error) {
	user, validFor := url.Values{"userId": {v.r.PathValue("id")}}, v.form.Get("valid_for")
	made, err := once(v, api.PostSignInLink, user, func(in *api.SignInLinkInput) { in.Body.ValidFor = validFor })
	why, refused := errors.AsType[*domain.Error](err)
	inForm := []domain.Code{domain.CodeConflict, domain.CodeInvalid, domain.CodeUnprocessable}
	if refused && slices.Contains(inForm, why.Code) {
		return showPersonSignIn(v, why.Message, validFor)
	}
	if err != nil {
		return nil, err
	}
	person, err := ask(v, api.GetUser, user)
	if err != nil { // the link is shown only here
		person = directory.User{ID: made.UserID}
	}
	return linkMadeView{User: person, Made: made}, nil
}

func endPersonsSession(v *visit) (view, error) {
	id := v.r.PathValue("id")
	_, err := once(v, api.PostSessionEnd, url.Values{"userId": {id}, "session": {v.form.Get("id")}}, nil)
	return redirect(peoplePath + url.PathEscape(id) + "/sign-in"), err
}
