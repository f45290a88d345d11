package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	signInPath   = Path + "/sign-in"
	linkPath     = Path + "/link/"
	sessionsPath = Path + "/sessions"
)

func (c *Console) signInPages() []page {
	return []page{
		{pattern: "GET " + signInPath, public: true, views: []view{signInView{}}, open: (*visit).signInPage},
		{pattern: "POST " + signInPath + "/demo", public: true, open: (*visit).continueAs},
		{pattern: "POST " + signInPath + "/token", public: true, open: (*visit).useToken},
		{pattern: "POST " + passwordPath, public: true, open: (*visit).usePassword},
		{pattern: "GET " + linkPath + "{word}", public: true, views: []view{linkView{}}, open: (*visit).linkPage},
		{pattern: "POST " + linkPath + "{word}", public: true, open: (*visit).useLink},
		{pattern: "POST " + Path + "/sign-out", public: true, open: (*visit).signOut},
		{pattern: "GET " + sessionsPath, views: []view{sessionsView{}}, open: (*visit).sessions},
		{pattern: "POST " + sessionsPath, open: (*visit).endSession},
	}
}

// signInView says how one signs in.
type signInView struct {
	To        string
	Demo      []Person // as whom one may go on here; none outside of demo
	Provider  string   // where signing in at the identity provider begins; "": there is none
	Passwords bool     // some people have one
}

func (signInView) template() (name, title string) { return "sign-in", "Sign in" }

func (v *visit) signInPage() (view, error) {
	shown := signInView{To: v.r.URL.Query().Get("to"), Passwords: v.passwordOffered()}
	if onThisMachine(v.r) {
		shown.Demo = v.console.deps.Demo
	}
	if v.console.deps.Provider != nil {
		shown.Provider = startPath + "?" + url.Values{"to": {shown.To}}.Encode()
	}
	return shown, nil
}

// continueAs signs in as one of the demo's people.
func (v *visit) continueAs() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	if !onThisMachine(v.r) || len(v.console.deps.Demo) == 0 {
		return nil, errNoPage
	}
	for _, p := range v.console.deps.Demo {
		if p.Role == form.Get("role") {
			return wanted(form.Get("to")), v.signIn(p, WayDemo, nil, time.Time{})
		}
	}
	return nil, errNobody
}

var (
	errNobody = refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
		"The demo has nobody of that role. Go back, and choose one of those who are shown.")
	errNoScreen = refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
		"This token is of a program. The console has no page for it.")
)

// proxied are headers by which proxies say that somebody else asks.
var proxied = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// onThisMachine tells whether the request comes from a browser of this machine that asked for it by name: another site's name that leads
// here does not count. Proxies that tell nothing and write their own name for the host are given away by the origin of the form.
func onThisMachine(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	host, _, noPort := net.SplitHostPort(r.Host)
	if noPort != nil {
		host = r.Host
	}
	byName := host == "localhost" || host == "127.0.0.1"
	told := slices.ContainsFunc(proxied, func(name string) bool { return r.Header.Get(name) != "" })
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		told = true
	}
	return err == nil && from.Addr().Unmap().IsLoopback() && byName && !told
}

// linkView asks whether to sign in: looking at a link uses nothing up, since mail scanners look at links, too.
type linkView struct {
	Word string
	Name string // of the person, as the directory holds it
	Role string
}

func (linkView) template() (name, title string) { return "link-follow", "Sign in" }

// linked returns whom the link of a digest signs in.
func (v *visit) linked(digest []byte) (Person, error) {
	if v.console.deps.Provider != nil {
		return Person{}, v.notLetIn(WayLink, WhyProvider, "")
	}
	return v.console.deps.Sessions.Link(v.r.Context(), digest, v.console.deps.Now())
}

func (v *visit) linkPage() (view, error) {
	word := v.r.PathValue("word")
	p, err := v.linked(Digest(word))
	if err != nil {
		return nil, v.badLink(err)
	}
	judged := &visit{console: v.console, r: v.r, who: p.principal(time.Time{})}
	me, err := get[readmodels.Me](judged, "/api/me", nil)
	if err != nil {
		return nil, err
	}
	shown := linkView{Word: word, Role: p.Role}
	if me.User != nil {
		shown.Name = me.User.Name
	}
	return shown, nil
}

func (v *visit) useLink() (view, error) {
	digest := Digest(v.r.PathValue("word"))
	p, err := v.linked(digest)
	if err == nil {
		err = v.signIn(p, WayLink, digest, time.Time{})
	}
	if err != nil {
		return nil, v.badLink(err)
	}
	return redirect(Path), nil
}

// badLink slows whoever tries links down.
func (v *visit) badLink(err error) error {
	if domain.CodeOf(err) != domain.CodeNotFound {
		return err
	}
	v.slowDown()
	return v.notLetIn(WayLink, WhyLink, "")
}

// slowDown holds the answer to a failed try back, by the host that it comes from and by further keys.
func (v *visit) slowDown(keys ...string) {
	host, _, _ := net.SplitHostPort(v.r.RemoteAddr)
	v.console.waits.hold(v.r.Context(), append(keys, host)...)
}

// useToken signs in whom a token of the API names, for as long as the token counts at most. All of its roles go along: the API judges whoever
// has one of agency or client by the directory, too, and without it the session of somebody who has left would go on as an auditor's.
func (v *visit) useToken() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	asked := v.r.Clone(v.r.Context())
	asked.Header = http.Header{"Authorization": {"Bearer " + strings.TrimSpace(form.Get("token"))}}
	p, err := v.console.deps.Tokens.Authenticate(asked)
	if domain.CodeOf(err) == domain.CodeUnauthenticated {
		v.slowDown()
		return nil, v.notLetIn(WayToken, WhyToken, "")
	}
	if err != nil {
		return nil, err
	}
	var roles []string
	for _, role := range []api.Role{api.RoleAgency, api.RoleClient, api.RoleAuditor, api.RoleOperator} {
		if p.Roles.Has(role) {
			roles = append(roles, string(role))
		}
	}
	if roles == nil {
		return nil, errNoScreen
	}
	person := Person{UserID: p.UserID, AccountID: p.AccountID, Role: strings.Join(roles, ",")}
	return wanted(form.Get("to")), v.signIn(person, WayToken, nil, p.ExpiresAt)
}

func (v *visit) signOut() (view, error) {
	if v.session.ID != "" {
		if err := v.console.deps.Sessions.End(v.r.Context(), v.session.UserID, v.session.ID); err != nil {
			return nil, err
		}
	}
	v.forget()
	return redirect(signInPath), nil
}

// sessionsView lists where a person is signed in.
type sessionsView struct {
	Current  string // id of the session that asks
	Sessions []Session
}

func (sessionsView) template() (name, title string) { return "sessions", "Where you are signed in" }

func (v *visit) sessions() (view, error) {
	list, err := v.console.deps.Sessions.Of(v.r.Context(), v.who.UserID, v.console.deps.Now())
	return sessionsView{v.session.ID, list}, err
}

func (v *visit) endSession() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	return redirect(sessionsPath), v.console.deps.Sessions.End(v.r.Context(), v.who.UserID, form.Get("id"))
}
