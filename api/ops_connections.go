package api

import (
	"context"

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
