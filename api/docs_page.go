package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const patternDocs = "/docs"

//go:embed docs_page.html
var docsPageText string

// docsPage shows the API document: no script, one style, nothing from elsewhere.
var docsPage = template.Must(template.New("docs").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(connectStyle) }, //nolint:gosec // our own file
}).Parse(docsPageText))

// docsGroup is a tag of the API document with its operations, by path.
type docsGroup struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Operations  []docsOperation `json:"-"`
}

type docsOperation struct {
	Method, Path string   `json:"-"`
	ID           string   `json:"operationId"`
	Summary      string   `json:"summary"`
	Description  string   `json:"description"`
	Tags         []string `json:"tags"`
	Roles        []string `json:"x-roles"`
	Parameters   []struct {
		Name        string `json:"name"`
		In          string `json:"in"`
		Description string `json:"description"`
		Required    bool   `json:"required"`
	} `json:"parameters"`
	Samples []struct {
		Label  string `json:"label"`
		Source string `json:"source"`
	} `json:"x-codeSamples"`
}

// docsRendered is the page of everything that is served.
func (s *Server) docsRendered() ([]byte, error) {
	doc, err := s.openAPI()
	if err != nil {
		return nil, err
	}
	var page struct {
		Description string      `json:"description"`
		Version     string      `json:"version"`
		Groups      []docsGroup `json:"-"`
	}
	var paths map[string]map[string]json.RawMessage
	if err := doc.read(map[string]any{"info": &page, "tags": &page.Groups, "paths": &paths}); err != nil {
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

// getDocs answers the API reference as a page.
func (s *Server) getDocs(w http.ResponseWriter, _ *http.Request) error {
	body, err := s.docs()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", connectPolicy)
	_, _ = w.Write(body) // a caller that has gone away is not our failure
	return nil
}
