package commands

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rung is one step of a [Ladder]: posts up to an age are read again after Every; 0: in each round.
type Rung struct {
	Age   time.Duration // 0: any age
	Every time.Duration
}

// Ladder says how often posts are read by their age: ever less often, instead of never. Its rungs are in
// the order of their ages, the one for any age last.
type Ladder []Rung

// DefaultLadder reads posts of the growth window in each round, up to 30 days daily, up to 90 days
// weekly, and older ones every 30 days.
func DefaultLadder(window time.Duration) Ladder {
	ladder := Ladder{{Age: window}}
	for _, rung := range []Rung{{30 * day, day}, {90 * day, 7 * day}} {
		if rung.Age > window {
			ladder = append(ladder, rung)
		}
	}
	return append(ladder, Rung{Every: 30 * day})
}

// early is by how much a round may come too early, at most a tenth of the interval: rounds begin on time,
// and readings some time into them.
const early = time.Hour

// due tells whether a post of that age is due that long after its last reading.
func (l Ladder) due(age, since time.Duration) bool {
	for _, rung := range l {
		if rung.Age == 0 || age <= rung.Age {
			return since >= rung.Every-min(early, rung.Every/10)
		}
	}
	return true
}

// ParseLadder reads rungs like "168h=0", "720h=24h", "any=720h". The error names every wrong one.
func ParseLadder(texts []string) (Ladder, error) {
	var ladder Ladder
	var errs []error
	for _, text := range texts {
		age, every, ok := strings.Cut(strings.TrimSpace(text), "=")
		rung := Rung{}
		var errAge error
		if age != "any" {
			rung.Age, errAge = time.ParseDuration(age)
		}
		var errEvery error
		rung.Every, errEvery = time.ParseDuration(every)
		if !ok || errAge != nil || errEvery != nil || rung.Every < 0 || age != "any" && rung.Age <= 0 {
			errs = append(errs, fmt.Errorf("rung %q is not age=interval, for example 720h=24h or any=720h", text))
			continue
		}
		ladder = append(ladder, rung)
	}
	slices.SortStableFunc(ladder, func(a, b Rung) int {
		if (a.Age == 0) != (b.Age == 0) {
			return cmp.Compare(b.Age, a.Age) // any age is last
		}
		return cmp.Compare(a.Age, b.Age)
	})
	if len(errs) == 0 && (len(ladder) == 0 || ladder[len(ladder)-1].Age != 0) {
		errs = append(errs, errors.New("the ladder ends before the oldest posts: add any=interval"))
	}
	return ladder, errors.Join(errs...)
}
