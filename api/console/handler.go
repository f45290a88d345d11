package console

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const root = "/console"

// Deps are the dependencies of the console.
type Deps struct {
	// API is the API in this process. It also serves all requests outside the console.
	API Service
	// Sessions stores sessions and one-time links.
	Sessions Sessions
	// Tokens authenticates the API tokens that people sign in with.
	Tokens api.Authenticator
	// RecordView records that an agency user views a page as a client user. If recording fails, the
	// page is not shown.
	RecordView func(ctx context.Context, c commands.Caller, read domain.AuditRead) error
	// Provider is the identity provider; nil means that people sign in without one. With a
	// provider, one-time links are disabled.
	Provider *signin.Provider
	// Identities maps the provider's identities to people. It is nil without a provider.
	Identities Identities
	// Application is the main application that signs people in. If it is nil, the console signs
	// them in. With an application, Sessions, Tokens, Provider, Identities and Demo are ignored.
	Application *Application
	// Refused is called for each refused sign-in.
	Refused func(context.Context, signin.RefusalError)
	// NoPublicURL means that the public URL of the service is not set, so agencies cannot create
	// sign-in links.
	NoPublicURL bool
	// Platforms lists the platforms that people can sign in to in order to connect pages. If it is
	// empty, pages cannot be connected here.
	Platforms []domain.Platform
	// Empty reports whether the directory has no agency yet. Empty and CreateFirst are nil if
	// agencies are not created in the console.
	Empty func(ctx context.Context) (bool, error)
	// CreateFirst checks the code from the log, creates the first agency and returns its first
	// user. Errors: invalid, conflict (an agency already exists) and unavailable.
	CreateFirst func(ctx context.Context, code, agency string, first commands.NewPerson) (domain.DirectoryUser, error)
	// Demo lists the people whom anyone on this machine may sign in as; nil outside a demo.
	Demo []signin.Person

	// IsTemporary reports whether an error is temporary, such as an unavailable database.
	IsTemporary func(error) bool
	// Headers are added to every response of the console, like [api.Config].Headers.
	Headers map[string]string
	Logger  *slog.Logger
	Now     func() time.Time
}

// Console is the HTTP handler of the console.
type Console struct {
	deps    Deps
	mux     *http.ServeMux
	pages   []page
	cross   *http.CrossOriginProtection
	sending singleflight.Group // deduplicates the calls of forms
	flows   singleflight.Group // deduplicates the callbacks of a sign-in at the provider
	// patience limits how long it may take to open a page and to receive the body of a form.
	patience time.Duration
}

// Handler returns the console. The console passes all requests for other paths to deps.API.
func Handler(deps Deps) *Console {
	c := &Console{deps: deps, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection(), patience: time.Minute}
	c.pages = c.allPages()
	for _, p := range c.pages {
		c.mux.HandleFunc(p.pattern, c.serve(p))
	}
	for name, a := range assets {
		a.body = c.withPrefix(a.body)
		c.mux.Handle("GET "+name, compressed(http.HandlerFunc(a.serve)))
	}
	for _, start := range []string{"/{$}", root + "/{$}"} {
		c.mux.HandleFunc("GET "+start, func(w http.ResponseWriter, r *http.Request) { c.redirectTo(w, r, root) })
	}
	c.mux.HandleFunc(root+"/", c.serve(page{public: true, open: func(*visit) (view, error) { return nil, errNoPage }}))
	return c
}

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if prefix := c.prefix(); prefix != "" && strings.HasPrefix(r.URL.Path, prefix+"/") {
		http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, below *http.Request) {
			c.route(w, below, r)
		})).ServeHTTP(w, r)
		return
	}
	c.route(w, r, r)
}

// route serves r, which is original without the prefix. Requests for other paths go to the API
// unchanged: the API removes the prefix itself, and refuses a path that contains it twice.
func (c *Console) route(w http.ResponseWriter, r, original *http.Request) {
	own := r.URL.Path == root || strings.HasPrefix(r.URL.Path, root+"/")
	fromBrowser := r.URL.Path == "/" && r.Method == http.MethodGet && // and not from a program
		strings.Contains(r.Header.Get("Accept"), "text/html")
	if !own && !fromBrowser {
		c.deps.API.ServeHTTP(w, original)
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(2 * c.patience)) // not supported in tests
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	c.setHeaders(w.Header())
	api.BoundBodies(c.patience, api.WithRequestID(c.mux)).ServeHTTP(w, r)
}

// policy allows the browser to load content only from this host.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

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

type visit struct {
	*Console

	w    http.ResponseWriter
	r    *http.Request
	page page
	form url.Values

	session  signin.Session // zero: the visitor is not signed in
	who      api.Principal  // zero: the visitor is not signed in
	me       *directory.Me  // the response of /api/me; nil: the visitor is not signed in
	viewedAs *impersonation // the client user whom the visitor views the page as; nil: none
	refilled bool           // the error page offers the submitted form again

	clientZone string // time zone of the client whose page it is; "": none
}

