package soak

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// Parts of the world that faults concern: one in so many connections.
const (
	failEvery    = 20 // calls: 5 % answer 502 with HTML
	throttledOne = 40 // connections that are throttled for a while
	dyingOne     = 50 // connections whose token dies for good
)

// throttleMinutes is what a throttled connection must wait.
const throttleMinutes = 5

func throttled(a Account) bool { return a.SocialAccount%throttledOne == 3 }

// Dies tells whether an account's token dies in the course of the run.
func Dies(a Account) bool { return a.SocialAccount%dyingOne == 7 }

// Faults makes things go wrong, by the parts of the run: from a quarter on some connections are throttled
// for a quarter; at half time some tokens die; one platform is down from 40 % to 55 %. Errors are on all
// the time.
type Faults struct {
	Sim   *simulator.Server
	World *World
	Clock *Clock
	Begin time.Time
	For   time.Duration
	Down  domain.Platform
}

func (f Faults) at(part float64) time.Time {
	return f.Begin.Add(time.Duration(part * float64(f.For)))
}

// Plan sets what the simulator does by itself.
func (f Faults) Plan() {
	f.Sim.SetOutages(simulator.Outage{Platform: f.Down, From: f.at(0.40), Until: f.at(0.55)})
}

// Run switches the traps at their times.
func (f Faults) Run(ctx context.Context) {
	for _, step := range []struct {
		at  time.Time
		set func(Account, *simulator.Traps)
	}{
		{f.Begin, func(Account, *simulator.Traps) {}},
		{f.at(0.25), f.throttle},
		{f.at(0.50), f.kill},
	} {
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.Clock.Wall(step.at.Sub(f.Clock.Now()))):
		}
		for _, a := range f.World.Accounts {
			traps := simulator.Traps{FailEvery: failEvery}
			step.set(a, &traps)
			f.Sim.SetTraps(a.Platform, a.ExternalID, traps)
		}
	}
}

func (f Faults) throttle(a Account, traps *simulator.Traps) {
	if throttled(a) && a.Platform != domain.LinkedIn && a.Platform != domain.TikTok { // theirs would hold the whole app
		traps.Throttle = &simulator.Throttle{Code: 80001, Minutes: throttleMinutes}
	}
}

func (f Faults) kill(a Account, traps *simulator.Traps) {
	if Dies(a) {
		traps.TokenError = 460
	}
}
