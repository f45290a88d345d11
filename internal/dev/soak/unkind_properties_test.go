package soak_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// Weeks in which platforms are as unkind as they have been reported. Each failure names its world: LEDGERBOARD_WORLD_SEED
// draws it again, LEDGERBOARD_WORLDS=1000 draws as many new ones.
func TestReadingsSurvivePlatformFaults(t *testing.T) {
	t.Parallel()
	const shards = 2
	seeds := worldSeeds(t)
	for shard := range min(shards, len(seeds)) {
		t.Run(strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			for i := shard; i < len(seeds); i += shards {
				judgeUnkind(t, newUnkindWorld(seeds[i]))
			}
		})
	}
}

// unkindWeeks are the runs of a world.
type unkindWeeks struct {
	*unkindWorld
	kind, unkind map[string]*history // without faults, and with all
	alone        map[string]*history // without the accounts that have faults, but for the subject
}

func judgeUnkind(t *testing.T, w *unkindWorld) {
	t.Helper()
	kindly := func(string) []simulator.Fault { return nil }
	weeks := unkindWeeks{
		unkindWorld: w,
		kind:        w.run(t, "kind", w.of(kindly, func(string) bool { return true })),
		unkind:      w.run(t, "unkind", w.of(w.faulty, func(string) bool { return true })),
		alone:       w.run(t, "alone", w.of(w.faulty, func(id string) bool { return id == w.subject || len(w.faults[id]) == 0 })),
	}
	for _, property := range []struct {
		name  string
		check func() []string
	}{
		{"what answers is read within two rounds of its due time", weeks.unread},
		{"no post counts twice", weeks.twice},
		{"figures do not depend on the faults of other accounts", weeks.dependent},
		{"values of a day are those that the platform settled on", weeks.unsettled},
		{"calls stay within 1.2 times those of the kind weeks", weeks.wasteful},
		{"advice is for somebody who can follow it", weeks.misled},
	} {
		if lines := property.check(); len(lines) > 0 {
			t.Errorf("%s: %d cases.\n%s\n%s", property.name, len(lines), strings.Join(lines[:min(6, len(lines))], "\n"), w)
		}
	}
}

// rounds that a reading may be late.
const lateRounds = 2

// span is a time in which an account does not answer.
type span struct{ from, until time.Time }

// silences are the times in which an account does not answer as a whole.
func (u *unkindWeeks) silences(id string) (spans []span) {
	for _, f := range u.faulty(id) {
		if problemsOf(u.platform, f.Kind).whole {
			spans = append(spans, span{f.From, f.Until})
		}
	}
	return spans
}

// late are the gaps between readings that are longer than allowed, not counting silences.
func late(readings []time.Time, from time.Time, silences []span, allowed func(at time.Time) time.Duration) (gaps []string) {
	ends := worldBegins.AddDate(0, 0, worldDays)
	last := from
	for _, at := range append(slices.Clone(readings), ends) {
		var silent time.Duration
		for _, s := range silences {
			silent += max(0, min(at.Sub(last), s.until.Sub(last))-max(0, s.from.Sub(last)))
		}
		if at.Sub(last)-silent > allowed(last.Add(silent)) {
			gaps = append(gaps, fmt.Sprintf("no reading from %s to %s", last.Format(time.DateTime), at.Format(time.DateTime)))
		}
		last = at
	}
	return gaps
}

