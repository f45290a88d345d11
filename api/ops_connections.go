package api

import (
	"context"
	"strconv"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// getConnections lists how the connected accounts of all agencies are read.
func (s *Server) getConnections() operation {
	return listing(s, func(ctx context.Context) ([]readmodels.ConnectionReading, error) {
		connections, err := s.deps.Operators.Connections(ctx, readmodels.ReadingsQuery{})
		for i := range connections {
			connections[i].HidePerson()
		}
		return connections, err
	})
}

// readConnection makes the accounts of the connection in the path due now.
func (s *Server) readConnection() operation {
	return doing(s, []Param{paramConnectionID},
		func(p *Params) (int64, error) { return p.ID(paramConnectionID), nil },
		func(ctx context.Context, c commands.Caller, id int64, a action) (done, error) {
			return done{true}, s.deps.Operators.ReadConnection(ctx, c, id, a.reason)
		})
}

// actingOnConnection pauses or resumes the connection in the path.
func actingOnConnection(
	s *Server, act func(context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error,
) operation {
	return doing(s, []Param{paramConnectionID},
		func(p *Params) (int64, error) { return p.ID(paramConnectionID), nil },
		func(ctx context.Context, c commands.Caller, id int64, a action) (done, error) {
			return done{true}, act(ctx, c, domain.PauseConnection, strconv.FormatInt(id, 10), a.reason)
		})
}
