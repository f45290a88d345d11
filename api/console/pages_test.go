package console_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// markup is a text for every string in a view.
const markup = `<b onclick="alert(1)">"O'Neill" & Söhne</b>`

// Every template belongs to a page, and every view can be rendered, empty and filled.
func TestEveryViewRendersEmptyAndFilled(t *testing.T) {
	t.Parallel()
	rendered := map[string]bool{}
	for pattern, views := range newStage(t).console.Views() {
		for _, v := range views {
			name := console.TemplateOf(v)
			rendered[name] = true
			full := reflect.New(reflect.TypeOf(v)).Elem()
			fill(full, 0)
			filled, ok := reflect.TypeAssert[console.View](full)
			require.True(t, ok)
			for state, view := range map[string]console.View{"empty": v, "filled": filled} {
				page, err := console.Execute(view)
				require.NoError(t, err, "%s, %s, %s", pattern, name, state)
				requireClean(t, string(page))
				requireIsolated(t, name, string(page))
			}
		}
	}
	for _, name := range console.Templates() {
		require.True(t, rendered[name], "pages/%s.html is of no page's views", name)
	}
}

// requireClean finds violations of the content security policy, unescaped texts and accessibility
// errors.
func requireClean(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	headings := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		require.NotEqual(t, "style", n.Data)
		if n.Data == "h1" {
			headings++
		}
		for _, a := range n.Attr {
			require.False(t, a.Key == "style" || strings.HasPrefix(a.Key, "on"), "<%s %s>", n.Data, a.Key)
			toPlatform := n.Data == "a" && attribute(n, "rel") == "noreferrer" && strings.HasPrefix(a.Val, "https://")
			if slices.Contains([]string{"href", "src", "action"}, a.Key) && n.Namespace == "" && !toPlatform {
				require.False(t, strings.Contains(a.Val, "://") || strings.HasPrefix(a.Val, "//"), "<%s> leads to %s", n.Data, a.Val)
				require.NotContains(t, a.Val, "ZgotmplZ", "<%s>", n.Data)
			}
		}
		if n.Data == "table" && hasClass(n, "rows") { // on phones its cells are stacked without a head
			for cell := range n.Descendants() {
				require.False(t, cell.Data == "td" && cell.Type == html.ElementNode && attribute(cell, "data-label") == "", "a cell of a table of rows has no label")
			}
		}
		if n.Data == "script" {
			require.Nil(t, n.FirstChild, "a script inside of the page")
		}
	}
	require.Equal(t, 1, headings)
}

func hasClass(n *html.Node, class string) bool {
	return slices.Contains(strings.Fields(attribute(n, "class")), class)
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// fromOutside is a text of people or platforms. It is written from right to left.
const fromOutside = `שלום & "עולם" <b>`

// foreignFields are the fields that contain such texts, and ownTypes the structs in which they do not.
var (
	foreignFields = []string{
		"Name", "Email", "Phone", "Agency", "AgencyName", "Account", "AccountName", "Client", "SubAccountName", "OwnerName",
		"ProfileName", "PageName", "Content", "Added", "Through", "Sees", "LinkedWith",
	}
	ownTypes = []string{
		"console.navItem", "console.preset", "console.figureShown", "console.personEntry", "console.buildStep", "console.verifyView", "console.platformRow", "operator.HealthCheck", "operator.Topic",
		"chart.Series",
	}
)

// requireIsolated checks that each text from outside is isolated from the sentence around it: by
// the element bdi, or by characters in titles, options and attributes that are read out.
func requireIsolated(t *testing.T, name, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	text, characters := fromOutside, "\u2068"+fromOutside+"\u2069"
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.Contains(n.Data, text) && n.Parent.Data != "bdi" && n.Parent.Data != "code" {
			require.Equal(t, strings.Count(n.Data, text), strings.Count(n.Data, characters), "%s: <%s>%s", name, n.Parent.Data, n.Data)
			require.Contains(t, []string{"title", "option"}, n.Parent.Data, "%s: %s", name, n.Data)
		}
		for _, a := range n.Attr {
			if slices.Contains([]string{"aria-label", "title", "alt"}, a.Key) {
				require.Equal(t, strings.Count(a.Val, text), strings.Count(a.Val, characters), "%s: %s=%s", name, a.Key, a.Val)
			}
		}
	}
}

