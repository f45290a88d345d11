package console

import (
	"cmp"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

const signInPath = root + "/sign-in"

type signInView struct {
	To         string
	Demo       []signin.Person
	Provider   string           // address that starts a sign-in at the identity provider; "": no provider
	TokenFault string           // why the token was rejected
	First      *firstAgencyForm // nil if there is an agency
	PlainHTTP  bool             // the page was opened over plain HTTP, where no one can sign in
	SignedOut  bool             // the visitor signed out here, but not at the provider
	EndsThere  bool             // the provider has a page to sign out
}

func (s signInView) status() int {
	if s.TokenFault != "" || s.First != nil && s.First.Faults.Any() {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func signInPage(v *visit) (view, error) {
	return showSignIn(v, signInView{To: v.r.URL.Query().Get("to")})
}

func showSignIn(v *visit, shown signInView) (view, error) {
	if v.deps.Empty != nil && shown.First == nil {
		empty, err := v.deps.Empty(v.r.Context())
		if err != nil {
			return nil, err
		}
		if empty {
			shown.First = &firstAgencyForm{}
		}
	}
	probeCookies(v)
	shown.PlainHTTP = overPlainHTTP(v.r)
	if onThisMachine(v.r) {
		shown.Demo = v.deps.Demo
	}
	if v.deps.Provider != nil {
		shown.Provider = startPath + "?" + url.Values{"to": {shown.To}}.Encode()
		shown.SignedOut = v.r.URL.Query().Get(signedOutParam) == wayProvider
		shown.EndsThere = shown.SignedOut && v.deps.Provider.SignOutURL(v.r.Context()) != ""
	}
	return shown, nil
}

func continueAs(v *visit) (view, error) {
	if !onThisMachine(v.r) || len(v.deps.Demo) == 0 {
		return nil, errNoPage
	}
	for _, p := range v.deps.Demo {
		if p.Role == v.form.Get("role") {
			return returnAddress(v.form.Get("to")), signIn(v, signin.Session{Person: p, Way: wayDemo}, nil)
		}
	}
	return nil, errNobody
}

var errNobody = domain.NewError(domain.CodeUnprocessable,
	"The demo has no user with this role. Go back and choose one of the roles shown.")

var proxyHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// onThisMachine reports whether the request comes from a browser on this machine that used the name
// localhost or 127.0.0.1; other names that resolve to this machine are rejected. A proxy that sets
// no proxy headers and rewrites the host is detected by the origin of the form.
func onThisMachine(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	host, _, noPort := net.SplitHostPort(r.Host)
	if noPort != nil {
		host = r.Host
	}
	origin := cmp.Or(r.Header.Get("Origin"), "http://"+r.Host)
	return err == nil && from.Addr().Unmap().IsLoopback() && (host == "localhost" || host == "127.0.0.1") &&
		origin == "http://"+r.Host &&
		!slices.ContainsFunc(proxyHeaders, func(name string) bool { return r.Header.Get(name) != "" })
}

// useToken signs in the user of an API token. The session expires with the token at the latest. It
// keeps all roles of the token: for agency and client roles, the API also checks the directory.
// With only the role auditor, the session of a former agency user would continue.
func useToken(v *visit) (view, error) {
	asked := v.r.Clone(v.r.Context())
	asked.Header = http.Header{"Authorization": {"Bearer " + strings.TrimSpace(v.form.Get("token"))}}
	p, err := v.deps.Tokens.Authenticate(asked)
	if domain.CodeOf(err) == domain.CodeUnauthenticated {
		v.log(slog.LevelWarn, "console: a token was refused", err)
		v.deps.Refused(v.r.Context(), signin.RefusalError{Way: wayToken, Why: signin.RefusalToken})
		return showSignIn(v, signInView{
			To: v.form.Get("to"), TokenFault: signInRefusals[signin.RefusalToken].Message,
		})
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
		return showSignIn(v, signInView{
			To: v.form.Get("to"), TokenFault: "This token belongs to a program. The console has no pages for programs.",
		})
	}
	person := signin.Person{UserID: p.UserID, AccountID: p.AccountID, Role: strings.Join(roles, ",")}
	return returnAddress(v.form.Get("to")), signIn(v, signin.Session{
		Person: person, KnownAs: p.KnownAs, Way: wayToken, ExpiresAt: p.ExpiresAt,
	}, nil)
}

// returnAddress returns the page to open after signing in. It accepts only addresses of the
// console.
func returnAddress(to string) redirect {
	at, err := url.Parse(to)
	if err != nil || at.IsAbs() || at.Host != "" || strings.Contains(to, "\\") ||
		!strings.HasPrefix(at.Path, root+"/") || path.Clean(at.Path) != strings.TrimSuffix(at.Path, "/") {
		return root
	}
	return redirect(at.RequestURI())
}

const linkPath = root + "/link/"

// linkFollowView asks whether to sign in. Opening a link does not use it up, because mail scanners
// open links.
type linkFollowView struct {
	Secret string
	Name   string // of the person, from the directory
	Role   string

	PlainHTTP bool // the page was opened over plain HTTP, where no one can sign in
}

func linkedPerson(v *visit, digest []byte) (signin.Person, error) {
	if v.deps.Provider != nil {
		return signin.Person{}, refuseSignIn(v, signin.RefusalError{Way: wayLink, Why: signin.RefusalProvider})
	}
	return v.deps.Sessions.Link(v.r.Context(), digest, v.deps.Now())
}

func linkPage(v *visit) (view, error) {
	secret := v.r.PathValue("secret")
	p, err := linkedPerson(v, Digest(secret))
	if err != nil {
		return nil, badLink(v, err)
	}
	judged := &visit{Console: v.Console, r: v.r, who: principalOf(signin.Session{Person: p})}
	me, err := ask(judged, api.GetMe, nil)
	if err != nil {
		return nil, err
	}
	probeCookies(v)
	shown := linkFollowView{Secret: secret, Role: p.Role, PlainHTTP: overPlainHTTP(v.r)}
	if me.User != nil {
		shown.Name = me.User.Name
	}
	return shown, nil
}

func useLink(v *visit) (view, error) {
	digest := Digest(v.r.PathValue("secret"))
	p, err := linkedPerson(v, digest)
	if err == nil {
		err = signIn(v, signin.Session{Person: p, Way: wayLink}, digest)
	}
	if err != nil {
		return nil, badLink(v, err)
	}
	return redirect(root), nil
}

// badLink converts a not-found error of a link into a refused sign-in.
func badLink(v *visit, err error) error {
	if domain.CodeOf(err) != domain.CodeNotFound {
		return err
	}
	return refuseSignIn(v, signin.RefusalError{Way: wayLink, Why: signin.RefusalLink})
}

// LinkPath returns the path of a one-time link. Only the [Digest] of its secret is stored.
func LinkPath(secret string) string { return linkPath + secret }

var signInRefusals = map[string]*domain.Error{
	signin.RefusalLink: domain.NewError(domain.CodeNotFound,
		"This sign-in link is no longer valid: it was used or replaced by a newer one, has expired, "+
			"or was not copied completely. Ask the person who sent it for a new one."),
	signin.RefusalToken: domain.NewError(domain.CodeUnprocessable,
		"This token is not valid: it has expired, is for another service, or was not copied completely. "+
			"Ask the person who gave it to you for a new one."),
	signin.RefusalEnded: domain.NewError(domain.CodeForbidden, "Your access has ended. Ask your agency."),
	signin.RefusalProvider: domain.NewError(domain.CodeForbidden,
		"Sign-in links are disabled here, because your organization's sign-in is used. Start on the sign-in page."),
	signin.RefusalNotBegun: domain.NewError(domain.CodeForbidden,
		"This sign-in was not started in this browser, has already been used, or took longer than 10 minutes. "+
			"Start again on the sign-in page."),
	signin.RefusalDenied: domain.NewError(domain.CodeForbidden,
		"Your organization's sign-in failed: it was canceled or denied there. "+
			"Start again, or ask your organization's administrators."),
	signin.RefusalInteraction: domain.NewError(domain.CodeForbidden,
		"Your organization's sign-in asks you for something that was not completed, such as a second factor or your "+
			"consent. Start again, and complete each step there."),
	signin.RefusalSetup: domain.NewError(domain.CodeForbidden,
		"Your organization's sign-in and this service are not configured for each other, so no one can sign in this way. "+
			"Report this to the operator of this service, whose log contains the reason."),
	signin.RefusalCode: domain.NewError(domain.CodeForbidden, "This sign-in has expired. Start again on the sign-in page."),
	signin.RefusalClaims: domain.NewError(domain.CodeForbidden,
		"The identity provider's response is not for this sign-in or not for this service. "+
			"Start again; if this persists, report it to the operator."),
	signin.RefusalUnverified: domain.NewError(domain.CodeForbidden,
		"Your organization's sign-in has not verified your email address, "+
			"and your sign-in is not linked to a user here yet. Have your address verified there, or ask the operator of "+
			"this service to link you. Then sign in again."),
	signin.RefusalUnknownPerson: domain.NewError(domain.CodeForbidden,
		"No one with your email address has access here. "+
			"Ask your agency to invite you with the address that you sign in with. "+
			"If you have another account, start again: you can choose it then."),
	signin.RefusalAmbiguous: domain.NewError(domain.CodeForbidden,
		"Your email address belongs to several people here. Ask your agency to assign it to only one of them."),
	signin.RefusalLinkedElsewhere: domain.NewError(domain.CodeForbidden,
		"The person with your email address is linked to another sign-in of your organization. "+
			"If that sign-in was yours, ask the operator to remove the link."),
	signin.RefusalNarrowed: domain.NewError(domain.CodeForbidden,
		"Your organization's sign-in grants you no role here. Ask your organization's administrators."),
}

// refuseSignIn reports a refused sign-in and returns its error.
func refuseSignIn(v *visit, refused signin.RefusalError) error {
	v.deps.Refused(v.r.Context(), refused)
	return signInRefusals[refused.Why]
}
