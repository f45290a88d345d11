package domain_test

import (
	"strings"
	"testing"
	"time"

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

// Which target each action takes is for [TestEveryActionTakesItsTarget].
func TestOperatorActedIsValidated(t *testing.T) {
	t.Parallel()
	why := domain.Reason{Code: domain.ReasonIncident}
	at := &domain.Position{Topic: domain.TopicDashboards, Partition: 3, Offset: 0}
	type target = domain.OperatorTarget
	act := func(action domain.OperatorAction, on target) domain.OperatorActed {
		return domain.OperatorActed{action, on, why}
	}
	for name, c := range map[string]struct {
		event domain.OperatorActed
		want  string // "": it is right
	}{
		"pause of a projection":      {act(domain.ActionProjectionPaused, target{Projection: "directory"}), ""},
		"pause of a connection":      {act(domain.ActionConnectionPaused, target{Connection: 31, Platform: domain.LinkedIn}), ""},
		"a negative connection":      {act(domain.ActionConnectionPaused, target{Connection: -1}), "negative"},
		"a platform that wraps":      {act(domain.ActionPlatformPaused, target{Platform: 1 << 16}), "p_id"},
		"negative generation":        {act(domain.ActionGenerationSwitched, target{Projection: "x", Generation: -1}), "negative"},
		"retry of one":               {act(domain.ActionParkedRetried, target{Projection: "x", Position: at}), ""},
		"a position without a topic": {act(domain.ActionParkedInspected, target{Projection: "x", Position: &domain.Position{}}), "topic"},
		"a position before all": {
			act(domain.ActionParkedInspected, target{Projection: "x", Position: &domain.Position{Topic: "metrics", Offset: -1}}), "negative",
		},
		"an unknown action":  {act("projection.drunk", target{Projection: "x"}), "action"},
		"no action":          {act("", target{}), "action"},
		"no reason":          {domain.OperatorActed{domain.ActionConnectionRead, target{Connection: 7}, domain.Reason{}}, "the codes are"},
		"a ticket with text": {domain.OperatorActed{domain.ActionConnectionRead, target{Connection: 7}, domain.Reason{domain.ReasonTest, "a b"}}, "ticket"},
	} {
		expect(t, c.event.Validate(), c.want, name)
	}
}

// A name that is not in every action's rule, or a rule without an action, would show here.
func TestEveryActionTakesItsTarget(t *testing.T) {
	t.Parallel()
	whole := domain.OperatorTarget{
		Projection: "x", Generation: 1, Rebuild: "r", Until: new(time.Time), Platform: 1, Connection: 1,
		Position: &domain.Position{Topic: "metrics"}, Count: 1, User: "u", Member: 1,
	}
	for _, action := range []domain.OperatorAction{
		domain.ActionProjectionPaused, domain.ActionProjectionResumed, domain.ActionPlatformPaused, domain.ActionPlatformResumed,
		domain.ActionConnectionPaused, domain.ActionConnectionResumed, domain.ActionConnectionRead,
		domain.ActionRebuildRequested, domain.ActionRebuildCancelled,
		domain.ActionGenerationPrepared, domain.ActionGenerationSwitched, domain.ActionGenerationSwitchedBack,
		domain.ActionParkedInspected, domain.ActionParkedRetried, domain.ActionParkedSkipped,
		domain.ActionPersonExported,
		domain.ActionSignInLinkMade, domain.ActionSignInUnlinked,
		domain.ActionLogRestored,
	} {
		why := domain.Reason{Code: domain.ReasonTest}
		require.ErrorContains(t, domain.OperatorActed{action, domain.OperatorTarget{}, why}.Validate(), string(action)+" names no")
		require.ErrorContains(t, domain.OperatorActed{action, whole, why}.Validate(), string(action)+" takes no")
	}
}

func TestOperatorFinishedIsValidated(t *testing.T) {
	t.Parallel()
	right := domain.OperatorFinished{Of: "0191-a", Action: domain.ActionConnectionRead, Outcome: domain.OutcomeRefused, Code: domain.CodeConflict, Why: "it runs"}
	require.NoError(t, right.Validate())
	for want, change := range map[string]func(*domain.OperatorFinished){
		"action":            func(f *domain.OperatorFinished) { f.Action = "job.sold" },
		"no id of an event": func(f *domain.OperatorFinished) { f.Of = "" },
		"is not one of":     func(f *domain.OperatorFinished) { f.Outcome = "perhaps" },
		"go with code":      func(f *domain.OperatorFinished) { f.Code = "" },
		"done does not go":  func(f *domain.OperatorFinished) { f.Outcome = domain.OutcomeDone },
		"characters":        func(f *domain.OperatorFinished) { f.Why = strings.Repeat("x", domain.MaxWhy+1) },
		"no id of a":        func(f *domain.OperatorFinished) { f.Rebuild = "a b" },
		"negative":          func(f *domain.OperatorFinished) { f.Left = -1 },
	} {
		wrong := right
		change(&wrong)
		require.ErrorContains(t, wrong.Validate(), want)
	}
}

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
