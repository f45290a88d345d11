package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestWhatMayBeSkipped(t *testing.T) {
	t.Parallel()
	const stream = "aaaaaaaaaaaaaaaaaaaaaaaa"
	at := domain.Position{Topic: domain.TopicDashboards, Partition: 3, Offset: 9}
	why := domain.Reason{Code: domain.ReasonIncident}
	parked := domain.ParkedIn{Generation: 1, State: "parked", Reason: "undecodable", Stream: stream}
	with := func(change func(*domain.ParkedIn)) domain.ParkedIn {
		in := parked
		change(&in)
		return in
	}
	folded := domain.ParkedIn{Generation: 2}
	skipped := with(func(in *domain.ParkedIn) { in.State = "skipped" })
	for name, c := range map[string]struct {
		facts domain.ParkedFacts
		want  string // part of the refusal; "": it is skipped
	}{
		"parked":                      {domain.ParkedFacts{In: []domain.ParkedIn{parked}}, ""},
		"parked in two":               {domain.ParkedFacts{In: []domain.ParkedIn{parked, parked}}, ""},
		"beyond all":                  {domain.ParkedFacts{}, "is not parked"},
		"folded":                      {domain.ParkedFacts{In: []domain.ParkedIn{folded}}, "is not parked"},
		"folded by a newer program":   {domain.ParkedFacts{In: []domain.ParkedIn{parked, folded}}, "Generation 2"},
		"of another stream":           {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.Stream = "b" })}}, "is not parked"},
		"no link of the chain":        {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.Reason = "chain_broken" })}}, "restore"},
		"in a stream that is broken":  {domain.ParkedFacts{In: []domain.ParkedIn{parked}, Broken: &at}, "offset 9"},
		"it only waits":               {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.Reason = "behind" })}}, "only waits"},
		"somebody has looked after":   {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.State = "left_out" })}}, "left_out"},
		"skipped by another operator": {domain.ParkedFacts{In: []domain.ParkedIn{skipped}}, "-"},
		"skipped, and not everywhere": {domain.ParkedFacts{In: []domain.ParkedIn{parked, skipped}, Broken: &at}, "-"},
	} {
		event, err := domain.DecideSkip(c.facts, stream, at, why)
		switch c.want {
		case "":
			require.NoError(t, err, name)
			require.Equal(t, domain.ParkedSkipped{Position: at, Reason: why}, event, name)
		case "-":
			require.NoError(t, err, name)
			require.Nil(t, event, "%s: nothing more to say", name)
		default:
			require.Equal(t, domain.CodeConflict, domain.CodeOf(err), name)
			require.ErrorContains(t, err, c.want, name)
			require.Nil(t, event, name)
		}
	}
}
