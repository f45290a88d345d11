package main

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// composeLeavesOut are the settings that deploy/.env cannot have, and why.
var composeLeavesOut = map[string]string{
	"LEDGERBOARD_KAFKA_CA":      ownBroker,
	"LEDGERBOARD_KAFKA_CERT":    ownBroker,
	"LEDGERBOARD_PLATFORMS_URL": "simulated",
	"LEDGERBOARD_URL":           "of auditors' commands, which ask a service",
}

// ownBroker is why what TLS asks for has no place in compose.yaml.
const ownBroker = "the broker of compose.yaml is in a network of this machine, without TLS"

// composeSets are the settings that follow from compose.yaml itself: its network, its volumes, its services.
var composeSets = []string{
	"LEDGERBOARD_ADDR", "LEDGERBOARD_DATA_DIR", "LEDGERBOARD_KAFKA_BROKERS", "LEDGERBOARD_KAFKA_TLS", "LEDGERBOARD_KAFKA_USER",
	"LEDGERBOARD_KAFKA_SASL", "LEDGERBOARD_DATABASE_URL", "LEDGERBOARD_ROLES",
}

var signs = []string{"LEDGERBOARD_CHECKPOINT_KEY"}

func composed(t *testing.T) map[string]map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/compose.yaml")
	require.NoError(t, err)
	var file struct {
		Services map[string]struct{ Environment map[string]string }
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	all := map[string]map[string]string{}
	for name, service := range file.Services {
		all[name] = service.Environment
	}
	return all
}

func defaultsOfSettings(t *testing.T) map[string]string {
	t.Helper()
	parser, err := kong.New(&cli{}, defaults())
	require.NoError(t, err)
	found := map[string]string{}
	require.NoError(t, kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			for _, name := range flag.Envs {
				found[name] = flag.Default
			}
		}
		return next(nil)
	}))
	require.Greater(t, len(found), 40)
	return found
}

// outside are the settings of who answers people and reads the platforms.
func outside() []string {
	names := []string{"LEDGERBOARD_PUBLIC_URL", "LEDGERBOARD_CORS_ORIGINS", "LEDGERBOARD_SECRETS_KEY"}
	for _, of := range []reflect.Type{reflect.TypeFor[fetching](), reflect.TypeFor[tokens](), reflect.TypeFor[signingIn]()} {
		for field := range of.Fields() {
			names = append(names, field.Tag.Get("env"))
		}
	}
	return names
}

// A setting that compose does not hand on would be lost without a word, one that it misspells too.
func TestComposePassesEverySettingOfTheProgram(t *testing.T) {
	t.Parallel()
	all, settings, out := composed(t), defaultsOfSettings(t), outside()
	for name := range composeLeavesOut {
		require.Contains(t, settings, name, "an exception that no longer applies")
	}
	for name := range settings {
		_, left := composeLeavesOut[name]
		served, isServed := all["ledgerboard"][name]
		folded, isFolded := all["projector"][name]
		signed, isSigned := all["signer"][name]
		signing := slices.Contains(signs, name)
		require.Equal(t, !left && !signing, isServed, "%s: who answers strangers has no key that signs, and all else", name)
		require.Equal(t, !left && !signing && !slices.Contains(out, name), isFolded, "%s: who folds needs neither the key that signs nor a secret of the platforms or of tokens", name)
		require.Equal(t, !left && !slices.Contains(out, name), isSigned, "%s: who signs needs no secret of the platforms or of tokens, and all else", name)
		for _, value := range []string{served, folded, signed} {
			if value != "" && !slices.Contains(composeSets, name) {
				require.Regexp(t, `^\$\{`+name+`:[-?]`, value)
			}
		}
	}
	for of, environment := range all {
		for name := range environment {
			if of == "ledgerboard" || of == "projector" || of == "signer" {
				require.Contains(t, settings, name, "%s: the program has no such setting", of)
			}
		}
	}
}

// What compose builds and runs is what the suites test, and a missing secret is named at once.
func TestComposeBuildsAndRunsWhatIsTested(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../deploy/compose.yaml")
	require.NoError(t, err)
	script, err := os.ReadFile("../../deploy/kafka")
	require.NoError(t, err)
	tested := regexp.MustCompile(`version=(\$\{KAFKA_VERSION:-[0-9.]+\})`).FindSubmatch(script)
	require.NotNil(t, tested)
	require.Contains(t, string(raw), "image: apache/kafka:"+string(tested[1])+"\n")
	require.Contains(t, string(raw), "VERSION: ${VERSION:-}\n      COMMIT: ${COMMIT:-}\n")
	require.Regexp(t, `^\$\{LEDGERBOARD_JWT_SECRET:\?`, composed(t)["ledgerboard"]["LEDGERBOARD_JWT_SECRET"])
	require.Regexp(t, `^\$\{LEDGERBOARD_CHECKPOINT_KEY:\?`, composed(t)["signer"]["LEDGERBOARD_CHECKPOINT_KEY"])
	for name, roles := range map[string]string{"ledgerboard": "api,fetcher", "projector": roleProjector, "signer": roleSigner} {
		require.Equal(t, roles, composed(t)[name]["LEDGERBOARD_ROLES"], "what each has settings for")
	}
}

var exampleLine = regexp.MustCompile(`(?m)^(#?)(LEDGERBOARD_[A-Z_]+)=(.*)$`)

// The example names every setting that may be set there. What a line says that is commented out is the default.
func TestExampleHasEverySetting(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../deploy/ledgerboard.env.example")
	require.NoError(t, err)
	wanted := defaultsOfSettings(t)
	settings := maps.Clone(wanted)
	maps.DeleteFunc(wanted, func(name, _ string) bool { return composeLeavesOut[name] != "" })
	for _, line := range exampleLine.FindAllStringSubmatch(string(raw), -1) {
		off, name, value := line[1] != "", line[2], line[3]
		usual, known := settings[name]
		require.True(t, known, "%s: the program has no such setting", name)
		if off && value != "" && usual != "" && !slices.Contains(composeSets, name) {
			require.Equal(t, usual, value, name)
		}
		delete(wanted, name)
	}
	require.Empty(t, wanted, "the example does not name them")
}

var listener = regexp.MustCompile(`([A-Z]+):([A-Z_]+)`)

// Only the controller, which listens to its own container, takes connections without a password.
func TestComposeHasABrokerWithPasswords(t *testing.T) {
	t.Parallel()
	kafka := composed(t)["kafka"]
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
