package apidoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// exampleFile contains responses of the demo by operation, or the names of golden files of api's
// tests that contain them.
const exampleFile = "api/testdata/examples.json"

// addExamples adds an example response to operations that return JSON, with at most one entry in
// each list. An operation without an example of its own has that of the first operation with the
// same schema.
func addExamples(root string, operations []*openapi3.Operation) error {
	var examples map[string]any
	if err := readJSON(filepath.Join(root, exampleFile), &examples); err != nil {
		return err
	}
	bySchema, lacking := map[string]any{}, map[*openapi3.MediaType]string{}
	for _, op := range operations {
		answer := op.Responses.Status(200).Value.Content[mediaJSON]
		if answer == nil {
			continue
		}
		raw, err := json.Marshal(answer.Schema)
		if err != nil {
			return fmt.Errorf("encode schema of %s: %w", op.OperationID, err)
		}
		schema, example := string(raw), examples[op.OperationID]
		delete(examples, op.OperationID)
		if name, isFile := example.(string); isFile {
			if err := readJSON(filepath.Join(root, filepath.Dir(exampleFile), name), &example); err != nil {
				return err
			}
		}
		switch {
		case example != nil:
			answer.Example = shortened(example)
			if bySchema[schema] == nil {
				bySchema[schema] = answer.Example
			}
		case len(answer.Schema.Value.AllOf) > 0: // not any object
			lacking[answer] = schema
		}
	}
	for answer, schema := range lacking {
		answer.Example = bySchema[schema]
	}
	if len(examples) > 0 {
		return fmt.Errorf("%s: no operation that returns JSON is called %s", exampleFile, slices.Sorted(maps.Keys(examples)))
	}
	return nil
}

func readJSON(path string, value any) error {
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, value)
	}
	if err != nil {
		return fmt.Errorf("read example %s: %w", filepath.Base(path), err)
	}
	return nil
}

// shortened keeps at most one entry of each list.
func shortened(value any) any {
	switch value := value.(type) {
	case []any:
		value = value[:min(len(value), 1)]
		for i := range value {
			value[i] = shortened(value[i])
		}
		return value
	case map[string]any:
		for name := range value {
			value[name] = shortened(value[name])
		}
	}
	return value
}
