package simulator

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// dialect is how the dialog of a platform differs from the others'.
type dialect struct {
	platform domain.Platform
	name     string
	path     string
	client   string        // parameter that names our app
	comma    string        // what parts scopes
	scopes   []string      // that our app has
	always   []string      // of these, what nobody can decline
	untick   bool          // the others can be declined one by one
	codeLife time.Duration // of a code
	codeTail string        // characters that its codes end with
	tail     string        // what stands behind the call-back's address
	refused  url.Values    // what refusing says
	stayed   url.Values    // what leaving before signing in says
	// noScope is what a scope says that the app has not; nil: a page of the platform's own.
	noScope url.Values
}

func denied() url.Values {
	return url.Values{
		"error": {"access_denied"}, "error_code": {"200"}, "error_reason": {"user_denied"}, "error_description": {"Permissions error"},
	}
}

// dialects are the platforms' dialogs.
func dialects() []dialect {
	oauth := func(word, description string) url.Values {
		return url.Values{"error": {word}, "error_description": {description}}
	}
	return []dialect{
		{
			platform: domain.Facebook, name: "Facebook", path: PathFacebook + "/{version}/dialog/oauth", client: "client_id", comma: ",",
			scopes: []string{
				"pages_show_list", "pages_read_engagement", "pages_read_user_content", "read_insights",
				"instagram_basic", "instagram_manage_insights", "business_management",
			},
			untick: true, codeLife: 10 * time.Minute, refused: denied(), stayed: denied(),
		},
		{
			platform: domain.Instagram, name: "Instagram", path: PathInstagram + "/oauth/authorize", client: "client_id", comma: ",",
			scopes: []string{"instagram_business_basic", "instagram_business_manage_insights"}, always: []string{"instagram_business_basic"},
			untick: true, codeLife: time.Hour, tail: "#_", refused: denied(), stayed: denied(),
		},
		{
			platform: domain.LinkedIn, name: "LinkedIn", path: PathLinkedIn + "/oauth/v2/authorization", client: "client_id", comma: " ",
			scopes: []string{
				"r_basicprofile", "rw_organization_admin", "r_organization_social", "r_organization_social_feed",
				"r_member_profileAnalytics", "r_member_postAnalytics",
			},
			codeLife: 30 * time.Minute,
			refused:  oauth("user_cancelled_authorize", "The user cancelled the authorization"),
			stayed:   oauth("user_cancelled_login", "The user cancelled LinkedIn login"),
			noScope:  oauth("unauthorized_scope_error", "A scope is not authorized for your application"),
		},
		{
			platform: domain.TikTok, name: "TikTok", path: PathTikTok + "/v2/auth/authorize/{$}", client: "client_key", comma: ",",
			scopes: []string{"user.info.basic", "user.info.profile", "user.info.stats", "video.list"}, always: []string{"user.info.basic"},
			untick: true, codeLife: 10 * time.Minute, codeTail: "*1!6289.e1",
			refused: oauth("access_denied", "User cancelled the authorization"), stayed: oauth("access_denied", "User cancelled the authorization"),
		},
	}
}

func (s *Server) routeDialogs() {
	for _, d := range dialects() {
		s.mux.HandleFunc("GET "+d.path, s.dialog(d))
		s.mux.HandleFunc("POST "+d.path, s.dialog(d))
	}
}

// asking is what an app asks for.
type asking struct {
	dialect
	query    url.Values
	redirect string
	scopes   []string
	business bool // Login for Business: scopes are not declined one by one
	again    bool // also what was declined before, and pages that were left out
}

