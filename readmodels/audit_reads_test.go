package readmodels_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Reading and exporting is itself recorded, and can be read by the agency alone.
func TestReadsOfTheAuditTrail(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	audit := &commands.Audit{Log: p, Now: p.tick, Logger: slog.New(slog.DiscardHandler)}
	for i := range 5 {
		caller := commands.Caller{ParentAccount: agencyA, UserID: stella, Role: "auditor", RequestID: fmt.Sprint("r", i)}
		read := domain.AuditRead{What: domain.AuditState, Dashboard: north, AsOf: int64(i), Filter: domain.AuditFilter{At: "v1", User: stan}}
		require.NoError(t, audit.RecordRead(t.Context(), caller, read))
	}
	require.NoError(t, audit.RecordExport(t.Context(), commands.Caller{ParentAccount: agencyA, UserID: stan, Role: "agency", RequestID: "x"},
		domain.AuditExported{Format: "csv", AsOf: 9}))
	require.NoError(t, audit.RecordRead(t.Context(), commands.Caller{ParentAccount: agencyB, UserID: ben, Role: "agency", RequestID: "b"},
		domain.AuditRead{What: domain.AuditHistory}))
	require.NoError(t, p.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agencyA,
		domain.ConnectionStateChanged{ConnectionID: 1, Platform: domain.Facebook, State: domain.ConnectionReconnect}, p.now)))

	reads := &readmodels.History{Pool: p.DB.ReadOnly}
	query := readmodels.AuditReadsQuery{ParentAccount: agencyA, Limit: 4}
	var requests []string
	for {
		page, next, err := reads.Reads(t.Context(), query)
		require.NoError(t, err)
		for _, e := range page {
			requests = append(requests, e.RequestID)
		}
		if query.Cursor = next; next == "" {
			break
		}
	}
	require.Equal(t, []string{"x", "r4", "r3", "r2", "r1", "r0"}, requests, "newest first, readings only, own agency only")

	page, _, err := reads.Reads(t.Context(), readmodels.AuditReadsQuery{ParentAccount: agencyA, Actor: stella, Limit: 1})
	require.NoError(t, err)
	e := page[0]
	require.Equal(t, "Name of 5a", *e.Actor.Name)
	require.Equal(t, []string{"auditor", "r4", "audit.read.v1"}, []string{e.Role, e.RequestID, e.Type})
	var read domain.AuditRead
	require.NoError(t, json.Unmarshal(e.Read, &read))
	require.Equal(t, domain.AuditRead{What: "state", Dashboard: north, AsOf: 4, Filter: domain.AuditFilter{At: "v1", User: stan}}, read)
	require.Equal(t, []readmodels.Named{{ID: north, Name: new("North")}, {ID: stan, Name: new("Name of 5b")}}, e.Names)

	from, to := e.Time, e.Time.Add(time.Microsecond)
	page, _, err = reads.Reads(t.Context(), readmodels.AuditReadsQuery{ParentAccount: agencyA, From: &from, To: &to, Limit: 10})
	require.NoError(t, err)
	require.Len(t, page, 1)
	for _, cursor := range []string{"x", "1.2", "1.2.3.4", "-1.0.0", "1.-1.0", "a.b.c", "9223372036854775807.0.0"} {
		_, _, err := reads.Reads(t.Context(), readmodels.AuditReadsQuery{ParentAccount: agencyA, Limit: 1, Cursor: cursor})
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), cursor)
	}
}
