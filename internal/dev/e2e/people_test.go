//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	demolaunch "github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// demoSecret is the HS256 secret that the demo keeps in its data directory.
func demoSecret(t *testing.T, dir string) string {
	t.Helper()
	state, err := demolaunch.LoadState(dir)
	require.NoError(t, err)
	return state.JWTSecret
}

func (p *program) clientToken(user demo.UserID) string {
	return ledgertest.Token(p.t, demoSecret(p.t, p.dir), time.Now(), user.ID, user.Account, "client")
}

type document struct {
	ID            string   `json:"_id"`
	SubAccountIDs []string `json:"sub_account_ids"`
	Users         []string `json:"users"`
	Scopes        []string `json:"scopes"`
	version       int64
}

// update PUTs a change as the agency, again while the service cannot take it.
func (p *program) update(subAccount string, change map[string]any) (doc document) {
	body, err := json.Marshal(change)
	require.NoError(p.t, err)
	var answer ledgertest.Answer
	var key []string
	p.await(patience, "a change to be taken", func() bool {
		answer = p.do(http.MethodPut, p.info.Tokens["agency"], dashboardPath(subAccount), string(body), key...)
		var open struct {
			CommandID string `json:"command_id"`
		}
		if _ = json.Unmarshal([]byte(answer.Body), &open); open.CommandID != "" {
			key = []string{"Idempotency-Key: " + open.CommandID}
		}
		return answer.Err != nil || answer.Status != http.StatusServiceUnavailable
	})
	answer.Says(p.t, http.StatusOK).Data(p.t, &doc)
	doc.version, err = strconv.ParseInt(strings.Trim(answer.Header.Get("ETag"), `"`), 10, 64)
	require.NoError(p.t, err)
	return doc
}

// setUsers makes users the list of a dashboard and returns the id that notices of this change have.
func (p *program) setUsers(subAccount string, users []string) string {
	doc := p.update(subAccount, map[string]any{"users": users})
	require.ElementsMatch(p.t, users, doc.Users)
	return p.info.IDs.ParentAccount + "." + strconv.FormatInt(doc.version, 10)
}

// listed are the client users on the list of a dashboard, without the agency's staff.
func (p *program) listed(subAccount string) (users []demo.UserID) {
	doc := p.update(subAccount, map[string]any{}) // changes nothing
	for _, user := range p.info.IDs.Users {
		if user.Account != p.info.IDs.ParentAccount && slices.Contains(doc.Users, user.ID) {
			users = append(users, user)
		}
	}
	return users
}

func ids(users []demo.UserID) []string {
	list := []string{}
	for _, user := range users {
		list = append(list, user.ID)
	}
	return list
}

// variables are the settings by which a command reaches a running demo.
func (p *program) variables() map[string]string {
	return map[string]string{
		"KAFKA_BROKERS": strings.Join(p.info.Brokers, ","), "DATABASE_URL": p.info.DatabaseURL, "DATA_DIR": p.dir,
	}
}
