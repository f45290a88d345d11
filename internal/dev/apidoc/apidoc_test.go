package apidoc_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apidoc"
)

const root = "../../.."

// The committed documents match the source.
func TestDocumentsAreUpToDate(t *testing.T) {
	t.Parallel()
	files, err := apidoc.Generate(root)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for name, content := range files {
		committed, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, committed), "%s is out of date: run go generate ./api", name)
	}
}

// Every code that an answer may contain has its texts, and its line in the guide for frontends.
func TestEveryStatusCodeIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, "api/openapi.json"))
	require.NoError(t, err)
	var open struct {
		Components struct {
			Schemas struct {
				StatusCode struct{ Enum []domain.StatusCode }
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &open))
	require.ElementsMatch(t, domain.StatusCodes(), open.Components.Schemas.StatusCode.Enum)
}
