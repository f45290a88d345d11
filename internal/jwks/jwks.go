package jwks

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// maxSet is the maximum size of a key set, in bytes. The rest of a larger set is ignored, so it
// cannot be decoded.
const maxSet = 4 << 20

// Understood returns a set with only those keys that decode accepts. It returns text that is not a
// key set unchanged.
func Understood(set []byte, decode func(key []byte) error) []byte {
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(set, &all) != nil || all.Keys == nil {
		return set
	}
	kept := []json.RawMessage{}
	for _, key := range all.Keys {
		if decode(key) == nil {
			kept = append(kept, key)
		}
	}
	filtered, err := json.Marshal(map[string]any{"keys": kept})
	if err != nil { // the keys have just been decoded
		return set
	}
	return filtered
}

// Transport applies [Understood] to every successful response.
type Transport struct {
	http.RoundTripper

	Decode func(key []byte) error
}

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.RoundTripper.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	defer answer.Body.Close()
	set, err := io.ReadAll(io.LimitReader(answer.Body, maxSet))
	if err != nil {
		return nil, err
	}
	set = Understood(set, t.Decode)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(set)), int64(len(set))
	answer.Header.Del("Content-Length")
	return answer, nil
}
