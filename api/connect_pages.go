package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

//go:embed connect_pages.html
var connectPagesText string

//go:embed connect_pages.css
var connectStyle string

var connectPages = template.Must(template.New("connect").Funcs(template.FuncMap{
	"shown": domain.Platform.Title,
	"permission": func(name string) string {
		if words := domain.PermissionWords(name); words != "" {
			return words + " (" + name + ")"
		}
		return name
	},
	"has":   slices.Contains[[]string],
	"style": func() template.CSS { return template.CSS(connectStyle) }, //nolint:gosec // an embedded file
}).Parse(connectPagesText))

// connectPolicy allows the embedded style and forms that are sent to this origin, and nothing else.
var connectPolicy = func() string {
	sum := sha256.Sum256([]byte(connectStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// connectCookie binds sign-ins to the browser in which they were opened. A browser has one cookie
// for all sign-ins, so that two tabs work at the same time.
const (
	connectCookie    = "__Host-lb_connect"
	connectCookieAge = connect.MaxLinkDays * 24 * 60 * 60 // in seconds; no shorter than the lifetime of a link
)

// ConsoleCookie is the name of the console's session cookie. Because of the prefix __Host-, browsers
// accept it only from a secure page of this host; loopback counts as secure. The prefix requires the
// path /, but only the console accepts the cookie: connect pages only offer a link if it exists.
const ConsoleCookie = "__Host-lb_console"

type connectPage struct {
	Title     string
	Reload    string // address from which the page reloads automatically; "": it does not
	Error     string // what went wrong, and what to do
	Restart   bool   // the page says how to start again
	Console   string // URL at which a person with a session of the console starts again
	RequestID string
	Opened    connect.OpenedSignIn
	View      connect.View
	Checked   url.Values        // the keys of checked pages, as the form sends them
	Errors    map[string]string // errors of pages, by key
	Progress  []pageProgress
	Late      bool // the directory is so far behind that the pages cannot be read yet
	Ended     bool // none of its pages is connected for the account any more
	SignIn    bool // its pages are not read until someone signs in again
	Link      connect.LinkPage
	Deletion  connect.DeletionState
}

// browserPage serves a page. Errors are pages too, and requests from pages of other sites are
// refused. If needsPeople is true, the page is unavailable while it is unknown who has lost access;
// the same URL works later, until the sign-in or the link expires. [connecting.getConnectBack] and
// [connecting.getConnectChoose] make this check themselves.
func browserPage[I any](needsPeople bool, serve func(c connecting, w http.ResponseWriter, r *http.Request, value string) error) operation {
	name := parametersOf(reflect.TypeFor[I](), "")[0].Name
	page := func(s *Server, w http.ResponseWriter, r *http.Request) error {
		c := connecting{s}
		// Pages of other origins may not read these pages, whatever CORS allows for the API.
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				w.Header().Del(name)
			}
		}
		err := crossOrigin.Check(r)
		if err != nil {
			err = domain.NewError(domain.CodeForbidden, "The request came from a page of another site. Nothing was changed.")
		}
		if err == nil {
			err = c.deps.Ready()
		}
		if err == nil && needsPeople {
			err = c.deps.PeopleKnown()
		}
		value := pathParam(r, name)
		if err == nil && !storable(value) {
			err = errNothingHere
		}
		if err == nil {
			err = serve(c, w, r, value)
		}
		if err == nil {
			return nil
		}
		return c.writeFailure(w, r, name, err)
	}
	return operation{serve: page, Input: reflect.TypeFor[I](), Answer: Answer{Media: []string{mediaHTML}}}
}

// writeFailure writes the page that says what went wrong, and what to do.
func (c connecting) writeFailure(w http.ResponseWriter, r *http.Request, name string, err error) error {
	public := c.faults.report(r.Context(), r.Method, routePattern(r), err)
	isSignIn := name != "token" && name != "code"
	failed := connectPage{
		Title: "This link cannot be used", Error: public.Message, RequestID: RequestID(r.Context()),
		Restart: isSignIn && !errors.Is(err, connect.ErrLinkOver), Console: c.consoleOf(r),
	}
	switch {
	case errors.Is(err, connect.ErrDeletionUnknown):
		failed.Title = "Unknown deletion request"
	case public.Code == domain.CodeUnavailable && r.Method == http.MethodGet:
		failed.Title, failed.Restart, failed.Reload = "Not possible at the moment", false, c.reloadOf(r)
	case StatusOf(public.Code) >= http.StatusInternalServerError:
		failed.Title = "Something went wrong"
	case isSignIn:
		failed.Title = "This sign-in cannot continue"
	}
	return writePage(w, StatusOf(public.Code), "error", failed)
}

// reloadOf returns the address of a page without a fragment. Some platforms append the fragment #_ to
// the address of the callback, browsers keep it across redirects, and with it they do not reload.
func (c connecting) reloadOf(r *http.Request) string {
	return c.deps.Connect.Public(r.URL.RequestURI())
}

// consoleOf returns where the person starts again in the console; "" without a session of the console.
func (c connecting) consoleOf(r *http.Request) string {
	if _, err := r.Cookie(ConsoleCookie); err != nil {
		return ""
	}
	return c.deps.Connect.Public("/console/connect")
}

var crossOrigin = http.NewCrossOriginProtection()

func writePage(w http.ResponseWriter, status int, name string, page connectPage) error {
	var body bytes.Buffer
	if err := connectPages.ExecuteTemplate(&body, name, page); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", connectPolicy)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
	return nil
}

func browserOf(r *http.Request) string {
	const minLength = 26 // of [connect.NewSecret]
	cookie, err := r.Cookie(connectCookie)
	if err != nil || len(cookie.Value) < minLength {
		return ""
	}
	return cookie.Value
}

// setBrowser sets the browser's cookie, or extends it, and returns its value.
func setBrowser(w http.ResponseWriter, r *http.Request) string {
	value := cmp.Or(browserOf(r), connect.NewSecret())
	http.SetCookie(w, &http.Cookie{
		Name: connectCookie, Value: value, Path: "/", MaxAge: connectCookieAge, Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
	return value
}

func seeOther(w http.ResponseWriter, path string) error {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (c connecting) getConnectStart(w http.ResponseWriter, r *http.Request, start string) error {
	opened, err := c.deps.Connect.Open(r.Context(), start, setBrowser(w, r), c.authorizer.checkRequester)
	if err != nil {
		return err
	}
	return writePage(
		w, http.StatusOK, "start", connectPage{Title: "Connect " + opened.Platform.Title(), Opened: opened},
	)
}

// getConnectBack handles the OAuth callbacks of all platforms. It redirects to a URL without the
// parameters of the callback, even to show an error, because a code that was refused here may be
// valid in another browser. It does not redirect if reloading the same URL may succeed.
func (c connecting) getConnectBack(w http.ResponseWriter, r *http.Request, text string) error {
	number, err := strconv.Atoi(text)
	if err != nil || !domain.Platform(number).Valid() {
		return errNothingHere
	}
	switch {
	case r.URL.RawQuery == refusedUnknown:
		return errBackUnknown
	case r.URL.RawQuery == refusedElsewhere && browserOf(r) == "":
		return errNoBrowser
	case r.URL.RawQuery == refusedElsewhere:
		return errBackElsewhere
	}
	id, err := c.cameBack(r, domain.Platform(number))
	switch domain.CodeOf(err) {
	case domain.CodeForbidden:
		return seeOther(w, c.deps.Connect.Public("/connect/"+text+"?"+refusedElsewhere))
	case domain.CodeNotFound, domain.CodeInvalid:
		return seeOther(w, c.deps.Connect.Public("/connect/"+text+"?"+refusedUnknown))
	}
	if err != nil {
		return err
	}
	return seeOther(w, c.deps.Connect.Public("/connect/choose/"+id))
}

func (c connecting) cameBack(r *http.Request, platform domain.Platform) (id string, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", errBackUnknown
	}
	browser := browserOf(r)
	if browser == "" {
		return "", errNoBrowser
	}
	back := connect.Callback{
		Platform: platform, State: query.Get("state"), Cookie: browser,
		Error: connect.PlatformRefusal{ // error_code and error_message without the others come from Facebook
			Code:        cmp.Or(query.Get("error"), query.Get("error_code")),
			Reason:      query.Get("error_reason"),
			Description: cmp.Or(query.Get("error_description"), query.Get("error_message")),
		},
		Code: strings.TrimSuffix(query.Get("code"), "#_"), // some platforms append it
	}
	// While it is unknown who has lost access, the code stays in the URL, in the browser that the
	// sign-in is bound to.
	if unknown := c.deps.PeopleKnown(); unknown != nil {
		return "", cmp.Or(c.deps.Connect.CheckCallback(r.Context(), back), unknown)
	}
	return c.deps.Connect.CallBack(r.Context(), back, c.authorizer.checkRequester)
}

const (
	openedPublic     = "at=public"
	refusedElsewhere = "refused=elsewhere"
	refusedUnknown   = "refused=unknown"
)

var (
	errNoBrowser = domain.NewError(domain.CodeForbidden,
		"This browser has no sign-in in progress. You may have started in another browser, waited too long, or blocked "+
			"cookies. Nothing was connected. Start again in this browser, with cookies allowed.")
	errBackElsewhere = domain.NewError(domain.CodeForbidden,
		"This sign-in was started in another browser and can only be finished there. Nothing was connected. Go back to "+
			"that browser, or start again in this one.")
	errBackUnknown = domain.NewError(domain.CodeNotFound,
		"This sign-in is unknown or has expired. Nothing was connected. Start again from the page where you started.")
)

func (c connecting) getConnectChoose(w http.ResponseWriter, r *http.Request, id string) error {
	return c.showChoice(w, r, id, url.Values{}, nil)
}

// showChoice shows the progress of a sign-in. After an invalid choice, it shows the form as it was
// sent, with the errors.
func (c connecting) showChoice(
	w http.ResponseWriter, r *http.Request, id string, form url.Values, invalid *domain.Error,
) error {
	view, err := c.deps.Connect.View(r.Context(), id, browserOf(r), c.authorizer.checkRequester)
	if err != nil {
		return err
	}
	page := connectPage{View: view, Checked: form, Errors: map[string]string{}, Console: c.consoleOf(r)}
	unknown := c.deps.PeopleKnown()
	switch {
	case view.Step == domain.ConnectDone && view.Outcome.Refused != "":
		page.Title = "Nothing was connected"
		return writePage(w, http.StatusOK, "result", page)
	case view.Step == domain.ConnectDone:
		page.Title, page.Late = "Connected", unknown != nil
		progress, pending := progressOf(view)
		if page.Progress = progress; pending {
			page.Reload = c.reloadOf(r)
		}
		switch {
		case !slices.ContainsFunc(progress, func(p pageProgress) bool { return p.Status != domain.PageDisconnected }):
			page.Title, page.Ended = "No longer connected", true
		case !slices.ContainsFunc(progress, pageProgress.readable):
			page.Title, page.SignIn = "Sign in again", true
		}
		return writePage(w, http.StatusOK, "result", page)
	case unknown != nil:
		return unknown
	case view.Choice == nil:
		page.Title, page.Reload = "One moment", c.reloadOf(r)
		return writePage(w, http.StatusOK, "unfinished", page)
	}
	page.Title = "Choose what to connect"
	if !view.Choice.Selectable() {
		page.Title = "Nothing can be connected"
	}
	for _, offer := range view.Choice.Pages {
		if invalid == nil && offer.Ticked {
			page.Checked.Add("page", offer.Key)
		}
	}
	if invalid == nil {
		return writePage(w, http.StatusOK, "choose", page)
	}
	page.Error = invalid.Message
	for _, field := range invalid.Fields {
		page.Error, page.Errors[field.Field] = "Nothing was connected. Correct the marked errors, then connect again.", field.Detail
	}
	return writePage(w, http.StatusUnprocessableEntity, "choose", page)
}

// maxConnectForm is the maximum size of a form in bytes, enough for a thousand keys of pages.
const maxConnectForm = 128 << 10

func (c connecting) postConnectChoose(w http.ResponseWriter, r *http.Request, id string) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if form.Has("again") {
		begun, err := c.deps.Connect.BeginAgain(r.Context(), id, browserOf(r), c.authorizer.checkRequester)
		if err != nil {
			return err
		}
		return seeOther(w, begun.StartURL)
	}
	err = c.deps.Connect.Choose(r.Context(), id, connect.Selection{
		Cookie: browserOf(r), Pages: form["page"], Move: form["move"], Seen: form.Get("seen"),
	}, c.authorizer.checkRequester)
	switch {
	case errors.Is(err, connect.ErrChangedMeanwhile):
		form.Del("move") // the page may belong to a different client now
		fallthrough
	case errors.Is(err, connect.ErrDirectoryBehind), domain.CodeOf(err) == domain.CodeUnprocessable:
		return c.showChoice(w, r, id, form, c.faults.report(r.Context(), r.Method, routePattern(r), err))
	case err != nil:
		return err
	}
	return seeOther(w, c.deps.Connect.Public("/connect/choose/"+id))
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxConnectForm)
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, err
		}
		return nil, domain.NewError(domain.CodeInvalid, "The form could not be read. Go back and send it again.")
	}
	return r.PostForm, nil
}

