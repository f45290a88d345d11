package demo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const seed = 20261120

var anchor = time.Date(2026, 11, 20, 9, 41, 7, 0, time.UTC)

func world() *demo.World { return demo.New(demo.Config{Seed: seed, Anchor: anchor}) }

// configs are worlds that differ in what may matter: seed, length, the turns of the clock (Pacific
// summer time ends 2026-11-01, begins 2027-03-14), a change of year.
func configs() map[string]demo.Config {
	return map[string]demo.Config{
		"default":     {Seed: seed, Anchor: anchor},
		"midnight":    {Seed: 2, Anchor: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Days: 14},
		"spring":      {Seed: 3, Anchor: time.Date(2027, 3, 15, 6, 59, 59, 999, time.UTC), Days: 14},
		"three days":  {Seed: 4, Anchor: anchor, Days: 3},
		"a year, 500": {Seed: 5, Anchor: anchor, Days: 14, Changes: 500, ChangeDays: 365},
		"not UTC":     {Seed: 6, Anchor: anchor.In(time.FixedZone("", 5*3600)), Days: 14},
	}
}

func each(t *testing.T, check func(t *testing.T, w *demo.World, cfg demo.Config)) {
	t.Helper()
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, demo.New(cfg), cfg)
		})
	}
}

// entities picks those of one type.
func entities[E domain.DirectoryEntity](w *demo.World) []E {
	var out []E
	for _, e := range w.Entities() {
		if one, ok := e.(E); ok {
			out = append(out, one)
		}
	}
	return out
}

func byID[E domain.DirectoryEntity](t *testing.T, w *demo.World) map[string]E {
	t.Helper()
	out := map[string]E{}
	for _, e := range entities[E](w) {
		require.NotContains(t, out, e.EntityID(), "%s is there twice", domain.EntityKind(e))
		out[e.EntityID()] = e
	}
	return out
}
