package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// asset is a file that browsers keep: its address holds its digest.
type asset struct {
	contentType string
	body        []byte
}

const mediaHTML = "text/html; charset=utf-8"

// contentTypes are those of the kinds of files that are served.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// assets are the style and the scripts by their addresses; assetPaths are these addresses by the files' names.
var assets, assetPaths = func() (map[string]asset, map[string]string) {
	files, paths := map[string]asset{}, map[string]string{}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // the program is built with them
	}
	for _, entry := range entries {
		body, err := assetFiles.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		base, kind := strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())), path.Ext(entry.Name())
		at := root + "/assets/" + base + "." + hex.EncodeToString(sum[:8]) + kind
		files[at], paths[entry.Name()] = asset{contentTypes[kind], body}, at
	}
	return files, paths
}()

func (a asset) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body)
}

// templates are the pages by their names, each with the layout around it, and with how records are written.
var templates = func() map[string]*template.Template {
	layout := template.Must(template.New("layout").Funcs(words).ParseFS(pageFiles, "pages/layout.html", "pages/records.html"))
	all := map[string]*template.Template{}
	entries, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err) // the program is built with them
	}
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), ".html"); name != "layout" && name != "records" {
			all[name] = template.Must(template.Must(layout.Clone()).ParseFS(pageFiles, "pages/"+entry.Name()))
		}
	}
	return all
}()

// frame is what the layout is made of.
type frame struct {
	Nav   []navItem
	Tabs  []navItem      // the pages of a client, on each of them
	Me    *readmodels.Me // nil: nobody is signed in
	View  view
	Sent  bool    // it answers a form
	Own   bool    // it was the console that signed the visitor in
	As    *seenAs // whose eyes it is seen with; nil: the visitor's own
	Board string  // address of the board that it shows and whose closing it waits for; "": none
}

// execute makes the page of a view.
func execute(f frame) ([]byte, error) {
	var body bytes.Buffer
	err := templates[templateOf(f.View)].ExecuteTemplate(&body, "layout.html", f)
	return body.Bytes(), err
}

// write sends the page of a view.
func (v *visit) write(status int, shown view) int {
	f := frame{
		Nav: navigation(v), Tabs: tabs(v, shown), Me: v.me, View: shown, As: v.as, Own: v.console.deps.Application == nil,
		Sent: v.r.Method == http.MethodPost && status == http.StatusOK,
	}
	if board, ok := shown.(watched); ok && v.as == nil {
		f.Board = board.watches()
	}
	body, err := execute(f)
	if err != nil {
		v.log(slog.LevelError, "console: page failed", err)
		http.Error(v.w, "Something went wrong on our side.", http.StatusInternalServerError)
		return http.StatusInternalServerError
	}
	v.console.compressed(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaHTML)
		w.WriteHeader(status)
		_, _ = w.Write(v.console.below(body))
	})).ServeHTTP(v.w, v.r)
	return status
}

// jitter is up to how many bytes a compressed page is longer than it must be, by a digest of what it says.
const jitter = 64

// newCompressor compresses pages, style and scripts for browsers that take gzip; streams and downloads do not go through it. A page can hold what
// an address said beside what is secret, and its length would tell an eavesdropper how alike they are (BREACH): the jitter hides that.
func newCompressor() (func(http.Handler) http.HandlerFunc, error) {
	types := make([]string, 0, len(contentTypes)+1)
	for _, t := range contentTypes {
		types = append(types, t)
	}
	return gzhttp.NewWrapper(gzhttp.ContentTypes(append(types, mediaHTML)), gzhttp.EnableZstd(false), gzhttp.RandomJitter(jitter, 0, false))
}
