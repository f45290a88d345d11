package console

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const maxConnectionsShown = 200

type opsPlatformsView struct {
	Platforms []platformRow
	Connected int // accounts of all platforms
	NotWell   []opsConnection
	Left      int // accounts with problems that are not shown
	Held      int // accounts without problems that are not read because their platform is paused
}

type opsConnection struct {
	directory.ConnectionReading

	Paused bool // the connection is paused; the account may also have other problems
}

type platformRow struct {
	Name     string
	Paused   *domain.Pause
	Accounts int
	States   []stateCount
	Readings []operator.ReadingPace
	Calls    int // API calls per day for all accounts that are read
	ReadAt   *time.Time
}

type stateCount struct {
	State domain.PageStatus
	Count int
}

func openPlatforms(v *visit) (view, error) {
	connections, err := ask(v, api.GetOpsConnections, nil)
	if err != nil {
		return nil, err
	}
	pauses, err := allPauses(v)
	if err != nil {
		return nil, err
	}
	health := v.deps.API.Health(v.r.Context())
	shown := opsPlatformsView{Connected: len(connections)}
	for _, p := range domain.Platforms() {
		shown.Platforms = append(shown.Platforms, platformRowOf(p.String(), connections, pauses, health.Readings))
	}
	for _, c := range connections {
		paused := pauseOf(pauses, domain.PauseConnection, strconv.FormatInt(c.ConnectionID, 10)) != nil
		switch {
		case c.Status == domain.PageOK, c.Status == domain.PageWaiting:
		case c.Status == domain.PagePaused && !paused: // the platform is paused
			shown.Held++
		case len(shown.NotWell) < maxConnectionsShown:
			shown.NotWell = append(shown.NotWell, opsConnection{c, paused})
		default:
			shown.Left++
		}
	}
	return shown, nil
}

func allPauses(v *visit) ([]domain.Pause, error) {
	return ask(v, api.GetOpsPauses, nil)
}

func findPause(v *visit, kind domain.PauseKind, name string) (*domain.Pause, error) {
	pauses, err := allPauses(v)
	return pauseOf(pauses, kind, name), err
}

func pauseOf(pauses []domain.Pause, kind domain.PauseKind, name string) *domain.Pause {
	for _, p := range pauses {
		if p.Kind == kind && p.Name == name {
			return &p
		}
	}
	return nil
}

// statusWords returns the words for the status of a connection or of a source of figures.
func statusWords(status any) string {
	switch words := plain(status); words {
	case string(domain.PageReconnect):
		return "sign-in required"
	case string(domain.PageUnsubscribed):
		return "without a subscription"
	default:
		return words
	}
}

func platformRowOf(
	name string, connections []directory.ConnectionReading, pauses []domain.Pause, readings []operator.ReadingPace,
) platformRow {
	row := platformRow{Name: name, Paused: pauseOf(pauses, domain.PausePlatform, name)}
	states := map[domain.PageStatus]int{}
	for _, c := range connections {
		if c.PlatformName != name {
			continue
		}
		row.Accounts++
		row.Calls += c.CallsADay
		states[c.Status]++
		if c.LastReadAt != nil && (row.ReadAt == nil || c.LastReadAt.After(*row.ReadAt)) {
			row.ReadAt = c.LastReadAt
		}
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		row.States = append(row.States, stateCount{state, states[state]})
	}
	slices.SortStableFunc(row.States, func(a, b stateCount) int { return cmp.Compare(b.Count, a.Count) })
	for _, r := range readings {
		if r.Platform == name {
			row.Readings = append(row.Readings, r)
		}
	}
	return row
}
