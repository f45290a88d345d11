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

// checkConnection asks the platform about the connection in the path.
func (s *Server) checkConnection() operation {
	return doing(s, []Param{paramConnectionID},
		func(p *Params) (int64, error) { return p.ID(paramConnectionID), nil },
		func(ctx context.Context, c commands.Caller, id int64, a action) ([]readmodels.CheckedConnection, error) {
			checked, err := s.deps.Operators.CheckConnection(ctx, c, id, a.reason)
			return append([]readmodels.CheckedConnection{}, checked...), err
		})
}

// actingOnConnection pauses or resumes the connection in the path.
func (s *Server) readConnection() operation {
	return doing(s, []Param{paramConnectionID},
		func(p *Params) (int64, error) { return p.ID(paramConnectionID), nil },
		func(ctx context.Context, c commands.Caller, id int64, a action) (done, error) {
			return done{true}, s.deps.Operators.ReadConnection(ctx, c, id, a.reason)
		})
}

func actingOnConnection(
	s *Server, act func(context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error,
) operation {
	return doing(s, []Param{paramConnectionID},
		func(p *Params) (int64, error) { return p.ID(paramConnectionID), nil },
		func(ctx context.Context, c commands.Caller, id int64, a action) (done, error) {
			return done{true}, act(ctx, c, domain.PauseConnection, strconv.FormatInt(id, 10), a.reason)
		})
}
