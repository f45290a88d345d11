package stream

import (
	"context"
	"net/http"
	"runtime"
	"strings"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Meet adds a middleware to the engine after our own.
func (s *SocketIO) Meet(meet func(ctx *types.HttpContext, next func(error))) {
	s.server.Engine().Use(meet)
}

// Hear runs our middleware on a request and returns whether the request waits for the engine, and
// for what.
func Hear(w http.ResponseWriter, r *http.Request, before func(*types.HttpContext)) (waits bool, heard <-chan struct{}) {
	request := &engineRequest{arm: func() {}, released: make(chan struct{})}
	ctx := types.NewHttpContext(w, r.WithContext(context.WithValue(r.Context(), engineKey{}, request)))
	before(ctx)
	armRequest(ctx, func(error) {})
	return request.armed, request.released
}

// HoldsAPoll reports whether an answered poll waits for the engine to release it.
func HoldsAPoll() bool {
	const servesPolls = "github.com/ledgerboard/ledgerboard/internal/stream.(*SocketIO).servePolling("
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		state, calls, _ := strings.Cut(stack, "\n")
		if strings.Contains(state, "[chan receive") && strings.HasPrefix(calls, servesPolls) {
			return true
		}
	}
	return false
}
