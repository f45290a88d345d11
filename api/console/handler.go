package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/singleflight"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// root is where the console stands.
const root = "/console"

// Deps is what the console stands on.
type Deps struct {
	// API is the public API in this process. All that a page shows, and all that it does, goes through it; what is not the console's
	// is served by it.
	API http.Handler
	// Sessions keeps who is signed in.
	Sessions Sessions
	// Tokens judges tokens of the API, with which people can sign in.
	Tokens api.Authenticator
	// Looks records that somebody of an agency looks with a client user's eyes: without the record nothing is shown. Nil: no looks.
	Looks func(ctx context.Context, c commands.Caller, read domain.AuditRead) error
	// Provider says who somebody is; nil: there is no identity provider. With one, one-time links sign nobody in.
	Provider *identity.Provider
	// Identities finds the people of the provider; nil without one.
	Identities Identities
	// Application is the main application that signs people in; nil: the console does. With one, Sessions, Tokens and what people sign in by are not
	// looked at.
	Application *Application
	// Refused hears of each sign-in that is refused.
	Refused func(context.Context, RefusalError)
	// Addressless tells that the service does not know its own address, so that agencies make no links.
	Addressless bool
	// Demo are people as whom anybody on this machine may go on; nil but in demo.
	Demo []identity.Person

	// Passes tells whether an error of Sessions may pass by itself, as while the database is away; nil: none does.
	Passes  func(error) bool
	Headers map[string]string // of every answer, as [api.Config].Headers
	Logger  *slog.Logger
	Now     func() time.Time
}

// Console is the console, an [http.Handler].
type Console struct {
	deps  Deps
	mux   *http.ServeMux
	pages []page
	cross *http.CrossOriginProtection
	// compressed compresses what a handler answers.
	compressed func(http.Handler) http.HandlerFunc
	sending    singleflight.Group // what forms have the API do
	// patience is how long a page may take to open, and what a form sends may take to come: the API's questions have limits of their own, those to
	// the sessions have none.
	patience time.Duration
}

// Handler makes the console, which serves all else by deps.API.
func Handler(deps Deps) (*Console, error) {
	if deps.API == nil || deps.Logger == nil || deps.Now == nil {
		return nil, errors.New("console: Deps.API, Logger and Now must be set")
	}
	if deps.Application == nil && (deps.Sessions == nil || deps.Tokens == nil || deps.Refused == nil) {
		return nil, errors.New("console: Deps.Sessions, Tokens and Refused must be set without Application")
	}
	if (deps.Provider == nil) != (deps.Identities == nil) {
		return nil, errors.New("console: Deps.Provider and Identities go together")
	}
	c := &Console{deps: deps, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection(), patience: time.Minute}
	var err error
	if c.compressed, err = newCompressor(); err != nil {
		return nil, fmt.Errorf("console: make compressor: %w", err)
	}
	c.pages = c.allPages()
	for _, p := range c.pages {
		c.mux.HandleFunc(p.pattern, c.serve(p))
	}
	for name, a := range assets {
		a.body = c.below(a.body)
		c.mux.Handle("GET "+name, c.compressed(http.HandlerFunc(a.serve)))
	}
	c.mux.HandleFunc(root+"/", c.serve(page{public: true, open: func(*visit) (view, error) { return nil, errNoPage }}))
	return c, nil
}

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if prefix := c.prefix(); prefix != "" && strings.HasPrefix(r.URL.Path, prefix+"/") {
		http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, below *http.Request) { c.route(w, below, r) })).ServeHTTP(w, r)
		return
	}
	c.route(w, r, r)
}

// route serves a request whose path has no prefix. What is not the console's goes on as it came: the API takes the prefix off itself, and one
// that stands there twice is no address of it.
func (c *Console) route(w http.ResponseWriter, r, came *http.Request) {
	switch {
	case r.URL.Path == root || strings.HasPrefix(r.URL.Path, root+"/"):
		defer c.bound(w, r)()
		c.setHeaders(w.Header())
		c.mux.ServeHTTP(w, r)
	case r.URL.Path == "/" && r.Method == http.MethodGet && readsPages(r):
		defer c.bound(w, r)()
		c.setHeaders(w.Header())
		c.lead(w, r, root)
	default:
		c.deps.API.ServeHTTP(w, came)
	}
}

// bound gives the body some time to come and the answer some time to be taken, for every caller; what it returns ends that. A request without a
// body has no deadline of reading: net/http takes its end for a caller that went away.
func (c *Console) bound(w http.ResponseWriter, r *http.Request) (end func()) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(2 * c.patience)) // not supported in tests
	if r.Body == nil || r.Body == http.NoBody {
		return func() { _ = control.SetWriteDeadline(time.Time{}) }
	}
	_ = control.SetReadDeadline(time.Now().Add(c.patience))
	return func() { // net/http reads what is left of the body
		_ = control.SetReadDeadline(time.Now().Add(min(c.patience, leftOver)))
		_ = control.SetWriteDeadline(time.Time{})
	}
}

// leftOver is how long what is left of a body may take to come once nobody asks for it any more.
const leftOver = 5 * time.Second

// readsPages tells whether a browser asks: programs do not name this type.
func readsPages(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// policy lets the browser load what this host serves and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

func (c *Console) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	for name, value := range c.deps.Headers {
		h.Set(name, value)
	}
}

// visit is one request of a page.
type visit struct {
	console *Console
	w       http.ResponseWriter
	r       *http.Request
	page    page
	form    url.Values // what the page's form sent

	session identity.Session // zero: nobody is signed in
	who     api.Principal    // likewise
	me      *readmodels.Me   // what the API says of who; nil: nobody is signed in
	as      *seenAs          // whose eyes the page is seen with; nil: the visitor's own
}

