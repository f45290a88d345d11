package apidoc

import (
	"encoding/json"
	"fmt"
)

// Generate returns the two documents, and docs/frontend.md with the list of status codes, by their
// paths in the module at root.
func Generate(root string) (map[string][]byte, error) {
	answers, events := newSchemas(root), newSchemas(root)
	open, err := openAPI(root, answers)
	if err != nil {
		return nil, fmt.Errorf("make OpenAPI document: %w", err)
	}
	events.taken = true // main applications send them too, and may send null for absent
	async, err := asyncAPI(root, events)
	if err != nil {
		return nil, fmt.Errorf("make AsyncAPI document: %w", err)
	}
	files := map[string][]byte{}
	for name, doc := range map[string]any{"api/openapi.json": open, "api/asyncapi.json": async} {
		raw, err := json.MarshalIndent(doc, "", " ")
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		files[name] = append(raw, '\n')
	}
	files[frontendGuide], err = withStatusCodes(root)
	return files, err
}
