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
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	// purgeEvery is how long the tokens of a sign-in may outlive the time to choose.
	purgeEvery = time.Minute
	// forgetEvery is how often secrets of what was deleted are looked for. A tombstone's predecessor, which names
	// the secret, stays in the log for a day or more (min.compaction.lag.ms).
	forgetEvery = time.Hour
	// askedEvery is how often requests for deletion that have not ended are taken up again.
	askedEvery = time.Minute
	// furtherEvery is the time between two looks whether the tables show what was erased: looking computes ids of all accounts.
	furtherEvery = 2 * time.Second
	// furtherFor is how long a request is pursued at a time: less than others leave it alone for.
	furtherFor = 4 * time.Minute
)

// upkeep keeps log and vault in order: what was erased or deleted goes for good, and what counts stays. Several processes may do
// each of it: what is done twice is done once. What cannot be done now is told in the log and tried again.
type upkeep struct {
	service *Service
	asked   chan struct{} // somebody asked a platform to be forgotten
}

// PurgeSignIns deletes what has expired of sign-ins, links and grants, until ctx is done.
func (u *upkeep) PurgeSignIns(ctx context.Context) {
	for on := true; on; on = pause(ctx, purgeEvery) {
		if err := (vault.Connecting{Pool: u.service.KeptPool}).Purge(ctx, time.Now()); err != nil && ctx.Err() == nil {
			u.service.settings.Logger.Warn("what has expired of sign-ins is not deleted; tried again in a minute", "error", err)
		}
	}
}

// TidySecrets deletes the secrets of deleted connections and users, and what platforms said 30 days ago, until ctx is done:
// once all read models are made, and then every hour.
func (u *upkeep) TidySecrets(ctx context.Context) {
	select {
	case <-u.service.Monitor.Made():
	case <-ctx.Done():
		return
	}
	logger := u.service.settings.Logger
	for on := true; on; on = pause(ctx, forgetEvery) {
		deleted, err := u.forgetSecrets(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			logger.Warn("secrets of deleted connections and users are not deleted; tried again in an hour", "error", err)
		case deleted > 0:
			logger.Info("secrets of deleted connections and users are deleted", "secrets", deleted)
		}
		if _, err := u.ForgetWords(ctx, time.Now()); err != nil && ctx.Err() == nil {
			logger.Warn("what platforms said 30 days ago is not deleted; tried again in an hour", "error", err)
		}
	}
}

// forgetSecrets deletes them once and tells how many there were. A directory that does not fit its tables may be
// another log, whose tombstones are about others.
func (u *upkeep) forgetSecrets(ctx context.Context) (int, error) {
	if problem := u.service.Monitor.MayCommand(projectors.Directory.Name); problem != nil {
		return 0, problem
	}
	directory := func(ctx context.Context, each func(domain.Recorded, error)) error {
		return ScanDirectory(ctx, u.service.Log, each)
	}
	return commands.ForgetSecrets(ctx, directory, vault.NewEraser(u.service.KeptPool).DeleteStale, time.Now())
}

// ForgetWords deletes once what platforms said 30 days before an instant or earlier, and tells how much it was.
func (u *upkeep) ForgetWords(ctx context.Context, now time.Time) (int, error) {
	return vault.NewEraser(u.service.KeptPool).ForgetWords(ctx, now)
}

// Asked says that somebody has just asked a platform to be forgotten.
func (u *upkeep) Asked() {
	select {
	case u.asked <- struct{}{}:
	default: // it is going to look
	}
}

// EraseAsked erases people who asked a platform for it, until ctx is done: as soon as they do, and what an ended process has left.
func (u *upkeep) EraseAsked(ctx context.Context) {
	kept := vault.Connecting{Pool: u.service.KeptPool}
	for on := true; on; {
		request, found, err := kept.ClaimDeletion(ctx, time.Now())
		if found {
			err = u.eraseAsked(ctx, request)
		}
		if err != nil && ctx.Err() == nil {
			u.service.settings.Logger.WarnContext(ctx, "who asked a platform to be forgotten is not erased yet; tried again in some minutes", "error", err)
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
func (u *upkeep) eraseAsked(ctx context.Context, request domain.DeletionRequest) error {
	ctx, cancel := context.WithTimeout(ctx, furtherFor)
	defer cancel()
	further := func() (done bool, err error) {
		return connect.MetaCalls{Connect: u.service.Connect}.EraseFurther(ctx, request, u.peopleShown, readmodels.People{Pool: u.service.ReadPool}.OfMemberAlone,
			func(ctx context.Context, person domain.Person, order domain.ErasureOrder) error {
				return commands.ErasePerson{
					Log: u.service.Log, Kept: vault.NewEraser(u.service.KeptPool), Order: order, Now: time.Now,
				}.Erase(ctx, person)
			})
	}
	done, err := further()
	for err == nil && !done {
		if !pause(ctx, furtherEvery) {
			err = fmt.Errorf("it is not done within %s: %w", furtherFor, ctx.Err())
		} else {
			done, err = further()
		}
	}
	if err != nil {
		return fmt.Errorf("request for deletion %s: %w", request.Code, err)
	}
	return nil
}

// ofPeople are the projections that show who was erased, and with them what their posts say.
var ofPeople = []string{projectors.Directory.Name, projectors.Contents.Name, projectors.Operations.Name}

// peopleShown tells whether the tables show all that the log has of people, of what their posts say, and of who was erased.
func (u *upkeep) peopleShown(ctx context.Context) (bool, error) {
	for _, engine := range u.service.engines {
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

// pause waits; it tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
