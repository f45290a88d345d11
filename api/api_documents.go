package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ../internal/dev/apidoc/cmd

// The documents of all operations. The generator writes them; a test fails if they are out of date.
var (
	//go:embed openapi.json
	openAPIDocument []byte
	//go:embed asyncapi.json
	asyncAPIDocument []byte
)

// documents serves the documents without the operations that this server does not have. Each
// document is prepared once, when it is first requested.
type documents struct {
	routes  []Operation // set before the first request
	atRoot  bool        // whether the analytics are also served at the root
	streams bool        // whether notices and live updates are served

	openAPI, asyncAPI func() document
	page              func() ([]byte, error)
}

func newDocuments(atRoot, streams bool) *documents {
	d := &documents{atRoot: atRoot, streams: streams}
	d.openAPI, d.asyncAPI = sync.OnceValue(d.openAPIServed), sync.OnceValue(d.asyncAPIServed)
	d.page = sync.OnceValues(d.pageRendered)
	return d
}

// document contains a document by its top-level members. The documents are embedded and tested, so
// decoding and encoding them cannot fail.
type document map[string]json.RawMessage

func (d document) read(name string, into any) { _ = json.Unmarshal(d[name], into) }

func (d document) set(name string, value any) { d[name], _ = json.Marshal(value) } //nolint:errchkjson // see above

func (d *documents) openAPIServed() (doc document) {
	_ = json.Unmarshal(openAPIDocument, &doc)
	var paths map[string]map[string]json.RawMessage
	doc.read("paths", &paths)
	served := map[string]map[string]json.RawMessage{}
	for _, r := range d.routes {
		path, analytics := strings.CutPrefix(strings.TrimSuffix(r.Pattern, "*"), PrefixAnalytics)
		if served[path] == nil {
			served[path] = map[string]json.RawMessage{}
		}
		method := strings.ToLower(r.Method)
		served[path][method] = paths[path][method]
		switch {
		case d.atRoot && paths[path]["servers"] != nil:
			served[path]["servers"] = paths[path]["servers"]
		case analytics:
			served[path]["servers"] = json.RawMessage(`[{"url":".` + PrefixAnalytics + `"}]`)
		}
	}
	doc.set("paths", served)
	return doc
}

func (d *documents) asyncAPIServed() (doc document) {
	_ = json.Unmarshal(asyncAPIDocument, &doc)
	if d.streams {
		return doc
	}
	var channels, operations map[string]json.RawMessage
	doc.read("channels", &channels)
	doc.read("operations", &operations)
	browserStreams := map[string]string{"notices": "sendNotices", "socketIO": "sendSocketIO", "live": "sendLive"}
	for channel, operation := range browserStreams {
		delete(channels, channel)
		delete(operations, operation)
	}
	doc.set("channels", channels)
	doc.set("operations", operations)
	return doc
}

func getOpenAPI(s *Server, w http.ResponseWriter, r *http.Request) error {
	return s.documents.openAPI().write(w, []map[string]string{
		{"url": mountedAt(r, patternOpenAPI) + "/", "description": "The server of this document."},
	})
}

func getAsyncAPI(s *Server, w http.ResponseWriter, r *http.Request) error {
	return s.documents.asyncAPI().write(w, map[string]map[string]string{
		"kafka": {
			"host": "kafka:9092", "protocol": "kafka",
			"description": "The log; the address depends on the configuration.",
		},
		"http": {
			"host": r.Host, "protocol": "http", "pathname": mountedAt(r, patternAsyncAPI) + "/",
			"description": "The server of this document.",
		},
	})
}

func (d document) write(w http.ResponseWriter, servers any) error {
	whole := maps.Clone(d) // concurrent requests read d
	whole.set("servers", servers)
	raw, err := json.Marshal(whole)
	if err != nil {
		return fmt.Errorf("encode document: %w", err)
	}
	w.Header().Set("Content-Type", mediaJSON)
	_, _ = w.Write(raw) // a disconnected caller is not an error
	return nil
}

// mountedAt returns the prefix under which this handler is mounted. A main application's router may
// have stripped it from the URL, but the request line still contains it.
func mountedAt(r *http.Request, pattern string) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if whole, err := url.Parse(path); err == nil { // requests to a proxy have an absolute URL
		path = whole.EscapedPath()
	}
	if base, ok := strings.CutSuffix(path, pattern); ok {
		return base
	}
	return ""
}

