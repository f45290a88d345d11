package apidoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tree is an object of a document, as decoded from JSON.
type tree map[string]any

// at returns an object in a tree; nil if it is not there.
func (t tree) at(path ...string) tree {
	for _, name := range path {
		object, _ := t[name].(map[string]any)
		t = object
	}
	return t
}

func (t tree) text() string {
	raw, _ := json.Marshal(t) //nolint:errchkjson // decoded JSON always marshals
	return string(raw)
}

// leastSaved is the minimum number of bytes that a component saves.
const leastSaved = 150

// share moves parts that occur several times to the components of a document, and removes responses
// that no operation refers to.
func share(doc tree) {
	groups := map[string]part{}
	for _, p := range parts(doc) {
		key := p.section + "/" + p.name + p.places[0].text()
		p.places = append(groups[key].places, p.places...)
		groups[key] = p
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		p := groups[key]
		ref, count := "#/components/"+p.section+"/"+p.name, len(p.places)
		if (count-1)*len(p.places[0].text())-count*len(ref) < leastSaved {
			continue
		}
		components := doc.at("components", p.section)
		if components == nil {
			components = tree{}
			doc.at("components")[p.section] = map[string]any(components)
		}
		if p.section == "schemas" && components[p.name] != nil && p.places[0]["type"] == "string" {
			p.name += "Text" // a type has the name, for example Reason
		}
		for n := 2; components[p.name] != nil; n++ {
			p.name = strings.TrimRight(p.name, "0123456789") + strconv.Itoa(n)
		}
		components[p.name] = maps.Clone(map[string]any(p.places[0]))
		for _, place := range p.places {
			clear(place)
			place["$ref"] = "#/components/" + p.section + "/" + p.name
		}
	}
	whole := doc.text()
	maps.DeleteFunc(doc.at("components", "responses"), func(name string, _ any) bool {
		return !strings.Contains(whole, strconv.Quote("#/components/responses/"+name))
	})
}

// part is an object that becomes a component if it occurs several times.
type part struct {
	section, name string // of the component
	places        []tree // where it occurs
}

// parts returns the parameters and responses of the operations, and the members of the schemas.
func parts(doc tree) (all []part) {
	add := func(section, name string, object any) {
		if object, _ := object.(map[string]any); len(object) > 0 && (object["$ref"] == nil || len(object) > 1) {
			all = append(all, part{section, name, []tree{object}})
		}
	}
	each := func(t tree, do func(name string, object tree)) {
		for _, name := range slices.Sorted(maps.Keys(t)) {
			do(name, t.at(name))
		}
	}
	each(doc.at("paths"), func(_ string, path tree) {
		each(path, func(_ string, operation tree) {
			parameters, _ := operation["parameters"].([]any)
			for _, p := range parameters {
				object, _ := p.(map[string]any)
				add("parameters", camel(fmt.Sprint(object["name"]))+"In"+camel(fmt.Sprint(object["in"])), p) // schemas have other names
			}
			each(operation.at("responses"), func(status string, response tree) {
				add("responses", responseName(status, response), map[string]any(response))
			})
		})
	})
	each(doc.at("components", "schemas"), func(_ string, schema tree) {
		members := func(object tree) {
			each(object.at("properties"), func(name string, member tree) {
				if !strings.Contains(member.text(), `"null"`) { // oapi-codegen does not see that a component can be null
					add("schemas", camel(name), map[string]any(member))
				}
			})
		}
		members(schema)
		parts, _ := schema["allOf"].([]any)
		for _, part := range parts {
			object, _ := part.(map[string]any)
			members(object)
		}
	})
	return all
}

// dataRef finds the schema of the data in a response.
var dataRef = regexp.MustCompile(`"data":{("items":{)?"\$ref":"#/components/schemas/(\w+)"`)

// responseName returns the name of the component for a response: that of its data, or of its status.
func responseName(status string, response tree) string {
	if found := dataRef.FindStringSubmatch(response.text()); found != nil {
		return found[2] + map[bool]string{true: "List"}[found[1] != ""] + "Response"
	}
	code, _ := strconv.Atoi(status)
	return strings.ReplaceAll(http.StatusText(code), " ", "") + "Response"
}

// camel returns the name of a component for a snake_case or kebab-case name.
func camel(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
