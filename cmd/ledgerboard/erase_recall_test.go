package main

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// What was erased with a person and came back since is whoever's has it now: a repetition leaves members and connections that are
// back.
func TestErasingAgainLeavesWhatCameBack(t *testing.T) {
	dir := t.TempDir()
	withService(t, dir, func(a *process, _ string) {
		day := time.Now().Add(-48 * time.Hour)
		order := domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "DPO-7"}}
		drafts := []domain.Draft{
			commands.NewDraft(domain.TopicOperations, eraseAgency, domain.PersonErased{
				User: erased, Members: []int64{7, 8}, Connections: []int64{70, 71}, Profiles: []int64{700, 701}, Order: order,
			}, day),
			commands.EntityDraft(domain.DirectoryAccount{ID: eraseAgency, RowID: 1, Name: "Agency"}, day),
			commands.EntityDraft(domain.DirectoryAccount{ID: eraseClient, RowID: 2, ParentAccount: eraseAgency, Name: "Client"}, day),
		}
		profile := func(id int64) domain.DirectorySocialAccount {
			return domain.DirectorySocialAccount{
				ID: id, ParentAccount: eraseAgency, AccountID: eraseClient, MemberID: 7, ConnectionID: 70,
				Platform: domain.LinkedIn, AccountType: domain.LinkedInProfile, Name: "Profile",
			}
		}
		member, connection := domain.DirectoryMember{ID: 7, AccountID: eraseClient, Name: "Another"}, domain.DirectoryConnection{ID: 70, MemberID: 7, Platform: domain.LinkedIn}
		for _, key := range []string{"7", "8"} {
			drafts = append(drafts, commands.EraseDraft(domain.KindMember, key, day))
		}
		for _, key := range []string{"70", "71"} {
			drafts = append(drafts, commands.EraseDraft(domain.KindConnection, key, day))
		}
		for _, key := range []string{"700", "701"} {
			drafts = append(drafts, commands.EraseDraft(domain.KindSocialAccount, key, day))
		}
		since := day.Add(time.Hour)
		drafts = append(
			drafts, commands.EntityDraft(member, since), commands.EntityDraft(connection, since), commands.EntityDraft(profile(700), since),
		)
		for _, draft := range drafts {
			require.NoError(t, a.Log.Append(t.Context(), draft))
		}
	})
	command := eraseCommand{
		storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, User: erased, JSON: true, Wait: patience,
		actionFlags: actionFlags{Yes: true, Reason: "customer_request"}, orderFlags: someOrder(),
	}
	var out bytes.Buffer
	require.NoError(t, command.Run(t.Context(), streams{Out: &out, Err: io.Discard}))
	require.JSONEq(t, `{"erased":true,"erased_before":true,"parent_account":"`+eraseAgency+`","user":"`+erased+`","members":[8],"connections":[71],"profiles":[701],
		"sessions":0,"secrets":0}`, out.String())
}
