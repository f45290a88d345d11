package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

const (
	opsPath         = root + "/ops"
	projectionsPath = opsPath + "/projections"
	generationsPath = projectionsPath + "/generations/"
	deadLettersPath = opsPath + "/dead-letters"
	platformsPath   = opsPath + "/platforms"
	logPath         = opsPath + "/log"
	actionsPath     = opsPath + "/actions"
)

type opsHealthView struct {
	Class    string // good, warn or bad
	Sentence string
	Concerns []concern
	UnderWay []operator.Generation
	Checks   []api.CheckResult
}

type concern struct {
	What, Why string
	Path      string // page with details; "": none
}

func openHealth(v *visit) (view, error) {
	h, writes := v.deps.API.Ready(v.r.Context(), false), v.deps.API.Ready(v.r.Context(), true)
	var pages map[string][]string
	var err error
	if h.Connections > 0 {
		if pages, err = connectionPages(v); err != nil {
			return nil, err
		}
	}
	var pauses []domain.Pause
	paused := func(p api.ProjectionHealth) bool { return p.Paused }
	if h.Connections > 0 || len(h.Platforms) > 0 || slices.ContainsFunc(h.Projections, paused) {
		pauses, _ = allPauses(v) // optional: the page also works while the database is unavailable
	}
	shown := opsHealthView{Checks: h.Checks, Concerns: concernsOf(h, pages, pauses)}
	generations, err := ask(v, api.GetOpsGenerations, nil)
	if err != nil {
		return nil, err
	}
	for _, g := range generations {
		if g.Unfinished() {
			shown.UnderWay = append(shown.UnderWay, g)
		}
	}
	shown.Class, shown.Sentence = sentenceOf(h, writes.Status != "not_ready", len(shown.Concerns))
	return shown, nil
}

func sentenceOf(h api.HealthBody, writes bool, concerns int) (class, text string) {
	switch {
	case h.Status == "not_ready":
		return "bad", "This process cannot serve reads at the moment."
	case concerns == 0:
		return "good", fmt.Sprintf("The service is healthy: it serves reads and changes, and %s the log.",
			counted(len(h.Projections), "projection follows", "projections follow"))
	case writes:
		return "warn", "The service serves reads and changes to boards, but has " + counted(concerns, "problem.", "problems.")
	default:
		return "bad", "The service serves reads, but refuses changes to boards. It has " + counted(concerns, "problem.", "problems.")
	}
}

// concernsOf lists the problems that the process reports, most severe first. Pages contains the
// pages of paused connections.
func concernsOf(h api.HealthBody, pages map[string][]string, pauses []domain.Pause) (all []concern) {
	listed := map[string]bool{}
	for _, p := range h.Projections {
		switch {
		case p.Paused:
			says := "Readers do not see new events."
			if paused := pauseOf(pauses, domain.PauseProjection, p.Name); paused != nil {
				says = pausedFor(paused.Since, paused.Actor, paused.Reason) + " " + says
			}
			if refused := pauseRefusals[p.Name]; refused != "" {
				says += " " + refused
			}
			all = append(all, concern{"Projection " + p.Name + " is paused", says, projectionsPath})
		case p.DeadLetters == 0:
			continue
		}
		if p.DeadLetters > 0 {
			what := operator.DeadLetters(p.DeadLetters) + " of " + p.Name
			all = append(all, concern{what, deadLettersMean(p.Name), deadLettersPath})
		}
		listed["read model "+p.Name] = true
	}
	for _, c := range h.Checks {
		if !c.OK && !listed[c.Name] {
			all = append([]concern{{capital(c.Name), c.Reason, ""}}, all...)
		}
	}
	for _, p := range pauses {
		why := pausedFor(p.Since, p.Actor, p.Reason)
		switch p.Kind {
		case domain.PausePlatform:
			all = append(all, concern{network(p.Name) + " is paused", why, platformsPath})
		case domain.PauseConnection:
			all = append(all, concern{
				"Connection " + withPages(p.Name, pages) + " is paused", why, actPath + "resume-connection/" + p.Name,
			})
		case domain.PauseProjection: // above
		}
	}
	return all
}

func deadLettersMean(projection string) string {
	means := "These events are in the log but could not be processed."
	if projection == "dashboards" {
		means += " Until each is retried or skipped, changes to its agency's boards are refused."
	}
	return means
}

func pausedFor(since time.Time, by string, reason domain.Reason) string {
	return fmt.Sprintf("Since %s, by %s. Reason: %s.", instant(since), by, operator.ReasonWords(reason))
}
