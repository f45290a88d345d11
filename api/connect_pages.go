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
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

//go:embed connect_pages.html
var connectPagesText string

//go:embed connect_pages.css
var connectStyle string

// connectPages are the pages of connecting: no script, one style, nothing from elsewhere.
var connectPages = template.Must(template.New("connect").Funcs(template.FuncMap{
	"shown": domain.Platform.Title,
	"permission": func(name string) string {
		if words := domain.PermissionWords(name); words != "" {
			return words + " (" + name + ")"
		}
		return name
	},
	"has":   slices.Contains[[]string],
	"style": func() template.CSS { return template.CSS(connectStyle) }, //nolint:gosec // our own file
}).Parse(connectPagesText))

// connectPolicy lets the browser load our style and send forms to us, and nothing else.
var connectPolicy = func() string {
	sum := sha256.Sum256([]byte(connectStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// connectCookie binds a sign-in to the browser in which it was opened. It is one for all sign-ins of a browser, so that two tabs go on side by
// side.
const (
	connectCookie    = "__Host-lb_connect"
	connectCookieFor = connect.MaxLinkDays * 24 * 60 * 60 // seconds: a link works only in the browser that followed it, to its last day
)

// connectPage is what a page is made of.
type connectPage struct {
	Title     string
	Again     bool   // it loads again by itself
	Said      string // what went wrong, and what to do
	Restart   bool   // it says how to start again
	RequestID string
	Opened    connect.Opened
	View      connect.View
	Ticked    url.Values        // the keys of what is ticked, as the form sends them
	Beside    map[string]string // what is wrong with a page, by its key
	Progress  []readingProgress
	Link      connect.LinkPage
	Deletion  connect.DeletionState
}

// readingProgress says how far the first reading of a page came.
type readingProgress struct {
	domain.ConnectedNow
	Says string
}

// pageFunc serves a page of what the path names.
type pageFunc func(w http.ResponseWriter, r *http.Request, named string) error

// browserPage serves a page: what goes wrong is a page too, and nothing is done that another site's page asks for. One
// that closes does so while it is not known who has left, before anything is taken: the same address works later, until
// the sign-in expires (10 minutes after it was asked for, 15 after its choice was offered) or the link does.
// [connecting.getConnectBack] judges by itself.
func (c *connecting) browserPage(closes bool, named Param, serve pageFunc) operation {
	page := func(w http.ResponseWriter, r *http.Request) error {
		for name := range w.Header() { // no page of another origin may read these, whatever is configured for answers
			if strings.HasPrefix(name, "Access-Control-") {
				w.Header().Del(name)
			}
		}
		err := crossOrigin.Check(r)
		if err != nil {
			err = domain.NewError(domain.CodeForbidden, "This was asked for by a page of another site. Nothing was done.")
		}
		if err == nil {
			err = c.ready()
		}
		if err == nil && closes {
			err = c.peopleKnown()
		}
		name, _ := pathParam(r, named.Name)
		if err == nil && !storable(name) {
			err = errNothingHere
		}
		if err == nil {
			err = serve(w, r, name)
		}
		if err == nil {
			return nil
		}
		public := c.faults.told(r, err)
		ofSignIn := named.Name != paramBrowserLink.Name && named.Name != paramDeletionCode.Name
		return writePage(w, StatusOf(public.Code), "error", connectPage{
			Title: "This did not work", Said: public.Message, Restart: ofSignIn && !errors.Is(err, connect.ErrLinkOver), RequestID: RequestID(r.Context()),
		})
	}
	return operation{serve: page, Takes: []Param{named}}
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

// browserOf is the word of the browser's cookie; "": it has none.
func browserOf(r *http.Request) string {
	const shortest = 26 // of [connect.NewWord]
	cookie, err := r.Cookie(connectCookie)
	if err != nil || len(cookie.Value) < shortest {
		return ""
	}
	return cookie.Value
}

// holdBrowser gives the browser its cookie, or prolongs it.
func holdBrowser(w http.ResponseWriter, r *http.Request) (word string) {
	word = cmp.Or(browserOf(r), connect.NewWord())
	http.SetCookie(w, &http.Cookie{
		Name: connectCookie, Value: word, Path: "/", MaxAge: connectCookieFor, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return word
}

func seeOther(w http.ResponseWriter, path string) error {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (c *connecting) getConnectStart(w http.ResponseWriter, r *http.Request, start string) error {
	opened, err := c.connect.Open(r.Context(), start, holdBrowser(w, r), c.doorkeeper.still)
	if err != nil {
		return err
	}
	return writePage(w, http.StatusOK, "start", connectPage{Title: "Connect " + opened.Platform.Title(), Opened: opened})
}

// getConnectBack is the call-backs of all platforms. It reads four parameters, none twice, and answers with an address that has none of them:
// also what is refused is shown there, for a code that was refused may be good in another browser. Only where loading the same address again
// can help, it stays.
func (c *connecting) getConnectBack(w http.ResponseWriter, r *http.Request, text string) error {
	number, err := strconv.Atoi(text)
	if err != nil || !domain.Platform(number).Valid() {
		return errNothingHere
	}
	if r.URL.RawQuery == refusedElsewhere || r.URL.RawQuery == refusedUnknown {
		return backRefusal(r)
	}
	id, err := c.cameBack(r, domain.Platform(number))
	switch domain.CodeOf(err) {
	case domain.CodeForbidden:
		return seeOther(w, c.connect.Public("/connect/"+text+"?"+refusedElsewhere))
	case domain.CodeNotFound, domain.CodeInvalid:
		return seeOther(w, c.connect.Public("/connect/"+text+"?"+refusedUnknown))
	}
	if err != nil {
		return err
	}
	return seeOther(w, c.connect.Public("/connect/choose/"+id))
}

func (c *connecting) cameBack(r *http.Request, platform domain.Platform) (id string, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", errBackUnknown
	}
	browser := browserOf(r)
	if browser == "" {
		return "", errNoBrowser
	}
	back := connect.CameBack{
		Platform: platform, State: query.Get("state"), Error: query.Get("error"), Cookie: browser,
		Code: strings.TrimSuffix(query.Get("code"), "#_"), // some platforms', where a browser keeps its fragment
	}
	// While it is not known who has left, a code waits in the address of its own browser alone.
	if unknown := c.peopleKnown(); unknown != nil {
		return "", cmp.Or(c.connect.WhyNotBack(r.Context(), back), unknown)
	}
	return c.connect.CallBack(r.Context(), back, c.doorkeeper.still)
}

// The addresses, behind that of a call-back, that say why a sign-in does not go on.
const (
	refusedElsewhere = "refused=elsewhere"
	refusedUnknown   = "refused=unknown"
)

// backRefusal is why a sign-in did not go on, by the address that its call-back led to.
func backRefusal(r *http.Request) error {
	switch {
	case r.URL.RawQuery == refusedUnknown:
		return errBackUnknown
	case browserOf(r) == "":
		return errNoBrowser
	default:
		return errBackElsewhere
	}
}

var (
	errNoBrowser = domain.NewError(domain.CodeForbidden,
		"This browser holds no sign-in: it was begun in another browser, long ago, or this browser takes no cookies. Nothing was connected. Start again in this browser, "+
			"with cookies allowed.")
	errBackElsewhere = domain.NewError(domain.CodeForbidden,
		"This sign-in was begun in another browser, and only goes on there. Nothing was connected. Go back to that browser, or start again in this one.")
	errBackUnknown = domain.NewError(domain.CodeNotFound,
		"This sign-in is not known here, took too long, or is long over. Nothing was connected. Start again where you began.")
)

func (c *connecting) getConnectChoose(w http.ResponseWriter, r *http.Request, id string) error {
	return c.showChoice(w, r, id, url.Values{}, nil)
}

// showChoice shows how far a sign-in came, and what was wrong with a choice, which stays ticked.
func (c *connecting) showChoice(w http.ResponseWriter, r *http.Request, id string, sent url.Values, wrong *domain.Error) error {
	view, err := c.connect.View(r.Context(), id, browserOf(r), c.doorkeeper.still)
	if err != nil {
		return err
	}
	page := connectPage{View: view, Ticked: sent, Beside: map[string]string{}}
	switch {
	case view.Step == domain.ConnectDone && view.Outcome.Refused != "":
		page.Title = "Nothing was connected"
		return writePage(w, http.StatusOK, "result", page)
	case view.Step == domain.ConnectDone:
		page.Title = "Connected"
		page.Progress, page.Again = progressOf(view)
		return writePage(w, http.StatusOK, "result", page)
	case view.Choice == nil:
		page.Title, page.Again = "One moment", true
		return writePage(w, http.StatusOK, "unfinished", page)
	}
	page.Title = "Choose what is connected"
	for _, offer := range view.Choice.Pages {
		if wrong == nil && offer.Ticked {
			page.Ticked.Add("page", offer.Key)
		}
	}
	if wrong == nil {
		return writePage(w, http.StatusOK, "choose", page)
	}
	page.Said = wrong.Message
	for _, at := range wrong.Fields {
		page.Said, page.Beside[at.Field] = "Nothing was connected. Correct what is marked, then connect.", at.Detail
	}
	return writePage(w, http.StatusUnprocessableEntity, "choose", page)
}

// progressOf says of each page how far its first reading came, and whether one is still to come.
func progressOf(view connect.View) (progress []readingProgress, waits bool) {
	for _, page := range view.Outcome.Connected {
		says, soon := "about to be read", true
		for _, reading := range view.Readings {
			switch {
			case reading.SocialAccountID != page.SocialAccountID:
			case reading.ReadAt != nil:
				says, soon = "read, its figures are here", false
			case reading.Class == string(readmodels.PlatformPaused):
				says, soon = "not read yet. "+string(reading.Reason), false
			case reading.Reason != "":
				words, known := notRead[platforms.Class(reading.Class)]
				words = cmp.Or(words, "not read yet: something went wrong on the way. It is tried again by itself.")
				says, soon = strings.ReplaceAll(words, "%s", page.PID.Title()), !known
			}
		}
		waits = waits || soon
		progress = append(progress, readingProgress{page, says})
	}
	return progress, waits
}

// notRead tells the person who connected a page why it was not read and what to do, in plain words: the codes of the platform are for those
// who run the service. %s: the platform. A page of another class may be read by itself in a moment.
var notRead = map[platforms.Class]string{
	platforms.ClassReconnect: "not read: %s did not let us in. Start again, and sign in there once more.",
	platforms.ClassPermission: "not read: a permission is missing. Start again, and leave everything ticked at %s. " +
		"At a page you must be one of its administrators.",
	platforms.ClassThrottled: "not read yet: %s answers no more questions for now. It is read by itself as soon as it does. You need not do anything.",
	platforms.ClassNotFound:  "not read: %s does not show it to you. Look there whether it still exists, and whether you may see its figures.",
	platforms.ClassBlocked:   "not read: %s gives no figures of it, by rules of its own. Look at the account there.",
	platforms.ClassInvalid:   "not read: %s did not understand us. Tell the person who sent you here: you cannot fix this yourself.",
}

// maxConnectForm bounds a choice: a thousand keys of pages.
const maxConnectForm = 128 << 10

func (c *connecting) postConnectChoose(w http.ResponseWriter, r *http.Request, id string) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if form.Has("again") {
		begun, err := c.connect.BeginAgain(r.Context(), id, browserOf(r), c.doorkeeper.still)
		if err != nil {
			return err
		}
		return seeOther(w, begun.StartURL)
	}
	err = c.connect.Choose(r.Context(), id, connect.Chosen{
		Cookie: browserOf(r), Pages: form["page"], Move: form["move"], Seen: form.Get("seen"),
	}, c.doorkeeper.still)
	switch {
	case errors.Is(err, connect.ErrChangedMeanwhile):
		form.Del("move") // it may be another client's now
		fallthrough
	case domain.CodeOf(err) == domain.CodeUnprocessable:
		return c.showChoice(w, r, id, form, c.faults.told(r, err))
	case err != nil:
		return err
	}
	return seeOther(w, c.connect.Public("/connect/choose/"+id))
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxConnectForm)
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, err
		}
		return nil, domain.NewError(domain.CodeInvalid, "The form cannot be read. Go back, and send it again.")
	}
	return r.PostForm, nil
}

func (c *connecting) getConnectLink(w http.ResponseWriter, r *http.Request, token string) error {
	link, err := connect.Links{Connect: c.connect}.Page(r.Context(), token, browserOf(r), c.doorkeeper.still)
	if err != nil {
		return err
	}
	return writePage(w, http.StatusOK, "link", connectPage{Title: "Connect for " + link.Account, Link: link})
}

func (c *connecting) postConnectLink(w http.ResponseWriter, r *http.Request, token string) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(form.Get("platform"))
	if err != nil {
		return domain.NewError(domain.CodeInvalid, "No platform was chosen. Go back, and choose one.")
	}
	begun, err := connect.Links{Connect: c.connect}.Follow(r.Context(), token, holdBrowser(w, r), domain.Platform(number), c.doorkeeper.still)
	if err != nil {
		return err
	}
	return seeOther(w, begun.StartURL)
}
