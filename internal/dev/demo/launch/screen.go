package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// TokensFor is how long a demo's tokens are good.
const TokensFor = 30 * 24 * time.Hour

// LogFile is where a demo's log lines go, in the data directory: the screen belongs to what a newcomer
// should read.
const LogFile = "demo.log"

// screenFile is the name of [Screen] in the data directory.
const screenFile = "demo.json"

// Screen is <data-dir>/demo.json: all that is needed to try the service out.
type Screen struct {
	BaseURL     string   `json:"base_url"`
	HealthURL   string   `json:"health_url"` // where /readyz and /metrics are
	Brokers     []string `json:"brokers"`
	DatabaseURL string   `json:"database_url"`
	// PlatformsURL is where the simulated platforms are: their sign-in pages, and below /facebook/settings/apps who let the
	// app in.
	PlatformsURL string `json:"platforms_url"`
	// ConnectURL is a link by which a page at a simulated platform is connected in a browser, for 14 days; "": the demo's port was not known.
	ConnectURL string            `json:"connect_url,omitempty"`
	Tokens     map[string]string `json:"tokens"` // by role
	IDs        demo.IDs          `json:"ids"`
	// CheckpointPublicKey is what signed checkpoints and proof bundles are verified with.
	CheckpointPublicKey string `json:"checkpoint_public_key"`
}

// Announce writes demo.json into the data directory and prints what to open: for a first look, or for
// developers of a frontend who use the mock.
func (s Screen) Announce(out io.Writer, dir string, mock bool) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode demo.json: %w", err)
	}
	path := filepath.Join(dir, screenFile)
	if err := backup.ReplaceFile(path, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	if mock {
		s.printMock(out, path)
	} else {
		s.print(out, path)
	}
	return nil
}

func (s Screen) print(out io.Writer, path string) {
	dashboard := s.BaseURL + "/api/projects/dashboard/" + s.IDs.SubAccounts[0]
	fmt.Fprintf(out, `
ledgerboard demo is ready.

  Console      %[1]s/console   (in a browser on this machine: choose whose screen to see)
  API          %[1]s
  Health       %[13]s/readyz      metrics %[13]s/metrics
  Everything   %[2]s   (addresses, a token per role, ids to try)
  Log lines    %[6]s
  Platforms    %[10]s%[11]s   (simulated: who let the app in, and may remove it)
  Database     psql "$(jq -r .database_url %[2]s)" -c 'select * from lb.tSAccountIns limit 5'

Try:

  TOKEN=$(jq -r .tokens.agency %[2]s)
  curl -s -H "Authorization: Bearer $TOKEN" %[3]s | jq
  curl -s -H "Authorization: Bearer $TOKEN" "%[1]s/getAccountInsights/%[4]s/%[5]s/0" | jq

A year of changes as an auditor sees it, and the same as a file:

  AUDITOR=$(jq -r .tokens.auditor %[2]s)
  curl -s -H "Authorization: Bearer $AUDITOR" "%[3]s/history?type=accounts_unlinked&limit=3" | jq '.data[] | {version, time, actor, changes}'
  curl -s -H "Authorization: Bearer $AUDITOR" "%[1]s/api/audit/export?format=csv" > link-history.csv

The same from the log itself, and a proof that an auditor can check without this service:

  export LEDGERBOARD_KAFKA_BROKERS=$(jq -r '.brokers | join(",")' %[2]s) LEDGERBOARD_DATABASE_URL=$(jq -r .database_url %[2]s)
  %[7]s replay --parent %[8]s --until %[4]s
  %[7]s verify --all --data-dir %[9]s
  %[7]s export --parent %[8]s --bundle proof.jsonl --data-dir %[9]s
  %[7]s verify --bundle proof.jsonl --key "$(jq -r .checkpoint_public_key %[2]s)"

%[12]sHear at once that access was removed (leave this running, then PUT "users": [] from another terminal):

  curl -N -H "Authorization: Bearer $(jq -r .tokens.client %[2]s)" %[1]s/api/notices

  curl -s -X PUT -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
       -d '{"users":[]}' %[3]s | jq

Stop with Ctrl-C. The next start on this data directory goes on from here.
`, s.BaseURL, path, dashboard, time.Now().AddDate(0, 0, -30).Format(time.DateOnly),
		time.Now().Format(time.DateOnly), filepath.Join(filepath.Dir(path), LogFile),
		programName(), s.IDs.ParentAccount, filepath.Dir(path), s.PlatformsURL, simulator.PathFacebook+simulator.PathApps, s.connecting(), s.HealthURL)
}

// connecting says how to connect a page.
func (s Screen) connecting() string {
	if s.ConnectURL == "" {
		return ""
	}
	return "Connect a simulated page in the browser, and see its first figures:\n\n  " + s.ConnectURL + "\n\n"
}

// programName is how this program was started, for commands to copy.
func programName() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") { // by `make demo`
		return "go run ./cmd/ledgerboard"
	}
	return os.Args[0]
}

// printMock says what a frontend developer needs: addresses and a token for each role.
func (s Screen) printMock(out io.Writer, path string) {
	fmt.Fprintf(out, `
ledgerboard serves made-up data; every answer has the header X-Ledgerboard-Mock: true.

  API          %[1]s
  Description  %[1]s/openapi.json
  Everything   %[2]s   (a token per role, ids to try)

  curl -s -H "Authorization: Bearer $(jq -r .tokens.agency %[2]s)" %[1]s/auth/reach/activityMeter | jq

Pages of localhost may call it, from any port. Stop with Ctrl-C: the data is gone then.
`, s.BaseURL, path)
}
