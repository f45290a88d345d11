package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestReasonIsParsed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	for text, want := range map[string]string{ // "": it is right
		"incident":                  "",
		"incident:OPS-112":          "",
		"data_repair:a/b#1.2_3":     "",
		"other:" + long[:64]:        "",
		"other":                     "needs a ticket",
		"other:":                    "ends with a colon",
		"upgrade:":                  "ends with a colon",
		"upgrade:" + long:           "1 to 64 characters",
		"upgrade:the disk was full": "1 to 64 characters",
		"upgrade:a:b":               "1 to 64 characters",
		"upgrade:ä":                 "1 to 64 characters",
		"":                          "incident, maintenance, upgrade, verification, data_repair, customer_request, test, other",
		"Incident":                  "incident, maintenance",
		":OPS-1":                    "incident, maintenance",
	} {
		reason, err := domain.ParseReason(text)
		if want == "" {
			require.NoError(t, err, text)
			require.Equal(t, text, reason.String())
			continue
		}
		require.ErrorContains(t, err, want, text)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		require.Zero(t, reason)
	}
}

func FuzzParseReason(f *testing.F) {
	for _, text := range []string{"incident", "other:CHG-1", "other:", ":", "test:\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reason, err := domain.ParseReason(text)
		if err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			return
		}
		require.Equal(t, text, reason.String())
		require.NoError(t, reason.Validate())
	})
}

func TestOperatorActedHoldsNoFreeText(t *testing.T) {
	t.Parallel()
	why := domain.Reason{Code: domain.ReasonIncident}
	for name, c := range map[string]struct {
		target domain.OperatorTarget
		reason domain.Reason
		want   string // "": it is right
	}{
		"a projection":             {domain.OperatorTarget{Projection: "directory", Generation: 2}, why, ""},
		"a connection":             {domain.OperatorTarget{Connection: 31, Platform: domain.LinkedIn}, why, ""},
		"a projection that is two": {domain.OperatorTarget{Projection: "a b"}, why, "1 to 64 characters"},
		"a rebuild with a text":    {domain.OperatorTarget{Rebuild: "r1, late"}, why, "1 to 64 characters"},
		"a user by address":        {domain.OperatorTarget{User: "ada@example.com"}, why, "1 to 64 characters"},
		"no reason":                {domain.OperatorTarget{Connection: 7}, domain.Reason{}, "the codes are"},
		"a ticket with text":       {domain.OperatorTarget{Connection: 7}, domain.Reason{domain.ReasonTest, "a b"}, "ticket"},
	} {
		expect(t, domain.OperatorActed{domain.ActionConnectionRead, c.target, c.reason}.Validate(), c.want, name)
	}
}

func TestWhatMayBeSkipped(t *testing.T) {
	t.Parallel()
	const stream = "aaaaaaaaaaaaaaaaaaaaaaaa"
	at := domain.Position{Topic: domain.TopicDashboards, Partition: 3, Offset: 9}
	skip := domain.ParkedSkipped{Position: at, Version: 7, Reason: domain.Reason{Code: domain.ReasonIncident}}
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
		"no link of the chain":        {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.Reason = "chain_broken" })}}, "Restore"},
		"in a stream that is broken":  {domain.ParkedFacts{In: []domain.ParkedIn{parked}, Broken: &at}, "offset 9"},
		"it only waits":               {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.Reason = "behind" })}}, "only waiting"},
		"somebody has looked after":   {domain.ParkedFacts{In: []domain.ParkedIn{with(func(in *domain.ParkedIn) { in.State = "left_out" })}}, "left_out"},
		"skipped by another operator": {domain.ParkedFacts{In: []domain.ParkedIn{skipped}}, "-"},
		"skipped, and not everywhere": {domain.ParkedFacts{In: []domain.ParkedIn{parked, skipped}, Broken: &at}, "-"},
	} {
		event, err := domain.DecideSkip(c.facts, stream, skip)
		switch c.want {
		case "":
			require.NoError(t, err, name)
			require.Equal(t, skip, event, name)
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
