package api

import (
	"context"
	"net/http"
	"time"
)

// defaultRequestTimeout is how long a request may take that is no stream and no export.
const defaultRequestTimeout = time.Minute

// bounded gives a request some time as a whole: for its body to come, for its answer to be found, and for
// that to be taken. Streams and exports are not wrapped; they bound each piece.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := s.deps.Config.RequestTimeout
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		// Where deadlines are not supported (tests, some middlewares) the context must do.
		control := http.NewResponseController(w)
		until := time.Now().Add(limit)
		_ = control.SetReadDeadline(until)
		_ = control.SetWriteDeadline(until.Add(limit)) // an answer found at the last moment is still sent
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
