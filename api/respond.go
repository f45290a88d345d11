package api

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// envelope is the shape of every successful answer.
type envelope struct {
	Success bool             `json:"success"`
	Message string           `json:"message"`
	Data    any              `json:"data"`
	Meta    *readmodels.Meta `json:"meta,omitempty"`
}

const messageSuccess = "SUCCESS"

func (s *Server) writeData(w http.ResponseWriter, data any, meta *readmodels.Meta) error {
	s.writeJSON(w, "application/json; charset=utf-8", http.StatusOK,
		envelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	return nil
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// wantsProblem reports whether the caller prefers application/problem+json to plain JSON: it names
// it, and does not give application/json a greater weight.
func wantsProblem(r *http.Request) bool {
	problem, plain := 0.0, 0.0
	for _, value := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(value, ",") {
			mediaType, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
			switch mediaType {
			case "application/problem+json":
				problem = max(problem, weight)
			case "application/json":
				plain = max(plain, weight)
			}
		}
	}
	return problem > 0 && problem >= plain
}
