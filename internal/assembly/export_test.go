package assembly

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// BehindSkip tells what became of events behind one that is skipped.
func BehindSkip(result *operator.SkipResult, before, left []operator.ParkedEvent, unread error) commands.Effect {
	return behindSkip(result, before, left, unread)
}

// RunReactors runs the reactors of a process that has nothing else.
func RunReactors(ctx context.Context, log *eventlog.Log, updates *commands.Dashboards, streams *stream.Hub) error {
	s := &Service{Parts: NewParts(Settings{}), Log: log, Updates: updates, streams: streams}
	return s.runReactors(ctx)
}

// Remembered is a probe that looks once for all who ask at a time.
var Remembered = remembered

// Silent is what readiness says of sources without figures.
var Silent = silent

// SilentCollector shows them as metrics.
func SilentCollector(of func() []collect.Silence) prometheus.Collector { return silentCollector{of} }

// PeopleOf judges people by tables that a monitor looks at.
func PeopleOf(m *Monitor) api.PeopleDirectory { return people{monitor: m} }

// WhenMoved goes further as requests for deletion do.
var WhenMoved = whenMoved

// ErasuresRead reads the list of erasures as whoever takes what a main application tells does.
func ErasuresRead(path string) func() (domain.Erasures, error) {
	return (&erasuresRead{path: path}).now
}

// AgencySignIns refuses links as that of a service does, and makes none.
func AgencySignIns(m *Monitor, tables pg.Reader, kept *vault.Sessions, publicURL string, provider bool) api.SignIns {
	return agencySignIns{kept: kept, people: people{readmodels.People{Pool: tables}, m}, publicURL: publicURL, provider: provider}
}

// What the operators' desk refuses.
var (
	NoneUnderWay = noneUnderWay
	HoldsUp      = holdsUp
)
