package assembly

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Pool sizes. Each generation that is folded has a pool of its own beside these; reads come and go with requests.
const (
	engineConns = 12 // checks of tables have their own
	// defaultReadConns are for requests, which come and go.
	defaultReadConns = 24
)

// checkRoom refuses a start whose pools the server could never fill, and warns where it cannot now: requests would fail
// later, under load, and seldom.
func (s *Service) checkRoom(ctx context.Context) error {
	over, tight, err := pg.CheckRoom(ctx, s.engine, s.connections())
	switch {
	case err != nil:
		return err
	case over != "":
		return errors.New(over)
	case tight != "":
		s.settings.Logger.WarnContext(ctx, tight)
	}
	return nil
}

// connections are how many this process may hold: those of its pools, and one that listens.
func (s *Service) connections() int32 {
	n := engineConns + cmp.Or(s.settings.ReadConns, defaultReadConns) + vault.Conns + 1
	if slices.Contains(s.config.Roles, "projector") {
		n += int32(len(projectors.All(0)))*projections.FoldConns + projections.CheckConns
	}
	if s.config.Fetch != nil {
		n += vault.FetchingConns
	}
	return n
}
