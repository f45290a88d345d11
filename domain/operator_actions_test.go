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
		local  domain.LocalOperator
		want   string // "": it is right
	}{
		"a projection":             {target: domain.OperatorTarget{Projection: "directory", Generation: 2}, reason: why},
		"a connection":             {target: domain.OperatorTarget{Connection: 31, Platform: domain.LinkedIn}, reason: why},
		"a projection that is two": {target: domain.OperatorTarget{Projection: "a b"}, reason: why, want: "1 to 64 characters"},
		"a rebuild with a text":    {target: domain.OperatorTarget{Rebuild: "r1, late"}, reason: why, want: "1 to 64 characters"},
		"a user by address":        {target: domain.OperatorTarget{User: "ada@example.com"}, reason: why, want: "1 to 64 characters"},
		"no reason":                {target: domain.OperatorTarget{Connection: 7}, want: "the codes are"},
		"a ticket with text":       {target: domain.OperatorTarget{Connection: 7}, reason: domain.Reason{domain.ReasonTest, "a b"}, want: "ticket"},
		"a local operator":         {reason: why, local: domain.LocalOperator{Via: "uid:0", ClaimedName: "ada"}},
		"a system user by name":    {reason: why, local: domain.LocalOperator{Via: "uid:root"}, want: "does not name a local operator"},
		"a claim with text":        {reason: why, local: domain.LocalOperator{Via: "uid:0", ClaimedName: "ada, late"}, want: "does not name a local operator"},
	} {
		acted := domain.OperatorActed{Action: domain.ActionConnectionRead, Target: c.target, Reason: c.reason, LocalOperator: c.local}
		expect(t, acted.Validate(), c.want, name)
	}
}

func TestOnlyStoppedVersionCanBeSkipped(t *testing.T) {
	t.Parallel()
	skip := domain.EventSkipped{Version: 7, Reason: domain.Reason{Code: domain.ReasonIncident}}
	for name, c := range map[string]struct {
		stop *domain.StreamStop
		want string // part of the refusal; "": it is skipped
	}{
		"the stream has stopped there":     {&domain.StreamStop{Version: 7}, ""},
		"the stream has not stopped":       {nil, "has not stopped at version 7"},
		"the stream has stopped elsewhere": {&domain.StreamStop{Version: 6}, "has not stopped at version 7"},
		"the stream is folded again":       {&domain.StreamStop{Version: 7, FoldAgain: true}, "being folded again"},
		"the chain is broken there":        {&domain.StreamStop{Version: 7, Broken: true}, "Restore"},
	} {
		event, err := domain.DecideSkip(c.stop, skip)
		if c.want == "" {
			require.NoError(t, err, name)
			require.Equal(t, skip, event, name)
			continue
		}
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), name)
		require.ErrorContains(t, err, c.want, name)
		require.Nil(t, event, name)
	}
}
