package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
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

// documents serves the documents without the operations that this server does not have. Each is
// prepared once, at its first request.
type documents struct {
	routes  []Operation
	atRoot  bool // whether the analytics are also served at the root
	streams bool // whether notices and live updates are served

	openAPI, asyncAPI func() (document, error)
	page              func() ([]byte, error)
}

// setRoutes sets the routes of the server.
func (d *documents) setRoutes(routes []Operation) {
	d.routes = routes
	d.openAPI, d.asyncAPI, d.page = sync.OnceValues(d.openAPIServed), sync.OnceValues(d.asyncAPIServed), sync.OnceValues(d.pageRendered)
}

// document is the members of a document that this server serves.
type document map[string]json.RawMessage

// openAPIServed returns the OpenAPI document with the paths in the route table.
func (d *documents) openAPIServed() (document, error) {
	var paths map[string]map[string]json.RawMessage
	doc, err := readDocument(openAPIDocument, map[string]any{"paths": &paths})
	if err != nil {
		return nil, err
	}
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
	return doc, doc.set("paths", served)
}

// asyncAPIServed returns the AsyncAPI document with the streams that are served.
func (d *documents) asyncAPIServed() (document, error) {
	var channels, operations map[string]json.RawMessage
	doc, err := readDocument(asyncAPIDocument, map[string]any{"channels": &channels, "operations": &operations})
	if err != nil {
		return nil, err
	}
	if !d.streams {
		for channel, operation := range map[string]string{"notices": "sendNotices", "socketIO": "sendSocketIO", "live": "sendLive"} {
			delete(channels, channel)
			delete(operations, operation)
		}
	}
	return doc, errors.Join(doc.set("channels", channels), doc.set("operations", operations))
}

func readDocument(raw []byte, members map[string]any) (doc document, err error) {
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return doc, doc.read(members)
}

func (d document) read(members map[string]any) error {
	for name, into := range members {
		if err := json.Unmarshal(d[name], into); err != nil {
			return fmt.Errorf("read %s of document: %w", name, err)
		}
	}
	return nil
}

func (d document) set(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s of document: %w", name, err)
	}
	d[name] = raw
	return nil
}

// getOpenAPI returns the OpenAPI document, with the URL that it was read from as the server.
func (d *documents) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	doc, err := d.openAPI()
	if err != nil {
		return err
	}
	return doc.write(w, []map[string]string{{"url": mountedAt(r, patternOpenAPI) + "/", "description": "The server of this document."}})
}

func (d *documents) getAsyncAPI(w http.ResponseWriter, r *http.Request) error {
	doc, err := d.asyncAPI()
	if err != nil {
		return err
	}
	return doc.write(w, map[string]map[string]string{
		"kafka": {"host": "kafka:9092", "protocol": "kafka", "description": "The log; the address depends on the configuration."},
		"http": {
			"host": r.Host, "protocol": "http", "pathname": mountedAt(r, patternAsyncAPI) + "/", "description": "The server of this document.",
		},
	})
}

func (d document) write(w http.ResponseWriter, servers any) error {
	whole := maps.Clone(d) // concurrent requests read d
	if err := whole.set("servers", servers); err != nil {
		return err
	}
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
	base, ok := strings.CutSuffix(path, pattern)
	if !ok {
		return ""
	}
	return base
}

const patternDocs = "/docs"

//go:embed docs_page.html
var docsPageText string

// docsPage shows the API document without scripts and external resources.
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
	Samples      []struct {
		Label  string `json:"label"`
		Source string `json:"source"`
	} `json:"x-codeSamples"`
}

type docsParameter struct {
	Ref         string `json:"$ref"` // reference to a shared parameter
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
}

// resolve replaces references to shared parameters with the parameters.
func (o docsOperation) resolve(shared map[string]docsParameter) {
	for i, p := range o.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			o.Parameters[i] = shared[name]
		}
	}
}

// pageRendered returns the HTML page of the operations that are served.
func (d *documents) pageRendered() ([]byte, error) {
	doc, err := d.openAPI()
	if err != nil {
		return nil, err
	}
	var page struct {
		Description string      `json:"description"`
		Version     string      `json:"version"`
		Groups      []docsGroup `json:"-"`
	}
	var paths map[string]map[string]json.RawMessage
	var components struct {
		Parameters map[string]docsParameter `json:"parameters"`
	}
	if err := doc.read(map[string]any{"info": &page, "tags": &page.Groups, "paths": &paths, "components": &components}); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		prefix := ""
		if paths[path]["servers"] != nil {
			prefix = PrefixAnalytics
		}
		for _, method := range []string{"get", "put", "post", "delete"} {
			raw, ok := paths[path][method]
			if !ok {
				continue
			}
			op := docsOperation{Method: strings.ToUpper(method), Path: prefix + path}
			if err := json.Unmarshal(raw, &op); err != nil {
				return nil, fmt.Errorf("read %s %s of document: %w", method, path, err)
			}
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

func (d *documents) getDocs(w http.ResponseWriter, _ *http.Request) error {
	body, err := d.page()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", connectPolicy)
	_, _ = w.Write(body) // a disconnected caller is not an error
	return nil
}