// serve answers requests for a page. What goes wrong is a page too.
func (c *Console) serve(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := c.deps.Now()
		v := &visit{console: c, w: w, r: r, page: p}
		status := v.answer()
		// The pattern and not the path: a path may end in what signs somebody in.
		c.deps.Logger.LogAttrs(r.Context(), slog.LevelInfo, "console", slog.String("page", p.pattern), slog.Int("status", status),
			slog.Float64("duration_ms", float64(c.deps.Now().Sub(began).Microseconds())/1000), slog.String("user_id", cmp.Or(v.session.UserID, v.who.UserID)))
	}
}

// answer serves the page and returns the status.
func (v *visit) answer() int {
	whole := v.r
	ctx, cancel := context.WithTimeout(whole.Context(), v.console.patience)
	defer cancel()
	v.r = whole.WithContext(ctx)
	shown, err := v.open()
	v.r = whole // a download may take longer
	if err != nil {
		return v.refuse(err)
	}
	switch to := shown.(type) {
	case sent:
		return int(to)
	case redirect:
		v.console.lead(v.w, v.r, string(to))
		return http.StatusSeeOther
	case passOn:
		return v.pass(to)
	case boardStream:
		status := v.pass(to.stream)
		if status == http.StatusOK {
			tellClosed(v, to.board)
		}
		return status
	}
	status := http.StatusOK
	if own, ok := shown.(answered); ok {
		status = own.status()
	}
	return v.write(status, shown)
}

// pass passes an answer of the API on as it is.
func (v *visit) pass(path passOn) int {
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{}) // the API bounds each piece
	passed := &passing{answer: answer{header: http.Header{}}, to: v.w}
	v.console.deps.API.ServeHTTP(passed, v.request(http.MethodGet, string(path), nil))
	if passed.status >= http.StatusMultipleChoices {
		return v.refuse(passed.refusal())
	}
	return passed.status
}

// open proves who asks, whether it may, and opens the page.
func (v *visit) open() (view, error) {
	if err := v.console.cross.Check(v.r); err != nil || embedded(v.r) {
		return nil, errCrossOrigin
	}
	signedIn, err := recognise(v)
	switch {
	case v.page.public && (err == nil || v.session.ID != ""): // also while the API cannot judge the session: it can be ended
	case err != nil:
		return nil, err
	case !signedIn && (v.r.Method == http.MethodGet || v.r.Method == http.MethodHead):
		return v.console.signInAddress(v.r.URL.RequestURI()), nil
	case !signedIn:
		return nil, errSignedOut
	}
	if len(v.page.roles) > 0 && !v.who.Roles.Has(v.page.roles...) {
		return nil, errWrongRole
	}
	if v.r.Method == http.MethodPost {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if v.r.ParseForm() != nil {
			return nil, errForm
		}
		v.form = v.r.PostForm
	}
	return v.page.open(v)
}

// embedded tells whether a script or a frame of another origin asks. It could not read the answer, but what was looked at would be recorded in
// the name of the person. A browser that follows a link says that it navigates, to a document.
func embedded(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-site", "cross-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

// as returns ctx for calls of the API by who. Where a router of a main application stands is left out: the API's own would go on from there.
func as(ctx context.Context, who api.Principal) context.Context {
	return api.WithPrincipal(context.WithValue(ctx, chi.RouteCtxKey, nil), who)
}

// tabs are the pages of the client whose page is open. The range of the figures goes along.
func tabs(v *visit, shown view) (items []navItem) {
	rest, ofClient := strings.CutPrefix(v.r.URL.Path, clientsPath)
	id, at, _ := strings.Cut(rest, "/")
	if _, refused := shown.(errorView); !ofClient || refused {
		return nil
	}
	at, deeper, _ := strings.Cut(at, "/")
	if deeper != "" { // somebody's view of a board
		return nil
	}
	query := ""
	if kept := keptRange(v); len(kept) > 0 {
		query = "?" + kept.Encode()
	}
	pages := []string{"figures", "board", "people", "connections", "history", "report"}
	if v.who.Roles.Has(api.RoleAgency) && id == v.who.AccountID { // the agency itself, which has no board
		pages = []string{"figures", "connections", "report"}
	}
	for _, page := range pages {
		items = append(items, navItem{Path: clientPath(id, page) + query, Name: capital(page), Current: page == at})
	}
	return items
}

// keptRange is the part of the address that the pages of a client hand on to one another.
func keptRange(v *visit) url.Values {
	kept := url.Values{}
	passOnGiven(v, kept, "from", "to", "tz", "compare", "platform")
	return kept
}

// navigation are the pages that the visitor may open and that stand in the bar.
func navigation(v *visit) (items []navItem) {
	at := strings.TrimSuffix(v.r.URL.Path, "/")
	if at == root && v.who.Roles.Has(api.RoleAgency) {
		at = root + "/clients" // which stands there, too
	}
	for _, p := range v.console.pages {
		if p.nav == "" || v.me == nil || len(p.roles) > 0 && !v.who.Roles.Has(p.roles...) ||
			p.scope != "" && !v.who.Roles.Has(api.RoleAgency) && !slices.Contains(v.me.Scopes, p.scope) {
			continue
		}
		_, path, _ := strings.Cut(p.pattern, " ")
		if slices.ContainsFunc(items, func(i navItem) bool { return i.Path == path }) {
			continue
		}
		items = append(items, navItem{Path: path, Name: p.nav})
	}
	current := -1 // the nearest above where the visitor is
	for i, item := range items {
		if (at == item.Path || item.Path != root && strings.HasPrefix(at, item.Path+"/")) && (current < 0 || len(item.Path) > len(items[current].Path)) {
			current = i
		}
	}
	if current >= 0 {
		items[current].Current = true
	}
	return items
}
