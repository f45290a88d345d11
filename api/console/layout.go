package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// asset is a file that browsers cache permanently: its address contains its digest.
type asset struct {
	contentType string
	body        []byte
}

const mediaHTML = "text/html; charset=utf-8"

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// assets maps addresses to style sheets, scripts and the icon. assetPaths maps file names to
// addresses.
var assets, assetPaths = func() (map[string]asset, map[string]string) {
	files, paths := map[string]asset{}, map[string]string{}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // the files are embedded
	}
	for _, entry := range entries {
		body, err := assetFiles.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		kind := path.Ext(entry.Name())
		at := root + "/assets/" + strings.TrimSuffix(entry.Name(), kind) + "." + hex.EncodeToString(sum[:8]) + kind
		files[at], paths[entry.Name()] = asset{contentTypes[kind], body}, at
	}
	return files, paths
}()

func (a asset) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body)
}

// templates are the page templates by name. Each includes the layout and the templates for records.
var templates = func() map[string]*template.Template {
	layout := template.Must(
		template.New("layout").Funcs(words).ParseFS(pageFiles, "pages/layout.html", "pages/records.html"))
	all := map[string]*template.Template{}
	entries, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err) // the files are embedded
	}
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), ".html"); name != "layout" && name != "records" {
			all[name] = template.Must(template.Must(layout.Clone()).ParseFS(pageFiles, "pages/"+entry.Name()))
		}
	}
	return all
}()

type frame struct {
	Nav   []navItem
	Tabs  []navItem
	Me    *directory.Me // nil: the visitor is not signed in
	View  view
	Sent  bool           // the page is the response to a form
	Own   bool           // the console signed the visitor in, not an application
	As    *impersonation // the client user whom the visitor views the page as; nil: none
	Board string         // address of the board that the page watches; "": none
	Zone  *dayZone       // of the days on the page; nil: they are in UTC

	Account string              // the client whose page it is; "": none
	Brand   *directory.MeAgency // the agency whose name the page carries: clients read it; nil: none
}

func execute(f frame) ([]byte, error) {
	var body bytes.Buffer
	err := templates[templateOf(f.View)].ExecuteTemplate(&body, "layout.html", f)
	return asElements(body.Bytes()), err
}

// isolated matches an isolated text, and what must stay as it is: tags with their attributes, and
// elements that cannot contain the element bdi.
var isolated = regexp.MustCompile(
	`(?s)<title.*?</title>|<option.*?</option>|<[^>]*>|` + isolate + "([^<" + isolate + endIsolate + "]*)" + endIsolate)

// asElements replaces the characters around isolated texts by elements, so that a text copied from
// a page contains no invisible characters.
func asElements(page []byte) []byte {
	return isolated.ReplaceAllFunc(page, func(match []byte) []byte {
		if match[0] == '<' {
			return match
		}
		text := match[len(isolate) : len(match)-len(endIsolate)]
		return slices.Concat([]byte("<bdi>"), text, []byte("</bdi>"))
	})
}

func (v *visit) write(status int, shown view) int {
	f := frame{
		Nav: navigation(v), Tabs: tabs(v, shown), Me: v.me, View: shown, As: v.viewedAs,
		Own: v.deps.Application == nil, Sent: v.r.Method == http.MethodPost && status == http.StatusOK,
	}
	if rest, found := strings.CutPrefix(v.r.URL.Path, clientsPath); found {
		f.Account, _, _ = strings.Cut(rest, "/")
	}
	branded := false // clients read the page
	switch of := shown.(type) {
	case figuresView:
		f.Zone, branded = &of.Zone, of.Board != nil
	case reportView:
		f.Zone, branded = &of.Zone, true
	case clientsView:
		f.Zone = &of.Zone
	case boardView, boardsView, boardClosedView:
		branded = true
	}
	if branded && v.me != nil {
		f.Brand = v.me.Agency
	}
	if board, ok := shown.(boardWatcher); ok && v.viewedAs == nil {
		f.Board = board.watches()
	}
	body, err := execute(f)
	if err != nil {
		v.log(slog.LevelError, "console: page failed", err)
		http.Error(v.w, "An internal error occurred.", http.StatusInternalServerError)
		return http.StatusInternalServerError
	}
	compressed(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaHTML)
		w.WriteHeader(status)
		_, _ = w.Write(v.withPrefix(withOwner(v, body)))
	})).ServeHTTP(v.w, v.r)
	return status
}

// jitter is the maximum padding of a compressed page, in bytes. The padding depends on a checksum
// of the page.
const jitter = 64

// compressed compresses pages, styles and scripts with gzip, but not streams and downloads. A
// page can contain both text from its address and secrets, and its compressed length would reveal
// how similar they are (the BREACH attack). The padding hides the length.
var compressed = func() func(http.Handler) http.HandlerFunc {
	types := append(slices.Collect(maps.Values(contentTypes)), mediaHTML)
	wrap, err := gzhttp.NewWrapper(
		gzhttp.ContentTypes(types), gzhttp.EnableZstd(false), gzhttp.RandomJitter(jitter, 0, false))
	if err != nil {
		panic(err) // the options are valid
	}
	return wrap
}()
