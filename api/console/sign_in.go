package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

const signInPath = Path + "/sign-in"

func (c *Console) signInPages() []page {
	return []page{
		{pattern: "GET " + signInPath, public: true, views: []view{signInView{}}, open: (*visit).signInPage},
		{pattern: "POST " + signInPath + "/demo", public: true, open: (*visit).continueAs},
		{pattern: "POST " + signInPath + "/token", public: true, open: (*visit).useToken},
		{pattern: "GET " + linkPath + "{word}", public: true, views: []view{linkView{}}, open: (*visit).linkPage},
		{pattern: "POST " + linkPath + "{word}", public: true, open: (*visit).useLink},
		{pattern: "POST " + Path + "/sign-out", public: true, open: (*visit).signOut},
		{pattern: "GET " + sessionsPath, views: []view{sessionsView{}}, open: (*visit).sessions},
		{pattern: "POST " + sessionsPath, open: (*visit).endSession},
	}
}

// signInView says how one signs in.
type signInView struct {
	To         string
	Demo       []Person // as whom one may continue here; empty outside of demo
	Provider   string   // where signing in at the identity provider begins; "": no provider
	TokenFault string   // why nobody was signed in
}

func (s signInView) status() int {
	if s.TokenFault != "" {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func (signInView) template() (name, title string) { return "sign-in", "Sign in" }

func (v *visit) signInPage() (view, error) {
	return v.showSignIn(signInView{To: v.r.URL.Query().Get("to")})
}

func (v *visit) showSignIn(shown signInView) (view, error) {
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

var errNobody = refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
	"The demo has no one with this role. Go back and choose a person who is shown.")

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

// useToken signs in whom a token of the API names, for as long as the token counts at most. All of its roles go along: the API judges a person who
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
		v.console.deps.Refused(v.r.Context(), RefusalError{Way: WayToken, Why: WhyToken})
		return v.showSignIn(signInView{To: form.Get("to"), TokenFault: notLetIn[WhyToken].why.Message})
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
		return v.showSignIn(signInView{To: form.Get("to"), TokenFault: "This token is of a program. The console has no page for it."})
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

// wanted is where a visitor goes after signing in: a page of the console, nothing else.
func wanted(to string) redirect {
	at, err := url.Parse(to)
	if err != nil || at.IsAbs() || at.Host != "" || !strings.HasPrefix(at.Path, Path+"/") || path.Clean(at.Path) != strings.TrimSuffix(at.Path, "/") ||
		strings.Contains(to, "\\") {
		return Path
	}
	return redirect(at.RequestURI())
}
