package projections

import (
	"bytes"
	"encoding/json"
)

// maskedText stands for every text of a masked payload.
const maskedText = "***"

func payload(value []byte, unmasked bool) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var parsed any
	isJSON := json.Valid(value) && decoder.Decode(&parsed) == nil
	switch {
	case isJSON && unmasked:
		return value, nil
	case isJSON:
		return json.Marshal(masked(parsed))
	case unmasked && len(value) > 0:
		return json.Marshal(shown(value))
	default:
		return json.RawMessage("null"), nil
	}
}

// masked returns the value with its texts masked; keys, numbers and truths stay.
func masked(value any) any {
	switch value := value.(type) {
	case string:
		return maskedText
	case []any:
		for i := range value {
			value[i] = masked(value[i])
		}
		return value
	case map[string]any:
		for key := range value {
			value[key] = masked(value[key])
		}
		return value
	default:
		return value
	}
}