// getConnectLink shows the page of a link. Its form continues at the public URL, where the cookie of
// the sign-in must be, and browsers refuse a form that is redirected to another host. So a link that
// was opened under another host name is opened again at the public URL before it is used. A proxy may
// replace the host name of requests, so a browser is sent there only once.
func (c connecting) getConnectLink(w http.ResponseWriter, r *http.Request, token string) error {
	link, err := connect.Links{Connect: c.deps.Connect}.Page(r.Context(), token, browserOf(r), c.authorizer.checkRequester)
	if err != nil {
		return err
	}
	public, err := url.Parse(c.deps.Connect.PublicURL)
	if err == nil && !strings.EqualFold(public.Host, r.Host) && r.URL.RawQuery != openedPublic {
		return seeOther(w, c.deps.Connect.Public("/connect/link/"+token+"?"+openedPublic))
	}
	return writePage(w, http.StatusOK, "link", connectPage{Title: "Connect for \u2068" + link.Account + "\u2069", Link: link})
}

func (c connecting) postConnectLink(w http.ResponseWriter, r *http.Request, token string) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(form.Get("platform"))
	if err != nil {
		return domain.NewError(domain.CodeInvalid, "No platform was selected. Go back and choose one.")
	}
	links := connect.Links{Connect: c.deps.Connect}
	begun, err := links.Follow(
		r.Context(), token, setBrowser(w, r), domain.Platform(number), c.authorizer.checkRequester,
	)
	if err != nil {
		return err
	}
	return seeOther(w, begun.StartURL)
}
