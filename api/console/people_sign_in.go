package console

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// linkDurations are how long a link may work, in the words of the page.
var linkDurations = []choice{
	{ID: "15m", Name: "15 minutes"}, {ID: "1h", Name: "1 hour"}, {ID: "24h", Name: "24 hours"}, {ID: "72h", Name: "3 days"}, {ID: "168h", Name: "7 days"},
}

// personSignInView is where a person of the agency or of a client is signed in, and how it is let in.
type personSignInView struct {
	readmodels.User

	Elsewhere bool // people sign in at the main application
	Provider  bool // people sign in at an identity provider
	Colleague bool
	Sessions  []api.SignInSession
	Back      string // address of the people among whom this one is
	Said      string // why no link was made
	NoLink    string // why none can be made; "": the page has the button
	ValidFor  string // how long the link works, as chosen
}

// Durations are the choices of how long the link works.
func (personSignInView) Durations() []choice { return linkDurations }

func personSignIn(v *visit) (view, error) { return showPersonSignIn(v, "", "24h") }

func showPersonSignIn(v *visit, said, validFor string) (view, error) {
	user := "/api/users/" + url.PathEscape(v.r.PathValue("id"))
	of, err := get[readmodels.User](v, user, nil)
	if err != nil {
		return nil, err
	}
	shown := personSignInView{
		User: of, Elsewhere: v.console.deps.Application != nil, Provider: v.console.deps.Provider != nil,
		Colleague: of.AccountID == v.who.AccountID, Back: clientPath(of.AccountID, "people"), Said: said, ValidFor: validFor,
	}
	if shown.Colleague {
		shown.Back = colleaguesPath
	}
	if shown.Elsewhere {
		return shown, nil
	}
	shown.Sessions, err = get[[]api.SignInSession](v, user+"/sessions", nil)
	var closed []readmodels.Account // the person's client, if it is not active
	if err == nil && !shown.Colleague {
		closed, err = get[[]readmodels.Account](v, "/api/accounts", url.Values{"account": {of.AccountID}, "active": {"false"}})
	}
	shown.NoLink = noLink(v, shown, len(closed) > 0)
	return shown, err
}

// noLink says why the API would refuse to make a link, if the page can know it; the page then has no button. It
// cannot know of a colleague whose sessions have all ended. The API refuses that link.
func noLink(v *visit, p personSignInView, closed bool) string {
	name := nameOr(p.Name, p.ID)
	switch {
	case !p.Active && !p.ResetPending:
		return name + " is not active, so a link would sign no one in."
	case closed:
		return nameOr(p.AccountName, p.AccountID) + " is not active, so a link would sign no one in."
	case p.ID == v.who.UserID:
		return "This is you, and you are signed in. For a link to sign in somewhere else, ask an operator."
	case p.Colleague && len(p.Sessions) > 0:
		return name + " has signed in before. You can make a link for a colleague only before the first sign-in. Ask an operator for one."
	case v.console.deps.Addressless:
		return "This service does not know its own address, so it cannot make links. An operator must set LEDGERBOARD_PUBLIC_URL."
	default:
		return ""
	}
}

// linkMadeView shows a link, once.
type linkMadeView struct {
	readmodels.User

	Made api.SignInLink
}

// madeCookie carries what a form made to the page that shows it, once: a reload neither makes nor says it again.
const madeCookie = "__Host-lb_link_made"

// taken returns the value of a cookie and deletes the cookie. It is empty if the browser sent none.
func taken(v *visit, cookie string) string {
	cookies := v.r.CookiesNamed(cookie)
	if len(cookies) == 0 {
		return ""
	}
	setCookie(v.w, cookie, "", -1)
	return cookies[0].Value
}

// makeSignInLink makes a link for a person, or says why not.
func makeSignInLink(v *visit) (view, error) {
	id := url.PathEscape(v.r.PathValue("id"))
	validFor := v.form.Get("valid_for")
	made, err := post[api.SignInLink](v, "/api/users/"+id+"/sign-in-link", map[string]string{"valid_for": validFor})
	why, refused := errors.AsType[*domain.Error](err)
	if refused && slices.Contains([]domain.Code{domain.CodeConflict, domain.CodeInvalid, domain.CodeUnprocessable}, why.Code) {
		return showPersonSignIn(v, why.Message, validFor)
	}
	if err != nil {
		return nil, err
	}
	shown, err := json.Marshal(made)
	setCookie(v.w, madeCookie, base64.RawURLEncoding.EncodeToString(shown), 60)
	return redirect(peoplePath + id + "/sign-in/made"), err
}

// madeSignInLink shows the link that was just made, once.
func madeSignInLink(v *visit) (view, error) {
	of, err := get[readmodels.User](v, "/api/users/"+url.PathEscape(v.r.PathValue("id")), nil)
	if err != nil {
		return nil, err
	}
	shown := linkMadeView{User: of}
	raw, _ := base64.RawURLEncoding.DecodeString(taken(v, madeCookie))
	_ = json.Unmarshal(raw, &shown.Made) // the browser's own; what cannot be read shows no link
	if shown.Made.UserID != of.ID {
		return redirect(peoplePath + of.ID + "/sign-in"), nil
	}
	return shown, nil
}

func endPersonsSession(v *visit) (view, error) {
	id := url.PathEscape(v.r.PathValue("id"))
	_, err := post[[]api.SignInSession](v, "/api/users/"+id+"/sessions/"+url.PathEscape(v.form.Get("id"))+"/end", nil)
	return redirect(peoplePath + id + "/sign-in"), err
}