func (c *Console) serve(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := c.deps.Now()
		v := &visit{Console: c, w: w, r: r, page: p}
		status := v.answer()
		took := c.deps.Now().Sub(began)
		if _, path, _ := strings.Cut(p.pattern, " "); path != "" && !strings.HasPrefix(path, streamPath) {
			c.deps.API.Observe(r.Context(), r.Method, path, status, took)
		}
		// Log the pattern, not the path: a path may contain the secret of a sign-in link.
		c.deps.Logger.LogAttrs(r.Context(), slog.LevelInfo, "console",
			slog.String("page", p.pattern), slog.Int("status", status),
			slog.Float64("duration_ms", float64(took.Microseconds())/1000),
			slog.String("user_id", cmp.Or(v.session.UserID, v.who.UserID)),
			slog.String("request_id", api.RequestID(r.Context())))
	}
}

func (v *visit) answer() int {
	whole := v.r
	ctx, cancel := context.WithTimeout(whole.Context(), v.patience)
	defer cancel()
	v.r = whole.WithContext(ctx)
	shown, err := v.open()
	v.r = whole // a download may take longer
	if err != nil {
		return v.refuse(err)
	}
	switch to := shown.(type) {
	case writtenStatus:
		return int(to)
	case redirect:
		v.redirectTo(v.w, v.r, string(to))
		return http.StatusSeeOther
	case download:
		return v.send(to)
	case liveStream:
		return v.stream(to)
	}
	status := http.StatusOK
	if own, ok := shown.(statusView); ok {
		status = own.status()
	}
	return v.write(status, shown)
}

func (v *visit) send(read download) int {
	file, err := read(v)
	if err != nil {
		return v.refuse(err)
	}
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{}) // each write has one
	file.Send(v.w, v.r, v.deps.Logger)
	return http.StatusOK
}

func (v *visit) open() (view, error) {
	if err := v.cross.Check(v.r); err != nil || embedded(v.r) {
		return nil, errCrossOrigin
	}
	if v.r.Method == http.MethodPost {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		err := v.r.ParseForm()
		if err == nil {
			err = v.r.ParseMultipartForm(maxForm) // in memory
		}
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, errLargeForm
		}
		if err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return nil, errForm
		}
		v.form = v.r.PostForm
	}
	signedIn, err := authenticate(v)
	given := v.form.Get(ownerField) // public pages also have forms for visitors who are not signed in
	switch {
	case v.form != nil && v.who.UserID != "" && given != ownerOf(v.who) && (given != "" || !v.page.public):
		v.refilled = true
		return nil, errAnotherPerson
	case v.page.public && (err == nil || v.session.ID != ""): // sign out even if the API cannot check the session
	case err != nil:
		return nil, err
	case !signedIn && v.form != nil:
		v.refilled = true
		return nil, errSignedOut
	case !signedIn && v.page.isFile():
		return nil, errNoFile
	case !signedIn:
		return v.signInAddress(v.r.URL.RequestURI()), nil
	}
	if v.page.signsIn && !keepsCookies(v) {
		return nil, errNoCookie
	}
	if len(v.page.roles) > 0 && !v.who.Roles.Has(v.page.roles...) {
		return nil, errWrongRole
	}
	if v.who.UserID != "" {
		if err := v.deps.API.Count(v.w.Header(), v.who); err != nil {
			return nil, err
		}
	}
	return v.page.open(v)
}

// embedded reports whether a script or a frame of another origin sent the request. Such an origin
// cannot read the response, but a view would be recorded in the visitor's name. If the visitor
// follows a link, the browser sends the mode navigate and the destination document.
func embedded(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-site", "cross-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

func tabs(v *visit, shown view) (items []navItem) {
	rest, ofClient := strings.CutPrefix(v.r.URL.Path, clientsPath)
	id, at, _ := strings.Cut(rest, "/")
	if _, refused := shown.(errorView); !ofClient || refused {
		return nil
	}
	at, deeper, _ := strings.Cut(at, "/")
	if deeper != "" { // a board viewed as a client user
		return nil
	}
	query := ""
	if kept := keptRange(v); len(kept) > 0 {
		query = "?" + kept.Encode()
	}
	pages := []string{"figures", "board", "people", "connections", "history", "report"}
	if v.who.Roles.Has(api.RoleAgency) && id == v.who.AccountID { // the agency's own account has no board
		pages = []string{"figures", "connections", "report"}
	}
	for _, page := range pages {
		items = append(items, navItem{Path: clientPath(id, page) + query, Name: capital(page), Current: page == at})
	}
	return items
}

func keptRange(v *visit) url.Values {
	kept := url.Values{}
	copyParameters(v, kept, "from", "to", "tz", "compare", "platform")
	return kept
}

func navigation(v *visit) (items []navItem) {
	at := strings.TrimSuffix(v.r.URL.Path, "/")
	if at == root && v.who.Roles.Has(api.RoleAgency) {
		at = root + "/clients" // the same page
	}
	for _, p := range v.pages {
		if p.nav == "" || v.me == nil || len(p.roles) > 0 && !v.who.Roles.Has(p.roles...) ||
			p.scope != "" && !v.who.Roles.Has(api.RoleAgency) && !slices.Contains(v.me.Scopes, p.scope) {
			continue
		}
		_, path, _ := strings.Cut(p.pattern, " ")
		items = append(items, navItem{Path: path, Name: p.nav})
	}
	current := -1 // the entry with the longest matching path
	for i, item := range items {
		below := at == item.Path || strings.HasPrefix(at, item.Path+"/")
		if below && (current < 0 || len(item.Path) > len(items[current].Path)) {
			current = i
		}
	}
	if current >= 0 {
		items[current].Current = true
	}
	return items
}
