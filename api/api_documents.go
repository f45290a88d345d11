package api

import (
	"bytes"
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

	_ "embed" // the documents
)

//go:generate go run ../internal/dev/apidoc/cmd

// The documents of everything that can be served. The generator writes them; a test fails when they are out of date.
var (
	//go:embed openapi.json
	openAPIDocument []byte
	//go:embed asyncapi.json
	asyncAPIDocument []byte
)

// documents serve them without what is not served here. They are read once, when they are first asked for: routes do not change.
type documents struct {
	routes  []Operation
	atRoot  bool // the analytics are served at the root too
	streams bool // notices and live updates are served

	openAPI, asyncAPI func() (document, error)
	page              func() ([]byte, error)
}

// served tells the documents which routes there are, theirs among them.
func (d *documents) served(routes []Operation) {
	d.routes = routes
	d.openAPI, d.asyncAPI, d.page = sync.OnceValues(d.openAPIServed), sync.OnceValues(d.asyncAPIServed), sync.OnceValues(d.pageRendered)
}

// document is one of them, without what is not served here. Its members wait to be written.
type document map[string]json.RawMessage

// openAPIServed leaves the paths that are in the route table.
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

// asyncAPIServed leaves the streams that are served.
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

// getOpenAPI answers the API document, with the address that it was read from as the server.
func (d *documents) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	doc, err := d.openAPI()
	if err != nil {
		return err
	}
	return doc.write(w, []map[string]string{{"url": mountedAt(r, patternOpenAPI) + "/", "description": "Where this document was read."}})
}

func (d *documents) getAsyncAPI(w http.ResponseWriter, r *http.Request) error {
	doc, err := d.asyncAPI()
	if err != nil {
		return err
	}
	return doc.write(w, map[string]map[string]string{
		"kafka": {"host": "kafka:9092", "protocol": "kafka", "description": "The log; addresses are configuration."},
		"http": {
			"host": r.Host, "protocol": "http", "pathname": mountedAt(r, patternAsyncAPI) + "/", "description": "Where this document was read.",
		},
	})
}

func (d document) write(w http.ResponseWriter, servers any) error {
	whole := maps.Clone(d) // others read it at the same time
	if err := whole.set("servers", servers); err != nil {
		return err
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		return fmt.Errorf("encode document: %w", err)
	}
	w.Header().Set("Content-Type", mediaJSON)
	_, _ = w.Write(raw) // a caller that has gone away is not our failure
	return nil
}

// mountedAt is the path under which a request met this handler: what the router of a main application
// has taken off before. A stripped prefix shows in the request line, which nobody rewrites.
func mountedAt(r *http.Request, pattern string) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if whole, err := url.Parse(path); err == nil { // proxies are asked for absolute addresses
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

// docsPage shows the API document: no script, one style, nothing from elsewhere.
var docsPage = template.Must(template.New("docs").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(connectStyle) }, //nolint:gosec // our own file
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
	Ref         string `json:"$ref"` // of one that several operations take
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
}

// resolve puts the parameters in place of references to them.
func (o docsOperation) resolve(shared map[string]docsParameter) {
	for i, p := range o.Parameters {
		if name, is := strings.CutPrefix(p.Ref, "#/components/parameters/"); is {
			o.Parameters[i] = shared[name]
		}
	}
}

// pageRendered is the page of everything that is served.
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
			raw, there := paths[path][method]
			if !there {
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
		return nil, fmt.Errorf("write page of document: %w", err)
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
	_, _ = w.Write(body) // a caller that has gone away is not our failure
	return nil
}
