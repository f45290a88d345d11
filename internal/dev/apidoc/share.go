package apidoc

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// share moves parts that occur several times in a document to its components.
func share(doc *openapi3.T) {
	shareMembers(doc.Components.Schemas)
	shareParameters(doc)
	dropUnused(doc)
}

// dropUnused removes responses that no operation refers to.
func dropUnused(doc *openapi3.T) {
	text, _ := json.Marshal(doc) //nolint:errchkjson // parts of a document always marshal
	maps.DeleteFunc(doc.Components.Responses, func(name string, _ *openapi3.ResponseRef) bool {
		return !strings.Contains(string(text), strconv.Quote("#/components/responses/"+name))
	})
}

// shareParameters replaces parameters that several operations have with references.
func shareParameters(doc *openapi3.T) {
	var all []*openapi3.ParameterRef
	for _, path := range doc.Paths.InMatchingOrder() {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			all = append(all, operations[method].Parameters...)
		}
	}
	doc.Components.Parameters = openapi3.ParametersMap{}
	for text, same := range alike(all, func(p *openapi3.ParameterRef) any { return p.Value }) {
		if len(same) < 2 || text == "" {
			continue
		}
		p := same[0].Value
		name := camel(p.Name) + "In" + camel(p.In) // generators of Go code want other names than those of schemas
		for n := 2; doc.Components.Parameters[name] != nil; n++ {
			name = strings.TrimRight(name, "0123456789") + strconv.Itoa(n)
		}
		doc.Components.Parameters[name] = &openapi3.ParameterRef{Value: p}
		for _, ref := range same {
			ref.Ref = "#/components/parameters/" + name
		}
	}
}

// sharedFrom is the minimum size in bytes of a member that becomes a component.
const sharedFrom = 150

// shareMembers replaces members that have the same name and schema in several schemas with
// references.
func shareMembers(schemas openapi3.Schemas) {
	type member struct {
		of         openapi3.Schemas
		name, from string
	}
	var all []member
	for _, from := range slices.Sorted(maps.Keys(schemas)) {
		if s := schemas[from].Value; s != nil {
			for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
				all = append(all, member{s.Properties, name, from})
			}
		}
	}
	for text, same := range alike(all, func(m member) any { return []any{m.name, m.of[m.name]} }) {
		if len(same) < 2 || len(text) < sharedFrom {
			continue
		}
		of, member := same[0].of, same[0].name
		name := camel(member)
		if schemas[name] != nil {
			name += "Of" + same[0].from
		}
		schemas[name] = of[member]
		for _, m := range same {
			m.of[m.name] = openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
		}
	}
}

// alike groups values whose results of written have the same JSON, in the order of their first
// occurrence.
func alike[V any](all []V, written func(V) any) func(yield func(string, []V) bool) {
	var order []string
	groups := map[string][]V{}
	for _, v := range all {
		raw, _ := json.Marshal(written(v)) //nolint:errchkjson // parts of a document always marshal
		text := string(raw)
		if groups[text] == nil {
			order = append(order, text)
		}
		groups[text] = append(groups[text], v)
	}
	return func(yield func(string, []V) bool) {
		for _, text := range order {
			if !yield(text, groups[text]) {
				return
			}
		}
	}
}

// camel returns the name of a component for a snake_case or kebab-case name.
func camel(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
