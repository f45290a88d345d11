package upkeep

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	// askedEvery is how often requests for deletion that nobody ends are taken up again.
	askedEvery = time.Minute
	// furtherApart is the least time between two looks whether the tables show what was erased, and furtherEvery the longest where
	// they do not move: looking computes ids of all accounts.
	furtherApart = 500 * time.Millisecond
	furtherEvery = 15 * time.Second
	// furtherFor is how long a request is pursued at a time: less than others leave it alone for.
	furtherFor = 4 * time.Minute
)

// Asked says that somebody has just asked a platform to be forgotten.
func (u *Upkeep) Asked() {
	select {
	case u.asked <- struct{}{}:
	default: // it is going to look
	}
}

// EraseAsked erases people who asked a platform for it, until ctx is done: as soon as they do, and what an ended process has left.
func (u *Upkeep) EraseAsked(ctx context.Context) {
	kept := vault.NewConnecting(u.config.Vault)
	for on := true; on; {
		request, found, err := kept.ClaimDeletion(ctx, time.Now())
		if found {
			err = u.eraseAsked(ctx, kept, request)
		}
		if err != nil && ctx.Err() == nil {
			u.config.Logger.WarnContext(ctx, "who asked a platform to be forgotten is not erased yet; tried again in some minutes", "error", err)
		}
		if found { // there may be more
			on = ctx.Err() == nil
			continue
		}
		select {
		case <-u.asked:
		case <-time.After(askedEvery):
		case <-ctx.Done():
			on = false
		}
	}
}

// eraseAsked pursues one request until nothing is left, or for a while. An error names the request.
func (u *Upkeep) eraseAsked(ctx context.Context, kept *vault.Connecting, request domain.DeletionRequest) error {
	ctx, cancel := context.WithTimeout(ctx, furtherFor)
	defer cancel()
	erasing := u.erasing(kept)
	err := whenMoved(ctx, u.config.Moved, func() (bool, error) { return erasing.Further(ctx, request) })
	if err != nil {
		return fmt.Errorf("request for deletion %s: %w", request.Code, err)
	}
	return nil
}

// ofPeople are the projections that show who was erased, and with them what their posts say.
var ofPeople = []string{projectors.Directory{}.Name(), projectors.Contents{}.Name(), projectors.Operations{}.Name()}

// whenMoved goes further whenever the tables of people have moved, as [pg.Progress.Moved] tells, until it is done.
func whenMoved(ctx context.Context, moved func(projection, key string) <-chan struct{}, further func() (done bool, err error)) error {
	for {
		moves := make([]<-chan struct{}, len(ofPeople)) // taken before looking: none is missed
		for i, projection := range ofPeople {
			moves[i] = moved(projection, pg.AnyKey)
		}
		if done, err := further(); err != nil || done {
			return err
		}
		if pause(ctx, furtherApart) {
			waiting, wake := context.WithTimeout(ctx, furtherEvery-furtherApart)
			for _, move := range moves {
				go func() {
					select {
					case <-move:
						wake()
					case <-waiting.Done():
					}
				}()
			}
			<-waiting.Done()
			wake()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it is not done within %s: %w", furtherFor, ctx.Err())
		}
	}
}

func (u *Upkeep) erasing(kept *vault.Connecting) connect.Erasing {
	erase := func(order domain.ErasureOrder) commands.ErasePerson {
		return commands.ErasePerson{
			Log: u.config.Log, Kept: vault.NewEraser(u.config.Vault),
			Order: order, Now: time.Now,
		}
	}
	people := readmodels.People{Pool: u.config.Tables}
	return connect.Erasing{
		Covers: u.config.Covers, Shown: u.peopleShown,
		Members: readmodels.Connecting{Pool: u.config.Tables}.MembersOf, Person: people.OfMemberAlone,
		Erase: func(ctx context.Context, person domain.Person, order domain.ErasureOrder) error {
			return erase(order).Erase(ctx, person)
		},
		Done: func(ctx context.Context, r domain.DeletionRequest) error {
			return kept.DeletionDone(ctx, r, time.Now())
		},
	}
}

// peopleShown tells whether the tables show all that the log has of people, of what their posts say, and of who was erased.
func (u *Upkeep) peopleShown(ctx context.Context) (bool, error) {
	for _, engine := range u.config.Engines {
		if !slices.Contains(ofPeople, engine.Name()) {
			continue
		}
		status, err := engine.Status(ctx)
		if err != nil || !status.Live() || status.Lag > 0 {
			return false, err
		}
	}
	return true, nil
}
