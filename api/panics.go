package api

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"
)

// recoverer turns a panic into a 500 of the one shape, when nothing was sent yet.
func (s *Server) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // r carries it
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // a value of recover, and net/http compares so too
				panic(fault) // the library's own way to drop a connection
			}
			s.deps.Logger.ErrorContext(r.Context(), "panic while serving", logRequestID, RequestID(r.Context()),
				"panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
			if ww, ok := w.(middleware.WrapResponseWriter); ok && ww.Status() == 0 && r.Header.Get("Upgrade") == "" {
				s.writeError(w, r, fmt.Errorf("panic: %v", fault))
			}
		}()
		next.ServeHTTP(w, r)
	})
}