const patternDocs = "/docs"

//go:embed docs_page.html
var docsPageText string

var docsPage = template.Must(template.New("docs").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(connectStyle) }, //nolint:gosec // an embedded file
}).Parse(docsPageText))

type docsGroup struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Operations  []docsOperation `json:"-"`
}

type docsOperation struct {
	Method, Path string          `json:"-"`
	ID           string          `json:"operationId"`
	Summary      string          `json:"summary"`
	Description  string          `json:"description"`
	Tags         []string        `json:"tags"`
	Roles        []string        `json:"x-roles"`
	Parameters   []docsParameter `json:"parameters"`
	Public       *[]any          `json:"security"` // empty for operations that need no token
	Body         struct {
		Content map[string]struct {
			Example json.RawMessage `json:"example"`
		} `json:"content"`
	} `json:"requestBody"`
}

type docsParameter struct {
	Ref         string `json:"$ref"` // reference to a shared parameter
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
	Example     any    `json:"example"`
}

func (d docsOperation) resolve(shared map[string]docsParameter) {
	for i, p := range d.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			d.Parameters[i] = shared[name]
		}
	}
}

// Sample returns a request for a shell in which BASE and TOKEN are set; "" if only a client library
// can send it.
func (d docsOperation) Sample() string {
	if d.Path == prefixSocketIO {
		return ""
	}
	sample := "curl"
	if d.Method != http.MethodGet {
		sample += " -X " + d.Method
	} else if isStream(d.Path) {
		sample += " -N"
	}
	if d.Public == nil || len(*d.Public) > 0 {
		sample += ` -H "Authorization: Bearer $TOKEN"`
	}
	return sample + d.sampleBody() + ` "$BASE` + d.samplePath() + `"`
}

func (d docsOperation) sampleBody() string {
	for media, body := range d.Body.Content { // at most one
		data, text := "-d", string(body.Example)
		if lines := ""; json.Unmarshal(body.Example, &lines) == nil {
			data, text = "--data-binary", lines // keeps line breaks
		}
		return fmt.Sprintf(` -H "Content-Type: %s" %s '%s'`, media, data, text)
	}
	return ""
}

// samplePath returns the path and query, with the required parameters and those that determine the
// form of the response.
func (d docsOperation) samplePath() string {
	path, query := d.Path, url.Values{}
	for _, p := range d.Parameters {
		switch {
		case p.In == InPath:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(p.Example))
		case p.In == InQuery && (p.Required || slices.Contains([]string{"tz", "granularity", "limit"}, p.Name)):
			query.Set(p.Name, fmt.Sprint(p.Example))
		}
	}
	if len(query) > 0 {
		path += "?" + strings.ReplaceAll(query.Encode(), "%2F", "/")
	}
	return path
}

func (d *documents) pageRendered() ([]byte, error) {
	doc := d.openAPI()
	var page struct {
		Description string      `json:"description"`
		Version     string      `json:"version"`
		Groups      []docsGroup `json:"-"`
	}
	var paths map[string]map[string]json.RawMessage
	var components struct {
		Parameters map[string]docsParameter `json:"parameters"`
	}
	doc.read("info", &page)
	doc.read("tags", &page.Groups)
	doc.read("paths", &paths)
	doc.read("components", &components)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		prefix := ""
		if paths[path]["servers"] != nil {
			prefix = PrefixAnalytics
		}
		for _, method := range []string{"get", "put", "post"} {
			raw, ok := paths[path][method]
			if !ok {
				continue
			}
			op := docsOperation{Method: strings.ToUpper(method), Path: prefix + path}
			_ = json.Unmarshal(raw, &op)
			op.resolve(components.Parameters)
			for i := range page.Groups {
				if slices.Contains(op.Tags, page.Groups[i].Name) {
					page.Groups[i].Operations = append(page.Groups[i].Operations, op)
				}
			}
		}
	}
	var body bytes.Buffer
	if err := docsPage.Execute(&body, page); err != nil {
		return nil, fmt.Errorf("render documentation page: %w", err)
	}
	return body.Bytes(), nil
}

func getDocs(s *Server, w http.ResponseWriter, _ *http.Request) error {
	body, err := s.documents.page()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", connectPolicy)
	_, _ = w.Write(body) // a disconnected caller is not an error
	return nil
}
