package api

import (
	"net/http"
	"strconv"

	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// envelope is the shape of every successful answer.
type envelope struct {
	Success bool            `json:"success"`
	Message string          `json:"message"`
	Data    any             `json:"data"`
	Meta    *analytics.Meta `json:"meta,omitempty"`
}

const messageSuccess = "SUCCESS"

func (s *Server) writeData(w http.ResponseWriter, data any, meta *analytics.Meta) error {
	s.writeJSON(w, "application/json; charset=utf-8", http.StatusOK,
		envelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	return nil
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
