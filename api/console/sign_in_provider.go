package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

const (
	startPath = root + "/signin/start"
	// ReturnPath is the path to which the identity provider sends browsers back.
	ReturnPath = root + "/signin/callback"
	// flowCookie and a part of the state are the name of the cookie that holds a sign-in in progress
	// at the provider: several tabs can sign in at the same time. See [api.ConsoleCookie] for the
	// prefix.
	flowCookie = "__Host-lb_sign_in_"
	flowFor    = 10 * time.Minute
	// maxFlows limits the number of sign-ins in progress of a browser, and maxWanted the length of a
	// return address in bytes: servers limit the size of all cookies.
	maxFlows  = 4
	maxWanted = 1000
	// chooseCookie is the name of a cookie that a refused sign-in sets: the next one asks which
	// account to use, because the provider would use the refused one again. Its value is the choice
	// of [signin.Provider.Address].
	chooseCookie = "__Host-lb_choose_account"
)

// Identities maps identities of the provider to people.
type Identities interface {
	// Person returns the person with an identity: an entry of the list of auditors and operators,
	// or the user that the identity is linked to, or the only user that it can be linked to now. If
	// no such person exists, the error is a [*signin.RefusalError] without Way.
	Person(ctx context.Context, i signin.Identity) (signin.Person, error)
	// Listed reports whether the list still gives a person these roles.
	Listed(p signin.Person) bool
}

// stillListed reports whether a person who signed in as an entry of the list of auditors and
// operators is still on that list.
func (c *Console) stillListed(s signin.Session) bool {
	return s.Way != wayProvider || s.IsUser() || c.deps.Identities != nil && c.deps.Identities.Listed(s.Person)
}

func flowCookieOf(state string) string { return flowCookie + state[:min(len(state), 16)] }

func cookieOf(r *http.Request, name string) string {
	if cookies := r.CookiesNamed(name); len(cookies) > 0 {
		return cookies[0].Value
	}
	return ""
}

// choiceOf returns the choice of [signin.Provider.Address] for the browser's next sign-in.
func choiceOf(r *http.Request) int {
	choice, err := strconv.Atoi(cookieOf(r, chooseCookie))
	if err != nil {
		return 0
	}
	return min(max(choice, 0), signin.MaxChoices+1)
}

func startAddress(to string) redirect {
	return redirect(startPath + "?" + url.Values{"to": {to}}.Encode())
}

// goToProvider starts a sign-in. A cookie holds the secret that binds the sign-in to this browser.
// Because the provider returns browsers to the public URL, the sign-in begins there: a cookie of
// another host name would not be sent. A proxy may replace the host name of requests, so a browser
// is sent there only once.
func goToProvider(v *visit) (view, error) {
	if v.deps.Provider == nil {
		return nil, errNoPage
	}
	query := v.r.URL.Query()
	to := query.Get("to")
	if len(to) > maxWanted {
		to = ""
	}
	public, err := url.Parse(v.deps.Provider.RedirectURL())
	if err == nil && !strings.EqualFold(public.Host, v.r.Host) && query.Get("at") == "" {
		public.Path, public.RawQuery = startPath, url.Values{"to": {to}, "at": {"public"}}.Encode()
		return redirect(public.String()), nil
	}
	secret := rand.Text()
	flow := signin.FlowOf(secret)
	address, err := v.deps.Provider.Address(v.r.Context(), flow, choiceOf(v.r))
	if err != nil {
		return nil, refuseProvider(v, reportProvider(v, err))
	}
	flows := slices.DeleteFunc(v.r.Cookies(), func(c *http.Cookie) bool { return !strings.HasPrefix(c.Name, flowCookie) })
	for _, oldest := range flows[:max(0, len(flows)-maxFlows+1)] {
		setCookie(v.w, oldest.Name, "", -1)
	}
	cookie := secret + "." + base64.RawURLEncoding.EncodeToString([]byte(to))
	setCookie(v.w, flowCookieOf(flow.State), cookie, int(flowFor.Seconds()))
	return redirect(address), nil
}

