package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// What was erased with a person and came back since belongs to its new owner: a repetition leaves members and connections that are
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

// A list of erasures is read whole: a line that is wrong is named, however long it is.
func TestListOfErasuresNamesTheLineThatIsWrong(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "erasures.jsonl")
	good := `{"kind":"user","id":"e7a5ed000000000000000001","agency":"aaaaaaaaaaaaaaaaaaaaaaaa","at":"2026-11-21T12:00:00Z"}`
	for wrong, says := range map[string]string{
		`{"kind":"user"}`: "line 3: kind, id or at is missing",
		"not JSON":        "line 3: ",
		`{"kind":"` + strings.Repeat("x", 100_000) + `"}`: "line 3: kind, id or at is missing",
	} {
		require.NoError(t, os.WriteFile(list, []byte(good+"\n\n"+wrong+"\n"+good+"\n"), 0o600))
		_, err := readErasures(list)
		require.ErrorContains(t, err, says)
	}
	require.NoError(t, os.WriteFile(list, []byte(good+"\n\n"+good), 0o600))
	lines, err := readErasures(list)
	require.NoError(t, err)
	require.Len(t, lines, 2)
}
