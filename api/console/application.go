package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Application is a main application that serves the console to people whom it has signed in. The
// console then has no sessions: it asks the application for the caller of every request.
type Application struct {
	// Callers authenticates requests for which no middleware has set a caller with
	// [api.WithPrincipal].
	Callers api.Authenticator
	// SignIn is the application's sign-in address. The console adds the requested page as the query
	// parameter "to".
	SignIn *url.URL
	// Prefix is the path below which the application serves the console and the API, like
	// [api.Config].Prefix.
	Prefix string
}

// callerOf authenticates a request through the application. The API checks the caller by the same
// rules as all other callers.
func callerOf(v *visit) (signedIn bool, err error) {
	who, found := api.PrincipalFrom(v.r.Context())
	if !found {
		who, err = v.deps.Application.Callers.Authenticate(v.r)
	}
	if err == nil {
		who, err = who.Canonical() // views are recorded with these ids
	}
	if err != nil {
		if !v.isNobody(err) {
			return false, err
		}
		v.log(slog.LevelDebug, "console: caller is not signed in", err)
		return false, nil
	}
	v.who = who
	me, err := ask(v, api.GetMe, nil)
	if domain.CodeOf(err) == domain.CodeUnauthenticated { // the application's session has ended
		v.who = api.Principal{}
		return false, nil
	}
	if err == nil {
		v.me = &me
	}
	return err == nil, err
}

// isNobody reports whether an error of the application means that the caller is not signed in. As
// in the API, every error means this except a temporary error and a [domain.Error] with a code
// other than unauthenticated.
func (c *Console) isNobody(err error) bool {
	if why, ok := errors.AsType[*domain.Error](err); ok {
		return why.Code == domain.CodeUnauthenticated
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !c.deps.IsTemporary(err)
}

func (c *Console) signInAddress(to string) redirect {
	asked := url.Values{}
	if to != "" && to != root {
		asked.Set("to", to)
	}
	if c.deps.Application == nil {
		return redirect((&url.URL{Path: signInPath, RawQuery: asked.Encode()}).String())
	}
	at := *c.deps.Application.SignIn
	query := at.Query()
	if to != "" {
		query.Set("to", c.deps.Application.Prefix+to)
	}
	at.RawQuery = query.Encode()
	return redirect(at.String())
}

func (c *Console) prefix() string {
	if c.deps.Application == nil {
		return ""
	}
	return c.deps.Application.Prefix
}

// ownAddress matches the start of a console address in a page or script. It cannot match text that
// people have entered: quotation marks in text are escaped, and form fields use other attributes.
var ownAddress = regexp.MustCompile(`((?:href|action|src|data-live|data-board)=|\()"(` + root + `)`)

func (c *Console) withPrefix(body []byte) []byte {
	if c.prefix() == "" {
		return body
	}
	return ownAddress.ReplaceAll(body, []byte(`${1}"`+strings.ReplaceAll(c.prefix(), "$", "$$")+`${2}`))
}

func (c *Console) redirectTo(w http.ResponseWriter, r *http.Request, to string) {
	if rest, ok := strings.CutPrefix(to, root); ok && (rest == "" || strings.ContainsRune("/?#", rune(rest[0]))) {
		to = c.prefix() + to
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