// dialog serves the page of a dialog (GET) and takes what the person decided (POST).
func (s *Server) dialog(d dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.tally.count(d.platform.String()+"/dialog", false)
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		a, wrong := s.asked(d, r.URL.Query())
		if wrong != "" {
			show(w, http.StatusBadRequest, view{Title: d.name, Wrong: wrong})
			return
		}
		if unknown := slices.DeleteFunc(slices.Clone(a.scopes), func(scope string) bool { return slices.Contains(d.scopes, scope) }); len(unknown) > 0 {
			if d.noScope == nil {
				show(w, http.StatusBadRequest, view{Title: d.name, Wrong: "Invalid Scopes: " + strings.Join(unknown, ", ")})
				return
			}
			sendBack(w, a.back(d.noScope))
			return
		}
		person, known := s.person(d.platform, a.query.Get("as"))
		switch {
		case !known:
			show(w, http.StatusOK, s.whoView(a))
		case r.Method == http.MethodGet:
			show(w, http.StatusOK, s.boxes(a, person))
		case r.PostFormValue("decision") == "consent":
			sendBack(w, s.decided(a, person, r.PostForm))
		default:
			sendBack(w, a.back(d.refused))
		}
	}
}

// asked reads what an app asks for; wrong is why nobody is let into the dialog, and nobody sent back either.
func (s *Server) asked(d dialect, q url.Values) (a asking, wrong string) {
	a = asking{dialect: d, query: q, redirect: q.Get("redirect_uri"), again: q.Get("auth_type") == "rerequest" || d.platform != domain.Facebook}
	a.scopes = strings.FieldsFunc(q.Get("scope"), func(r rune) bool { return strings.ContainsRune(d.comma, r) })
	if a.business = d.platform == domain.Facebook && q.Has("config_id"); a.business {
		a.scopes = d.scopes
	}
	back, err := url.Parse(a.redirect)
	switch {
	case !q.Has(d.client) || (s.cfg.ClientID != "" && q.Get(d.client) != s.cfg.ClientID):
		return a, "Invalid app: " + d.client + " names no app that is there."
	case q.Get("response_type") != "code":
		return a, "Invalid response_type: only code is served."
	case err != nil || back.Host == "" || (back.Scheme != "https" && back.Scheme != "http"), back.Fragment != "",
		len(s.cfg.Redirects) > 0 && !slices.Contains(s.cfg.Redirects, a.redirect):
		return a, "URL blocked: this redirect failed because the redirect URI is not registered with the app."
	case d.platform == domain.TikTok && strings.Contains(strings.ToLower(a.redirect), "tiktok"):
		return a, "redirect_uri: an address must not contain this name."
	case len(a.scopes) == 0:
		return a, "Invalid scope: none was asked for."
	}
	return a, ""
}

