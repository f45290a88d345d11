package assembly

import (
	"context"
	"fmt"
	"slices"
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
	kept := vault.NewConnecting(s.KeptPool)
	for on := true; on; {
		request, found, err := kept.ClaimDeletion(ctx, time.Now())
		if found {
			err = s.eraseAsked(ctx, kept, request)
		}
		if err != nil && ctx.Err() == nil {
			s.settings.Logger.WarnContext(ctx, "who asked a platform to be forgotten is not erased yet; tried again in some minutes", "error", err)
		}
		if found { // there may be more
			on = ctx.Err() == nil
			continue
		}
		select {
		case <-s.asked:
		case <-time.After(askedEvery):
		case <-ctx.Done():
			on = false
		}
	}
}

// eraseAsked pursues one request until nothing is left, or for a while. An error names the request.
func (s *Service) eraseAsked(ctx context.Context, kept *vault.Connecting, request domain.DeletionRequest) error {
	ctx, cancel := context.WithTimeout(ctx, furtherFor)
	defer cancel()
	erasing := s.erasing(kept)
	for {
		done, err := erasing.Further(ctx, request)
		if err == nil && !done && !pause(ctx, furtherEvery) {
			err = fmt.Errorf("it is not done within %s: %w", furtherFor, ctx.Err())
		}
		if err != nil {
			return fmt.Errorf("request for deletion %s: %w", request.Code, err)
		}
		if done {
			return nil
		}
	}
}

// erasing is what pursues one request.
func (s *Service) erasing(kept *vault.Connecting) connect.Erasing {
	erase := func(order domain.ErasureOrder) commands.ErasePerson {
		return commands.ErasePerson{
			Log: s.Log, Kept: vault.NewEraser(s.KeptPool), Earlier: projections.Earlier{Pool: s.engine, DeleteGroup: s.Log.DeleteGroup},
			EachPartition: s.Log.EachPartition, Order: order, Now: time.Now,
		}
	}
	people := readmodels.People{Pool: s.ReadPool}
	return connect.Erasing{
		Covers: s.Connect.Covers, Shown: s.peopleShown,
		Members: readmodels.Connecting{Pool: s.ReadPool}.MembersOf, Person: people.OfMemberAlone,
		Erase: func(ctx context.Context, person domain.Person, order domain.ErasureOrder) error {
			if err := AppendErasures(s.settings.Erasures, person.ErasedIDs(time.Now())); err != nil {
				return err
			}
			return erase(order).Erase(ctx, person)
		},
		Erased: func(ctx context.Context, r domain.DeletionRequest) ([]domain.Person, error) {
			return people.ErasedFor(ctx, r.Code)
		},
		DropEarlier: func(ctx context.Context, person domain.Person, order domain.ErasureOrder) error {
			return erase(order).DropEarlier(ctx, person)
		},
		Done: func(ctx context.Context, r domain.DeletionRequest) error {
			return kept.DeletionDone(ctx, r, time.Now())
		},
	}
}

// peopleShown tells whether the tables show all that the log has of people, of what their posts say, and of who was erased.
func (s *Service) peopleShown(ctx context.Context) (bool, error) {
	needed := []string{projections.Directory{}.Name(), projections.Contents{}.Name(), projections.Operations{}.Name()}
	for _, engine := range s.engines {
		if !slices.Contains(needed, engine.Name()) {
			continue
		}
		status, err := engine.Status(ctx)
		if err != nil || !status.Live() || status.Lag > 0 {
			return false, err
		}
	}
	return true, nil
}
