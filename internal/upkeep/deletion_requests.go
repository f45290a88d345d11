package upkeep

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	// askedEvery is how often requests for deletion that nobody ends are taken up again.
	askedEvery = time.Minute
	// furtherEvery is the time between two looks whether the tables show what was erased: looking computes ids of all accounts.
	furtherEvery = 2 * time.Second
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
	kept := vault.Connecting{Pool: u.config.Vault}
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
func (u *Upkeep) eraseAsked(ctx context.Context, kept vault.Connecting, request domain.DeletionRequest) error {
	ctx, cancel := context.WithTimeout(ctx, furtherFor)
	defer cancel()
	erasing := u.erasing(kept)
	done, err := erasing.Further(ctx, request)
	for err == nil && !done {
		if !pause(ctx, furtherEvery) {
			err = fmt.Errorf("it is not done within %s: %w", furtherFor, ctx.Err())
		} else {
			done, err = erasing.Further(ctx, request)
		}
	}
	if err != nil {
		return fmt.Errorf("request for deletion %s: %w", request.Code, err)
	}
	return nil
}

// ofPeople are the projections that show who was erased, and with them what their posts say.
var ofPeople = []string{projectors.Directory.Name, projectors.Contents.Name, projectors.Operations.Name}

func (u *Upkeep) erasing(kept vault.Connecting) connect.Erasing {
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