// back is the address that the browser is sent back to.
func (a asking) back(with url.Values) string {
	u, _ := url.Parse(a.redirect)
	q := u.Query()
	maps.Copy(q, with)
	if a.query.Has("state") {
		q.Set("state", a.query.Get("state"))
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// sendBack sends the browser to the call-back, wherever that is registered.
func sendBack(w http.ResponseWriter, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusFound)
}

// decided notes what a person consents to, and sends the code.
func (s *Server) decided(a asking, person Person, form url.Values) string {
	now := s.cfg.Clock().UTC()
	scopes, pages := s.offered(a, person)
	var granted, declined []string
	for _, scope := range scopes {
		if a.fixed(scope) || slices.Contains(form["scope"], scope) {
			granted = append(granted, scope)
		} else {
			declined = append(declined, scope)
		}
	}
	if a.platform == domain.Facebook {
		granted = append(granted, "public_profile")
		before, _ := s.consent(a.platform, person.ID)
		for _, scope := range before.declined { // and not asked for again
			if !slices.Contains(scopes, scope) {
				declined = append(declined, scope)
			}
		}
	}
	pages = slices.DeleteFunc(pages, func(page string) bool { return !slices.Contains(form["page"], page) })
	h := s.consented(a.platform, person.ID, consent{granted: granted, declined: declined, at: now, redirect: a.redirect}, pages)
	return a.back(url.Values{"code": {s.issue(a.dialect, h, a.redirect, now)}}) + a.tail
}

// fixed tells whether a scope has no box to untick.
func (a asking) fixed(scope string) bool {
	return !a.untick || a.business || slices.Contains(a.always, scope)
}

// offered is what the boxes are for. Without auth_type=rerequest, scopes that were once declined and pages that were left
// out, new ones too, are not offered to a person who consented before.
func (s *Server) offered(a asking, person Person) (scopes, pages []string) {
	if a.platform == domain.Facebook {
		for _, role := range person.Pages {
			pages = append(pages, role.Page)
		}
	}
	scopes = slices.Clone(a.scopes)
	if before, heard := s.consent(a.platform, person.ID); heard && len(before.granted) > 0 && !a.again {
		scopes = slices.DeleteFunc(scopes, func(scope string) bool { return slices.Contains(before.declined, scope) })
		pages = slices.DeleteFunc(pages, func(page string) bool { _, chosen := before.pages[page]; return !chosen })
	}
	return scopes, pages
}

// view is what a page of a dialog shows.
type view struct {
	Title, Wrong string
	Choice       []link // who signs in
	Leave        string // the way back without signing in
	Person       string
	Scopes       []box
	Pages        []box
	Apps         []installed // of Facebook: see [Server.apps]
}

type link struct{ URL, Text string }

type box struct {
	Value, Text string
	Fixed       bool
}

func (s *Server) whoView(a asking) view {
	v := view{Title: a.name, Leave: a.back(a.stayed)}
	for _, p := range s.peopleAt(a.platform) {
		q := maps.Clone(a.query)
		q.Set("as", p.ID)
		v.Choice = append(v.Choice, link{URL: "?" + q.Encode(), Text: p.Name})
	}
	return v
}

func (s *Server) boxes(a asking, person Person) view {
	v := view{Title: a.name, Person: person.Name}
	scopes, pages := s.offered(a, person)
	for _, scope := range scopes {
		v.Scopes = append(v.Scopes, box{Value: scope, Text: scope, Fixed: a.fixed(scope)})
	}
	for _, id := range pages {
		if acc := s.account(domain.Facebook, id); acc != nil {
			v.Pages = append(v.Pages, box{Value: id, Text: acc.Name})
		}
	}
	return v
}

// show writes a page of a dialog.
func show(w http.ResponseWriter, status int, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_ = dialogPage.Execute(w, v)
}

var dialogPage = template.Must(template.New("dialog").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}} (simulated)</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#222}
fieldset{border:1px solid #ccc;border-radius:6px;margin:1rem 0}label{display:block;padding:.2rem 0}
button{font:inherit;padding:.4rem 1rem;margin-right:.5rem}small{color:#666}</style></head><body>
<p><small>This is a simulation of {{.Title}}. Nobody here is real.</small></p>
<h1>{{.Title}}</h1>
{{if .Wrong}}<p role="alert">{{.Wrong}}</p>{{end}}
{{if .Leave}}<p>Who are you?</p><ul>{{range .Choice}}<li><a href="{{.URL}}">{{.Text}}</a></li>{{else}}<li>Nobody has an account here.</li>{{end}}</ul>
<p><a id="leave" href="{{.Leave}}">Do not sign in</a></p>{{end}}
{{if .Person}}<p>{{.Person}}, an app asks for the following.</p>
<form method="post">
<fieldset><legend>It may</legend>{{range .Scopes}}<label>{{if .Fixed}}<input type="checkbox" checked disabled>{{else}}<input
 type="checkbox" name="scope" value="{{.Value}}" checked>{{end}} {{.Text}}</label>{{end}}</fieldset>
{{if .Pages}}<fieldset><legend>On these pages</legend>{{range .Pages}}<label><input type="checkbox" name="page" value="{{.Value}}" checked> {{.Text}}</label>{{end}}</fieldset>{{end}}
<button name="decision" value="consent">Allow</button><button name="decision" value="refuse">Cancel</button>
</form>{{end}}
{{range .Apps}}<form method="post"><h2>{{.Name}}</h2><input type="hidden" name="as" value="{{.Person}}">
<label>Called when the app is removed <input name="deauthorize" value="{{.Deauthorize}}" size="50"></label>
<label>Called to delete data <input name="delete" value="{{.Delete}}" size="50"></label>
<button name="decision" value="remove">Remove the app</button><button name="decision" value="erase">Remove the app and delete its data</button>
</form>{{end}}
</body></html>
`))
