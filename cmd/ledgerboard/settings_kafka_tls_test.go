package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
)

// parsedMigrate reads the settings of a command that is nothing but storage.
func parsedMigrate(t *testing.T, args ...string) (migrateCommand, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, defaults())
	require.NoError(t, err)
	_, err = parser.Parse(append([]string{"migrate"}, args...))
	return c.Migrate, err
}

// What the settings say of TLS reaches the one configuration that both clients are made of.
func TestKafkaTLSIsRead(t *testing.T) {
	authority := certs.NewAuthority(t)
	mine := authority.Issue(t, "client", time.Now().Add(time.Hour))
	c, err := parsedMigrate(t)
	require.NoError(t, err)
	require.Nil(t, c.backends(nil).TLS)
	c, err = parsedMigrate(t, "--kafka-tls")
	require.NoError(t, err)
	require.Nil(t, c.backends(nil).TLS.RootCAs, "those of the machine")
	c, err = parsedMigrate(t, "--kafka-tls", "--kafka-ca", authority.File, "--kafka-cert", inOneFile(t, mine))
	require.NoError(t, err)
	got := c.backends(nil).TLS
	require.True(t, got.RootCAs.Equal(authority.Trust().RootCAs))
	require.Equal(t, mine.Serve(t).Certificates[0].Certificate, got.Certificates[0].Certificate)
	require.False(t, got.InsecureSkipVerify)
}

// inOneFile writes a certificate and its key into one file.
func inOneFile(t *testing.T, pair certs.Pair) string {
	t.Helper()
	var all []byte
	for _, name := range []string{pair.CertFile, pair.KeyFile} {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		all = append(all, raw...)
	}
	name := filepath.Join(t.TempDir(), "client.pem")
	require.NoError(t, os.WriteFile(name, all, 0o600))
	return name
}

// Every command that may speak to brokers reads the files: none may do so in the open because its settings were put together otherwise.
func TestEveryCommandWithBrokersReadsKafkaTLS(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, defaults())
	require.NoError(t, err)
	commands := 0
	for _, node := range parser.Model.Leaves(false) {
		for _, flag := range node.Flags {
			if flag.Name == "kafka-tls" {
				commands++
				require.True(t, node.Target.Addr().MethodByName("AfterApply").IsValid(), node.Path())
			}
		}
	}
	require.Greater(t, commands, 20)
}

// Settings that would be lost or cannot be used are reported before anything is tried, all at once.
func TestEveryWrongSettingOfKafkaTLSIsNamed(t *testing.T) {
	pair := certs.NewAuthority(t).Issue(t, "client", time.Now().Add(time.Hour))
	_, err := parsedMigrate(t, "--kafka-ca", pair.CertFile, "--kafka-cert", pair.CertFile)
	for _, name := range []string{"CA", "CERT"} {
		require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_"+name+" is set, and LEDGERBOARD_KAFKA_TLS is not true")
	}
	_, err = parsedMigrate(t, "--kafka-tls", "--kafka-ca", pair.KeyFile)
	require.ErrorContains(t, err, "belongs into LEDGERBOARD_KAFKA_CERT")
	_, err = parsedMigrate(t, "--kafka-tls", "--kafka-ca", "/nowhere", "--kafka-cert", pair.CertFile)
	require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_CA: read certificates")
	require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_CERT: ")
}

// A user without a password, or the other way round, is a slip: nothing connects without what was meant.
func TestKafkaUserAndPasswordComeInPairs(t *testing.T) {
	c, err := parsedMigrate(t, "--kafka-user", "u")
	require.NoError(t, err)
	wrong := c.validate()
	require.ErrorContains(t, wrong.err(), "LEDGERBOARD_KAFKA_PASSWORD is not set")
}
