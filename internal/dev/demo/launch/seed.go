package launch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
)

// Seeder puts the demo's world into the log. Every part of it may be repeated: event ids and times
// follow from the seed, so that what a killed start had appended already folds to the same rows.
type Seeder struct {
	Service *app.Service
	World   *demo.World
	State   *State
	// Progress shows how far long work is.
	Progress func(label string, total int) (add func(int), end func())

	facts func() ([]domain.Draft, error) // set by Begin
}

// seedBatch is the number of events appended at a time.
const seedBatch = 2000

// Begin reads the history of a first start while the caller starts the service, until ctx ends.
func (s *Seeder) Begin(ctx context.Context) {
	if s.State.FactsDone {
		return
	}
	s.facts = sync.OnceValues(func() ([]domain.Draft, error) { return s.World.Drafts(ctx) })
	go s.facts() //nolint:errcheck // Facts gets the same error
}

// Facts appends the directory, posts and readings, and stores the tokens of the simulated platforms.
func (s *Seeder) Facts(ctx context.Context) error {
	if err := s.tokens(ctx); err != nil {
		return err
	}
	if s.State.FactsDone {
		return nil
	}
	drafts, err := s.facts()
	if err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	s.facts = nil // it holds all of them
	add, end := s.Progress("seeding history", len(drafts))
	for batch := range slices.Chunk(drafts, seedBatch) {
		if err := s.Service.Log.AppendBulk(ctx, batch); err != nil {
			return fmt.Errorf("seed history: %w", err)
		}
		add(len(batch))
	}
	end()
	s.State.FactsDone = true
	return s.State.save()
}

// tokens stores what fetchers need, at each start: the simulator forgets the tokens that it gave out in
// its last life.
func (s *Seeder) tokens(ctx context.Context) error {
	if s.Service.Fetcher == nil {
		return nil
	}
	secrets, err := s.Service.Secrets(ctx)
	if err != nil {
		return err
	}
	for _, secret := range s.World.Secrets() {
		sealed, err := commands.EncodeTokens(commands.StoredTokens{
			AccessToken: secret.AccessToken, RefreshToken: secret.RefreshToken, ExpiresAt: secret.ExpiresAt,
		})
		if err != nil {
			return fmt.Errorf("encode tokens of %s: %w", secret.Ref, err)
		}
		if err := secrets.Put(ctx, secret.Ref, sealed, domain.SecretTimes{Taken: cmp.Or(secret.TakenAt, time.Now()), Expires: secret.ExpiresAt}); err != nil {
			return err
		}
	}
	return nil
}

// Changes sends the plan of dashboard changes through the commands, as the agency's staff would have
// over the past weeks: the commands' clock stands at the time that the plan gives each change.
func (s *Seeder) Changes(ctx context.Context) error {
	if s.State.ChangeDone {
		return nil
	}
	var at time.Time
	config := s.Service.Updates.DashboardsConfig
	config.Now = func() time.Time { return at }
	past := commands.NewDashboards(config)
	plan := s.World.Changes()
	add, end := s.Progress("changing dashboards", len(plan))
	done := map[string]int64{} // changes of each agency so far: the nth made version n
	for _, change := range plan {
		at = change.At
		done[change.ParentAccount]++
		if err := s.change(ctx, past, change, done[change.ParentAccount]); err != nil {
			return fmt.Errorf("seed dashboard %s: %w", change.SubAccount, err)
		}
		add(1)
	}
	end()
	s.State.ChangeDone = true
	return s.State.save()
}

// change sends one change unless a start that was cut short has sent it already. While the read
// models are still being looked at it waits.
func (s *Seeder) change(ctx context.Context, past *commands.Dashboards, c demo.Change, version int64) error {
	caller := commands.Caller{ParentAccount: c.ParentAccount, UserID: c.Actor, Role: c.Role, RequestID: "demo-" + c.Key}
	for {
		settled, err := s.Service.Dashboards.Settle(ctx, c.ParentAccount, version)
		if err != nil || settled.Passed {
			return err
		}
		if c.Update == nil {
			_, err = past.Open(ctx, commands.OpenDashboard{Caller: caller, SubAccount: c.SubAccount})
		} else {
			_, err = past.Update(ctx, commands.UpdateDashboard{Caller: caller, Change: *c.Update})
		}
		if domain.CodeOf(err) != domain.CodeUnavailable || err == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(monitor.CheckInterval):
		}
	}
}
