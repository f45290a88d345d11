package main

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ledgerboard/ledgerboard/internal/app"
)

// composeLeavesOut maps settings that deploy/.env cannot set to the reason.
var composeLeavesOut = map[string]string{
	"LEDGERBOARD_KAFKA_CA":      ownBroker,
	"LEDGERBOARD_KAFKA_CERT":    ownBroker,
	"LEDGERBOARD_KAFKA_KEY":     ownBroker,
	"LEDGERBOARD_TOPIC_PREFIX":  "the broker of compose.yaml has one installation",
	"LEDGERBOARD_PLATFORMS_URL": "simulated",
	"LEDGERBOARD_URL":           "only for auditor commands, which request a service",
}

// ownBroker is the reason for the TLS settings.
const ownBroker = "the broker of compose.yaml is in a local network without TLS"

// composeSets are the settings that compose.yaml itself defines: its network, volumes and services.
var composeSets = []string{
	"LEDGERBOARD_ADMIN_ADDR",
	"LEDGERBOARD_ADDR", "LEDGERBOARD_DATA_DIR", "LEDGERBOARD_KAFKA_BROKERS", "LEDGERBOARD_KAFKA_TLS", "LEDGERBOARD_KAFKA_USER",
	"LEDGERBOARD_KAFKA_SASL", "LEDGERBOARD_DATABASE_URL", "LEDGERBOARD_ROLES",
}

var signs = []string{"LEDGERBOARD_CHECKPOINT_KEY"}

func composed(t *testing.T) map[string]map[string]string {
	t.Helper()
	var file struct {
		Services map[string]struct{ Environment map[string]string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "../../deploy/compose.yaml")), &file))
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

// compose.yaml must pass every setting to the program under its right name; otherwise it would be
// ignored silently.
func TestComposePassesEverySettingOfTheProgram(t *testing.T) {
	t.Parallel()
	// The settings of the processes that serve requests and read the platforms.
	outside := []string{"LEDGERBOARD_PUBLIC_URL", "LEDGERBOARD_CORS_ORIGINS", "LEDGERBOARD_SECRETS_KEY"}
	for _, of := range []reflect.Type{reflect.TypeFor[app.Platforms](), reflect.TypeFor[app.Tokens](), reflect.TypeFor[app.SignIn]()} {
		for field := range of.Fields() {
			outside = append(outside, field.Tag.Get("env"))
		}
	}
	all, settings := composed(t), defaultsOfSettings(t)
	for name := range composeLeavesOut {
		require.Contains(t, settings, name, "obsolete exception")
	}
	for name := range settings {
		left, signing, outer := composeLeavesOut[name] != "", slices.Contains(signs, name), slices.Contains(outside, name)
		for service, gets := range map[string]bool{
			"ledgerboard": !left && !signing,           // serves requests: all settings except the signing key
			"projector":   !left && !signing && !outer, // folds: neither the signing key nor secrets of platforms or tokens
			"signer":      !left && !outer,             // signs: everything except secrets of platforms or tokens
		} {
			value, isSet := all[service][name]
			require.Equal(t, gets, isSet, "%s of %s", name, service)
			if value != "" && !slices.Contains(composeSets, name) {
				require.Regexp(t, `^\$\{`+name+`:[-?]`, value)
			}
		}
	}
	for of, environment := range all {
		for name := range environment {
			if (of == "ledgerboard" || of == "projector" || of == "signer") && !strings.HasPrefix(name, "OTEL_") {
				require.Contains(t, settings, name, "%s: the program has no such setting", of)
			}
		}
	}
}

// compose.yaml builds and runs the versions that are tested, and reports missing secrets at once.
func TestComposeUsesTestedVersions(t *testing.T) {
	t.Parallel()
	raw := readFile(t, "../../deploy/compose.yaml")
	tested := regexp.MustCompile(`version=(\$\{KAFKA_VERSION:-[0-9.]+\})`).FindStringSubmatch(readFile(t, "../../deploy/kafka"))
	require.NotNil(t, tested)
	require.Contains(t, raw, "image: apache/kafka:"+tested[1]+"\n")
	require.Contains(t, raw, "VERSION: ${VERSION:-}\n      COMMIT: ${COMMIT:-}\n")
	require.Regexp(t, `^\$\{LEDGERBOARD_JWT_SECRET:\?`, composed(t)["ledgerboard"]["LEDGERBOARD_JWT_SECRET"])
	require.Regexp(t, `^\$\{LEDGERBOARD_CHECKPOINT_KEY:\?`, composed(t)["signer"]["LEDGERBOARD_CHECKPOINT_KEY"])
	for name, roles := range map[string]string{"ledgerboard": "api,fetcher", "projector": app.RoleProjector, "signer": app.RoleSigner} {
		require.Equal(t, roles, composed(t)[name]["LEDGERBOARD_ROLES"], "each process has its settings")
	}
}

var exampleLine = regexp.MustCompile(`(?m)^(#?)(LEDGERBOARD_[A-Z_]+)=(.*)$`)

// The example names every setting. Lines that are commented out contain the default.
func TestExampleSettingsFileHasEverySetting(t *testing.T) {
	t.Parallel()
	wanted := defaultsOfSettings(t)
	settings := maps.Clone(wanted)
	maps.DeleteFunc(wanted, func(name, _ string) bool { return composeLeavesOut[name] != "" })
	for _, line := range exampleLine.FindAllStringSubmatch(readFile(t, "../../deploy/ledgerboard.env.example"), -1) {
		off, name, value := line[1] != "", line[2], line[3]
		usual, known := settings[name]
		require.True(t, known, "%s: the program has no such setting", name)
		if off && value != "" && usual != "" && !slices.Contains(composeSets, name) {
			require.Equal(t, usual, value, name)
		}
		delete(wanted, name)
	}
	require.Empty(t, wanted, "settings missing in the example")
}

var listener = regexp.MustCompile(`([A-Z]+):([A-Z_]+)`)

// Only the controller, which listens inside its own container, accepts connections without a
// password.
func TestComposeBrokerRequiresPasswords(t *testing.T) {
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
