package deploy_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// service is what is looked at of a service of compose.yaml.
type service struct {
	Environment map[string]string `yaml:"environment"`
}

func services(t *testing.T) map[string]service {
	t.Helper()
	raw, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	var file struct {
		Services map[string]service `yaml:"services"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	return file.Services
}

var exampleLine = regexp.MustCompile(`(?m)^#?(LEDGERBOARD_[A-Z_]+)=`)

// A setting of the example file that compose does not hand on would be lost without a word.
func TestComposePassesEverySettingOfTheExample(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("ledgerboard.env.example")
	require.NoError(t, err)
	settings := exampleLine.FindAllStringSubmatch(string(raw), -1)
	require.Greater(t, len(settings), 20)
	all := services(t)
	for _, setting := range settings {
		name := setting[1]
		signing := name == "LEDGERBOARD_CHECKPOINT_KEY" || name == "LEDGERBOARD_CHECKPOINT_FILE"
		_, served := all["ledgerboard"].Environment[name]
		_, folded := all["projector"].Environment[name]
		require.True(t, folded, "%s does not reach the projector", name)
		require.Equal(t, !signing, served, "%s: who answers strangers has no key that signs, and all else", name)
	}
	require.NotContains(t, all["migrate"].Environment, "LEDGERBOARD_CHECKPOINT_KEY")
}

var listener = regexp.MustCompile(`([A-Z]+):([A-Z_]+)`)

// Only the controller, which listens to its own container, takes connections without a password.
func TestComposeHasABrokerWithPasswords(t *testing.T) {
	t.Parallel()
	kafka := services(t)["kafka"].Environment
	listeners := listener.FindAllStringSubmatch(kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"], -1)
	require.Len(t, listeners, 3)
	for _, of := range listeners {
		if of[1] == "CONTROLLER" {
			require.Contains(t, kafka["KAFKA_LISTENERS"], "CONTROLLER://127.0.0.1:")
			continue
		}
		require.Equal(t, "SASL_PLAINTEXT", of[2], of[1])
		require.Contains(t, kafka["KAFKA_LISTENER_NAME_"+of[1]+"_PLAIN_SASL_JAAS_CONFIG"], `user_ledgerboard="${LEDGERBOARD_KAFKA_PASSWORD}"`)
	}
}
