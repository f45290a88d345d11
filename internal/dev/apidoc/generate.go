package apidoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// Root returns the root directory of the module that contains the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find module: no go.mod in this or any parent directory")
		}
		dir = parent
	}
}
