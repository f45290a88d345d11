package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
)

// importsPasswords imports users and the hashes of their passwords, as the main application exports them. Each password is the user's name.
func importsPasswords(t *testing.T, dir string, users ...domain.DirectoryUser) {
	t.Helper()
	entities, hashes := filepath.Join(t.TempDir(), "users.jsonl"), filepath.Join(t.TempDir(), "passwords.csv")
	lines, rows := "", "userId,passwordHash\n"
	for _, user := range users {
		lines += fmt.Sprintf(`{"type":"directory.user.v1","data":{"id":%q,"account_id":%q,"name":%q,"email":%q,"active":%t}}`+"\n",
			user.ID, user.AccountID, user.Name, user.Email, user.Active)
		hash, err := bcrypt.GenerateFromPassword([]byte(user.Name), bcrypt.MinCost)
		require.NoError(t, err)
		rows += user.ID + "," + string(hash) + "\n"
	}
	require.NoError(t, os.WriteFile(entities, []byte(lines), 0o600))
	require.NoError(t, os.WriteFile(hashes, []byte(rows), 0o600))
	c := moving(dir)
	c.Files, c.Passwords, c.SecretsKey = []string{sample("entities.jsonl"), entities}, []string{hashes}, fetchKey
	c.Preferences, c.Posts, c.AccountInsights, c.PostInsights, c.MemberAuth = nil, nil, nil, nil, nil
	report, problems, err := runImport(t, c)
	require.NoError(t, err, problems)
	require.Equal(t, len(users), report.Imported.Passwords)
}

// The whole way of an imported password: who is let in, as what, who is not, and what is recorded of it. Beside a provider none counts.
func TestImportedPasswordsSignInToTheConsole(t *testing.T) {
	const (
		agency, client = "a00000000000000000000001", "c00000000000000000000011"
		stella, cleo   = "d00000000000000000000031", "d00000000000000000000032"
		otherTwin      = "d00000000000000000000034"
	)
	dir := filepath.Join(t.TempDir(), "data")
	importsPasswords(t, dir,
		domain.DirectoryUser{ID: stella, AccountID: agency, Name: "Stella", Email: "Stella@Agency.example", Active: true},
		domain.DirectoryUser{ID: cleo, AccountID: client, Name: "Cleo", Email: "cleo@client.example", Active: true},
		domain.DirectoryUser{ID: "d00000000000000000000033", AccountID: agency, Name: "Twin", Email: "twin@agency.example", Active: true},
		domain.DirectoryUser{ID: otherTwin, AccountID: "a00000000000000000000002", Name: "Twin", Email: "TWIN@agency.example", Active: true},
		domain.DirectoryUser{ID: "d00000000000000000000035", AccountID: agency, Name: "Gone", Email: "gone@agency.example"})
	withAddress(t, addressedSettings(dir), func(a *process, sight func() *personsBrowser) {
		a.until(t, 5, "select count(*) from users where email <> ''")
		enters := func(b *personsBrowser, email, password string) (int, string) {
			return b.insists("/console/sign-in/password", url.Values{"email": {email}, "password": {password}, "to": {"/console/sessions"}})
		}
		b := sight()
		status, text := b.insists("/console/sign-in", nil)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, "With a password")
		for email, password := range map[string]string{
			"stella@agency.example": "stella", "twin@agency.example": "Twin", "gone@agency.example": "Gone", "stranger@agency.example\x00": "Stella", "": "Stella",
		} {
			status, text = enters(b, email, password)
			require.Equal(t, http.StatusUnprocessableEntity, status, email)
			require.Contains(t, text, "sign nobody in here", email)
		}
		require.Zero(t, a.countsOf(t, "select count(*) from kept.sessions"))
		for why, want := range map[string]float64{"password": 1, "several": 1, "nobody": 3} {
			require.InDelta(t, want, a.refusedFor(t, why), 0, why)
		}

		status, text = enters(b, "STELLA@agency.example", "Stella")
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "agency · Harbour Agency")
		require.Contains(t, text, "your password")
		_, text = enters(sight(), "cleo@client.example", "Cleo")
		require.Contains(t, text, "Cleo")
		require.Contains(t, text, "client")
		a.until(t, 2, "select count(distinct user_id) from sessions where user_id in ('"+stella+"', '"+cleo+"')")

		tells(t, a, domain.DirectoryAccount{ID: client, RowID: 11, ParentAccount: agency, Name: "Bakery"})
		a.until(t, 1, "select count(*) from accounts where id = '"+client+"' and not active")
		for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if status, text = enters(sight(), "cleo@client.example", "Cleo"); status != http.StatusOK {
				break
			}
			require.True(t, time.Now().Before(deadline), "the client's person still comes in")
		}
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, text, "Your access has ended")
	})

	withProvider(t, dir, issuer.Start(t), nil, func(_ *process, sight func() *personsBrowser) {
		status, text := sight().insists("/console/sign-in", nil)
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, text, "With a password")
		status, _ = sight().insists("/console/sign-in/password", url.Values{"email": {"stella@agency.example"}, "password": {"Stella"}})
		require.Equal(t, http.StatusNotFound, status)
	})
}
