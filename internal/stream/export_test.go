package stream

import "github.com/zishang520/socket.io/v3/pkg/types"

// Meet has a function meet each request of the engine, behind our own.
func (s *SocketIO) Meet(meet func(ctx *types.HttpContext, next func(error))) {
	s.server.Engine().Use(meet)
}
