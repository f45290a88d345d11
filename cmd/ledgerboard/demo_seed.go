package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

// seeder puts the demo's world into the log. Every part of it may be repeated: event ids and times
// follow from the seed, so that what a killed start had appended already folds to the same rows.
type seeder struct {
	app   *app
	world *demo.World
	state *demoState
	out   io.Writer
}

// seedBatch is the number of events appended at a time.
const seedBatch = 2000

// facts appends the directory, posts and readings, and stores the tokens of the simulated platforms.
func (s *seeder) facts(ctx context.Context) error {
	if err := s.tokens(ctx); err != nil {
		return err
	}
	if s.state.FactsDone {
		return nil
	}
	bar := newProgress(s.out, "seeding history", s.world.Count())
	batch := make([]domain.Draft, 0, seedBatch)
	flush := func() error {
		if err := s.app.Log.AppendBulk(ctx, batch); err != nil {
			return fmt.Errorf("seed history: %w", err)
		}
		bar.add(len(batch))
		batch = batch[:0]
		return nil
	}
	for draft := range s.world.Drafts() {
		if batch = append(batch, draft); len(batch) == seedBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	bar.end()
	s.state.FactsDone = true
	return s.state.save()
}

// tokens stores what fetchers need, at each start: the simulator forgets the tokens that it gave out in
// its last life.
func (s *seeder) tokens(ctx context.Context) error {
	if !s.app.has(roleFetcher) {
		return nil
	}
	for _, secret := range s.world.Secrets() {
		sealed, err := commands.EncodeTokens(commands.StoredTokens{
			AccessToken: secret.AccessToken, RefreshToken: secret.RefreshToken, ExpiresAt: secret.ExpiresAt,
		})
		if err != nil {
			return fmt.Errorf("encode tokens of %s: %w", secret.Ref, err)
		}
		if err := s.app.secrets.Put(ctx, secret.Ref, sealed, domain.SecretTimes{Taken: time.Now(), Expires: secret.ExpiresAt}); err != nil {
			return err
		}
	}
	return nil
}

// changes sends the plan of dashboard changes through the commands, as the agency's staff would have
// over the past weeks: the commands' clock stands at the time that the plan gives each change.
func (s *seeder) changes(ctx context.Context) error {
	if s.state.ChangeDone {
		return nil
	}
	var at time.Time
	config := s.app.Updates.DashboardsConfig
	config.Now = func() time.Time { return at }
	past, err := commands.NewDashboards(config)
	if err != nil {
		return err
	}
	plan := s.world.Changes()
	bar := newProgress(s.out, "changing dashboards", len(plan))
	done := map[string]int64{} // changes of each agency so far: the nth made version n
	for _, change := range plan {
		at = change.At
		done[change.ParentAccount]++
		if err := s.change(ctx, past, change, done[change.ParentAccount]); err != nil {
			return fmt.Errorf("seed dashboard %s: %w", change.SubAccount, err)
		}
		bar.add(1)
	}
	bar.end()
	s.state.ChangeDone = true
	return s.state.save()
}

// change sends one change unless a start that was cut short has sent it already. While the read
// models are still being looked at it waits.
func (s *seeder) change(ctx context.Context, past *commands.Dashboards, c demo.Change, version int64) error {
	caller := commands.Caller{ParentAccount: c.ParentAccount, UserID: c.Actor, Role: c.Role, RequestID: "demo-" + c.Key}
	for {
		settled, err := s.app.Dashboards.Settle(ctx, c.ParentAccount, version)
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
		case <-time.After(assembly.LookEvery):
		}
	}
}
