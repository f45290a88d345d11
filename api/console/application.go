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
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Application is a main application that serves the console to people whom it has signed in itself. There are no sessions of the console then: it asks
// the application at every request who is calling.
type Application struct {
	// Callers says who is calling where no middleware has left a caller with [api.WithPrincipal].
	Callers api.Authenticator
	// SignIn is the application's address for who is not signed in; the page that was asked for is added as its parameter "to".
	SignIn *url.URL
	// Prefix is the path below which the application serves the console and the API, as [api.Config].Prefix.
	Prefix string
}

// callerOf is recognise where the application knows who is signed in. The API judges whom it names by the rule that judges all callers.
func callerOf(v *visit) (signedIn bool, err error) {
	who, left := api.PrincipalFrom(v.r.Context())
	if !left {
		who, err = v.console.deps.Application.Callers.Authenticate(v.r)
	}
	if err == nil {
		who, err = who.Canonical() // looks are recorded by these ids
	}
	if err != nil {
		if !v.console.isNobody(err) {
			return false, err
		}
		v.log(slog.LevelDebug, "console: nobody is signed in", err)
		return false, nil
	}
	v.who = who
	me, err := get[readmodels.Me](v, "/api/me", nil)
	if domain.CodeOf(err) == domain.CodeUnauthenticated { // its session has ended meanwhile
		v.who = api.Principal{}
		return false, nil
	}
	if err == nil {
		v.me = &me
	}
	return err == nil, err
}

// isNobody tells whether an error of the application says that nobody is signed in. As for the API, each does but those that say something else, and
// those that pass by themselves.
func (c *Console) isNobody(err error) bool {
	if why, told := errors.AsType[*domain.Error](err); told {
		return why.Code == domain.CodeUnauthenticated
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !c.passes(err)
}

// signInAddress is where somebody signs in, and comes back from to a page.
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

// prefix is the path below which the console stands; "": none.
func (c *Console) prefix() string {
	if c.deps.Application == nil {
		return ""
	}
	return c.deps.Application.Prefix
}

// ownAddress is how an address of the console begins in a page, or in a script. What people have written is never taken for one: quotation marks in texts
// are escaped, and what stands in the fields of forms is another attribute.
var ownAddress = regexp.MustCompile(`((?:href|action|src|data-live|data-board)=|\()"(` + root + `)`)

// below has addresses of the console in a page or script begin with the prefix.
func (c *Console) below(body []byte) []byte {
	if c.prefix() == "" {
		return body
	}
	return ownAddress.ReplaceAll(body, []byte(`${1}"`+strings.ReplaceAll(c.prefix(), "$", "$$")+`${2}`))
}

// lead sends a browser to another address; to one of the console below the prefix.
func (c *Console) lead(w http.ResponseWriter, r *http.Request, to string) {
	if rest, ok := strings.CutPrefix(to, root); ok && (rest == "" || strings.ContainsRune("/?#", rune(rest[0]))) {
		to = c.prefix() + to
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
