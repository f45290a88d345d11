package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// contract checks every response in this package's tests against the API document.
type contract struct {
	*described

	server *api.Server
}

// described is a document. Each of its schemas is compiled once.
type described struct {
	doc *openapi3.T

	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// contracts are the loaded documents, by the routes that they describe and by who answers.
var contracts sync.Map

type contractKey struct {
	routes string
	fakes  bool
}

func newContract(t *testing.T, server *api.Server, fakes bool) contract {
	t.Helper()
	loaded, _ := contracts.LoadOrStore(contractKey{fmt.Sprint(server.Routes()), fakes}, sync.OnceValues(func() (*described, error) {
		raw, err := server.Document()
		if err != nil {
			return nil, err
		}
		var tree any
		if err := json.Unmarshal(raw, &tree); err != nil {
			return nil, err
		}
		tree = merged(tree, tree)
		strict(tree, fakes)
		held, err := json.Marshal(tree)
		if err != nil {
			return nil, err
		}
		doc, err := openapi3.NewLoader().LoadFromData(held)
		if err != nil {
			return nil, err
		}
		d := &described{doc: doc, compiler: jsonschema.NewCompiler()}
		d.compiler.AssertFormat()
		return d, d.compiler.AddResource(documentURL, tree)
	}))
	d, err := loaded.(func() (*described, error))()
	require.NoError(t, err)
	return contract{d, server}
}

const documentURL = "https://boards.example/openapi.json"

// matches returns why JSON is not what the schema at a place of the document describes. The schemas of
// OpenAPI 3.1 are JSON Schema 2020-12.
func (d *described) matches(place string, raw []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	d.mu.Lock()
	schema, err := d.compiler.Compile(documentURL + "#" + place)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// component is the place of a schema that has a name.
func component(name string) string { return "/components/schemas/" + name }

// escaped is a name as a part of a place, which is a part of a URL.
func escaped(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// usualRefusals are the statuses that the document defines for all operations with roles.
var usualRefusals = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests,
	http.StatusInternalServerError, http.StatusServiceUnavailable,
}

// merged returns a part of a document with one object in place of each allOf, so that [strict] can
// close it.
func merged(doc, node any) any {
	switch n := node.(type) {
	case []any:
		for i := range n {
			n[i] = merged(doc, n[i])
		}
	case map[string]any:
		for name := range n {
			n[name] = merged(doc, n[name])
		}
		parts, _ := n["allOf"].([]any)
		delete(n, "allOf")
		for _, part := range parts {
			object := part.(map[string]any)
			if name, isRef := strings.CutPrefix(fmt.Sprint(object["$ref"]), "#/components/schemas/"); isRef {
				object = merged(doc, doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)[name]).(map[string]any)
			}
			if n["properties"] == nil {
				n["type"], n["properties"], n["required"] = "object", map[string]any{}, []any{}
			}
			maps.Copy(n["properties"].(map[string]any), object["properties"].(map[string]any))
			required, _ := object["required"].([]any)
			n["required"] = append(n["required"].([]any), required...)
		}
	}
	return node
}

// strict refuses members that are not in a schema. Lists of fakes may be null.
func strict(node any, fakes bool) {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			strict(item, fakes)
		}
	case map[string]any:
		if _, ok := n["properties"].(map[string]any); ok && n["type"] == "object" {
			n["additionalProperties"] = false
		}
		if n["type"] == "array" && fakes {
			n["type"] = []any{"array", "null"}
		}
		if fakes && n["enum"] != nil {
			n["enum"] = append(n["enum"].([]any), "", 0)
		}
		for _, item := range n {
			strict(item, fakes)
		}
	}
}

// check fails the test if the document does not allow this response to this request.
func (c contract) check(t *testing.T, r *http.Request, a ledgertest.Answer) {
	t.Helper()
	if r.Method == http.MethodOptions {
		return // preflights are no operations
	}
	pattern, known := c.server.Match(r.Method, strings.TrimRight(r.URL.EscapedPath(), "/"))
	if !known {
		c.checkError(t, r, a)
		return
	}
	item := c.doc.Paths.Value(documented(pattern))
	require.NotNil(t, item, "the document does not know %s", pattern)
	operation := item.GetOperation(r.Method)
	if r.Method == http.MethodHead {
		operation = item.Get
	}
	require.NotNil(t, operation, "the document does not know %s %s", r.Method, pattern)
	if a.Status == http.StatusSwitchingProtocols {
		return
	}
	response, status := operation.Responses.Status(a.Status), strconv.Itoa(a.Status)
	if response == nil && slices.Contains(usualRefusals, a.Status) {
		response, status = operation.Responses.Default(), "default"
	}
	require.NotNil(t, response, "the document does not say that %s %s may answer %d: %s", r.Method, pattern, a.Status, a.Body)
	for name, header := range response.Value.Headers {
		if value := a.Header.Get(name); value != "" && header.Value.Schema.Value.Type.Is("integer") {
			_, err := strconv.Atoi(value)
			require.NoError(t, err, "%s of %s %s", name, r.Method, pattern)
		}
	}
	media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if media == "" {
		require.Empty(t, a.Body)
		return
	}
	require.NotNil(t, response.Value.Content[media], "the document does not say that %s %s may answer %d with %s", r.Method, pattern, a.Status, media)
	if r.Method == http.MethodHead || !strings.HasSuffix(media, "json") || media == "application/x-ndjson" {
		return
	}
	place := "/paths/" + escaped(documented(pattern)) + "/" + strings.ToLower(r.Method) + "/responses/" + status
	if shared, is := strings.CutPrefix(response.Ref, "#"); is {
		place = shared
	}
	require.NoError(t, c.matches(place+"/content/"+escaped(media)+"/schema", []byte(a.Body)),
		"%s %s answered %d with what the document does not describe: %.2000s", r.Method, pattern, a.Status, a.Body)
}

// checkError checks the response of an unknown route against the error shape.
func (c contract) checkError(t *testing.T, r *http.Request, a ledgertest.Answer) {
	t.Helper()
	require.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, a.Status, "%s %s", r.Method, r.URL)
	if r.Method == http.MethodHead {
		return
	}
	name := "ErrorBody"
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
		name = "ProblemBody"
	}
	require.NoError(t, c.matches(component(name), []byte(a.Body)))
}