// fill sets every field in v to a value, and lists to two elements.
func fill(v reflect.Value, depth int) {
	if depth > 12 {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 10, 1, 12, 30, 0, 0, time.UTC)))
		return
	case !v.CanSet():
		return
	}
	switch v.Kind() { //nolint:exhaustive // views contain no other kinds
	case reflect.String:
		v.SetString(markup)
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16:
		v.SetInt(3)
	case reflect.Float64:
		v.SetFloat(2.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth+1)
		fill(v.Index(1), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for field, value := range v.Fields() {
			fill(value, depth+1)
			if slices.Contains(foreignFields, field.Name) && !slices.Contains(ownTypes, v.Type().String()) {
				fillForeign(value)
			}
		}
	}
}

func fillForeign(v reflect.Value) {
	switch v = reflect.Indirect(v); v.Kind() { //nolint:exhaustive // others contain no text themselves
	case reflect.String:
		v.SetString(fromOutside)
	case reflect.Slice:
		for i := range v.Len() {
			fillForeign(v.Index(i))
		}
	}
}

// cells returns the first lines of the cells of a page's tables.
func cells(t *testing.T, page string) (rows [][]string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range root.Descendants() {
		switch {
		case n.Data == "tr":
			rows = append(rows, nil)
		case n.Type == html.ElementNode && (n.Data == "td" || n.Data == "th"):
			first := ""
			for text := range n.Descendants() {
				trimmed := strings.TrimSpace(text.Data)
				if strings.HasPrefix(trimmed, "by ") {
					break
				}
				if text.Type == html.TextNode && trimmed != "" {
					first += trimmed + " "
				}
			}
			rows[len(rows)-1] = append(rows[len(rows)-1], strings.TrimSpace(first))
		}
	}
	return rows
}

// Pages, styles and scripts are compressed for clients that accept gzip.
func TestPagesAreCompressed(t *testing.T) {
	t.Parallel()
	b := newStage(t).signedIn("auditor")
	compressed := 0
	for _, at := range append(console.Assets(), "/console/sessions", "/console/nowhere") {
		plain := b.get(at)
		require.Empty(t, plain.Header().Get("Content-Encoding"), at)
		if plain.Body.Len() < 1024 {
			continue // too small to compress
		}
		compressed++
		answer := b.send(http.MethodGet, at, nil, func(r *http.Request) {
			r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
		})
		require.Equal(t, plain.Code, answer.Code, at)
		require.Equal(t, plain.Header().Get("Content-Type"), answer.Header().Get("Content-Type"), at)
		require.Contains(t, answer.Header().Values("Vary"), "Accept-Encoding", at)
		require.Less(t, answer.Body.Len(), plain.Body.Len(), at)
		unpacked, err := gzip.NewReader(answer.Body)
		require.NoError(t, err, at)
		require.NotEmpty(t, unpacked.Comment, "without a jitter its length would tell what it says")
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err, at)
		require.Equal(t, plain.Body.String(), withoutIsolation.Replace(string(text)), at)
	}
	require.Greater(t, compressed, 5)
}

// errLost is a temporary error of the application.
var errLost = errors.New("connection lost")

// inApplication puts a stage below the prefix of a main application that uses a header as its session.
func inApplication(s *stage) *stage {
	callers := api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
		switch r.Header.Get("X-Session") {
		case "":
			return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Nobody is signed in.")
		case "away":
			return api.Principal{}, domain.NewError(domain.CodeUnavailable, "Our sign-in is away.")
		case "unknown":
			return api.Principal{}, errors.New("no row in our sessions")
		case "lost":
			return api.Principal{}, errLost
		}
		return api.Principal{UserID: r.Header.Get("X-Session"), AccountID: agency, Roles: api.Roles{api.RoleAgency}}, nil
	})
	s.deps.IsTemporary = func(err error) bool { return errors.Is(err, errLost) }
	s.deps.Sessions, s.deps.Tokens, s.deps.Refused, s.deps.Demo = nil, nil, nil, nil
	s.deps.Application = &console.Application{Callers: callers, SignIn: &url.URL{Path: "/login", RawQuery: "from=boards"}, Prefix: "/boards"}
	return s.open()
}

func (b *browser) sendAs(session, method, path string, form url.Values) page {
	b.t.Helper()
	return b.send(method, path, form, func(r *http.Request) {
		if session != "" {
			r.Header.Set("X-Session", session)
		}
	})
}