func (u *unkindWeeks) unread() (lines []string) {
	sim := u.simulator(func() time.Time { return worldBegins.AddDate(0, 0, worldDays) })
	for _, a := range u.accounts {
		h, silences := u.unkind[a.ID], u.silences(a.ID)
		readable := !u.has(a.ID, simulator.Refused, "user.info.stats") // all figures of a TikTok account need it
		for _, gap := range late(h.read, worldBegins, silences, func(time.Time) time.Duration { return (1 + lateRounds) * accountEvery }) {
			if readable {
				lines = append(lines, fmt.Sprintf("account %s: %s", a.ID, gap))
			}
		}
		if u.has(a.ID, simulator.Refused, "posts", "video.list", "memberCreatorPostAnalytics") {
			continue // no post can be read
		}
		for _, p := range sim.Posts(u.platform, a.ID, worldBegins.AddDate(0, 0, worldDays-2)) {
			if p.Kind == simulator.KindStory || u.has(a.ID, simulator.BadObject, p.ID) {
				continue
			}
			var readings []time.Time
			for _, id := range idsOf(p) {
				readings = append(readings, h.posts[id]...)
			}
			slices.SortFunc(readings, time.Time.Compare)
			for _, gap := range late(readings, worldBegins.Add(max(0, p.Created.Sub(worldBegins))), silences, func(at time.Time) time.Duration {
				age := at.Sub(p.Created) + (2+lateRounds)*postEvery // posts are read less often from some ages on
				return max(postEvery, collect.ReadAgainAfter(age, growth)) + lateRounds*postEvery
			}) {
				lines = append(lines, fmt.Sprintf("post %s (%s of %s): %s", p.ID, p.Kind, p.Created.Format(time.DateTime), gap))
			}
		}
	}
	return lines
}

// has tells whether an account has a fault of a kind that is about one of these things.
func (u *unkindWeeks) has(id string, kind simulator.FaultKind, about ...string) bool {
	return slices.ContainsFunc(u.faults[id], func(f simulator.Fault) bool { return f.Kind == kind && slices.Contains(about, f.About) })
}

// idsOf are the ids by which a post can be read.
func idsOf(p simulator.Post) (ids []string) {
	return slices.DeleteFunc([]string{p.ID, p.VideoID, p.PhotoID}, func(id string) bool { return id == "" })
}

// twice compares the posts that an account has in the tables at the end with those on the platform.
func (u *unkindWeeks) twice() (lines []string) {
	sim := u.simulator(func() time.Time { return worldBegins.AddDate(0, 0, worldDays) })
	for _, a := range u.accounts {
		for _, p := range sim.Posts(u.platform, a.ID, worldBegins.AddDate(0, 0, worldDays)) {
			if slices.ContainsFunc(u.faults[a.ID], func(f simulator.Fault) bool {
				return f.Kind == simulator.LateIdentity && f.About == p.ID && f.Active(worldBegins.AddDate(0, 0, worldDays).Add(-lateRounds*postEvery))
			}) {
				continue // the platform has not said so yet
			}
			counted := slices.DeleteFunc(idsOf(p), func(id string) bool { return !slices.Contains(u.unkind[a.ID].counted, id) })
			if len(counted) > 1 {
				lines = append(lines, fmt.Sprintf("account %s: one post counts as %s", a.ID, strings.Join(counted, " and ")))
			}
		}
	}
	return lines
}

// dependent compares the accounts that are treated kindly, and one of the others, with the weeks in which it alone is
// treated unkindly. When the app is asked for again after it was switched off depends on which account is asked for first.
func (u *unkindWeeks) dependent() (lines []string) {
	if len(u.app) > 0 {
		return nil
	}
	for _, a := range u.accounts {
		if len(u.faults[a.ID]) > 0 && a.ID != u.subject {
			continue
		}
		got, want := u.unkind[a.ID].figures, u.alone[a.ID].figures
		if slices.Equal(got, want) {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return slices.Contains(got, line) })
		added := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return slices.Contains(want, line) })
		lines = append(lines, fmt.Sprintf("account %s: %d facts are missing, %d are new, such as %s",
			a.ID, len(missing), len(added), clip(slices.Concat(missing, added))))
	}
	return lines
}

func clip(lines []string) string {
	if len(lines) == 0 {
		return "their order"
	}
	return lines[0][:min(300, len(lines[0]))]
}

// unsettled compares the values of days that were over for three days with the curves.
func (u *unkindWeeks) unsettled() (lines []string) {
	if u.platform != domain.Facebook && u.platform != domain.Instagram {
		return nil
	}
	for _, a := range u.accounts {
		if u.has(a.ID, simulator.Refused, "read_insights", "instagram_business_manage_insights") || len(u.silences(a.ID)) > 0 {
			continue
		}
		for n := range worldDays - 4 {
			day := worldBegins.AddDate(0, 0, n).Format(time.DateOnly)
			got, known := u.unkind[a.ID].dayValues[domain.MetricViews+" "+day]
			if want := simulator.ViewsOn(u.seed, a.ID, day); !known || got != want {
				lines = append(lines, fmt.Sprintf("account %s: views of %s are %d, the platform says %d", a.ID, day, got, want))
			}
		}
	}
	return lines
}

