package app

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const (
	purgeEvery = time.Minute
	// The record before a tombstone, which names the secret, stays in the log for a day or more
	// (min.compaction.lag.ms).
	forgetEvery = time.Hour
	askedEvery  = time.Minute // between searches for requests that other processes left unfinished
	// Tables that keep a person would otherwise append an erasure to the log as fast as possible.
	betweenErasures = 2 * time.Second
	// Shorter than the time for which other processes skip a claimed request.
	maxErasureTime = 4 * time.Minute
)

// The tasks below delete expired data from the vault and erase people who asked a platform for it.
// Several processes may run each task concurrently. If a task fails, the error is logged and the task
// is repeated.

// purgeSignIns deletes expired sign-ins, links and grants until ctx is done.
func (s *Service) purgeSignIns(ctx context.Context) {
	for running := true; running; running = pause(ctx, purgeEvery) {
		if err := (vault.Connecting{Pool: s.KeptPool}).Purge(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.config.Logger.Warn("cannot delete expired sign-ins; retrying in a minute", "error", err)
		}
	}
}

// tidySecrets deletes the secrets of deleted connections and users, and the platforms' error
// messages that are older than 30 days. It starts once all read models can be read, and repeats
// this every hour until ctx is done.
func (s *Service) tidySecrets(ctx context.Context) {
	select {
	case <-s.Monitor.Readable():
	case <-ctx.Done():
		return
	}
	logger := s.config.Logger
	for running := true; running; running = pause(ctx, forgetEvery) {
		deleted, err := s.forgetSecrets(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			logger.Warn("cannot delete secrets of deleted connections and users; retrying in an hour", "error", err)
		case deleted > 0:
			logger.Info("deleted secrets of deleted connections and users", "secrets", deleted)
		}
		if _, err := vault.NewEraser(s.KeptPool).ForgetWords(ctx, time.Now()); err != nil && ctx.Err() == nil {
			logger.Warn("cannot delete old error messages of platforms; retrying in an hour", "error", err)
		}
	}
}

// forgetSecrets deletes the secrets once and returns how many it deleted. It deletes nothing if the
// directory in the log does not match its tables, because the process may be connected to a
// different log.
func (s *Service) forgetSecrets(ctx context.Context) (int, error) {
	if problem := s.Monitor.MayCommand(projectors.Directory.Name); problem != nil {
		return 0, problem
	}
	directory := scanner(s.Log, domain.TopicDirectory)
	return commands.ForgetSecrets(ctx, directory, vault.NewEraser(s.KeptPool).DeleteStale, time.Now())
}

// signalDeletion reports that a person has just asked a platform to delete their data.
func (s *Service) signalDeletion() {
	select {
	case s.deletionAsked <- struct{}{}:
	default: // already signaled
	}
}

// eraseAllAsked erases people who asked a platform to delete their data, until ctx is done. It also
// completes requests that other processes left unfinished.
func (s *Service) eraseAllAsked(ctx context.Context) {
	store := vault.Connecting{Pool: s.KeptPool}
	for running := true; running; {
		request, found, err := store.ClaimDeletion(ctx, time.Now())
		if found {
			err = s.eraseAsked(ctx, request)
		}
		if err != nil && ctx.Err() == nil {
			s.config.Logger.WarnContext(ctx,
				"cannot complete a deletion request yet; retrying in a few minutes", "error", err)
		}
		if found { // there may be more requests
			running = ctx.Err() == nil
			continue
		}
		select {
		case <-s.deletionAsked:
		case <-time.After(askedEvery):
		case <-ctx.Done():
			running = false
		}
	}
}

// eraseAsked processes one request until everything is erased or maxErasureTime has passed.
func (s *Service) eraseAsked(ctx context.Context, request domain.DeletionRequest) error {
	ctx, cancel := context.WithTimeout(ctx, maxErasureTime)
	defer cancel()
	calls, people := connect.MetaCalls{Connect: s.Connect}, directory.People{Pool: s.ReadPool}
	shown := func(ctx context.Context) error {
		return awaitShown(ctx, s.engines, maxErasureTime, PeopleProjections, "")
	}
	erase := func(ctx context.Context, person domain.Person, order domain.ErasureOrder) error {
		return commands.ErasePerson{
			Append: s.Log.AppendBulk, Kept: vault.NewEraser(s.KeptPool), Order: order, Now: time.Now,
			Contents: people.ContentsOf, Folded: shown,
		}.Erase(ctx, person)
	}
	for {
		done, err := calls.EraseFurther(ctx, request, shown, people.OfMemberAlone, erase)
		if err == nil && !done && !pause(ctx, betweenErasures) {
			err = ctx.Err()
		}
		if done || err != nil {
			return pg.Wrap("deletion request "+request.Code, err)
		}
	}
}

// pause waits and reports whether ctx is still active.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// EraseAgain repeats erasures after a restore. It returns how many records it appended.
func (p *Parts) EraseAgain(ctx context.Context, list domain.Erasures, reason domain.Reason) (appended int, err error) {
	if err := p.OpenLog(ctx); err != nil {
		return 0, err
	}
	if err := p.OpenDatabase(ctx); err != nil {
		return 0, err
	}
	return commands.EraseAgain{
		List: list, Reason: reason, Append: p.Log.AppendBulk, Kept: vault.NewEraser(p.KeptPool),
		Now: time.Now,
		Figures: func(ctx context.Context) (map[domain.PostRef]time.Time, error) {
			return figuresErased(ctx, p.ReadPool)
		},
		Directory: scanner(p.Log, domain.TopicDirectory), Contents: scanner(p.Log, domain.TopicContents),
	}.Erase(ctx)
}

func figuresErased(ctx context.Context, tables *pgxpool.Pool) (map[domain.PostRef]time.Time, error) {
	if live, err := projections.Live(ctx, tables, projectors.All()); err != nil || !live {
		return map[domain.PostRef]time.Time{}, err
	}
	return directory.FiguresErased(ctx, tables)
}

func scanner(log *eventlog.Log, topic string) func(context.Context, func(domain.Recorded, error)) error {
	return func(ctx context.Context, each func(domain.Recorded, error)) error {
		return ScanTopic(ctx, log, topic, each)
	}
}
