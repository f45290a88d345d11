package api_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program of docs/connecting.md, exactly as printed there, in Node: what is good is told, what is not comes back with its reason, and
// once more it tells nothing twice.
func TestProgramOfTheConnectingDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "docs", "connecting.md"))
	require.NoError(t, err)
	printed := regexp.MustCompile("(?ms)^```js\n(.*?)^```$").FindSubmatch(document)
	require.NotNil(t, printed, "the document has a block of js")
	file := filepath.Join(t.TempDir(), "tell.mjs")
	require.NoError(t, os.WriteFile(file, printed[1], 0o600))
	b := setupFed(t)
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	for range 2 {
		node := exec.CommandContext(t.Context(), "node", file)
		node.Env = append(os.Environ(), "LEDGERBOARD_URL="+server.URL, "LEDGERBOARD_TOKEN="+b.tokenOf("main_app"))
		var out, problems bytes.Buffer
		node.Stdout, node.Stderr = &out, &problems
		require.NoError(t, node.Run(), "%s", &problems)
		require.JSONEq(t, `[["jonas","id \"jonas\" is not an id of 24 hex digits"]]`, out.String())
	}
	status, client := b.entity("account/c0000000000000000000000c")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Corner Bakery", client["data"].(map[string]any)["name"])
	status, _ = b.entity("member/907")
	require.Equal(t, http.StatusOK, status)
}