func TestMainAppAuthenticatesConsoleUsers(t *testing.T) {
	t.Parallel()
	s := inApplication(newStage(t))
	b := s.browser()
	b.cookie = "of a console that stood here before"
	b.sendAs("", http.MethodGet, "/boards/console/history?a=b", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole%2Fhistory%3Fa%3Db")
	b.sendAs("", http.MethodGet, "/boards/console", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole")
	b.sendAs("", http.MethodPost, "/boards/console/colleagues", url.Values{}).says(http.StatusUnauthorized, "Nothing was done", `href="/login?from=boards"`)
	b.sendAs("away", http.MethodGet, "/boards/console/colleagues", nil).says(http.StatusServiceUnavailable, "Our sign-in is away.")
	b.sendAs("unknown", http.MethodGet, "/boards/console", nil).leadsTo("/login?from=boards&to=%2Fboards%2Fconsole")
	b.sendAs("lost", http.MethodGet, "/boards/console", nil).says(http.StatusServiceUnavailable, "Try again shortly")
	home := b.sendAs(alice, http.MethodGet, "/boards/console", nil).says(http.StatusOK, "Alice")
	for _, ours := range []string{"Sign out", "/console/sessions"} {
		require.NotContains(t, home.Body.String(), ours)
	}
	require.Empty(t, home.Result().Cookies())
	for _, path := range []string{"/sign-in", "/sessions", "/signin/start", "/link/WORD"} {
		b.sendAs(alice, http.MethodGet, "/boards/console"+path, nil).says(http.StatusNotFound, "no page at this address")
	}
	for _, path := range []string{"/sign-in/token", "/sign-in/password", "/sign-in/demo", "/sign-out"} {
		b.sendAs(alice, http.MethodPost, "/boards/console"+path, url.Values{}).says(http.StatusNotFound)
	}

	passed := httptest.NewRequest(http.MethodGet, "/boards/console", http.NoBody)
	passed = passed.WithContext(api.WithPrincipal(passed.Context(), api.Principal{UserID: adam, AccountID: agency, Roles: api.Roles{api.RoleAgency}}))
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, passed)
	require.Contains(t, w.Body.String(), "Adam Nowak", "whom a middleware has left")
	passed = passed.WithContext(api.WithPrincipal(passed.Context(), api.Principal{UserID: adam, AccountID: agency, Roles: api.Roles{"writer"}}))
	w = httptest.NewRecorder()
	s.console.ServeHTTP(w, passed)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Body.String(), "Access denied", "the service has no such role")

	b.sendAs(left, http.MethodGet, "/boards/console", nil).says(http.StatusForbidden, "Your access has ended", `href="/login?from=boards"`)
}

// All console addresses have the prefix. Text that people have written does not change.
func TestConsoleURLsHavePathPrefix(t *testing.T) {
	t.Parallel()
	r := newReal(t, func(d *api.Deps) { d.Connect.PublicURL = "http://localhost:6001/boards" })
	inApplication(r.stage)
	r.log.Put(t, domain.DirectoryUser{ID: clara, Name: `"/console`, AccountID: bakery, Active: true})
	b := r.browser()
	signs := b.sendAs(alice, http.MethodGet, "/boards/console/people/"+clara+"/sign-in", nil)
	signs.says(http.StatusOK, "&#34;/console", "the application that serves this console", `href="/boards/console/clients/`+bakery+`/people"`).
		lacks(`"/console`)
	b.sendAs(alice, http.MethodGet, "/boards/", nil).leadsTo("/boards/console")

	_, after, _ := strings.Cut(signs.Body.String(), `src="`)
	script, _, _ := strings.Cut(after, `"`)
	require.True(t, strings.HasPrefix(script, "/boards/console/assets/"), script)
	require.Equal(t, http.StatusOK, b.get(script).Code)
	for _, address := range console.Assets() {
		if strings.Contains(address, "/board.") {
			require.Contains(t, b.get("/boards"+address).Body.String(), `Stream("/boards/console/stream/notices")`)
		}
	}

	b.sendAs(alice, http.MethodGet, "/boards/console/connect?q=/console/x", nil).says(http.StatusOK, `name="q" value="/console/x"`, `action="/boards/console/connect"`)

	started := b.sendAs(alice, http.MethodPost, "/boards/console/connect", url.Values{"platform": {"1"}, "client": {bakery}})
	require.Regexp(t, "^/boards/connect/start/[A-Z2-7]{26}$", started.Header().Get("Location"), started.Body)
	require.Equal(t, "/boards"+linked, ledgertest.Value[string](t, r.log.DB.Pool, "select return_to from kept.connect_attempts"))
}
