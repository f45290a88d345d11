package api

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// envelope is the shape of every successful answer.
type envelope struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	Meta    any    `json:"meta,omitempty"` // of figures, of a page, of a history
}

const messageSuccess = "SUCCESS"

// encoded is an answer with data, and with meta beside it unless that is nil.
func encoded(data, meta any) ([]byte, error) {
	body, err := json.Marshal(envelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return append(body, '\n'), nil
}

// writeData answers with data and meta; what cannot be encoded is an error and not half an answer.
func writeData(w http.ResponseWriter, data, meta any) error {
	body, err := encoded(data, meta)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentJSON)
	_, _ = w.Write(body) // a caller that has gone away is not our failure
	return nil
}
