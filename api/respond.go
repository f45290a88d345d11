package api

import "net/http"

// envelope is the shape of every successful answer.
type envelope struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	Meta    any    `json:"meta,omitempty"` // of figures, of a page, of a history
}

const messageSuccess = "SUCCESS"

// writeData answers with data, and with meta beside it unless that is nil.
func (s *Server) writeData(w http.ResponseWriter, data, meta any) error {
	s.writeJSON(w, contentJSON, http.StatusOK, envelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	return nil
}