// comeFromProvider completes a sign-in that this browser started. The cookie of the sign-in is
// deleted once it has matched, unless the provider is temporarily unavailable: loading the page
// again then continues. Browsers also load the page again without the cookie, and load it twice at
// once: concurrent callbacks share one sign-in. If the code was used, perhaps by another process for
// another callback of this browser, the browser comes once more: it may have a session by then.
func comeFromProvider(v *visit) (view, error) {
	if v.deps.Provider == nil {
		return nil, errNoPage
	}
	params := v.r.URL.Query()
	cookie := flowCookieOf(params.Get("state"))
	secret, to, _ := strings.Cut(cookieOf(v.r, cookie), ".")
	flow := signin.FlowOf(secret)
	wantedTo, _ := base64.RawURLEncoding.DecodeString(to) // an unreadable value leads to the start page
	wanted := returnAddress(string(wantedTo))
	if secret == "" || subtle.ConstantTimeCompare([]byte(params.Get("state")), []byte(flow.State)) != 1 {
		if v.session.ID != "" && params.Get("error") == "" { // the sign-in has already succeeded
			return returnAddress(params.Get("again")), nil
		}
		why := signin.RefusalNotBegun
		if params.Get("error") != "" { // some providers report errors without the state
			reason, _ := errors.AsType[*signin.RefusalError](refusalOf(v, params))
			if reason != nil && params.Get("state") == "" {
				why = reason.Why
			}
		}
		return nil, refuseSignIn(v, signin.RefusalError{Way: wayProvider, Why: why})
	}
	if params.Get("again") != "" && v.session.ID != "" && v.session.ID != params.Get("had") {
		setCookie(v.w, cookie, "", -1)
		return wanted, nil
	}
	if choice := choiceOf(v.r); 0 < choice && choice <= signin.MaxChoices && slices.Contains(choiceRefusals, params.Get("error")) {
		_ = refusalOf(v, params) // logs it
		setCookie(v.w, cookie, "", -1)
		setCookie(v.w, chooseCookie, strconv.Itoa(choice+1), int(flowFor.Seconds()))
		return startAddress(string(wantedTo)), nil
	}
	done, err, _ := v.flows.Do(secret+" "+params.Get("again"), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.r.Context()), v.patience)
		defer cancel()
		shared := *v
		shared.r = v.r.WithContext(ctx)
		begun, err := signInAs(&shared, flow, params)
		if errors.Is(err, signin.ErrCode) && params.Get("again") == "" {
			shared.log(slog.LevelWarn, "console: the identity provider refused a code; the browser comes once more", err)
			return begun, err
		}
		return begun, reportProvider(&shared, err)
	})
	if errors.Is(err, signin.ErrCode) && params.Get("again") == "" {
		params.Set("again", string(wanted))
		params.Set("had", v.session.ID) // an older session says nothing about this sign-in
		return redirect(v.r.URL.Path + "?" + params.Encode()), nil
	}
	err = refuseProvider(v, err)
	if domain.CodeOf(err) != domain.CodeUnavailable {
		setCookie(v.w, cookie, "", -1)
	}
	if begun, ok := done.(begunSession); ok && err == nil {
		err = begun.keep(v)
	}
	return wanted, err
}

// reportProvider reports the errors of a sign-in at the provider that are refusals, and logs what
// the provider said.
func reportProvider(v *visit, err error) error {
	refused, ok := errors.AsType[*signin.RefusalError](err)
	for why, cause := range map[string]error{
		signin.RefusalCode: signin.ErrCode, signin.RefusalClaims: signin.ErrToken, signin.RefusalSetup: signin.ErrSetup,
	} {
		if !ok && errors.Is(err, cause) {
			v.log(slog.LevelWarn, "console: the identity provider did not complete a sign-in", err)
			refused = &signin.RefusalError{Why: why}
		}
	}
	if refused == nil {
		return err
	}
	refused.Way = wayProvider
	v.deps.Refused(v.r.Context(), *refused)
	return refused
}

// refuseProvider returns the error to show for an error of [reportProvider]. The browser's next
// sign-in lets the person choose another account, if that can help.
func refuseProvider(v *visit, err error) error {
	refused, _ := errors.AsType[*signin.RefusalError](err)
	choose := refused != nil || domain.CodeOf(err) == domain.CodeForbidden
	switch {
	case choose && (refused == nil || refused.Why != signin.RefusalSetup):
		setCookie(v.w, chooseCookie, strconv.Itoa(max(choiceOf(v.r), 1)), int(flowFor.Seconds()))
	case (choose || err == nil) && cookieOf(v.r, chooseCookie) != "": // some providers refuse the choice itself
		setCookie(v.w, chooseCookie, "", -1)
	}
	if refused == nil {
		return err
	}
	return signInRefusals[refused.Why]
}

// providerRefusals maps error codes of the provider (RFC 6749 §4.1.2.1, OpenID Connect Core
// §3.1.2.6) to reasons. Other codes are faults of the configuration.
var providerRefusals = map[string]string{
	"access_denied": signin.RefusalDenied, "login_required": signin.RefusalInteraction, "interaction_required": signin.RefusalInteraction,
	"account_selection_required": signin.RefusalInteraction, "consent_required": signin.RefusalInteraction,
}

// choiceRefusals are the codes with which providers refuse to let a person choose an account.
var choiceRefusals = []string{"invalid_request", "account_selection_required", "unmet_authentication_requirements"}

// refusalOf returns the error that the provider reports in the address of the callback.
func refusalOf(v *visit, params url.Values) error {
	code, description := params.Get("error"), params.Get("error_description")
	v.deps.Logger.WarnContext(v.r.Context(), "console: the identity provider refused a sign-in",
		"error", code[:min(len(code), 100)], "error_description", description[:min(len(description), 500)])
	if code == "temporarily_unavailable" || code == "server_error" {
		return signin.ErrAway
	}
	return &signin.RefusalError{Why: cmp.Or(providerRefusals[code], signin.RefusalSetup)}
}

func signInAs(v *visit, flow signin.Flow, params url.Values) (begun begunSession, err error) {
	if params.Get("code") == "" {
		return begun, refusalOf(v, params)
	}
	who, err := v.deps.Provider.Identity(v.r.Context(), flow, params.Get("code"), params.Get("iss"))
	if err != nil {
		return begun, err
	}
	p, err := v.deps.Identities.Person(v.r.Context(), who)
	if refused, ok := errors.AsType[*signin.RefusalError](err); ok {
		refused.Subject = who.Subject
	}
	if err != nil {
		return begun, err
	}
	roles := who.Narrowed(strings.Split(p.Role, ","))
	if len(roles) == 0 {
		return begun, &signin.RefusalError{Why: signin.RefusalNarrowed, User: p.UserID, Subject: who.Subject}
	}
	p.Role = strings.Join(roles, ",")
	return beginSession(v, signin.Session{
		Person: p, KnownAs: who.Names(), Way: wayProvider, ProviderSession: who.Session, Refresh: who.Refresh,
	}, nil)
}
