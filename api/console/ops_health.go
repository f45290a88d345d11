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
	Checks   []operator.HealthCheck
	Models   []operator.ProjectionHealth
}

type concern struct {
	What, Why string
	Path      string // page with details; "": none
}

func openHealth(v *visit) (view, error) {
	h := v.deps.API.Health(v.r.Context())
	var pages map[string][]string
	var err error
	if slices.ContainsFunc(h.Pauses, func(p domain.Pause) bool { return p.Kind == domain.PauseConnection }) {
		if pages, err = connectionPages(v); err != nil {
			return nil, err
		}
	}
	shown := opsHealthView{Checks: h.Checks, Models: h.Projections, Concerns: concernsOf(h, pages)}
	generations, err := ask(v, api.GetOpsGenerations, nil)
	if err != nil {
		return nil, err
	}
	for _, g := range generations {
		if g.Unfinished() {
			shown.UnderWay = append(shown.UnderWay, g)
		}
	}
	shown.Class, shown.Sentence = sentenceOf(h, len(shown.Concerns))
	return shown, nil
}

func sentenceOf(h operator.Health, concerns int) (class, text string) {
	switch {
	case h.Status == operator.NotReady:
		return "bad", "This process cannot serve reads at the moment."
	case concerns == 0:
		return "good", fmt.Sprintf("The service is healthy: it serves reads and changes, and %s the log.",
			counted(len(h.Projections), "projection follows", "projections follow"))
	case h.MayWrite:
		return "warn", "The service serves reads and changes to boards, but has " + counted(concerns, "problem.", "problems.")
	default:
		return "bad", "The service serves reads, but refuses changes to boards. It has " + counted(concerns, "problem.", "problems.")
	}
}

// concernsOf lists the problems that the process reports, most severe first. Pages contains the
// pages of paused connections.
func concernsOf(h operator.Health, pages map[string][]string) (all []concern) {
	for _, c := range h.Checks {
		if !c.OK {
			all = append(all, concern{capital(c.Name), operator.TextOf(c.Reasons), ""})
		}
	}
	for _, p := range h.Projections {
		for _, reason := range p.Reasons {
			all = append(all, projectionConcern(p, reason, h.Pauses))
		}
	}
	for _, p := range h.Pauses {
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

func projectionConcern(p operator.ProjectionHealth, reason operator.HealthReason, pauses []domain.Pause) concern {
	switch reason.Code {
	case operator.HealthPaused:
		says := "Readers do not see new events."
		if paused := pauseOf(pauses, domain.PauseProjection, p.Projection); paused != nil {
			says = pausedFor(paused.Since, paused.Actor, paused.Reason) + " " + says
		}
		if refused := pauseRefusals[p.Projection]; refused != "" {
			says += " " + refused
		}
		return concern{"Projection " + p.Projection + " is paused", says, projectionsPath}
	case operator.HealthDeadLetters:
		what := "Dead letters of " + p.Projection
		if p.State != nil {
			what = operator.DeadLetters(p.State.DeadLetters) + " of " + p.Projection
		}
		return concern{what, deadLettersMean(p.Projection), deadLettersPath}
	default:
		return concern{"Projection " + p.Projection, reason.Text(), projectionsPath}
	}
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
