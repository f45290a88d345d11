package assembly

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	// askedEvery is how often requests for deletion that nobody ends are taken up again.
	askedEvery = time.Minute
	// furtherEvery is how often it is looked whether the tables show what was erased.
	furtherEvery = 500 * time.Millisecond
	// furtherFor is how long a request is pursued at a time: less than others leave it alone for.
	furtherFor = 4 * time.Minute
)

// EraseAsked erases people who asked a platform for it, until ctx is done: as soon as they do, and what an ended process has left.
func (s *Service) EraseAsked(ctx context.Context) {
	for on := true; on; {
		kept := vault.NewConnecting(s.KeptPool)
		claimed, err := kept.ClaimDeletions(ctx, time.Now())
		for _, request := range claimed {
			if failed := s.eraseAsked(ctx, kept, request); failed != nil {
				err = failed
			}
		}
		if err != nil && ctx.Err() == nil {
			s.settings.Logger.WarnContext(ctx, "who asked a platform to be forgotten is not erased yet; tried again in some minutes", "error", err)
		}
		select {
		case <-s.asked:
		case <-time.After(askedEvery):
		case <-ctx.Done():
			on = false
		}
	}
}

// eraseAsked pursues one request until nothing is left, or for a while.
func (s *Service) eraseAsked(ctx context.Context, kept *vault.Connecting, request domain.DeletionRequest) error {
	people := readmodels.People{Pool: s.ReadPool}
	erasing := connect.Erasing{
		Shown: s.peopleShown, Members: readmodels.Connecting{Pool: s.ReadPool}.MembersOf, Person: people.OfMember,
		Erase: func(ctx context.Context, person domain.Person, order domain.ErasureOrder) error {
			if err := AppendErasures(s.settings.Erasures, person.ErasedIDs(time.Now())); err != nil {
				return err
			}
			return commands.ErasePerson{
				Log: s.Log, Kept: vault.NewEraser(s.KeptPool), Earlier: projections.Earlier{Pool: s.engine, DeleteGroup: s.Log.DeleteGroup},
				EachPartition: s.Log.EachPartition, Order: order, Now: time.Now,
			}.Erase(ctx, person)
		},
		Done: func(ctx context.Context, r domain.DeletionRequest) error {
			return kept.DeletionDone(ctx, r, time.Now())
		},
	}
	for end := time.Now().Add(furtherFor); time.Now().Before(end); {
		done, err := erasing.Further(ctx, request)
		if err != nil || done {
			return err
		}
		if !pause(ctx, furtherEvery) {
			return nil
		}
	}
	return nil
}

// peopleShown tells whether the tables show all that the log has of people and of what their posts say.
func (s *Service) peopleShown(ctx context.Context) (bool, error) {
	for _, engine := range s.engines {
		if engine.Name() != (projections.Directory{}).Name() && engine.Name() != (projections.Contents{}).Name() {
			continue
		}
		status, err := engine.Status(ctx)
		if err != nil || !status.Live() || status.Lag > 0 {
			return false, err
		}
	}
	return true, nil
}