// callsToLearn is how many calls a fault may cost once: to find a bad post among others, to try smaller lists, to back off
// from an account that does not answer.
const callsToLearn = 20

// wasteful counts all calls that reach the platform in a world, each request of a batch as one.
func (u *unkindWeeks) wasteful() (lines []string) {
	var kind, unkind int
	for _, id := range slices.Sorted(maps.Keys(u.unkind)) {
		h := u.unkind[id]
		kind, unkind = kind+u.kind[id].calls, unkind+h.calls
		lines = append(lines, fmt.Sprintf("account %s: %d calls, and %d in the kind weeks", id, h.calls, u.kind[id].calls))
	}
	faults := len(u.app) * len(u.accounts)
	for _, of := range u.faults {
		faults += len(of)
	}
	if unkind <= kind*12/10+faults*callsToLearn {
		return nil
	}
	return append([]string{fmt.Sprintf("%d calls, and %d in the kind weeks", unkind, kind)}, lines...)
}

// expectation is what a fault may lead to.
type expectation struct {
	whole    bool // the account does not answer at all
	problems []domain.StatusCode
	signIn   bool // a person can end it by signing in
}

func problemsOf(p domain.Platform, kind simulator.FaultKind) expectation {
	switch kind {
	case simulator.AppBlocked:
		return expectation{true, []domain.StatusCode{domain.StatusAppBlocked}, false}
	case simulator.PageMerged:
		return expectation{true, []domain.StatusCode{domain.StatusMoved}, false}
	case simulator.TwoFactor:
		return expectation{true, []domain.StatusCode{domain.StatusTwoFactor}, false}
	case simulator.UnknownCode:
		return expectation{true, []domain.StatusCode{domain.StatusUnknown}, false}
	case simulator.RoleLost:
		if p == domain.LinkedIn {
			return expectation{true, []domain.StatusCode{domain.StatusPermission}, false}
		}
		return expectation{true, []domain.StatusCode{domain.StatusRoleLost}, true}
	case simulator.Refused:
		return expectation{problems: []domain.StatusCode{domain.StatusPermission}}
	case simulator.BadObject:
		return expectation{problems: []domain.StatusCode{domain.StatusRetry}}
	default:
		return expectation{}
	}
}

// appAskedAgain is how long an app counts as switched off after an answer said so.
const appAskedAgain = time.Hour + look

// misled are failures whose advice does not fit any fault that the account has at that time, and requests to sign in that
// cannot help.
func (u *unkindWeeks) misled() (lines []string) {
	said := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(u.unkind)) {
		for _, v := range u.unkind[id].verdicts {
			var allowed []domain.StatusCode
			for _, f := range u.faulty(id) {
				if f.Active(v.at) || f.Kind == simulator.AppBlocked && f.Active(v.at.Add(-appAskedAgain)) {
					allowed = append(allowed, problemsOf(u.platform, f.Kind).problems...)
				}
				if f.Kind == simulator.Refused && u.platform == domain.LinkedIn && v.at.Equal(worldBegins) { // a new token's scopes may come later
					allowed = append(allowed, domain.StatusNewToken)
				}
			}
			fits := slices.ContainsFunc(allowed, func(p domain.StatusCode) bool {
				return v.code == p || v.code == domain.StatusLasting && p == v.code.Kind() || v.code == domain.StatusPostsFailed
			})
			if line := fmt.Sprintf("account %s, %s: %s, and %v is expected", id, v.kind, v.code, allowed); !fits && !said[line] {
				said[line] = true
				lines = append(lines, line)
			}
		}
		for _, change := range u.unkind[id].reconnects {
			fits := slices.ContainsFunc(u.faulty(id), func(f simulator.Fault) bool {
				return f.Active(change.At) && problemsOf(u.platform, f.Kind).signIn
			})
			if change.Code != "" && !fits {
				lines = append(lines, fmt.Sprintf("account %s waits for a sign-in since %s: %s", id, change.At.Format(time.DateTime), change.Code))
			}
		}
	}
	return lines
}
